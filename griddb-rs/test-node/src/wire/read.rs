//! Reading little-endian values from a message, never past its end.

/// The bytes end early or do not have the expected form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

/// A position in a message.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    left: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { left: bytes }
    }

    pub(crate) fn left(&self) -> usize {
        self.left.len()
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.left
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        if count > self.left.len() {
            return Err(Malformed);
        }
        let (head, tail) = self.left.split_at(count);
        self.left = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.take(N)?.try_into().map_err(|_| Malformed)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Malformed> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    pub(crate) fn i8(&mut self) -> Result<i8, Malformed> {
        Ok(i8::from_le_bytes(self.array()?))
    }

    pub(crate) fn bool(&mut self) -> Result<bool, Malformed> {
        Ok(self.u8()? != 0)
    }

    pub(crate) fn i16(&mut self) -> Result<i16, Malformed> {
        Ok(i16::from_le_bytes(self.array()?))
    }

    pub(crate) fn i32(&mut self) -> Result<i32, Malformed> {
        Ok(i32::from_le_bytes(self.array()?))
    }

    pub(crate) fn i64(&mut self) -> Result<i64, Malformed> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    /// A count or size encoded as a signed number. Negative ones are invalid.
    pub(crate) fn count32(&mut self) -> Result<usize, Malformed> {
        usize::try_from(self.i32()?).map_err(|_| Malformed)
    }

    pub(crate) fn count64(&mut self) -> Result<usize, Malformed> {
        usize::try_from(self.i64()?).map_err(|_| Malformed)
    }

    /// A string of headers and schemas: a 32-bit length and the bytes.
    pub(crate) fn string(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.count32()?;
        self.take(length)
    }

    /// A size in rows and keys, in one, four or eight bytes.
    pub(crate) fn varsize(&mut self) -> Result<u64, Malformed> {
        let first = *self.left.first().ok_or(Malformed)?;
        if first & 1 == 1 {
            self.left = &self.left[1..];
            Ok(u64::from(first >> 1))
        } else if first & 2 == 0 {
            Ok(u64::from(u32::from_le_bytes(self.array()?) >> 2))
        } else {
            Ok(u64::from_le_bytes(self.array()?) >> 2)
        }
    }

    /// A string of rows and keys: its size and the bytes.
    pub(crate) fn sized(&mut self) -> Result<&'a [u8], Malformed> {
        let size = usize::try_from(self.varsize()?).map_err(|_| Malformed)?;
        self.take(size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::write::Write;

    #[test]
    fn sizes_read_back_as_written() {
        let known: [(u64, &[u8]); 6] = [
            (0, &[1]),
            (1, &[3]),
            (127, &[0xff]),
            (128, &[0, 2, 0, 0]),
            (16384, &[0, 0, 1, 0]),
            ((1 << 30) - 1, &[0xfc, 0xff, 0xff, 0xff]),
        ];
        for (size, bytes) in known {
            let mut out = Vec::new();
            out.put_varsize(size);
            assert_eq!(out, bytes);
            assert_eq!(Reader::new(&out).varsize(), Ok(size));
        }
        let mut out = Vec::new();
        out.put_varsize(1 << 30);
        assert_eq!(out.len(), 8);
        assert_eq!(Reader::new(&out).varsize(), Ok(1 << 30));
    }

    #[test]
    fn nothing_is_read_past_the_end() {
        assert_eq!(Reader::new(&[1, 0, 0]).i32(), Err(Malformed));
        assert_eq!(Reader::new(&[4, 0, 0, 0, b'a']).string(), Err(Malformed));
        assert_eq!(Reader::new(&[0xff, 0xff, 0xff, 0xff]).string(), Err(Malformed));
        assert_eq!(Reader::new(&[5, b'a']).sized(), Err(Malformed));
        assert_eq!(Reader::new(&[]).varsize(), Err(Malformed));
    }
}
