use std::fmt;

use super::Digest;
use crate::env::{Entropy, EntropyError};

/// The letters of a user code. Without vowels they form no words, and none of them looks like another (RFC 8628 section 6.1).
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

/// How many letters a code has: 34 bits, which the throttle makes enough (RFC 8628 section 5.1).
const LENGTH: usize = 8;

/// The longest text that is read as a code, in bytes: people add spaces and dashes.
const LONGEST_INPUT: usize = 64;

/// The code that a device shows and a person enters (RFC 8628 section 3.2): eight letters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct UserCode([u8; LENGTH]);

impl UserCode {
    /// A new code.
    pub(crate) fn new(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        let mut letters = [0; LENGTH];
        let mut at = 0;
        while at < LENGTH {
            let mut bytes = [0; LENGTH];
            entropy.fill(&mut bytes)?;
            // Only the bytes below a multiple of 20 give each letter the same chance.
            for byte in bytes.into_iter().filter(|byte| *byte < 240).take(LENGTH - at) {
                letters[at] = LETTERS[usize::from(byte) % LETTERS.len()];
                at += 1;
            }
        }
        Ok(Self(letters))
    }

    /// Reads what a person entered: in capitals or not, with spaces and dashes anywhere. `None` if it is no code.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() > LONGEST_INPUT {
            return None;
        }
        let mut letters = [0; LENGTH];
        let mut at = 0;
        // A phone may turn a dash into a longer one.
        for letter in text
            .chars()
            .filter(|c| !c.is_whitespace() && !matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}'))
        {
            let letter = u8::try_from(letter).ok()?.to_ascii_uppercase();
            *letters.get_mut(at)? = Some(letter).filter(|letter| LETTERS.contains(letter))?;
            at += 1;
        }
        (at == LENGTH).then_some(Self(letters))
    }

    /// The id of the row of its device authorization.
    pub(crate) fn row_id(&self) -> String {
        self.digest().to_text()
    }

    pub(super) fn digest(&self) -> Digest {
        Digest::of(b'u', &[&self.0])
    }
}

/// As it is shown: in two groups of four letters.
impl fmt::Display for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, second) = self.0.split_at(LENGTH / 2);
        let text = |letters| std::str::from_utf8(letters).unwrap_or_default();
        write!(f, "{}-{}", text(first), text(second))
    }
}

/// A code is a secret until it is used.
impl fmt::Debug for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserCode(..)")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;
    use crate::env::SystemEntropy;

    #[test]
    fn codes_differ_and_have_every_letter() {
        let codes: Vec<String> =
            (0..500).map(|_| UserCode::new(&SystemEntropy).unwrap().to_string()).collect();
        assert_eq!(codes.iter().collect::<HashSet<_>>().len(), codes.len());
        let letters: HashSet<char> = codes.iter().flat_map(|code| code.chars()).collect();
        assert_eq!(letters.len(), LETTERS.len() + 1, "and the dash");
        assert!(codes.iter().all(|code| code.len() == 9 && code.as_bytes()[4] == b'-'));
    }

    #[test]
    fn however_it_is_typed_it_is_the_same_code() {
        let code = UserCode::parse("WDJB-MJHT").unwrap();
        for typed in [
            "wdjbmjht",
            "WDJB MJHT",
            " wdjb - mjht ",
            "W-D-J-B-M-J-H-T",
            "WDJB\u{2013}MJHT",
            "wdjb\u{a0}mjht",
            "\tWDJB\nMJHT",
        ] {
            assert!(UserCode::parse(typed) == Some(code), "{typed:?}");
        }
        for other in [
            "",
            "-",
            "WDJB-MJH",
            "WDJB-MJHTT",
            "WDJA-MJHT",
            "WDJ8-MJHT",
            "WDJB_MJHT",
            "WDJB.MJHT",
            "\u{410}DJBMJHT",
            "\u{17f}DJBMJHT",
            "WDJB-MJHT\0",
        ] {
            assert!(UserCode::parse(other).is_none(), "{other:?}");
        }
        assert!(UserCode::parse(&"-".repeat(100)).is_none());
        assert!(UserCode::parse(&format!("WDJBMJHT{}", "-".repeat(LONGEST_INPUT))).is_none());
        assert_eq!(format!("{code:?}"), "UserCode(..)");
    }

    proptest! {
        #[test]
        fn reading_never_panics_and_what_is_shown_is_read(text in any::<String>()) {
            if let Some(code) = UserCode::parse(&text) {
                prop_assert!(UserCode::parse(&code.to_string()) == Some(code));
            }
        }
    }
}
