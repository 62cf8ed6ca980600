//! Reading the logs after the process before this one ended.

use std::collections::BTreeMap;

use thiserror::Error;

use super::super::cache::OwnedKey;
use super::super::layout::{decode, key_of};
use super::super::queue::{Before, Write};
use super::{StoreId, log_of};

/// What every batch begins with.
pub(super) const MAGIC: [u8; 8] = *b"gauthlog";
/// The length of a batch's head: magic, store, generation, number, length of its records, checksum.
pub(super) const HEAD: usize = 8 + 16 + 8 + 4 + 4 + 4;
/// Batches begin at multiples of this, so that writing one never touches what is durable.
pub(super) const PAGE: usize = 4096;

/// What is wrong with a log.
#[derive(Debug, Error)]
pub(in super::super) enum LogError {
    #[error("it is not a log of a gridauth store")]
    Foreign,
    #[error("it is the log of another store")]
    OtherStore,
    #[error("it is damaged: {0}")]
    Damaged(&'static str),
    #[error("it is newer than the store's file, and what was written in between is missing")]
    Gap,
}

/// What the database does not have yet.
#[derive(Default)]
pub(in super::super) struct Recovered {
    /// What was written, in order.
    pub(in super::super) writes: Vec<Write>,
    /// The last generation of it; where there is none, the one that the database has.
    pub(in super::super) generation: u64,
    /// How many generations it is: with two, both logs are in use.
    pub(in super::super) generations: usize,
}

/// Reads what is in `logs` and not in the database, which has everything up to the generation `applied`. An error names
/// the log.
pub(in super::super) fn recover(
    logs: &[Vec<u8>; 2],
    store: &StoreId,
    applied: u64,
) -> Result<Recovered, (usize, LogError)> {
    let mut found = BTreeMap::new();
    for (log, content) in logs.iter().enumerate() {
        let read = read_log(content, store, applied).map_err(|error| (log, error))?;
        if let Some((generation, writes)) = read {
            if log_of(generation) != log {
                return Err((log, LogError::Damaged("its generation belongs into the other log")));
            }
            found.insert(generation, writes);
        }
    }
    let mut recovered = Recovered { generation: applied, ..Recovered::default() };
    for (generation, writes) in found {
        if generation != recovered.generation + 1 {
            return Err((log_of(generation), LogError::Gap));
        }
        recovered.generation = generation;
        recovered.generations += 1;
        recovered.writes.extend(writes);
    }
    Ok(recovered)
}

/// A batch that is whole.
struct Batch<'a> {
    generation: u64,
    number: u32,
    records: &'a [u8],
    /// Pages that it takes.
    pages: usize,
}

pub(super) fn checksum(head: &[u8], records: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(head);
    hasher.update(records);
    hasher.finalize()
}

/// Takes `N` bytes off the front.
fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (taken, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(taken)
}

fn take_bytes<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = u32::from_be_bytes(*take(rest)?) as usize;
    let (taken, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    Some(taken)
}

/// The batch that begins where `content` does, if there is a whole one of `store`.
fn batch<'a>(content: &'a [u8], store: &StoreId) -> Option<Batch<'a>> {
    let mut rest = content;
    if *take::<8>(&mut rest)? != MAGIC || take::<16>(&mut rest)? != store {
        return None;
    }
    let generation = u64::from_be_bytes(*take(&mut rest)?);
    let number = u32::from_be_bytes(*take(&mut rest)?);
    let length = u32::from_be_bytes(*take(&mut rest)?) as usize;
    let sum = u32::from_be_bytes(*take(&mut rest)?);
    let records = rest.get(..length)?;
    (checksum(&content[..HEAD - 4], records) == sum).then(|| Batch {
        generation,
        number,
        records,
        pages: (HEAD + length).div_ceil(PAGE),
    })
}

