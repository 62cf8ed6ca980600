//! Reading the log that an earlier process left.

use std::collections::BTreeMap;

use super::batch::{HEADER, MAGIC, PAGE, StoreId, decode};
use super::checkpoint::Checkpoint;
use super::error::Reason;

/// What the log holds and the database does not.
pub(in super::super) struct Recovered<T> {
    /// The decoded records, in the order in which they were written.
    pub(in super::super) records: Vec<T>,
    /// The end of the records; if there are none, the checkpoint that the database has.
    pub(in super::super) checkpoint: Checkpoint,
    /// Both files are in use: nothing can be appended before the database has the records.
    pub(in super::super) full: bool,
}

/// Which of the two files holds this generation.
pub(super) fn file_of(generation: u64) -> usize {
    (generation % 2) as usize
}

/// Collects the records after the checkpoint `applied` from the contents of both files. An error comes with the number of
/// the file.
pub(super) fn recover<T>(
    files: &[Vec<u8>; 2],
    store: &StoreId,
    applied: Checkpoint,
    decode: &impl Fn(&[u8], Option<&[u8]>) -> Option<T>,
) -> Result<Recovered<T>, (usize, Reason)> {
    let mut found = BTreeMap::new();
    for (file, content) in files.iter().enumerate() {
        let read = read_file(content, store, applied.generation(), decode).map_err(|error| (file, error))?;
        if let Some((generation, records)) = read {
            if file_of(generation) != file {
                return Err((file, Reason::Damaged("its generation belongs in the other file")));
            }
            found.insert(generation, records);
        }
    }
    let full = found.len() == 2;
    let mut newest = applied.generation();
    let mut records = Vec::new();
    for (generation, found) in found {
        if generation != newest + 1 {
            return Err((file_of(generation), Reason::Gap));
        }
        newest = generation;
        records.extend(found);
    }
    Ok(Recovered { records, checkpoint: Checkpoint::after(newest), full })
}

/// The generation in one file and its records, if it is newer than `applied`.
fn read_file<T>(
    content: &[u8],
    store: &StoreId,
    applied: u64,
    decode_record: &impl Fn(&[u8], Option<&[u8]>) -> Option<T>,
) -> Result<Option<(u64, Vec<T>)>, Reason> {
    let start = &content[..content.len().min(HEADER)];
    let expected = [&MAGIC[..], store].concat();
    let same = start.iter().zip(&expected).take_while(|(is, expected)| is == expected).count();
    // A crash during the first write can leave zeros.
    if same < expected.len() && start[same..].iter().any(|byte| *byte != 0) {
        return Err(if same < MAGIC.len() { Reason::Foreign } else { Reason::OtherStore });
    }
    let mut records = Vec::new();
    let mut newest = None;
    let mut number = 0;
    let mut page = 0;
    let at = |page: usize| content.get(page * PAGE..).unwrap_or_default();
    while let Some(batch) = decode(at(page), store) {
        if batch.generation <= applied || newest.is_some_and(|newest| newest != batch.generation) {
            break;
        }
        if batch.number != number {
            return Err(Reason::Damaged("a batch is missing"));
        }
        newest = Some(batch.generation);
        batch
            .decode_records(decode_record, &mut records)
            .ok_or(Reason::Damaged("a record cannot be read"))?;
        number += 1;
        page += batch.pages;
    }
    // A batch is written only when the one before it is durable. So a complete batch after an incomplete one is damage; a
    // crash cannot leave that.
    let least = newest.unwrap_or(applied + 1);
    for page in page..content.len().div_ceil(PAGE) {
        if decode(at(page), store).is_some_and(|batch| batch.generation >= least) {
            return Err(Reason::Damaged("a batch cannot be read, but a later one can"));
        }
    }
    Ok(newest.map(|newest| (newest, records)))
}
