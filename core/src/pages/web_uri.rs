//! The URIs that pages link to.

use url::Url;

/// An absolute `http` or `https` URI. A link to it cannot be a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebUri<'a>(&'a str);

/// The text is not an absolute `http` or `https` URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an absolute http or https URI")]
pub struct NotAWebUri;

impl<'a> WebUri<'a> {
    /// Checks `uri` and keeps it unchanged.
    ///
    /// # Errors
    /// [`NotAWebUri`] if it is not an absolute URI, or its scheme is neither `http` nor `https`.
    pub fn parse(uri: &'a str) -> Result<Self, NotAWebUri> {
        let url = Url::parse(uri).map_err(|_| NotAWebUri)?;
        if matches!(url.scheme(), "http" | "https") { Ok(Self(uri)) } else { Err(NotAWebUri) }
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
    fn only_web_uris_become_links() {
        for uri in ["https://shop.example", "HTTP://shop.example/a?b#c"] {
            assert_eq!(WebUri::parse(uri).unwrap().as_str(), uri);
        }
        for uri in [
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            "java\nscript:alert(1)",
            "data:text/html,x",
            "//x",
            "/x",
            "",
            "shop.example",
        ] {
            assert_eq!(WebUri::parse(uri), Err(NotAWebUri), "{uri:?}");
        }
    }

    proptest! {
        #[test]
        fn the_parser_never_panics(uri in crate::pages::test_samples::hostile_text()) {
            let _ = WebUri::parse(&uri);
        }
    }
}
