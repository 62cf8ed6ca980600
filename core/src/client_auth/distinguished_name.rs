//! Distinguished names as text (RFC 4514).

use x509_parser::x509::X509Name;

/// The parts of a distinguished name, the most specific first, as RFC 4514 writes them. Two names are the same if all their parts
/// are; case and the number of spaces do not matter (RFC 5280 section 7.1).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DistinguishedName(Vec<Vec<Attribute>>);

/// An attribute: its type as a dotted number, and its value.
type Attribute = (String, String);

/// The names of attribute types in RFC 4514 section 3, and those of others that certificates of clients have.
const TYPES: &[(&str, &str)] = &[
    ("cn", "2.5.4.3"),
    ("sn", "2.5.4.4"),
    ("serialnumber", "2.5.4.5"),
    ("c", "2.5.4.6"),
    ("l", "2.5.4.7"),
    ("st", "2.5.4.8"),
    ("street", "2.5.4.9"),
    ("o", "2.5.4.10"),
    ("ou", "2.5.4.11"),
    ("title", "2.5.4.12"),
    ("businesscategory", "2.5.4.15"),
    ("postalcode", "2.5.4.17"),
    ("gn", "2.5.4.42"),
    ("organizationidentifier", "2.5.4.97"),
    ("dc", "0.9.2342.19200300.100.1.25"),
    ("uid", "0.9.2342.19200300.100.1.1"),
    ("emailaddress", "1.2.840.113549.1.9.1"),
    ("jurisdictionl", "1.3.6.1.4.1.311.60.2.1.1"),
    ("jurisdictionst", "1.3.6.1.4.1.311.60.2.1.2"),
    ("jurisdictionc", "1.3.6.1.4.1.311.60.2.1.3"),
];

impl DistinguishedName {
    /// Reads the text of a name. `None` if it is malformed, empty, or has a type that has no name here.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let parts = split(text, ',').into_iter().map(|part| {
            let attributes = split(part, '+').into_iter().map(parse_attribute);
            attributes.collect::<Option<Vec<Attribute>>>().map(sorted)
        });
        parts.collect::<Option<_>>().map(Self)
    }

    /// The name in a certificate. `None` if it is empty, or a value is no text.
    pub(super) fn of(name: &X509Name<'_>) -> Option<Self> {
        let parts = name.iter_rdn().map(|part| {
            let attributes = part.iter().map(|attribute| {
                let value = attribute.as_str().ok()?;
                Some((attribute.attr_type().to_id_string(), normal(value)))
            });
            attributes.collect::<Option<Vec<Attribute>>>().map(sorted)
        });
        let mut parts = parts.collect::<Option<Vec<_>>>().filter(|parts| !parts.is_empty())?;
        parts.reverse();
        Some(Self(parts))
    }
}

/// The order of the attributes of one part does not matter.
fn sorted(mut attributes: Vec<Attribute>) -> Vec<Attribute> {
    attributes.sort();
    attributes
}

/// Splits a text where the character is not escaped.
fn split(text: &str, at: char) -> Vec<&str> {
    let (mut parts, mut start, mut is_escaped) = (Vec::new(), 0, false);
    for (index, c) in text.char_indices() {
        if c == at && !is_escaped {
            parts.push(&text[start..index]);
            start = index + 1;
        }
        is_escaped = c == '\\' && !is_escaped;
    }
    parts.push(&text[start..]);
    parts
}

fn parse_attribute(text: &str) -> Option<Attribute> {
    let (name, value) = text.split_once('=')?;
    let name = name.trim().to_ascii_lowercase();
    let is_number = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let known = TYPES.iter().find(|(own, _)| *own == name).map(|(_, number)| (*number).to_owned());
    let number = known.or_else(|| is_number.then_some(name))?;
    let value = normal(&unescape(value.trim_start())?);
    (!value.is_empty()).then_some((number, value))
}

/// Resolves escapes: a backslash before a special character, or before two hexadecimal digits of a byte in UTF-8.
fn unescape(value: &str) -> Option<String> {
    // The hexadecimal form of a value that is no text.
    if value.starts_with('#') {
        return None;
    }
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first != b'\\' {
            bytes.push(*first);
            rest = after;
            continue;
        }
        let pair = after.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        let digits = pair.filter(|pair| pair.bytes().all(|digit| digit.is_ascii_hexdigit()));
        if let Some(byte) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            bytes.push(byte);
            rest = &after[2..];
        } else {
            let (escaped, after) = after.split_first()?;
            if !b" \"#+,;<=>\\".contains(escaped) {
                return None;
            }
            bytes.push(*escaped);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

fn normal(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_the_same_however_they_are_written() {
        let name = DistinguishedName::parse("CN=Steve Kille,O=Isode Limited,C=GB").unwrap();
        for same in [
            "cn=steve  kille, o=ISODE LIMITED, c=gb",
            "2.5.4.3=Steve Kille,2.5.4.10=Isode Limited,2.5.4.6=GB",
            "CN=Steve\\20Kille,O=Isode Limited,C=GB",
        ] {
            assert_eq!(DistinguishedName::parse(same).as_ref(), Some(&name), "{same}");
        }
        for other in [
            "CN=Steve Kille,O=Isode Limited",
            "C=GB,O=Isode Limited,CN=Steve Kille",
            "CN=Steve Kille+O=Isode Limited,C=GB",
            "CN=SteveKille,O=Isode Limited,C=GB",
        ] {
            assert_ne!(DistinguishedName::parse(other).as_ref(), Some(&name), "{other}");
        }
        let several = DistinguishedName::parse("OU=Sales+CN=J. Smith,DC=example");
        assert_eq!(several, DistinguishedName::parse("CN=J. Smith+OU=Sales,DC=example"));
    }

    #[test]
    fn malformed_names_are_refused() {
        for bad in ["", "client", "=a", "CN=", "CN=a,", ",CN=a", "CN=a\\", "CN=a\\x", "XX=a", "CN=#04024869"]
        {
            assert_eq!(DistinguishedName::parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in any::<String>(), close in "[CNO=,+\\\\ #a0-9\u{e9}]{0,30}") {
            let _ = DistinguishedName::parse(&text);
            let _ = DistinguishedName::parse(&close);
        }

        #[test]
        fn a_value_is_read_as_it_was_escaped(value in "[a-z,+\"\\\\<>;=#]{1,12}") {
            let escaped: String = value.chars().flat_map(|c| {
                let special = !c.is_ascii_lowercase();
                special.then_some('\\').into_iter().chain([c])
            }).collect();
            let expected = DistinguishedName(vec![vec![("2.5.4.3".to_owned(), value)]]);
            prop_assert_eq!(DistinguishedName::parse(&format!("CN={escaped}")), Some(expected));
        }
    }
}
