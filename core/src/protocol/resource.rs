//! Resource indicators (RFC 8707 section 2).

use url::Url;

/// The identifier of a protected resource: an absolute `http` or `https` URI without a fragment (RFC 8707 section 2, RFC 9728 section
/// 1.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ResourceId {
    text: Box<str>,
    url: Url,
}

impl ResourceId {
    /// Reads an identifier.
    ///
    /// # Errors
    /// What has to change about it.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        if !text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'<' | b'>' | b'\\' | b'`')) {
            return Err("it must be in ASCII, without spaces, quotes and backslashes");
        }
        if text.contains('#') {
            return Err("it must have no fragment");
        }
        let url = Url::parse(text).map_err(|_| "it is not an absolute URI")?;
        let has_slashes = text.split_once(':').is_some_and(|(_, rest)| rest.starts_with("//"));
        if !matches!(url.scheme(), "https" | "http") || !has_slashes || !url.has_host() {
            return Err("it must be an http or https URI");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("it must have no user information");
        }
        Ok(Self { text: text.into(), url })
    }

    /// As it was written.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a request that names `requested` means this resource. Scheme and host may be in capitals, and an empty path is `/` (RFC
    /// 3986 sections 6.2.2.1 and 6.2.3): URL libraries add that slash by themselves.
    pub(crate) fn is(&self, requested: &str) -> bool {
        // The rest is compared as written: a parser would resolve dot segments.
        *self.text == *requested
            || Self::parse(requested).is_ok_and(|other| other.url == self.url && other.path() == self.path())
    }

    /// Its path and query; empty for the root.
    pub(crate) fn path(&self) -> &str {
        match raw_path(&self.text) {
            "/" => "",
            path => path,
        }
    }

    /// Scheme, host and port, as written.
    pub(crate) fn origin(&self) -> &str {
        self.text.strip_suffix(raw_path(&self.text)).unwrap_or(&self.text)
    }
}

/// What follows the authority of a URI, as written.
fn raw_path(uri: &str) -> &str {
    let authority = uri.find("://").map_or(0, |at| at + 3);
    let rest = uri.get(authority..).unwrap_or_default();
    rest.find(['/', '?']).and_then(|at| rest.get(at..)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_an_absolute_uri_without_fragment() {
        for good in
            ["https://api.example.com", "https://api.example.com/notes?v=2", "http://127.0.0.1:8080/mcp"]
        {
            assert!(ResourceId::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "notes",
            "/notes",
            "https:",
            "https:api.example.com",
            "https://",
            "https://api.example.com/#",
            "https://api.example.com/#x",
            "https://user@api.example.com/",
            "https://api.example.com/a b",
            "https://api.example.com\\notes",
            "urn:example:notes",
            "javascript:alert(1)",
            "ftp://api.example.com/",
        ] {
            assert!(ResourceId::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_the_same_resource_is_meant() {
        let root = ResourceId::parse("https://api.example.com").unwrap();
        for same in ["https://api.example.com", "https://api.example.com/", "HTTPS://API.example.com"] {
            assert!(root.is(same), "{same}");
        }
        let notes = ResourceId::parse("https://api.example.com/notes").unwrap();
        assert!(notes.is("https://api.example.com/notes") && notes.is("https://API.example.com/notes"));
        for other in [
            "https://api.example.com",
            "https://api.example.com/notes/",
            "https://api.example.com/Notes",
            "https://api.example.com/notes?",
            "https://api.example.com/notes#",
            "https://api.example.com/x/../notes",
            "https://api.example.com/%6eotes",
            "https://api.example.com//notes",
            "http://api.example.com/notes",
            "https://api.example.com:8443/notes",
            "https://api.example.com.evil.example/notes",
            "https://api.example.com@evil.example/notes",
        ] {
            assert!(!notes.is(other), "{other}");
        }
    }

    #[test]
    fn origin_and_path_make_the_identifier() {
        for (text, origin, path) in [
            ("https://api.example.com", "https://api.example.com", ""),
            ("https://api.example.com/", "https://api.example.com", ""),
            ("https://api.example.com/a/b?c=1", "https://api.example.com", "/a/b?c=1"),
            ("http://[::1]:8080/mcp", "http://[::1]:8080", "/mcp"),
        ] {
            let id = ResourceId::parse(text).unwrap();
            assert_eq!((id.origin(), id.path()), (origin, path), "{text}");
        }
    }
}
