//! The variable-size numbers of rows and keys (protocol 5.3).
//!
//! One byte below 128, four bytes below 2^30, otherwise eight. The low bits of the first byte tell which.

use super::reader::{DecodeError, Reader};

/// The largest number that can be encoded.
pub const MAX: u64 = (1 << 62) - 1;

/// Appends `value`. Numbers above [`MAX`] cannot be encoded; lengths never reach it.
pub fn encode(out: &mut Vec<u8>, value: u64) {
    if value < 1 << 7 {
        out.push((value as u8) << 1 | 1);
    } else if value < 1 << 30 {
        out.extend_from_slice(&((value as u32) << 2).to_le_bytes());
    } else {
        out.extend_from_slice(&(value.min(MAX) << 2 | 2).to_le_bytes());
    }
}

/// Appends `bytes` after their length.
pub fn encode_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    encode(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

pub(super) fn decode(reader: &mut Reader<'_>, what: &'static str) -> Result<u64, DecodeError> {
    let first = *reader.rest().first().ok_or(DecodeError::Short(what))?;
    if first & 1 == 1 {
        reader.u8(what)?;
        return Ok(u64::from(first >> 1));
    }
    if first & 2 == 0 {
        return Ok(u64::from(reader.i32(what)? as u32 >> 2));
    }
    Ok(reader.i64(what)? as u64 >> 2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(value: u64) -> Vec<u8> {
        let mut out = Vec::new();
        encode(&mut out, value);
        out
    }

    #[test]
    fn measured_vectors() {
        assert_eq!(encoded(0), [0x01]);
        assert_eq!(encoded(1), [0x03]);
        assert_eq!(encoded(127), [0xff]);
        assert_eq!(encoded(128), [0x00, 0x02, 0x00, 0x00]);
        assert_eq!(encoded(16384), [0x00, 0x00, 0x01, 0x00]);
        assert_eq!(encoded((1 << 30) - 1), [0xfc, 0xff, 0xff, 0xff]);
    }

    #[test]
    fn a_cut_number_is_short() {
        for value in [128, 1 << 30] {
            let bytes = encoded(value);
            for cut in 0..bytes.len() {
                assert_eq!(Reader::new(&bytes[..cut]).varsize("n"), Err(DecodeError::Short("n")));
            }
        }
    }

    proptest! {
        #[test]
        fn round_trip(value in prop_oneof![0..300u64, (1 << 30) - 5..(1 << 30) + 5u64, 0..=MAX]) {
            let bytes = encoded(value);
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(reader.varsize("n"), Ok(value));
            prop_assert_eq!(reader.remaining(), 0);
        }
    }
}
