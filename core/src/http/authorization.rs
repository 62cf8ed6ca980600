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
    /// There is more than one header, or the value is not printable ASCII.
    Malformed,
}

/// The `Authorization` header of a request.
pub(crate) fn authorization_of(head: &impl RequestHead) -> AuthorizationHeader<'_> {
    authorization_in(head.header_values(&AUTHORIZATION))
}

/// Reads the values of all `Authorization` headers. A value that is not UTF-8 counts as absent, because Rocket drops such a
/// value, and the meaning of a request must not depend on the framework.
pub(crate) fn authorization_in<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> AuthorizationHeader<'a> {
    let mut values = values.into_iter().filter_map(|value| std::str::from_utf8(value).ok());
    let Some(text) = values.next() else { return AuthorizationHeader::Absent };
    // A fold without an early exit, which the compiler can vectorize.
    let is_text = text.bytes().fold(true, |so_far, byte| so_far & matches!(byte, b'\t' | 0x20..=0x7e));
    if values.next().is_some() || !is_text {
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
    fn a_value_that_is_not_utf_8_counts_as_absent() {
        let unreadable: &[u8] = b"Bearer \xff";
        assert!(matches!(authorization_in([unreadable]), AuthorizationHeader::Absent));
        assert!(matches!(
            authorization_in([unreadable, b"Bearer x".as_slice()]),
            AuthorizationHeader::Scheme { name: "Bearer", credentials: "x" }
        ));
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
            let readable: Vec<&str> =
                values.iter().filter_map(|value| std::str::from_utf8(value).ok()).collect();
            let is_text = |value: &str| value.chars().all(|c| c == '\t' || (' '..='~').contains(&c));
            match authorization_in(values.iter().map(Vec::as_slice)) {
                AuthorizationHeader::Absent => prop_assert!(readable.is_empty()),
                AuthorizationHeader::Malformed => {
                    prop_assert!(readable.len() > 1 || !is_text(readable[0]))
                }
                AuthorizationHeader::Scheme { name, credentials } => {
                    prop_assert_eq!(readable.len(), 1);
                    prop_assert!(is_text(readable[0]) && !name.contains(' ') && !credentials.starts_with(' '));
                    let spaces = readable[0].len() - name.len() - credentials.len();
                    prop_assert_eq!(readable[0], format!("{name}{}{credentials}", " ".repeat(spaces)));
                }
            }
        }
    }
}
