use std::fmt;

use zeroize::Zeroize;

/// The parameters of one request, decoded from `application/x-www-form-urlencoded` (RFC 6749 appendix B).
///
/// A parameter without a value counts as omitted (RFC 6749 section 3.1). Repeated parameters are kept: whether an
/// error may be sent to the redirect URI depends on which of them are repeated.
///
/// ```
/// use gridauth::protocol::Parameters;
///
/// let parameters = Parameters::parse(b"grant_type=password&username=israel&scope=")?;
/// assert_eq!(parameters.get("username"), Some("israel"));
/// assert_eq!(parameters.get("scope"), None);
/// # Ok::<(), gridauth::protocol::ParameterError>(())
/// ```
#[derive(Default)]
pub struct Parameters {
    pairs: Vec<(String, String)>,
}

/// Why a query or a form cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// A `%` is not followed by two hexadecimal digits.
    #[error("a percent-encoding is broken")]
    PercentEncoding,
    /// A name or a value is not UTF-8.
    #[error("a parameter is not UTF-8")]
    NotUtf8,
    /// A name, or a value other than a password, contains a control character.
    #[error("a parameter has a control character")]
    ControlCharacter,
    /// There are more than [`Parameters::MAX`] parameters.
    #[error("there are too many parameters")]
    TooMany,
}

impl Parameters {
    /// The maximum number of parameters in a request.
    pub const MAX: usize = 100;

    /// Decodes a query or a form body.
    ///
    /// # Errors
    /// [`ParameterError`] if the encoding is broken or a limit is exceeded.
    pub fn parse(encoded: &[u8]) -> Result<Self, ParameterError> {
        // Most requests need no decoding. One pass over all bytes finds out.
        let is_plain = encoded.iter().fold(true, |so_far, byte| so_far & is_plain(*byte));
        let read = |part: &[u8]| {
            let plain = || String::from_utf8(part.to_vec()).map_err(|_| ParameterError::NotUtf8);
            if is_plain { plain() } else { decode(part) }
        };
        let mut pairs = Vec::new();
        for pair in encoded.split(|b| *b == b'&').filter(|pair| !pair.is_empty()) {
            if pairs.len() == Self::MAX {
                return Err(ParameterError::TooMany);
            }
            let (name, value) = match pair.iter().position(|b| *b == b'=') {
                Some(at) => (&pair[..at], &pair[at + 1..]),
                None => (pair, &[][..]),
            };
            let (name, value) = (read(name)?, read(value)?);
            // A password may be any text (RFC 6749 appendix A). Nothing else needs control characters.
            if !is_plain && (has_control(&name) || (name != "password" && has_control(&value))) {
                return Err(ParameterError::ControlCharacter);
            }
            pairs.push((name, value));
        }
        Ok(Self { pairs })
    }

    /// Creates parameters from decoded pairs.
    ///
    /// # Errors
    /// [`ParameterError`], under the same limits as [`parse`](Self::parse).
    pub fn from_pairs(
        pairs: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>,
    ) -> Result<Self, ParameterError> {
        let pairs: Vec<(String, String)> =
            pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        if pairs.len() > Self::MAX {
            return Err(ParameterError::TooMany);
        }
        if pairs.iter().any(|(name, value)| has_control(name) || (name != "password" && has_control(value))) {
            return Err(ParameterError::ControlCharacter);
        }
        Ok(Self { pairs })
    }

    /// The value of `name`, or `None` if it is missing or empty. If `name` is repeated, its first occurrence counts.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs
            .iter()
            .find(|(own, _)| own == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// The values of `name` that are not empty, in the order sent.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        let values = self.pairs.iter().filter(move |(own, _)| own == name).map(|(_, value)| value.as_str());
        values.filter(|value| !value.is_empty())
    }

    /// Whether `name` was sent more than once.
    pub fn is_repeated(&self, name: &str) -> bool {
        self.pairs.iter().filter(|(own, _)| own == name).nth(1).is_some()
    }

    /// A name that was sent more than once, which RFC 6749 section 3.1 forbids. `resource` (RFC 8707) and `audience`
    /// (RFC 8693) may be repeated.
    pub fn repeated(&self) -> Option<&str> {
        self.pairs.iter().enumerate().find_map(|(at, (name, _))| {
            let again = self.pairs[..at].iter().any(|(before, _)| before == name);
            (again && name != "resource" && name != "audience").then_some(name.as_str())
        })
    }

    /// Names and values, in the order sent.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The parameters without those that `drop` names.
    #[must_use]
    pub fn without(mut self, drop: &[&str]) -> Self {
        let (dropped, kept) =
            std::mem::take(&mut self.pairs).into_iter().partition(|(name, _)| drop.contains(&name.as_str()));
        // As `Parameters`, so that the dropped values are wiped.
        let _wiped = Self { pairs: dropped };
        Self { pairs: kept }
    }

    /// The parameters without those that `drop` names, in encoded form.
    pub fn encode_without(&self, drop: &[&str]) -> String {
        let mut encoded = form_urlencoded::Serializer::new(String::new());
        for (name, value) in self.iter().filter(|(name, _)| !drop.contains(name)) {
            encoded.append_pair(name, value);
        }
        encoded.finish()
    }
}

