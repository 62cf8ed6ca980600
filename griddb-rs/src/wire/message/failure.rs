//! The body of an answer that is not a success (protocol 6).

use crate::wire::reader::{DecodeError, Reader};

/// Two integers and four strings.
const LEAST_ENTRY: usize = 24;

/// What the server says went wrong.
#[derive(Clone, PartialEq, Eq)]
pub struct Failure {
    /// Its number for it.
    pub code: i32,
    /// Its name for the number, such as `DS_CON_LOCK_CONFLICT`.
    pub name: String,
    /// Its free text, which can quote names and keys of the caller's data.
    pub text: String,
}

impl std::fmt::Debug for Failure {
    /// Leaves the free text out: it can quote the caller's data.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Failure").field("code", &self.code).field("name", &self.name).finish_non_exhaustive()
    }
}

/// Reads the body. Texts may be cut inside a character, so they are read leniently.
pub fn decode(reader: &mut Reader<'_>) -> Result<Failure, DecodeError> {
    const WHAT: &str = "error";
    let entries = reader.count(LEAST_ENTRY, WHAT)?;
    let mut first = None;
    for _ in 0..entries {
        let code = reader.i32(WHAT)?;
        let text = reader.sized_bytes(WHAT)?;
        for _ in 0..3 {
            reader.sized_bytes(WHAT)?;
        }
        reader.i32(WHAT)?;
        first.get_or_insert((code, text));
    }
    let (code, text) = first.unwrap_or_default();
    // A shorter answer still has a code to act on.
    let name = reader.sized_bytes(WHAT).unwrap_or_default();
    Ok(Failure { code, name: lenient(name), text: lenient(text) })
}

fn lenient(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
