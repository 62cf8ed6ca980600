//! What several pages show: the form, the client, the scopes, where the browser goes next.

use std::fmt;

use url::{Host, Url};

/// A form that posts to the server's own origin.
#[derive(Clone, Copy)]
pub struct Form<'a> {
    /// Where it posts to.
    pub action: &'a str,
    /// Name and value of each hidden input: the CSRF token, and the request that the form carries along. All of them
    /// have to be in the form, as they are.
    pub hidden: &'a [(&'a str, &'a str)],
}

/// Shows the names of the hidden inputs, not their values: they are the CSRF token and the like.
impl fmt::Debug for Form<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Form").field("action", &self.action).field("hidden", &Names(self.hidden)).finish()
    }
}

/// The names of parameters, without their values.
pub(super) struct Names<'a>(pub(super) &'a [(&'a str, &'a str)]);

impl fmt::Debug for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// The application that asks.
///
/// All of it but the id is what the client says of itself (RFC 7591 section 2); under open registration anybody may
/// have written it. A page of your own must escape it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ClientInfo<'a> {
    /// `client_id`.
    pub id: &'a str,
    /// `client_name`.
    pub name: Option<&'a str>,
    /// `client_uri`: its home page.
    pub uri: Option<WebUri<'a>>,
    /// `policy_uri`: what it says of privacy.
    pub policy_uri: Option<WebUri<'a>>,
    /// `tos_uri`: its terms of service.
    pub tos_uri: Option<WebUri<'a>>,
    /// `logo_uri`. The built-in pages do not show it: loading it would tell the client's server who is about to sign
    /// in, and anybody may take anybody's logo.
    pub logo_uri: Option<WebUri<'a>>,
}

impl<'a> ClientInfo<'a> {
    /// A client of which nothing but its id is known.
    #[must_use]
    pub fn new(id: &'a str) -> Self {
        Self { id, name: None, uri: None, policy_uri: None, tos_uri: None, logo_uri: None }
    }

    /// The client's name, or its id where it has none.
    #[must_use]
    pub fn display_name(&self) -> &'a str {
        self.name.filter(|name| !name.trim().is_empty()).unwrap_or(self.id)
    }
}

/// A scope that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScopeInfo<'a> {
    /// The scope token (RFC 6749 section 3.3).
    pub token: &'a str,
    /// What it lets the client do, in words for the person asked.
    pub description: Option<&'a str>,
}

impl<'a> ScopeInfo<'a> {
    /// `token` with the words that go with it where it is one of OpenID Connect's own scopes (OpenID Connect Core
    /// sections 3.1.2.1, 5.4 and 11).
    ///
    /// ```
    /// use gridauth::pages::ScopeInfo;
    ///
    /// assert_eq!(ScopeInfo::standard("email").description, Some("See your email address"));
    /// assert_eq!(ScopeInfo::standard("notes.read").description, None);
    /// ```
    #[must_use]
    pub fn standard(token: &'a str) -> Self {
        let description = match token {
            "openid" => Some("Know who you are"),
            "profile" => Some("See your name and profile"),
            "email" => Some("See your email address"),
            "address" => Some("See your postal address"),
            "phone" => Some("See your phone number"),
            "offline_access" => Some("Keep this access while you are away"),
            _ => None,
        };
        Self { token, description }
    }
}

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

    #[test]
    fn a_client_without_a_name_is_called_by_its_id() {
        let mut client = ClientInfo::new("s6BhdRkqt3");
        assert_eq!(client.display_name(), "s6BhdRkqt3");
        client.name = Some(" \t");
        assert_eq!(client.display_name(), "s6BhdRkqt3");
        client.name = Some("Web shop");
        assert_eq!(client.display_name(), "Web shop");
    }

    #[test]
    fn a_form_in_a_log_shows_no_value() {
        let form = Form { action: "/oauth/authorize", hidden: &[("csrf", "secret-value")] };
        assert_eq!(format!("{form:?}"), r#"Form { action: "/oauth/authorize", hidden: ["csrf"] }"#);
    }

    proptest! {
        #[test]
        fn no_uri_breaks_the_parsers(uri in crate::pages::test_support::hostile_text()) {
            let _ = Destination::new(&uri);
            let _ = WebUri::parse(&uri);
        }
    }
}
