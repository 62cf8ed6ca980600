use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::env::Timestamp;

/// The id of a grant: a UUIDv7 (RFC 9562 section 5.7), so ids rise with time. It is part of every code and token of the
/// grant, which is how a token names its row.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GrantId(Uuid);

impl GrantId {
    /// The id made at `now` with `random` bytes.
    pub fn new(now: Timestamp, random: &[u8; 10]) -> Self {
        let millis = u64::try_from(now.as_millis()).unwrap_or(0);
        Self(uuid::Builder::from_unix_timestamp_millis(millis, random).into_uuid())
    }

    /// Whether the id was made with these random bytes.
    pub(crate) fn has_random(&self, random: &[u8; 10]) -> bool {
        let [a, b, c, d, e, f, ..] = *self.as_bytes();
        let millis = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
        uuid::Builder::from_unix_timestamp_millis(millis, random).into_uuid() == self.0
    }

    /// The id with these bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// The bytes of the id.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// Writes the id of the grant's row into `buffer` and returns it: lower-case with hyphens.
    pub fn row_id<'b>(&self, buffer: &'b mut [u8; 36]) -> &'b str {
        self.0.hyphenated().encode_lower(buffer)
    }

    pub(crate) const fn uuid(&self) -> Uuid {
        self.0
    }

    pub(crate) const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

/// A text is not the id of a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the id of a grant is a UUID: 36 characters, with hyphens")]
pub struct GrantIdError;

/// From the text that [`Display`](fmt::Display) writes.
impl FromStr for GrantId {
    type Err = GrantIdError;

    fn from_str(text: &str) -> Result<Self, GrantIdError> {
        // Other forms of a UUID would be read too.
        let uuid = Uuid::try_parse(text).ok().filter(|_| text.len() == 36);
        uuid.map(Self).ok_or(GrantIdError)
    }
}

impl fmt::Display for GrantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for GrantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
