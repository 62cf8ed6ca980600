//! What is stored of a password.

use std::fmt;
use std::str::FromStr;

use argon2::password_hash::phc;
use argon2::{ARGON2ID_IDENT, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Serialize};

use super::argon::{self, Target};

/// An argon2id hash of a password, as a PHC string (`$argon2id$v=19$m=19456,t=2,p=1$…$…`).
///
/// One that comes from the store is taken as it is, so that a damaged one costs no more than that user's sign-in; one
/// that comes from elsewhere is checked by `parse`:
///
/// ```
/// use gridauth::people::PasswordHash;
///
/// let imported = "$argon2id$v=19$m=16,t=2,p=1$bXlzYWx0bXlzYWx0$bxpb1XzoD4M4Tl4Kt8DEsg";
/// let hash: PasswordHash = imported.parse()?;
/// assert_eq!(hash.as_str(), imported);
/// assert!(!format!("{hash:?}").contains("bxpb"));
/// assert!("$2b$10$abcdefghijklmnopqrstuv".parse::<PasswordHash>().is_err());
/// # Ok::<(), gridauth::people::password::UnreadableHash>(())
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PasswordHash(Box<str>);

/// Not a PHC string of argon2id, version 19, with a salt, an output and parameters within this library's bounds (2 GiB
/// of memory; memory times passes 4 GiB; 255 lanes).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an argon2id PHC string (version 19, with salt and hash, at most 2 GiB)")]
pub struct UnreadableHash;

impl PasswordHash {
    /// The PHC string, to be stored. It lets whoever has it try passwords: no log, no response.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn of(params: &Params, salt: &[u8], output: &[u8]) -> Self {
        let (memory, passes, lanes) = (params.m_cost(), params.t_cost(), params.p_cost());
        let (salt, output) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(output));
        Self(format!("$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${output}").into())
    }

    pub(super) fn target(&self) -> Result<Target, UnreadableHash> {
        read(&self.0)
    }
}

fn read(phc: &str) -> Result<Target, UnreadableHash> {
    let hash = phc::PasswordHash::new(phc).map_err(|_| UnreadableHash)?;
    let params = Params::try_from(&hash).map_err(|_| UnreadableHash)?;
    let named = ["m", "t", "p"].iter().all(|name| hash.params.get(*name).is_some());
    // A key id or associated data mean a secret that this server does not have.
    let plain = params.keyid().is_empty() && params.data().is_empty();
    let known = hash.algorithm == ARGON2ID_IDENT && hash.version == Some(u32::from(Version::V0x13));
    match (hash.salt, hash.hash) {
        (Some(salt), Some(output)) if known && named && plain && argon::within_bounds(&params) => {
            Ok(Target::new(params, salt, output))
        }
        _ => Err(UnreadableHash),
    }
}

impl FromStr for PasswordHash {
    type Err = UnreadableHash;

    fn from_str(phc: &str) -> Result<Self, UnreadableHash> {
        read(phc).map(|_| Self(phc.into()))
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}
