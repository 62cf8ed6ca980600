//! Names of containers: their key on the wire and the partition they live in (protocol 3.3 and 5.6).

use std::fmt;

use super::{
    reader::{DecodeError, Reader},
    varsize,
};

const DATABASE: u8 = 1;
const LARGE_ID: u8 = 2;
const AFFINITY_NUMBER: u8 = 4;
const AFFINITY_TEXT: u8 = 8;
const SYSTEM_NUMBER: u8 = 16;
const SYSTEM_TEXT: u8 = 32;

/// A container's name: `base` or `base@affinity`.
///
/// Containers with the same affinity share a partition. A decimal affinity is the partition's number, so
/// `TOKENS_00@0`, `TOKENS_01@1`, … are spread evenly. The server ignores the case of ASCII letters and keeps the
/// first spelling.
///
/// ```
/// use griddb_rs::ContainerName;
///
/// let name = ContainerName::parse("GRANTS_07@7")?;
/// assert_eq!(name.partition(128), 7);
/// assert!(ContainerName::parse("no spaces").is_err());
/// # Ok::<(), griddb_rs::InvalidName>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ContainerName {
    base: Box<str>,
    affinity: Affinity,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Affinity {
    None,
    Number(u64),
    Text(Box<str>),
}

/// A container name that is empty or has characters other than `A-Z a-z 0-9 _ - . / =`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a container name consists of A-Z a-z 0-9 _ - . / = and may end in @affinity")]
pub struct InvalidName;

impl ContainerName {
    /// Parses `base` or `base@affinity`.
    ///
    /// # Errors
    /// A part is empty or has a character that the server does not accept.
    pub fn parse(name: &str) -> Result<Self, InvalidName> {
        let (base, affinity) = match name.split_once('@') {
            None => (name, Affinity::None),
            Some((base, affinity)) => (base, Affinity::parse(affinity)?),
        };
        Ok(Self { base: checked(base)?.into(), affinity })
    }

    /// The partition it is in, of `count` (at least 1).
    pub fn partition(&self, count: u32) -> u32 {
        let count = count.max(1);
        match &self.affinity {
            // The remainder is below `count`, so it fits.
            Affinity::Number(number) => (number % u64::from(count)) as u32,
            Affinity::Text(text) => hash(text) % count,
            Affinity::None => hash(&self.base) % count,
        }
    }

    /// Appends the container key. `database` is the id that LOGIN returned.
    pub fn encode(&self, out: &mut Vec<u8>, database: i64) {
        let mut body = vec![0];
        if database != 0 {
            body[0] |= DATABASE;
            body.extend_from_slice(&database.to_le_bytes());
        }
        varsize::encode_bytes(&mut body, self.base.to_ascii_lowercase().as_bytes());
        let mut text = String::from(&*self.base);
        match &self.affinity {
            Affinity::None => {}
            Affinity::Number(number) => {
                body[0] |= AFFINITY_NUMBER;
                varsize::encode(&mut body, *number);
            }
            Affinity::Text(affinity) => {
                body[0] |= AFFINITY_TEXT;
                varsize::encode_bytes(&mut body, affinity.to_ascii_lowercase().as_bytes());
                text.push_str(affinity);
            }
        }
        let mut case = vec![0u8; text.len().div_ceil(8)];
        for (index, byte) in text.bytes().enumerate() {
            case[index / 8] |= u8::from(byte.is_ascii_uppercase()) << (index % 8);
        }
        body.extend_from_slice(&case);
        varsize::encode_bytes(out, &body);
    }

