use url::Url;

/// The issuer identifier (RFC 8414 section 2), from configuration and never from a request.
pub(crate) struct Issuer {
    /// As it was given: it is compared character by character.
    pub(crate) url: String,
    /// Its path; empty for none.
    pub(crate) path: String,
    pub(crate) is_https: bool,
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
        Ok(Self { url: text.to_owned(), path, is_https, is_unprotected: !is_https && !loopback })
    }
}

#[cfg(test)]
mod tests {
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
}
