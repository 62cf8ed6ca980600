//! Encodes and parses stored password hashes.

use std::str::FromStr;

use argon2::password_hash::phc;
use argon2::{ARGON2ID_IDENT, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::argon::{self, Target};
use crate::model::PasswordHash;

/// The text is not a PHC string of argon2id, version 19, with a salt, an output and parameters within bounds: 2 GiB
/// of memory, memory times passes 4 GiB, 255 lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an argon2id PHC string (version 19, with salt and hash, at most 2 GiB)")]
pub struct UnreadableHash;

impl PasswordHash {
    pub(super) fn of(params: &Params, salt: &[u8], output: &[u8]) -> Self {
        let (memory, passes, lanes) = (params.m_cost(), params.t_cost(), params.p_cost());
        let (salt, output) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(output));
        Self::from_phc(&format!("$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${output}"))
    }

    pub(super) fn target(&self) -> Result<Target, UnreadableHash> {
        read(self.as_str())
    }
}

fn read(phc: &str) -> Result<Target, UnreadableHash> {
    let hash = phc::PasswordHash::new(phc).map_err(|_| UnreadableHash)?;
    let params = Params::try_from(&hash).map_err(|_| UnreadableHash)?;
    let named = ["m", "t", "p"].iter().all(|name| hash.params.get(*name).is_some());
    // A key id or associated data imply a secret that this server does not have.
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
        read(phc).map(|_| Self::from_phc(phc))
    }
}
