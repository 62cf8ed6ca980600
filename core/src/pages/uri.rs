//! Addresses as pages show them: links, and where the browser goes next.

use url::{Host, Url};

/// An absolute `http` or `https` URI, so that a link or a form that leads to it cannot be a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebUri<'a>(&'a str);

/// Not an absolute `http` or `https` URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an absolute http or https URI")]
pub struct NotAWebUri;

impl<'a> WebUri<'a> {
    /// Takes `uri` as it is, once it has been checked.
    ///
    /// # Errors
    /// [`NotAWebUri`] where its scheme is neither `http` nor `https`, or where it is not an absolute URI.
    pub fn parse(uri: &'a str) -> Result<Self, NotAWebUri> {
        let url = Url::parse(uri).map_err(|_| NotAWebUri)?;
        if matches!(url.scheme(), "http" | "https") { Ok(Self(uri)) } else { Err(NotAWebUri) }
    }

    /// The URI as it was given.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

/// Where the browser will be sent: a redirect URI, told in a way that cannot be mistaken.
///
/// ```
/// use gridauth::pages::{Destination, Place};
///
/// let destination = Destination::new("https://bank.example@shop.example:8443/cb?x=1");
/// assert_eq!(destination.place(), &Place::Website("https://shop.example:8443".to_owned()));
/// assert_eq!(Destination::new("http://127.0.0.1:4711/cb").place(), &Place::ThisDevice("http://127.0.0.1:4711".to_owned()));
/// assert_eq!(Destination::new("com.example.app:/cb").place(), &Place::App("com.example.app".to_owned()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination<'a> {
    uri: &'a str,
    place: Place,
}

/// Who receives what is sent to a [`Destination`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// A website: its origin, with an international name in its ASCII form.
    Website(String),
    /// A program on the person's own device that listens on a loopback address (RFC 8252 section 7.3): its origin.
    ThisDevice(String),
    /// The app that has taken a URI scheme of its own (RFC 8252 section 7.1): the scheme.
    App(String),
    /// The URI says nothing of that.
    Unknown,
}

impl<'a> Destination<'a> {
    /// Reads `uri`, an absolute redirect URI.
    #[must_use]
    pub fn new(uri: &'a str) -> Self {
        Self { uri, place: Place::of(uri) }
    }

    /// The whole URI.
    #[must_use]
    pub fn uri(&self) -> &'a str {
        self.uri
    }

    /// Who receives it.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }
}

impl Place {
    fn of(uri: &str) -> Self {
        let Ok(url) = Url::parse(uri) else { return Self::Unknown };
        if !matches!(url.scheme(), "http" | "https") {
            return Self::App(url.scheme().to_owned());
        }
        let origin = url.origin().ascii_serialization();
        let loopback = match url.host() {
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        if loopback { Self::ThisDevice(origin) } else { Self::Website(origin) }
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

    #[test]
    fn a_destination_names_who_really_receives() {
        let website = |origin: &str| Place::Website(origin.to_owned());
        for (uri, place) in [
            ("https://client.example.com/cb", website("https://client.example.com")),
            ("https://client.example.com:443/cb", website("https://client.example.com")),
            ("https://bank.example\\@evil.example/", website("https://bank.example")),
            ("https://аpple.example/", website("https://xn--pple-43d.example")),
            ("http://127.0.0.1.evil.example/", website("http://127.0.0.1.evil.example")),
            ("http://localhost.evil.example/", website("http://localhost.evil.example")),
            ("http://[::1]:99/cb", Place::ThisDevice("http://[::1]:99".to_owned())),
            ("http://localhost:99/cb", Place::ThisDevice("http://localhost:99".to_owned())),
            ("com.example.app:/cb", Place::App("com.example.app".to_owned())),
            ("not a uri", Place::Unknown),
        ] {
            assert_eq!(Destination::new(uri).place(), &place, "{uri}");
        }
    }

    proptest! {
        #[test]
        fn no_uri_breaks_the_parsers(uri in crate::pages::test_pages::hostile_text()) {
            let _ = Destination::new(&uri);
            let _ = WebUri::parse(&uri);
        }
    }
}
