//! The URI at which a client takes a user back.

use url::Url;

/// The URI at which a client takes a user back: `http`, `https`, or an app's private-use scheme. A link to it cannot
/// be a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReturnUri<'a>(&'a str);

/// The text is not a URI that a page can send a user to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an absolute URI whose scheme is http, https or a reversed domain name")]
pub struct NotAReturnUri;

impl<'a> ReturnUri<'a> {
    /// Checks `uri` and keeps it unchanged.
    ///
    /// # Errors
    /// [`NotAReturnUri`] if it is not an absolute URI, or its scheme is neither `http` nor `https` nor one with a dot.
    pub fn parse(uri: &'a str) -> Result<Self, NotAReturnUri> {
        let url = Url::parse(uri).map_err(|_| NotAReturnUri)?;
        // A private-use scheme is a reversed domain name (RFC 8252 section 7.1). No scheme that runs code has a dot.
        if matches!(url.scheme(), "http" | "https") || url.scheme().contains('.') {
            Ok(Self(uri))
        } else {
            Err(NotAReturnUri)
        }
    }

    /// The URI, unchanged.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_script_is_no_way_back() {
        for uri in ["https://shop.example/bye?a=1", "http://127.0.0.1:4711/", "com.example.app:/bye"] {
            assert_eq!(ReturnUri::parse(uri).unwrap().as_str(), uri);
        }
        for uri in [
            "javascript:alert(1)",
            "java\nscript:alert(1)",
            "data:text/html,x",
            "app:/cb",
            "//x",
            "/x",
            "",
            "x.y",
        ] {
            assert_eq!(ReturnUri::parse(uri), Err(NotAReturnUri), "{uri:?}");
        }
    }

    proptest! {
        #[test]
        fn the_parser_never_panics(uri in crate::pages::test_samples::hostile_text()) {
            let _ = ReturnUri::parse(&uri);
        }
    }
}
