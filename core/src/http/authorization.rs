//! The `Authorization` header (RFC 9110 section 11.6.2).

use http::header::AUTHORIZATION;

use super::RequestHead;

/// An `Authorization` header, split into scheme and credentials.
pub(crate) enum AuthorizationHeader<'a> {
    Absent,
    Scheme {
        name: &'a str,
        credentials: &'a str,
    },
    /// More than one, or one with text beyond ASCII.
    Malformed,
}

/// The `Authorization` header of a request.
pub(crate) fn authorization_of(head: &impl RequestHead) -> AuthorizationHeader<'_> {
    authorization_in(head.header_values(&AUTHORIZATION))
}

/// The credentials in the values of all `Authorization` headers. Two of them are malformed, whatever they hold: who reads the first
/// one and who reads the last disagree. A single one that is not UTF-8 counts as not sent. Rocket drops such a value before anybody
/// sees it, so on Rocket it counts as not sent beside another one too.
pub(crate) fn authorization_in<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> AuthorizationHeader<'a> {
    let mut values = values.into_iter();
    let Some(value) = values.next() else { return AuthorizationHeader::Absent };
    if values.next().is_some() {
        return AuthorizationHeader::Malformed;
    }
    let Ok(text) = std::str::from_utf8(value) else { return AuthorizationHeader::Absent };
    // A fold without an early exit: the compiler looks at whole words.
    let is_text = text.bytes().fold(true, |so_far, byte| so_far & matches!(byte, b'\t' | 0x20..=0x7e));
    if !is_text {
        return AuthorizationHeader::Malformed;
    }
    let (name, rest) = text.split_at(text.bytes().position(|byte| byte == b' ').unwrap_or(text.len()));
    let spaces = rest.bytes().position(|byte| byte != b' ').unwrap_or(rest.len());
    AuthorizationHeader::Scheme { name, credentials: rest.split_at(spaces).1 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_value_that_is_not_utf_8_counts_as_not_sent_where_it_is_the_only_one() {
        let unreadable: &[u8] = b"Bearer \xff";
        assert!(matches!(authorization_in([unreadable]), AuthorizationHeader::Absent));
        for values in [[unreadable, b"Bearer x"], [b"Bearer x", unreadable], [unreadable, unreadable]] {
            assert!(matches!(authorization_in(values), AuthorizationHeader::Malformed));
        }
    }

    #[test]
    fn two_values_and_text_beyond_ascii_are_malformed() {
        for values in
            [&[b"Bearer x".as_slice(), b"Bearer x"][..], &["Bearer \u{e9}".as_bytes()], &[b"Bearer \x7f"]]
        {
            assert!(matches!(authorization_in(values.iter().copied()), AuthorizationHeader::Malformed));
        }
    }

    #[test]
    fn the_scheme_ends_at_the_first_space() {
        for (value, name, credentials) in [
            ("Bearer a b", "Bearer", "a b"),
            ("Bearer   a", "Bearer", "a"),
            ("Bearer", "Bearer", ""),
            ("", "", ""),
        ] {
            match authorization_in([value.as_bytes()]) {
                AuthorizationHeader::Scheme { name: n, credentials: c } => {
                    assert_eq!((n, c), (name, credentials))
                }
                _ => panic!("{value}"),
            }
        }
    }

    proptest! {
        /// What is read is exactly the one value that was sent.
        #[test]
        fn any_headers_are_read_or_refused(
            values in proptest::collection::vec(
                prop_oneof![
                    any::<Vec<u8>>(),
                    "[ -~\t]{0,40}".prop_map(String::into_bytes),
                    "(Bearer|bearer|Basic|)[ \t]{0,3}[A-Za-z0-9+/=._~-]{0,40}[ \t,]{0,2}".prop_map(String::into_bytes),
                    ".{0,20}".prop_map(String::into_bytes),
                ],
                0..4,
            )
        ) {
            let only = match values.as_slice() {
                [only] => std::str::from_utf8(only).ok(),
                _ => None,
            };
            let is_text = |value: &str| value.chars().all(|c| c == '\t' || (' '..='~').contains(&c));
            match authorization_in(values.iter().map(Vec::as_slice)) {
                AuthorizationHeader::Absent => prop_assert!(values.len() < 2 && only.is_none()),
                AuthorizationHeader::Malformed => {
                    prop_assert!(values.len() > 1 || only.is_some_and(|only| !is_text(only)))
                }
                AuthorizationHeader::Scheme { name, credentials } => {
                    let only = only.expect("one value");
                    prop_assert!(is_text(only) && !name.contains(' ') && !credentials.starts_with(' '));
                    let spaces = only.len() - name.len() - credentials.len();
                    prop_assert_eq!(only, format!("{name}{}{credentials}", " ".repeat(spaces)));
                }
            }
        }
    }
}
