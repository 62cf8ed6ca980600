//! The one length of base64url that every guarded request brings, read quicker than the crate for all lengths does.

/// The 48 bytes that 64 characters of base64url say; `None` where they are not base64url. 64 characters have no bits to
/// spare, so the bytes have no other spelling.
///
/// All characters go through the same steps: the compiler takes many at a time, and how long it takes tells nothing of a
/// secret.
pub(super) fn decode_64(text: &[u8; 64]) -> Option<[u8; 48]> {
    let mut values = [0; 64];
    let mut all_known = 0xff;
    for (value, character) in values.iter_mut().zip(text) {
        let (known, worth) = value_of(*character);
        *value = worth;
        all_known &= known;
    }
    let mut bytes = [0; 48];
    for (six, eight) in bytes.as_chunks_mut::<6>().0.iter_mut().zip(values.as_chunks::<8>().0) {
        // Eight times 6 bits, each in a byte: pairs, then fours, then all are moved together.
        let bits = u64::from_be_bytes(*eight);
        let bits = (bits & 0x3f00_3f00_3f00_3f00) >> 2 | bits & 0x003f_003f_003f_003f;
        let bits = (bits & 0x0fff_0000_0fff_0000) >> 4 | bits & 0x0000_0fff_0000_0fff;
        let bits = (bits & 0x00ff_ffff_0000_0000) >> 8 | bits & 0x0000_0000_00ff_ffff;
        let [_, _, rest @ ..] = bits.to_be_bytes();
        *six = rest;
    }
    (all_known == 0xff).then_some(bytes)
}

/// What a character stands for, behind all ones; zeros where it stands for nothing.
fn value_of(character: u8) -> (u8, u8) {
    let mut found = (0, 0);
    // RFC 4648 section 5.
    for (first, last, value) in
        [(b'A', b'Z', 0), (b'a', b'z', 26), (b'0', b'9', 52), (b'-', b'-', 62), (b'_', b'_', 63)]
    {
        let known = if character >= first && character <= last { 0xff } else { 0 };
        found.0 |= known;
        found.1 |= known & character.wrapping_sub(first).wrapping_add(value);
    }
    found
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_character_is_read_at_every_place_as_the_crate_reads_it() {
        for place in 0..64 {
            for character in 0..=0xff {
                let mut text = [b'b'; 64];
                text[place] = character;
                let theirs = URL_SAFE_NO_PAD.decode(text).ok();
                assert_eq!(decode_64(&text).map(Vec::from), theirs, "{character} at {place}");
            }
        }
    }

    proptest! {
        #[test]
        fn what_the_crate_writes_is_read(bytes in proptest::collection::vec(any::<u8>(), 48)) {
            let text = URL_SAFE_NO_PAD.encode(&bytes);
            prop_assert_eq!(decode_64(text.as_bytes().as_array().unwrap()).map(Vec::from), Some(bytes));
        }
    }
}
