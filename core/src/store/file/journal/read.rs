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
    // Zeros are what a power cut can leave of a log that was just made longer.
    if start.iter().any(|byte| *byte != 0) {
        if !start.starts_with(&MAGIC) {
            return Err(LogError::Foreign);
        }
        if start.get(MAGIC.len()..MAGIC.len() + store.len()).is_some_and(|other| other != store) {
            return Err(LogError::OtherStore);
        }
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