    /// Reads a container key.
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        const WHAT: &str = "container key";
        let mut key = Reader::new(reader.var_bytes(WHAT)?);
        let flags = key.u8(WHAT)?;
        if flags & DATABASE != 0 {
            key.i64(WHAT)?;
        }
        let base = key.var_bytes(WHAT)?;
        if flags & LARGE_ID != 0 {
            key.varsize(WHAT)?;
        }
        let mut number = None;
        let mut affinity: &[u8] = &[];
        if flags & AFFINITY_NUMBER != 0 {
            number = Some(key.varsize(WHAT)?);
        } else if flags & AFFINITY_TEXT != 0 {
            affinity = key.var_bytes(WHAT)?;
        }
        if flags & SYSTEM_NUMBER != 0 {
            key.varsize(WHAT)?;
        } else if flags & SYSTEM_TEXT != 0 {
            key.var_bytes(WHAT)?;
        }
        let case = key.rest();
        let restored = |text: &[u8], from: usize| {
            let raised = text.iter().enumerate().map(|(index, byte)| {
                let index = from + index;
                let upper = case.get(index / 8).is_some_and(|bits| bits >> (index % 8) & 1 == 1);
                if upper { byte.to_ascii_uppercase() } else { *byte }
            });
            String::from_utf8(raised.collect()).map_err(|_| DecodeError::Invalid(WHAT))
        };
        let affinity = match number {
            Some(number) => Affinity::Number(number),
            None if flags & AFFINITY_TEXT != 0 => Affinity::Text(restored(affinity, base.len())?.into()),
            None => Affinity::None,
        };
        Ok(Self { base: restored(base, 0)?.into(), affinity })
    }
}

impl Affinity {
    fn parse(text: &str) -> Result<Self, InvalidName> {
        checked(text)?;
        let plain = text == "0" || !text.starts_with('0');
        let number =
            if plain && text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None };
        Ok(match number {
            Some(number) if number <= varsize::MAX => Self::Number(number),
            _ => Self::Text(text.into()),
        })
    }
}

fn checked(part: &str) -> Result<&str, InvalidName> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./=".contains(&byte);
    if part.is_empty() || !part.bytes().all(allowed) { Err(InvalidName) } else { Ok(part) }
}

fn hash(text: &str) -> u32 {
    crc32fast::hash(text.to_ascii_lowercase().as_bytes())
}

impl fmt::Display for ContainerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base)?;
        match &self.affinity {
            Affinity::None => Ok(()),
            Affinity::Number(number) => write!(f, "@{number}"),
            Affinity::Text(text) => write!(f, "@{text}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn partitions_as_the_official_client_computes_them() {
        for (name, partition) in [
            ("Tokens", 14),
            ("tokens2", 59),
            ("TOKENS_X", 7),
            ("a.b-c", 46),
            ("Users_1", 31),
            ("2abc", 102),
            ("oauth_access_token", 36),
            ("oauth_refresh_token", 85),
            ("ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789", 58),
            ("Tok@7", 7),
            ("Tok@128", 0),
            ("x3@300", 44),
            ("Tok@Grp", 127),
            ("tok2@grp", 127),
            ("x@007", 126),
            ("x2@a1", 35),
            ("x4@4611686018427387903", 127),
        ] {
            assert_eq!(ContainerName::parse(name).unwrap().partition(128), partition, "{name}");
        }
    }

    #[test]
    fn keys_as_measured() {
        let key = |name: &str, database: i64| {
            let mut out = Vec::new();
            ContainerName::parse(name).unwrap().encode(&mut out, database);
            out
        };
        assert_eq!(key("tokens", 0), b"\x13\x00\x0dtokens\x00");
        assert_eq!(key("Tokens", 0), b"\x13\x00\x0dtokens\x01");
        assert_eq!(key("Tok@Grp", 0), b"\x15\x08\x07tok\x07grp\x09");
        assert_eq!(key("Tok@7", 0), b"\x0f\x04\x07tok\x0f\x01");
        assert_eq!(key("T", 100), b"\x19\x01\x64\0\0\0\0\0\0\0\x03t\x01");
    }

    #[test]
    fn names_with_other_characters_are_refused() {
        for name in ["", "@1", "a@", "a b", "a@b@c", "ä", "a'b", "a\"", "a;b", "a\0"] {
            assert_eq!(ContainerName::parse(name), Err(InvalidName), "{name:?}");
        }
    }

    proptest! {
        #[test]
        fn round_trip(name in "[A-Za-z0-9_./=-]{1,40}(@([A-Za-z0-9_./=-]{1,20}|[0-9]{1,22}))?", database in any::<i64>()) {
            let parsed = ContainerName::parse(&name).unwrap();
            prop_assert_eq!(parsed.to_string(), name);
            let mut out = Vec::new();
            parsed.encode(&mut out, database);
            let mut reader = Reader::new(&out);
            prop_assert_eq!(ContainerName::decode(&mut reader), Ok(parsed));
            prop_assert_eq!(reader.remaining(), 0);
        }

        #[test]
        fn any_bytes_are_a_key_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = ContainerName::decode(&mut Reader::new(&bytes));
        }
    }
}
