//! Where the browser goes next, as pages show it.

use url::{Host, Url};

/// Where the browser will be sent: a redirect URI, with the recipient that it really leads to.
///
/// ```
/// use gridauth::pages::{Destination, Recipient};
///
/// let destination = Destination::new("https://bank.example@shop.example:8443/cb?x=1");
/// assert_eq!(destination.recipient(), &Recipient::Website("https://shop.example:8443".to_owned()));
/// assert_eq!(Destination::new("http://127.0.0.1:4711/cb").recipient(), &Recipient::ThisDevice("http://127.0.0.1:4711".to_owned()));
/// assert_eq!(Destination::new("com.example.app:/cb").recipient(), &Recipient::App("com.example.app".to_owned()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination<'a> {
    uri: &'a str,
    recipient: Recipient,
}

/// Who receives a response that is sent to a [`Destination`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Recipient {
    /// A website, by its origin. An international domain name is in its ASCII form.
    Website(String),
    /// A program on the user's own device that listens on a loopback address (RFC 8252 section 7.3), by its origin.
    ThisDevice(String),
    /// An app with a private-use URI scheme (RFC 8252 section 7.1), by that scheme.
    App(String),
    /// The URI does not say.
    Unknown,
}

impl<'a> Destination<'a> {
    /// The destination of `uri`, an absolute redirect URI.
    #[must_use]
    pub fn new(uri: &'a str) -> Self {
        Self { uri, recipient: Recipient::of(uri) }
    }

    /// The whole URI.
    #[must_use]
    pub fn uri(&self) -> &'a str {
        self.uri
    }

    /// Who receives the response.
    #[must_use]
    pub fn recipient(&self) -> &Recipient {
        &self.recipient
    }
}

impl Recipient {
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
    fn a_destination_names_the_real_recipient() {
        let website = |origin: &str| Recipient::Website(origin.to_owned());
        for (uri, recipient) in [
            ("https://client.example.com/cb", website("https://client.example.com")),
            ("https://client.example.com:443/cb", website("https://client.example.com")),
            ("https://bank.example\\@evil.example/", website("https://bank.example")),
            ("https://аpple.example/", website("https://xn--pple-43d.example")),
            ("http://127.0.0.1.evil.example/", website("http://127.0.0.1.evil.example")),
            ("http://localhost.evil.example/", website("http://localhost.evil.example")),
            ("http://[::1]:99/cb", Recipient::ThisDevice("http://[::1]:99".to_owned())),
            ("http://localhost:99/cb", Recipient::ThisDevice("http://localhost:99".to_owned())),
            ("com.example.app:/cb", Recipient::App("com.example.app".to_owned())),
            ("not a uri", Recipient::Unknown),
        ] {
            assert_eq!(Destination::new(uri).recipient(), &recipient, "{uri}");
        }
    }

    proptest! {
        #[test]
        fn the_parser_never_panics(uri in crate::pages::test_samples::hostile_text()) {
            let _ = Destination::new(&uri);
        }
    }
}