/// What the log has that is newer than `applied`.
fn read_log(content: &[u8], store: &StoreId, applied: u64) -> Result<Option<(u64, Vec<Write>)>, LogError> {
    let start = &content[..content.len().min(HEAD)];
    let expected = [&MAGIC[..], store].concat();
    let same = start.iter().zip(&expected).take_while(|(is, expected)| is == expected).count();
    // Zeros are what a crash can leave where the first batch was to be written.
    if same < expected.len() && start[same..].iter().any(|byte| *byte != 0) {
        return Err(if same < MAGIC.len() { LogError::Foreign } else { LogError::OtherStore });
    }
    let mut writes = Vec::new();
    let mut newest = None;
    let mut number = 0;
    let mut page = 0;
    let at = |page: usize| content.get(page * PAGE..).unwrap_or_default();
    while let Some(found) = batch(at(page), store) {
        if found.generation <= applied || newest.is_some_and(|newest| newest != found.generation) {
            break;
        }
        if found.number != number {
            return Err(LogError::Damaged("a batch is missing"));
        }
        newest = Some(found.generation);
        read_records(found.records, &mut writes)?;
        number += 1;
        page += found.pages;
    }
    // A batch is written once the one before it is durable. So one that is whole behind one that is not means that this
    // was damaged later, and did not end there as the process did.
    let least = newest.unwrap_or(applied + 1);
    for page in page..content.len().div_ceil(PAGE) {
        if batch(at(page), store).is_some_and(|found| found.generation >= least) {
            return Err(LogError::Damaged("what it begins with cannot be read, and what follows can"));
        }
    }
    Ok(newest.map(|newest| (newest, writes)))
}

fn read_records(mut rest: &[u8], writes: &mut Vec<Write>) -> Result<(), LogError> {
    while !rest.is_empty() {
        let write = read_record(&mut rest).ok_or(LogError::Damaged("a record cannot be read"))?;
        writes.push(write);
    }
    Ok(())
}

