//! A container's name on the wire.

use super::read::{Malformed, Reader};
use crate::error::{ErrorCode, Refusal};

/// The longest base name with blocks of 64 KB.
const LONGEST_NAME: usize = 16_384;

/// A container's name in lower case, with the bits that restore its case kept separately.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ContainerKey {
    /// Database 0 is `public`.
    pub(crate) database: i64,
    /// The base name in lower case.
    pub(crate) base: Vec<u8>,
    /// The whole key as sent, without its size.
    bytes: Vec<u8>,
    /// The offset of the case bits.
    case: usize,
}

impl ContainerKey {
    /// Reads a key after its size, and validates its names.
    pub(crate) fn read(body: &mut Reader<'_>) -> Result<Self, Refusal> {
        let key = Self::parse(body.sized()?)?;
        Ok(key)
    }

    fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let mut key = Reader::new(bytes);
        let flags = key.u8()?;
        let database = if flags & 1 == 0 { 0 } else { key.i64()? };
        let base = key.sized()?;
        let mut letters = base.len();
        if flags & 2 != 0 {
            key.varsize()?;
        }
        for (number, text) in [(4, 8), (16, 32)] {
            if flags & number != 0 {
                key.varsize()?;
            } else if flags & text != 0 {
                let part = key.sized()?;
                check_letters(part)?;
                letters += part.len();
            }
        }
        if base.is_empty() {
            return Err(ErrorCode::LIMITS_EXCEEDED.because("Size of base name is zero"));
        }
        check_letters(base)?;
        if key.left() != letters.div_ceil(8) {
            return Err(Malformed.into());
        }
        let case = bytes.len() - key.left();
        Ok(Self { database, base: base.to_ascii_lowercase(), bytes: bytes.to_vec(), case })
    }

    /// The base name as originally written.
    pub(crate) fn exact_base(&self) -> Vec<u8> {
        let bits = &self.bytes[self.case..];
        let upper = |at: usize| bits.get(at / 8).is_some_and(|byte| byte >> (at % 8) & 1 == 1);
        let restored = |(at, byte): (usize, &u8)| if upper(at) { byte.to_ascii_uppercase() } else { *byte };
        self.base.iter().enumerate().map(restored).collect()
    }

    /// Two keys with the same identity name the same container: everything except the case.
    pub(crate) fn identity(&self) -> Vec<u8> {
        self.bytes[..self.case].to_ascii_lowercase()
    }

    /// The key without its size, as in answers.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

fn check_letters(name: &[u8]) -> Result<(), Refusal> {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-./=".contains(byte);
    if name.len() > LONGEST_NAME || !name.iter().all(allowed) {
        return Err(ErrorCode::LIMITS_EXCEEDED.because("Name is too long or has forbidden characters"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<ContainerKey, Refusal> {
        ContainerKey::read(&mut Reader::new(bytes))
    }

    #[test]
    fn case_does_not_tell_names_apart() {
        let lower = read(&[0x13, 0, 0x0d, b't', b'o', b'k', b'e', b'n', b's', 0]).unwrap();
        let upper = read(&[0x13, 0, 0x0d, b't', b'o', b'k', b'e', b'n', b's', 1]).unwrap();
        assert_ne!(lower, upper);
        assert_eq!(lower.identity(), upper.identity());
    }

    #[test]
    fn affinities_and_databases_tell_names_apart() {
        let plain = read(&[0x0d, 0, 7, b't', b'o', b'k', 0]);
        let number = read(&[0x0f, 4, 7, b't', b'o', b'k', 0x0f, 0]);
        let text = read(&[0x15, 8, 7, b't', b'o', b'k', 7, b'g', b'r', b'p', 9]);
        let database = read(&[0x19, 1, 0x64, 0, 0, 0, 0, 0, 0, 0, 3, b't', 1]).unwrap();
        let all = [plain.unwrap().identity(), number.unwrap().identity(), text.unwrap().identity()];
        assert!(all[0] != all[1] && all[1] != all[2] && all[0] != all[2]);
        assert_eq!((database.database, database.base.as_slice()), (100, b"t".as_slice()));
    }

    #[test]
    fn bad_names_and_cut_keys_are_told_apart() {
        assert_eq!(read(&[7, 0, 3, b' ', 0]).unwrap_err().code, ErrorCode::LIMITS_EXCEEDED);
        assert_eq!(read(&[3, 0]).unwrap_err().code, ErrorCode::INTERNAL);
        assert_eq!(read(&[7, 0, 3, b'a']).unwrap_err().code, ErrorCode::INTERNAL);
    }
}