impl Drop for Parameters {
    fn drop(&mut self) {
        for (_, value) in &mut self.pairs {
            value.zeroize();
        }
    }
}

/// Shows the names only: values include passwords, codes and tokens.
impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.pairs.iter().map(|(name, _)| name)).finish()
    }
}

/// Whether the byte needs no decoding and is not a control character.
fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') & !matches!(byte, b'+' | b'%')
}

/// Whether the text contains a control character.
pub(crate) fn has_control(text: &str) -> bool {
    // Nearly all text is ASCII. The compiler can vectorize a fold over its bytes.
    let (ascii, control) = text.bytes().fold((true, false), |(ascii, control), byte| {
        (ascii & byte.is_ascii(), control | byte.is_ascii_control())
    });
    control || (!ascii && text.chars().any(char::is_control))
}

/// Decodes one name or value: `+` is a space, `%` with two hexadecimal digits is a byte.
pub(crate) fn decode(encoded: &[u8]) -> Result<String, ParameterError> {
    let is_plain = !encoded.iter().fold(false, |escaped, byte| escaped | matches!(byte, b'+' | b'%'));
    if is_plain {
        return std::str::from_utf8(encoded).map(str::to_owned).map_err(|_| ParameterError::NotUtf8);
    }
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'+' | b'%')) {
        let (plain, escaped) = rest.split_at(at);
        bytes.extend_from_slice(plain);
        rest = match escaped {
            [b'+', rest @ ..] => {
                bytes.push(b' ');
                rest
            }
            [b'%', high, low, rest @ ..] => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16);
                let (high, low) = digit(high).zip(digit(low)).ok_or(ParameterError::PercentEncoding)?;
                bytes.push((high * 16 + low) as u8);
                rest
            }
            _ => return Err(ParameterError::PercentEncoding),
        };
    }
    bytes.extend_from_slice(rest);
    String::from_utf8(bytes).map_err(|_| ParameterError::NotUtf8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(encoded: &[u8]) -> ParameterError {
        Parameters::parse(encoded).err().unwrap()
    }

    #[test]
    fn broken_encodings_are_refused() {
        for bad in [&b"a=%"[..], b"a=%4", b"a=%zz", b"%=1", b"a=%+1"] {
            assert_eq!(refused(bad), ParameterError::PercentEncoding);
        }
        assert_eq!(refused(b"a=%ff"), ParameterError::NotUtf8);
        assert_eq!(refused(b"a=\xc3"), ParameterError::NotUtf8);
        assert_eq!(refused(b"a=%00"), ParameterError::ControlCharacter);
        assert_eq!(refused(b"a=b%0d%0aSet-Cookie: x"), ParameterError::ControlCharacter);
    }

    #[test]
    fn a_password_may_have_any_character() {
        assert_eq!(Parameters::parse(b"password=a%09b").unwrap().get("password"), Some("a\tb"));
    }

    #[test]
    fn too_many_are_refused() {
        let many = "a=1&".repeat(Parameters::MAX + 1);
        assert_eq!(refused(many.as_bytes()), ParameterError::TooMany);
    }

    #[test]
    fn repetition_is_detected_even_if_a_value_is_empty() {
        let parameters = Parameters::parse(b"state=&x=1&state=2").unwrap();
        assert_eq!(parameters.repeated(), Some("state"));
        assert!(parameters.is_repeated("state"));
        assert!(Parameters::parse(b"resource=1&resource=2").unwrap().repeated().is_none());
    }

    #[test]
    fn debug_output_contains_no_value() {
        let shown = format!("{:?}", Parameters::parse(b"password=imru").unwrap());
        assert_eq!(shown, r#"["password"]"#);
    }

    proptest! {
        #[test]
        fn parsing_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Parameters::parse(&bytes);
        }

        #[test]
        fn the_fast_path_agrees_with_decoding(text in "[ -~\t\u{7f}é\u{85}&=+%]{0,60}") {
            let pairs = |encoded: &str| {
                let parsed = Parameters::parse(encoded.as_bytes());
                parsed.map(|all| all.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect::<Vec<_>>())
            };
            let mut decoded = pairs(&format!("{text}&last=%41"));
            if let Ok(pairs) = &mut decoded {
                prop_assert_eq!(pairs.pop(), Some(("last".to_owned(), "A".to_owned())));
            }
            prop_assert_eq!(pairs(&text), decoded);
        }

        #[test]
        fn control_characters_are_found_in_any_text(text in "[a-c\\p{Cc}é]{0,12}") {
            prop_assert_eq!(has_control(&text), text.chars().any(char::is_control));
        }

        #[test]
        fn encoding_round_trips(pairs in proptest::collection::vec(("[^\\p{Cc}]{1,8}", "[^\\p{Cc}]{0,8}"), 0..8)) {
            let given = Parameters::from_pairs(pairs.clone()).unwrap();
            let again = Parameters::parse(given.encode_without(&[]).as_bytes()).unwrap();
            let seen: Vec<_> = again.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
            prop_assert_eq!(seen, pairs);
        }
    }
}