fn read_record(rest: &mut &[u8]) -> Option<Write> {
    let place = take_bytes(rest)?;
    let (kind, id) = key_of(place).ok()?;
    let after = match take::<1>(rest)? {
        [0] => None,
        [1] => Some(decode(place, take_bytes(rest)?).ok()?.into()),
        _ => return None,
    };
    Some(Write {
        key: OwnedKey { kind, id: id.into() },
        place: place.to_owned(),
        before: Before::AsInFile,
        after,
    })
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use proptest::prelude::*;

    use super::super::super::layout::row_key;
    use super::super::{Journal, Medium};
    use super::*;
    use crate::env::Timestamp;
    use crate::store::{Key, Kind, Row};

    const STORE: StoreId = *b"sixteen bytes id";

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl Medium for Memory {
        fn write(&self, at: u64, data: &[u8]) -> io::Result<()> {
            let mut content = self.0.lock().unwrap();
            let end = at as usize + data.len();
            if content.len() < end {
                content.resize(end, 0);
            }
            content[at as usize..end].copy_from_slice(data);
            Ok(())
        }

        fn sync(&self) -> io::Result<()> {
            Ok(())
        }

        fn set_length(&self, length: u64) -> io::Result<()> {
            self.0.lock().unwrap().resize(length as usize, 0);
            Ok(())
        }

        fn discard(&self) -> io::Result<()> {
            Ok(())
        }
    }

    type Rows = Vec<(String, Option<String>)>;

    fn writes(rows: &Rows) -> Vec<Write> {
        let write = |(id, body): &(String, Option<String>)| {
            let key = Key::new(Kind::Grant, id);
            let after = body.as_ref().map(|body| Arc::new(Row::new(Timestamp::from_millis(7), &**body)));
            Write { key: key.into(), place: row_key(key), before: Before::AsInFile, after }
        };
        rows.iter().map(write).collect()
    }

    fn rows(writes: &[Write]) -> Rows {
        let row =
            |write: &Write| (write.key.id.to_string(), write.after.as_ref().map(|row| row.body().to_owned()));
        writes.iter().map(row).collect()
    }

    /// The logs after these generations, each of some batches, were written behind `before` others of small batches.
    fn logs(before: u64, generations: &[Vec<Rows>]) -> [Vec<u8>; 2] {
        let media = [Memory::default(), Memory::default()];
        let boxed = media.clone().map(|medium| Box::new(medium) as Box<dyn Medium>);
        let mut journal = Journal::new(boxed, [0, 0], STORE, 1);
        for _ in 0..before {
            for number in 0..9 {
                journal.append(&writes(&vec![(number.to_string(), Some("old".repeat(700)))])).unwrap();
            }
            journal.next_generation();
        }
        for (number, batches) in generations.iter().enumerate() {
            if number > 0 {
                journal.next_generation();
            }
            for batch in batches {
                journal.append(&writes(batch)).unwrap();
            }
        }
        media.map(|medium| medium.0.lock().unwrap().clone())
    }

    fn batches() -> impl Strategy<Value = Vec<Rows>> {
        let row = ("[a-z]{1,9}", proptest::option::of("[ -~]{0,3000}"));
        proptest::collection::vec(proptest::collection::vec(row, 1..6), 1..5)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn what_was_written_is_recovered(before in 0..4_u64, first in batches(), second in proptest::option::of(batches())) {
            let generations: Vec<_> = std::iter::once(first).chain(second).collect();
            let written = logs(before, &generations);
            let all: Rows = generations.iter().flatten().flatten().cloned().collect();
            let recovered = recover(&written, &STORE, before).unwrap();
            prop_assert_eq!(rows(&recovered.writes), all);
            prop_assert_eq!(recovered.generation, before + generations.len() as u64);
            prop_assert_eq!(recovered.generations, generations.len());
            // What the database has is not read again.
            let recovered = recover(&written, &STORE, before + generations.len() as u64).unwrap();
            prop_assert!(recovered.writes.is_empty());
        }

        #[test]
        fn a_write_that_was_cut_short_takes_nothing_else_along(
            before in 0..4_u64, batches in batches(), cut in any::<prop::sample::Index>(),
        ) {
            let whole = logs(before, std::slice::from_ref(&batches));
            let without_last = logs(before, &[batches[..batches.len() - 1].to_vec()]);
            let log = log_of(before + 1);
            let mut torn = without_last.clone();
            torn[log].resize(whole[log].len(), 0);
            // Some of the last batch arrived, and the end of its records did not.
            let differs = |at: &usize| whole[log][*at] != torn[log][*at];
            let first = (0..whole[log].len()).find(differs).unwrap();
            let start = first / PAGE * PAGE;
            let length = whole[log][start + HEAD - 8..start + HEAD - 4].try_into().unwrap();
            let end = start + HEAD + u32::from_be_bytes(length) as usize;
            let last = (first..end).rev().find(differs).unwrap();
            let cut = first + cut.index(last - first + 1);
            torn[log][first..cut].copy_from_slice(&whole[log][first..cut]);
            let recovered = recover(&torn, &STORE, before).unwrap();
            let kept: Rows = batches[..batches.len() - 1].iter().flatten().cloned().collect();
            prop_assert_eq!(rows(&recovered.writes), kept);
        }

        #[test]
        fn damage_is_noticed_or_does_not_matter(
            batches in batches(), at in any::<prop::sample::Index>(), with in 1..=255_u8,
        ) {
            let mut damaged = logs(2, std::slice::from_ref(&batches));
            let log = log_of(3);
            let at = at.index(damaged[log].len());
            damaged[log][at] ^= with;
            if let Ok(recovered) = recover(&damaged, &STORE, 2) {
                let all: Rows = batches.iter().flatten().cloned().collect();
                let found = rows(&recovered.writes);
                // Behind the last batch, or in it: then it looks like one that was cut short.
                let without_last: usize = batches[..batches.len() - 1].iter().map(Vec::len).sum();
                prop_assert!(found == all || found[..] == all[..without_last]);
            }
        }

        #[test]
        fn anything_is_read_without_a_panic(mut one in any::<Vec<u8>>(), other in any::<Vec<u8>>(), head in any::<bool>()) {
            if head {
                one = [&MAGIC[..], &STORE, &one].concat();
            }
            let _ = recover(&[one, other], &STORE, 0);
        }
    }
}
