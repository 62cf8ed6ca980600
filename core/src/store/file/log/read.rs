//! Reading the log that an earlier process left.

use std::collections::BTreeMap;

use super::batch::{PAGE, decode};
use super::checkpoint::Checkpoint;
use super::error::Reason;
use super::identity::LogId;

/// What the log holds and the database does not.
pub(in super::super) struct Recovered<T> {
    /// The decoded records, in the order in which they were written.
    pub(in super::super) records: Vec<T>,
    /// The end of the records; if there are none, the checkpoint that the database has.
    pub(in super::super) checkpoint: Checkpoint,
}

/// Which of the two files holds this generation.
pub(super) fn file_of(generation: u64) -> usize {
    (generation % 2) as usize
}

/// Collects the records after the checkpoint `applied` from the batches in both files. An error comes with the number of the
/// file.
pub(super) fn recover<T>(
    files: [&[u8]; 2],
    log: &LogId,
    applied: Checkpoint,
    decode: &impl Fn(&[u8], Option<&[u8]>) -> Option<T>,
) -> Result<Recovered<T>, (usize, Reason)> {
    let mut found = BTreeMap::new();
    for (file, content) in files.into_iter().enumerate() {
        let read = read_file(content, log, applied.generation(), decode).map_err(|error| (file, error))?;
        if let Some((generation, records)) = read {
            if file_of(generation) != file {
                return Err((file, Reason::Damaged("its generation belongs in the other file")));
            }
            found.insert(generation, records);
        }
    }
    let mut newest = applied.generation();
    let mut records = Vec::new();
    for (generation, found) in found {
        if generation != newest + 1 {
            return Err((file_of(generation), Reason::Gap));
        }
        newest = generation;
        records.extend(found);
    }
    Ok(Recovered { records, checkpoint: Checkpoint::after(newest) })
}

/// The generation in one file and its records, if it is newer than `applied`.
fn read_file<T>(
    content: &[u8],
    log: &LogId,
    applied: u64,
    decode_record: &impl Fn(&[u8], Option<&[u8]>) -> Option<T>,
) -> Result<Option<(u64, Vec<T>)>, Reason> {
    let mut records = Vec::new();
    let mut newest = None;
    let mut number = 0;
    let mut page = 0;
    let at = |page: usize| content.get(page * PAGE..).unwrap_or_default();
    while let Some(batch) = decode(at(page), log, applied + 1) {
        if newest.is_some_and(|newest| newest != batch.generation) {
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
        if decode(at(page), log, least).is_some() {
            return Err(Reason::Damaged("a batch cannot be read, but a later one can"));
        }
    }
    Ok(newest.map(|newest| (newest, records)))
}
