//! The first page of each file of the log, which says whose log it is.

use super::batch::{PAGE, complete_batch_in};
use super::error::Reason;
use super::identity::{LogId, LogState, StoreId};

const MAGIC: [u8; 8] = *b"gauthlg2";
/// Magic, store, log, checksum.
const LENGTH: usize = 8 + 16 + 16 + 4;

/// The first page.
pub(super) fn encode(store: &StoreId, log: &LogId) -> Vec<u8> {
    let mut page = [&MAGIC[..], store, log].concat();
    page.extend_from_slice(&crc32fast::hash(&page).to_be_bytes());
    page.resize(PAGE, 0);
    page
}

/// The store and the log that a file belongs to.
fn decode(content: &[u8]) -> Result<(StoreId, LogId), Reason> {
    let header = content.get(..LENGTH).ok_or(Reason::Foreign)?;
    let (magic, rest) = header.split_first_chunk().ok_or(Reason::Foreign)?;
    if *magic != MAGIC {
        return Err(Reason::Foreign);
    }
    let damaged = || Reason::Damaged("its header cannot be read");
    let (store, rest) = rest.split_first_chunk().ok_or_else(damaged)?;
    let (log, checksum) = rest.split_first_chunk().ok_or_else(damaged)?;
    if *checksum != crc32fast::hash(&header[..LENGTH - 4]).to_be_bytes() {
        return Err(damaged());
    }
    Ok((*store, *log))
}

/// Finds out whether a file, whose content is `None` if it does not exist, is part of the log of a database in `state`. Returns
/// the content after the header if it is, and `None` if there is nothing in it that matters.
pub(super) fn check<'a>(
    content: Option<&'a [u8]>,
    store: &StoreId,
    state: LogState,
) -> Result<Option<&'a [u8]>, Reason> {
    let Some(content) = content else {
        return if matches!(state, LogState::Open(_)) { Err(Reason::Missing) } else { Ok(None) };
    };
    let batches = content.get(PAGE..).unwrap_or_default();
    match (state, decode(content)) {
        (LogState::Open(expected), Ok((of, log))) => {
            if of != *store {
                Err(Reason::OtherStore)
            } else if log != expected {
                Err(Reason::OtherRun)
            } else {
                Ok(Some(batches))
            }
        }
        (LogState::Open(_), Err(Reason::Foreign)) if is_unfinished(content) => {
            Err(Reason::Damaged("its header is missing"))
        }
        (LogState::Open(_), Err(reason)) => Err(reason),
        // A crash during a start leaves zeros or an incomplete header, and no batch was written behind it.
        (_, Err(_)) if is_unfinished(content) => Ok(None),
        (_, Err(Reason::Damaged(_))) => Err(Reason::Unneeded),
        (_, Err(reason)) => Err(reason),
        (_, Ok((of, _))) if of != *store => Err(Reason::OtherStore),
        // A crash during a shutdown leaves the log after the database has everything.
        (LogState::Closed(latest), Ok((_, log))) if log == latest => Ok(None),
        // A crash during a start leaves a log that the database does not know yet.
        (_, Ok((_, log))) if !complete_batch_in(batches, &log) => Ok(None),
        _ => Err(Reason::Unknown),
    }
}

/// Whether a file is the start of a header, followed by nothing but zeros.
fn is_unfinished(content: &[u8]) -> bool {
    let same = content.iter().zip(&MAGIC).take_while(|(is, expected)| is == expected).count();
    let rest = if same < MAGIC.len() { &content[same..] } else { content.get(PAGE..).unwrap_or_default() };
    rest.iter().all(|byte| *byte == 0)
}
