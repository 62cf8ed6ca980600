//! The body of an answer with an error status (protocol 6).

use crate::wire::reader::{DecodeError, Reader};

/// Two integers and four empty strings.
const LEAST_ENTRY: usize = 24;

/// The server's description of an error.
#[derive(Clone, PartialEq, Eq)]
pub struct Failure {
    /// Its code.
    pub code: i32,
    /// The name of the code, such as `DS_CON_LOCK_CONFLICT`.
    pub name: String,
    /// Free text, which can quote names and keys of the caller's data.
    pub text: String,
}

impl std::fmt::Debug for Failure {
    /// Omits the free text, which can quote the caller's data.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Failure").field("code", &self.code).field("name", &self.name).finish_non_exhaustive()
    }
}

/// Reads the body. Texts may be cut inside a character, so they are decoded leniently.
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
    // A shorter answer still has a usable code.
    let name = reader.sized_bytes(WHAT).unwrap_or_default();
    Ok(Failure { code, name: lenient(name), text: lenient(text) })
}

fn lenient(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
