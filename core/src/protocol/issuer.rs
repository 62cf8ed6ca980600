use url::Url;

/// The issuer identifier (RFC 8414 section 2), from configuration and never from a request.
pub(crate) struct Issuer {
    /// As it was given: it is compared character by character.
    pub(crate) url: String,
    /// Its path; empty for none.
    pub(crate) path: String,
    pub(crate) is_https: bool,
    /// Whether its host is on the loopback: development and tests.
    pub(crate) is_loopback: bool,
    /// Whether it is plain `http` to a host other than the loopback.
    pub(crate) is_unprotected: bool,
}

impl Issuer {
    /// Reads an issuer identifier.
    ///
    /// # Errors
    /// What has to change about it.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let url = Url::parse(text).map_err(|_| "it is not an absolute URL")?;
        let scheme = ["https", "http"].into_iter().find(|scheme| *scheme == url.scheme());
        let scheme = scheme.ok_or("it must begin with https:// or http://")?;
        if !text.starts_with(&format!("{scheme}://")) || url.host_str().is_none_or(str::is_empty) {
            return Err("it is not an absolute URL");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("it must have no query and no fragment");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("it must have no user information");
        }
        if text.ends_with('/') {
            return Err("it must not end with a slash");
        }
        let path = if url.path() == "/" { String::new() } else { url.path().to_owned() };
        if !is_plain_path(&path) {
            return Err("its path must be segments of letters, digits and - . _ ~");
        }
        // What a URL parser would write otherwise, a client would compare in vain.
        if url.as_str() != text && url.as_str() != format!("{text}/") {
            return Err("it must be written in its normal form");
        }
        let loopback = match url.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        let is_https = scheme == "https";
        Ok(Self {
            url: text.to_owned(),
            path,
            is_https,
            is_loopback: loopback,
            is_unprotected: !is_https && !loopback,
        })
    }
}

/// Whether every router takes a path for what it says: it is empty, or segments of unreserved characters (RFC 3986 section
/// 2.3), each behind a slash. Routers give a meaning of their own to `:`, `*` and brackets, decode what is
/// percent-encoded or not, and drop empty and dot segments.
pub(crate) fn is_plain_path(path: &str) -> bool {
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    let is_plain = |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(unreserved);
    path.is_empty() || path.strip_prefix('/').is_some_and(|segments| segments.split('/').all(is_plain))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn good_issuers_are_kept_as_written() {
        for (text, path) in [
            ("https://id.example.com", ""),
            ("https://id.example.com/tenant/1", "/tenant/1"),
            ("http://127.0.0.1:8080", ""),
            ("http://[::1]:8080", ""),
        ] {
            let issuer = Issuer::parse(text).ok().unwrap();
            assert_eq!((issuer.url.as_str(), issuer.path.as_str()), (text, path));
        }
    }

    #[test]
    fn bad_issuers_are_refused() {
        for text in [
            "",
            "id.example.com",
            "https://id.example.com/",
            "https://id.example.com/a/",
            "https://id.example.com?x",
            "https://id.example.com#x",
            "ftp://id.example.com",
            "https://user@id.example.com",
            "https://ID.example.com",
            "https:id.example.com",
            "https://id.example.com:443",
            "https://id.example.com/a/../b",
        ] {
            assert!(Issuer::parse(text).is_err(), "{text}");
        }
    }

    /// Each of these means something else to one router or another, or reaches it in another spelling.
    #[test]
    fn a_path_that_a_router_could_take_for_something_else_is_refused() {
        for path in [
            "/:a",
            "/a/*",
            "/*a",
            "/{a}",
            "/<a>",
            "/a%20b",
            "/%7e",
            "/a%2fb",
            "//",
            "//a",
            "/a//b",
            "/.",
            "/..",
            "/a/.",
            "/a/%2e%2e/b",
            "/a;b",
            "/a=b",
            "/a+b",
            "/a@b",
            "/a!",
            "/a$b",
            "/(a)",
            "/a,b",
            "/a|b",
            "/\u{e9}",
            "/a\\b",
        ] {
            assert!(Issuer::parse(&format!("https://id.example.com{path}")).is_err(), "{path}");
        }
    }

    proptest! {
        #[test]
        fn what_is_accepted_can_be_mounted_as_it_is(
            text in prop_oneof![
                any::<String>(),
                "https?://[a-z]{1,8}(:[0-9]{1,5})?(/[ -~]{0,6}){0,4}",
                "https?://[ -~]{0,12}",
            ]
        ) {
            if let Ok(issuer) = Issuer::parse(&text) {
                prop_assert_eq!(&issuer.url, &text);
                prop_assert!(text.ends_with(&issuer.path) && !text.ends_with('/'));
                prop_assert!(!text[..text.len() - issuer.path.len()].trim_start_matches("https://").trim_start_matches("http://").contains('/'));
                let good = regular(&issuer.path);
                prop_assert!(good, "{}", issuer.path);
            }
        }

        #[test]
        fn plain_segments_are_accepted(path in "(/[A-Za-z0-9_~][A-Za-z0-9._~-]{0,8}){0,4}") {
            let text = format!("https://id.example.com{path}");
            prop_assert_eq!(Issuer::parse(&text).map(|issuer| issuer.path), Ok(path));
        }
    }

    /// Says it in other words than the code.
    fn regular(path: &str) -> bool {
        let segments: Vec<&str> = path.split('/').collect();
        segments[0].is_empty()
            && segments[1..].iter().all(|segment| {
                !segment.is_empty()
                    && ![".", ".."].contains(segment)
                    && segment.chars().all(|c| c.is_ascii_alphanumeric() || "-._~".contains(c))
            })
    }
}
