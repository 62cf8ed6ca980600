//! Reading the log that an earlier process left.

use std::collections::BTreeMap;

use super::batch::{PAGE, STEP, decode, is_begun};
use super::checkpoint::Checkpoint;
use super::error::Reason;
use super::identity::LogId;

/// What the log holds and the database does not.
pub(in super::super) struct Recovered<T> {
    /// The decoded records, in the order in which they were written.
    pub(in super::super) records: Vec<T>,
    /// The end of the records; if there are none, the checkpoint that the database has.
    pub(in super::super) checkpoint: Checkpoint,
    /// How many batches the generation at `checkpoint` has.
    pub(super) batches: u32,
    /// The numbers of the files that have a batch at the end which cannot be read.
    pub(super) torn: Vec<usize>,
}

/// The batches of one generation.
struct Generation<T> {
    records: Vec<T>,
    batches: u32,
    /// How many batches the generation before has.
    previous: u32,
}

/// Which of the two files holds this generation.
pub(super) fn file_of(generation: u64) -> usize {
    (generation % 2) as usize
}

/// Collects the records after the checkpoint `applied` from the batches in both files, which are `None` if they do not matter. An
/// error comes with the number of the file.
pub(super) fn recover<T>(
    files: [Option<&[u8]>; 2],
    log: &LogId,
    applied: Checkpoint,
    decode: &impl Fn(&[u8], Option<&[u8]>) -> Option<T>,
) -> Result<Recovered<T>, (usize, Reason)> {
    let mut found = BTreeMap::new();
    let mut torn = Vec::new();
    for (file, content) in files.into_iter().enumerate() {
        let Some(content) = content else { continue };
        let read = read_file(content, log, applied.generation(), decode).map_err(|error| (file, error))?;
        if read.torn {
            torn.push(file);
        }
        if let Some((generation, batches)) = read.newest {
            if file_of(generation) != file {
                return Err((file, Reason::Damaged("its generation belongs in the other file")));
            }
            found.insert(generation, batches);
        }
    }
    // The database has these, but it could lose them again, if the disk does not keep what it has confirmed.
    let last = files[file_of(applied.generation())].unwrap_or_default();
    let batches = count(last, log, applied.generation());
    let mut recovered = Recovered { records: Vec::new(), checkpoint: applied, batches, torn };
    for (number, generation) in found {
        let newest = recovered.checkpoint.generation();
        if number != newest + 1 {
            return Err((file_of(number), Reason::Gap));
        }
        // A generation begins when the one before is complete. How many batches that one had is only known here.
        if recovered.checkpoint != applied && generation.previous != recovered.batches {
            return Err((file_of(newest), Reason::Damaged("its last batches are missing")));
        }
        recovered.checkpoint = Checkpoint::after(number);
        recovered.batches = generation.batches;
        recovered.records.extend(generation.records);
    }
    Ok(recovered)
}

/// How many batches of a generation are at the start of a file, from its second page on.
fn count(content: &[u8], log: &LogId, generation: u64) -> u32 {
    let (mut batches, mut page) = (0, 0);
    while let Some(batch) = decode(content.get(page * PAGE..).unwrap_or_default(), log, generation)
        && (batch.generation, batch.number) == (generation, batches)
    {
        batches += 1;
        page += batch.pages;
    }
    batches
}

/// What is in a file.
struct FileContent<T> {
    /// The generation in it and its number, if it is newer than what the database has.
    newest: Option<(u64, Generation<T>)>,
    /// There is a batch at the end that cannot be read.
    torn: bool,
}

/// Reads a file from its second page on.
fn read_file<T>(
    content: &[u8],
    log: &LogId,
    applied: u64,
    decode_record: &impl Fn(&[u8], Option<&[u8]>) -> Option<T>,
) -> Result<FileContent<T>, Reason> {
    let mut newest: Option<(u64, Generation<T>)> = None;
    let mut page = 0;
    let at = |page: usize| content.get(page * PAGE..).unwrap_or_default();
    while let Some(batch) = decode(at(page), log, applied + 1) {
        let empty = Generation { records: Vec::new(), batches: 0, previous: batch.previous };
        let (generation, found) = newest.get_or_insert((batch.generation, empty));
        if *generation != batch.generation {
            break;
        }
        if batch.number != found.batches {
            return Err(Reason::Damaged("a batch is missing"));
        }
        batch
            .decode_records(decode_record, &mut found.records)
            .ok_or(Reason::Damaged("a record cannot be read"))?;
        found.batches += 1;
        page += batch.pages;
    }
    // A batch is written only when the one before it is durable. So a complete batch after an incomplete one is damage; a
    // crash cannot leave that.
    let least = newest.as_ref().map_or(applied + 1, |(generation, _)| *generation);
    let mut torn = false;
    for page in page..content.len().div_ceil(PAGE) {
        if decode(at(page), log, least).is_some() {
            return Err(Reason::Damaged("a batch cannot be read, but a later one can"));
        }
        torn |= is_begun(at(page), log, least);
    }
    // A file grows before a batch is written to the new part, and by whole steps.
    let end = (PAGE + page * PAGE) as u64;
    if ((PAGE + content.len()) as u64) < end.next_multiple_of(STEP) {
        return Err(Reason::Damaged("its end is missing"));
    }
    Ok(FileContent { newest, torn })
}
