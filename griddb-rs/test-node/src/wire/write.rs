//! Appending little-endian values to a message.

/// Methods that messages are written with.
pub(crate) trait Write {
    fn put(&mut self, bytes: &[u8]);

    fn put_u8(&mut self, value: u8) {
        self.put(&[value]);
    }

    fn put_bool(&mut self, value: bool) {
        self.put(&[u8::from(value)]);
    }

    fn put_i16(&mut self, value: i16) {
        self.put(&value.to_le_bytes());
    }

    fn put_i32(&mut self, value: i32) {
        self.put(&value.to_le_bytes());
    }

    fn put_i64(&mut self, value: i64) {
        self.put(&value.to_le_bytes());
    }

    /// A count from memory, so it fits in practice. A larger one would saturate.
    fn put_count32(&mut self, count: usize) {
        self.put_i32(i32::try_from(count).unwrap_or(i32::MAX));
    }

    fn put_count64(&mut self, count: usize) {
        self.put_i64(i64::try_from(count).unwrap_or(i64::MAX));
    }

    fn put_string(&mut self, text: &[u8]) {
        self.put_count32(text.len());
        self.put(text);
    }

    fn put_varsize(&mut self, size: u64) {
        match u32::try_from(size) {
            Ok(small) if small < 1 << 7 => self.put_u8(small.to_le_bytes()[0] << 1 | 1),
            Ok(medium) if medium < 1 << 30 => self.put(&(medium << 2).to_le_bytes()),
            _ => self.put(&(size << 2 | 2).to_le_bytes()),
        }
    }

    fn put_sized(&mut self, bytes: &[u8]) {
        self.put_varsize(bytes.len() as u64);
        self.put(bytes);
    }
}

impl Write for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Writes a 32-bit length before what `body` appends.
pub(crate) fn with_length(out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.put_i32(0);
    body(out);
    let length = i32::try_from(out.len() - at - 4).unwrap_or(i32::MAX);
    out[at..at + 4].copy_from_slice(&length.to_le_bytes());
}
