//! The URL of a notification provider.

/// The parts of an `http://HOST[:PORT]/PATH` URL.
pub(crate) struct ProviderUrl<'a> {
    /// What the `Host` header says.
    pub(crate) authority: &'a str,
    pub(crate) host: &'a str,
    pub(crate) port: u16,
    pub(crate) path: &'a str,
}

impl<'a> ProviderUrl<'a> {
    /// Splits the URL; `None` if it is not of that form.
    pub(crate) fn parse(url: &'a str) -> Option<Self> {
        let rest = url.strip_prefix("http://")?;
        if rest.bytes().any(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control()) {
            return None;
        }
        let path_at = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at(path_at);
        let (host, port) = match authority.split_once(':') {
            None => (authority, 80),
            Some((host, port)) => (host, port.parse().ok()?),
        };
        (!host.is_empty()).then_some(Self {
            authority,
            host,
            port,
            path: if path.is_empty() { "/" } else { path },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_port_and_path_are_read_and_anything_else_is_refused() {
        let url = ProviderUrl::parse("http://p:81/a?b").unwrap();
        assert_eq!((url.authority, url.host, url.port, url.path), ("p:81", "p", 81, "/a?b"));
        assert_eq!(ProviderUrl::parse("http://p").map(|url| url.port), Some(80));
        for url in ["https://p/", "http:///x", "http://p:x/", "http://p/a b", "http://p/a\r\nX: y"] {
            assert!(ProviderUrl::parse(url).is_none(), "{url:?}");
        }
    }
}
