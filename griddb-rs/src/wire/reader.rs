//! A cursor over received bytes that never reads past their end.

use super::varsize;

/// Bytes that violate the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The message ends inside a field.
    #[error("the message ends inside {0}")]
    Short(&'static str),
    /// A field has an invalid value.
    #[error("the message has an invalid {0}")]
    Invalid(&'static str),
    /// The message is longer than allowed.
    #[error("the message is longer than allowed")]
    TooLong,
}

/// Reads fields from the front of a byte slice.
///
/// Every method returns [`DecodeError::Short`] instead of reading past the end, and none allocates more than the
/// bytes that are present.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    all: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { all: bytes, at: 0 }
    }

    /// Starts at offset `at` of `bytes`. An offset past the end counts as the end.
    pub fn starting_at(bytes: &'a [u8], at: usize) -> Self {
        Self { all: bytes, at: at.min(bytes.len()) }
    }

    /// The number of bytes read, counted from the start of the whole slice.
    pub fn position(&self) -> usize {
        self.at
    }

    /// The number of bytes left.
    pub fn remaining(&self) -> usize {
        self.all.len() - self.at
    }

    /// The remaining bytes.
    pub fn rest(&self) -> &'a [u8] {
        &self.all[self.at..]
    }

    /// Reads `count` bytes.
    pub fn bytes(&mut self, count: usize, what: &'static str) -> Result<&'a [u8], DecodeError> {
        let end = self
            .at
            .checked_add(count)
            .filter(|end| *end <= self.all.len())
            .ok_or(DecodeError::Short(what))?;
        let taken = &self.all[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], DecodeError> {
        let (head, _) = self.rest().split_first_chunk::<N>().ok_or(DecodeError::Short(what))?;
        self.at += N;
        Ok(*head)
    }

    /// Reads an unsigned byte.
    pub fn u8(&mut self, what: &'static str) -> Result<u8, DecodeError> {
        Ok(self.array::<1>(what)?[0])
    }

    /// Reads a signed byte.
    pub fn i8(&mut self, what: &'static str) -> Result<i8, DecodeError> {
        Ok(i8::from_le_bytes(self.array(what)?))
    }

    /// Reads a boolean: any byte but 0 is true.
    pub fn bool(&mut self, what: &'static str) -> Result<bool, DecodeError> {
        Ok(self.u8(what)? != 0)
    }

    /// Reads a 16-bit integer.
    pub fn i16(&mut self, what: &'static str) -> Result<i16, DecodeError> {
        Ok(i16::from_le_bytes(self.array(what)?))
    }

    /// Reads a 32-bit integer.
    pub fn i32(&mut self, what: &'static str) -> Result<i32, DecodeError> {
        Ok(i32::from_le_bytes(self.array(what)?))
    }

    /// Reads a 64-bit integer.
    pub fn i64(&mut self, what: &'static str) -> Result<i64, DecodeError> {
        Ok(i64::from_le_bytes(self.array(what)?))
    }

    /// Reads a 32-bit floating point number.
    pub fn f32(&mut self, what: &'static str) -> Result<f32, DecodeError> {
        Ok(f32::from_le_bytes(self.array(what)?))
    }

    /// Reads a 64-bit floating point number.
    pub fn f64(&mut self, what: &'static str) -> Result<f64, DecodeError> {
        Ok(f64::from_le_bytes(self.array(what)?))
    }

    /// Reads a 32-bit count or size. Negative values are invalid.
    pub fn size(&mut self, what: &'static str) -> Result<usize, DecodeError> {
        usize::try_from(self.i32(what)?).map_err(|_| DecodeError::Invalid(what))
    }

    /// Reads a 64-bit count or size. Negative values are invalid.
    pub fn long_size(&mut self, what: &'static str) -> Result<usize, DecodeError> {
        usize::try_from(self.i64(what)?).map_err(|_| DecodeError::Invalid(what))
    }

    /// Reads a count of items of at least `least` bytes each. It is checked against the remaining bytes, so it is
    /// safe for an allocation.
    pub fn count(&mut self, least: usize, what: &'static str) -> Result<usize, DecodeError> {
        let count = self.size(what)?;
        if count > self.remaining() / least.max(1) {
            return Err(DecodeError::Short(what));
        }
        Ok(count)
    }

    /// Reads a number in the variable-size encoding of rows and keys.
    pub fn varsize(&mut self, what: &'static str) -> Result<u64, DecodeError> {
        varsize::decode(self, what)
    }

    /// Reads bytes after their `varsize` length.
    pub fn var_bytes(&mut self, what: &'static str) -> Result<&'a [u8], DecodeError> {
        let size = usize::try_from(self.varsize(what)?).map_err(|_| DecodeError::Short(what))?;
        self.bytes(size, what)
    }

    /// Reads bytes after their 32-bit length, as in headers and schemas.
    pub fn sized_bytes(&mut self, what: &'static str) -> Result<&'a [u8], DecodeError> {
        let size = self.size(what)?;
        self.bytes(size, what)
    }

    /// Reads a header string, which must be UTF-8.
    pub fn string(&mut self, what: &'static str) -> Result<&'a str, DecodeError> {
        std::str::from_utf8(self.sized_bytes(what)?).map_err(|_| DecodeError::Invalid(what))
    }
}
