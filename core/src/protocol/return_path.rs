use std::fmt;

use url::Url;

/// Where a browser may be sent after a sign-in: a path on the server's own origin, with its query.
///
/// ```
/// use gridauth::protocol::ReturnPath;
///
/// assert!(ReturnPath::parse("/orders?page=2").is_some());
/// assert!(ReturnPath::parse("https://evil.example/").is_none());
/// assert!(ReturnPath::parse("//evil.example/").is_none());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnPath(String);

impl ReturnPath {
    /// The longest one, in bytes.
    pub const MAX_LENGTH: usize = 2048;

    /// Checks a text. `None` if a browser could take it for anything else than a path on the origin of the page.
    pub fn parse(text: &str) -> Option<Self> {
        // A browser drops tabs and line ends, and takes a backslash for a slash.
        let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        if text.len() > Self::MAX_LENGTH || !is_plain || !text.starts_with('/') || text.starts_with("//") {
            return None;
        }
        let own = Url::parse("https://origin.invalid/").ok()?;
        let joined = own.join(text).ok()?;
        (joined.origin() == own.origin()).then(|| Self(text.to_owned()))
    }

    /// The path and the query.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ReturnPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_paths_on_the_own_origin_are_accepted() {
        for path in [
            "/",
            "/orders",
            "/orders?page=2&x=//y#top",
            "/a//b",
            "/%2F/evil.example",
            "/./x",
            "/@evil.example",
        ] {
            assert_eq!(ReturnPath::parse(path).unwrap().as_str(), path);
        }
        for other in [
            "",
            "orders",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "\t//evil.example",
            " /orders",
            "/orders ",
            "https://evil.example",
            "https:/evil.example",
            "javascript:alert(1)",
            "?x=1",
            "#x",
            "/ü",
            "/\u{0}",
        ] {
            assert_eq!(ReturnPath::parse(other), None, "{other:?}");
        }
        assert!(ReturnPath::parse(&format!("/{}", "a".repeat(ReturnPath::MAX_LENGTH))).is_none());
    }

    proptest! {
        #[test]
        fn what_is_accepted_stays_on_any_origin(text in "[/\\\\a-z.:@?#%\\t 0-9]{0,40}", prefix in "(/|//|/\\\\|\\./|)") {
            let text = format!("{prefix}{text}");
            if ReturnPath::parse(&text).is_some() {
                for base in ["https://id.example.com/oauth/account", "http://127.0.0.1:8080/base/oauth/account?x=1"] {
                    let base = Url::parse(base).unwrap();
                    prop_assert_eq!(base.join(&text).unwrap().origin(), base.origin());
                }
            }
        }
    }
}
