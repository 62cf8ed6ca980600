//! The bytes of a batch: its header and its records. `format.md` describes them.

use super::identity::LogId;

/// The length of a batch's header: log, generation, number, batches of the previous generation, length of the records, checksum.
pub(super) const HEADER: usize = 16 + 8 + 4 + 4 + 4 + 4;
/// Every batch starts at a multiple of this, so writing one never touches bytes that are already durable.
pub(super) const PAGE: usize = 4096;
/// Files grow by this much, and before anything is written to the new part: a file with another length was cut. Overwriting space
/// that a file already has also makes a sync cheaper.
pub(super) const STEP: u64 = 256 << 10;

/// Where a batch belongs.
#[derive(Clone, Copy)]
pub(super) struct Position {
    pub(super) log: LogId,
    pub(super) generation: u64,
    /// The number of the batch within its generation, from 0.
    pub(super) number: u32,
    /// How many batches the generation before has.
    pub(super) previous: u32,
}

/// Writes a batch to `buffer`, which is cleared first and padded with zeros to a whole number of pages.
pub(super) fn encode<'a>(
    buffer: &mut Vec<u8>,
    position: Position,
    records: impl IntoIterator<Item = (&'a [u8], Option<Vec<u8>>)>,
) {
    buffer.clear();
    buffer.extend_from_slice(&position.log);
    buffer.extend_from_slice(&position.generation.to_be_bytes());
    buffer.extend_from_slice(&position.number.to_be_bytes());
    buffer.extend_from_slice(&position.previous.to_be_bytes());
    buffer.resize(HEADER, 0);
    for (key, value) in records {
        push_bytes(buffer, key);
        match value {
            Some(value) => {
                buffer.push(1);
                push_bytes(buffer, &value);
            }
            None => buffer.push(0),
        }
    }
    // The queue bounds a batch far below 4 GiB.
    let length = (buffer.len() - HEADER) as u32;
    buffer[HEADER - 8..HEADER - 4].copy_from_slice(&length.to_be_bytes());
    let checksum = checksum(&buffer[..HEADER - 4], &buffer[HEADER..]);
    buffer[HEADER - 4..HEADER].copy_from_slice(&checksum.to_be_bytes());
    buffer.resize(buffer.len().next_multiple_of(PAGE), 0);
}

fn push_bytes(buffer: &mut Vec<u8>, bytes: &[u8]) {
    buffer.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
    buffer.extend_from_slice(bytes);
}

fn checksum(header: &[u8], records: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(header);
    hasher.update(records);
    hasher.finalize()
}

/// A complete batch.
pub(super) struct Batch<'a> {
    pub(super) generation: u64,
    pub(super) number: u32,
    /// How many batches the generation before has.
    pub(super) previous: u32,
    records: &'a [u8],
    /// How many pages it fills.
    pub(super) pages: usize,
}

/// Whether there is a complete batch of `log` anywhere in `content`.
pub(super) fn complete_batch_in(content: &[u8], log: &LogId) -> bool {
    (0..content.len()).step_by(PAGE).any(|at| decode(&content[at..], log, 0).is_some())
}

/// Whether a batch of `log`, of the generation `least` or a later one, starts at the start of `content`, complete or not.
pub(super) fn is_begun(content: &[u8], log: &LogId, least: u64) -> bool {
    let mut rest = content;
    take::<16>(&mut rest).is_some_and(|of| of == log)
        && take(&mut rest).is_some_and(|generation| u64::from_be_bytes(*generation) >= least)
}

/// The batch at the start of `content`, if there is a complete one of `log`, of the generation `least` or a later one.
pub(super) fn decode<'a>(content: &'a [u8], log: &LogId, least: u64) -> Option<Batch<'a>> {
    let mut rest = content;
    if take::<16>(&mut rest)? != log {
        return None;
    }
    let generation = u64::from_be_bytes(*take(&mut rest)?);
    // Before the checksum: most of a file can be batches of earlier generations.
    if generation < least {
        return None;
    }
    let number = u32::from_be_bytes(*take(&mut rest)?);
    let previous = u32::from_be_bytes(*take(&mut rest)?);
    let length = u32::from_be_bytes(*take(&mut rest)?) as usize;
    let sum = u32::from_be_bytes(*take(&mut rest)?);
    let records = rest.get(..length)?;
    (checksum(&content[..HEADER - 4], records) == sum).then(|| Batch {
        generation,
        number,
        previous,
        records,
        pages: (HEADER + length).div_ceil(PAGE),
    })
}

impl Batch<'_> {
    /// Adds the records, decoded, to `records`; `None` if one of them cannot be read.
    pub(super) fn decode_records<T>(
        &self,
        decode: &impl Fn(&[u8], Option<&[u8]>) -> Option<T>,
        records: &mut Vec<T>,
    ) -> Option<()> {
        let mut rest = self.records;
        while !rest.is_empty() {
            let key = take_bytes(&mut rest)?;
            let value = match take::<1>(&mut rest)? {
                [0] => None,
                [1] => Some(take_bytes(&mut rest)?),
                _ => return None,
            };
            records.push(decode(key, value)?);
        }
        Some(())
    }
}

/// Splits `N` bytes off the front.
fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (taken, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(taken)
}

/// Splits a length and as many bytes off the front.
fn take_bytes<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = u32::from_be_bytes(*take(rest)?) as usize;
    let (taken, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    Some(taken)
}
