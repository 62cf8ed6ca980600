use std::fmt;

use serde::{Deserialize, Serialize};

/// An argon2id hash of a password, as a PHC string (`$argon2id$v=19$m=19456,t=2,p=1$…$…`).
///
/// A hash from the store is not checked, so a damaged one only prevents that user's sign-in. A hash from elsewhere is
/// checked by `parse`:
///
/// ```
/// use gridauth::identity::PasswordHash;
///
/// let imported = "$argon2id$v=19$m=16,t=2,p=1$bXlzYWx0bXlzYWx0$bxpb1XzoD4M4Tl4Kt8DEsg";
/// let hash: PasswordHash = imported.parse()?;
/// assert_eq!(hash.as_str(), imported);
/// assert!(!format!("{hash:?}").contains("bxpb"));
/// assert!("$2b$10$abcdefghijklmnopqrstuv".parse::<PasswordHash>().is_err());
/// # Ok::<(), gridauth::identity::password::UnreadableHash>(())
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PasswordHash(Box<str>);

impl PasswordHash {
    /// The PHC string to store. It allows guessing the password, so it must not go into a log or a response.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The hash with this text, unchecked.
    pub(crate) fn from_phc(phc: &str) -> Self {
        Self(phc.into())
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}
