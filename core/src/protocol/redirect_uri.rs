use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::Url;

/// A registered redirect URI of a client (RFC 6749 section 3.1.2).
///
/// ```
/// use gridauth::protocol::RedirectUri;
///
/// let registered = RedirectUri::parse("http://127.0.0.1/cb")?;
/// assert!(registered.matches("http://127.0.0.1:49152/cb")); // RFC 8252 section 7.3
/// assert!(!registered.matches("http://127.0.0.1:49152/cb/"));
/// # Ok::<(), gridauth::protocol::RedirectUriError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RedirectUri(Box<str>);

/// Why a redirect URI cannot be registered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedirectUriError {
    /// It is not an absolute URI.
    #[error("a redirect URI is an absolute URI in ASCII without spaces")]
    NotAbsolute,
    /// It has a fragment (RFC 6749 section 3.1.2).
    #[error("a redirect URI has no fragment")]
    Fragment,
    /// Browsers do not follow a redirect to its scheme, but run or display its content.
    #[error("a redirect URI cannot have the scheme {0}")]
    Scheme(String),
    /// It has a wildcard. A redirect URI is compared character by character (RFC 9700 section 2.1).
    #[error("a redirect URI has no wildcard: register each URI")]
    Wildcard,
    /// It contains a user name or a password.
    #[error("a redirect URI has no user information")]
    UserInformation,
    /// It is plain `http` to another host than loopback: a code sent there can be read in transit (RFC 9700 section 2.6).
    #[error("a redirect URI is https; http is for 127.0.0.1, [::1] and localhost alone")]
    Unprotected,
    /// Its private-use scheme has no dot: it is no domain name of its owner in reverse order, so anybody may use it
    /// (RFC 8252 section 8.4).
    #[error("a private-use scheme has a dot in it, as com.example.app: has; {0} has none")]
    PrivateUseScheme(String),
}

/// Schemes that browsers run, resolve locally, or do not support.
const FORBIDDEN_SCHEMES: [&str; 9] =
    ["javascript", "data", "vbscript", "about", "blob", "file", "filesystem", "view-source", "ftp"];

impl RedirectUri {
    /// Checks a redirect URI. It is kept as written, since it is compared character by character.
    ///
    /// # Errors
    /// [`RedirectUriError`] if it cannot be registered.
    pub fn parse(text: &str) -> Result<Self, RedirectUriError> {
        if !text
            .bytes()
            .all(|b| (0x21..=0x7e).contains(&b) && !matches!(b, b'"' | b'<' | b'>' | b'\\' | b'`'))
        {
            return Err(RedirectUriError::NotAbsolute);
        }
        if text.contains('#') {
            return Err(RedirectUriError::Fragment);
        }
        if text.contains('*') {
            return Err(RedirectUriError::Wildcard);
        }
        let url = Url::parse(text).map_err(|_| RedirectUriError::NotAbsolute)?;
        if FORBIDDEN_SCHEMES.contains(&url.scheme()) {
            return Err(RedirectUriError::Scheme(url.scheme().to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(RedirectUriError::UserInformation);
        }
        let web = matches!(url.scheme(), "http" | "https");
        if web && !(text.starts_with(&format!("{}://", url.scheme())) && url.has_host()) {
            return Err(RedirectUriError::NotAbsolute);
        }
        Ok(Self(text.into()))
    }

    /// Whether only the client gets what is sent there: `https`, `http` on a loopback host, or a private-use scheme with a dot
    /// in it.
    ///
    /// # Errors
    /// [`RedirectUriError::Unprotected`] (RFC 9700 section 2.6), [`RedirectUriError::PrivateUseScheme`] (RFC 8252 section 8.4).
    pub fn check_protected(&self) -> Result<(), RedirectUriError> {
        let scheme = self.0.split(':').next().unwrap_or_default();
        match scheme {
            "https" => Ok(()),
            "http" if self.is_unprotected() => Err(RedirectUriError::Unprotected),
            "http" => Ok(()),
            private if private.contains('.') => Ok(()),
            private => Err(RedirectUriError::PrivateUseScheme(private.to_owned())),
        }
    }

    /// Whether `requested` matches this URI, character by character (RFC 9700 section 2.1). A loopback address may
    /// have any port (RFC 8252 section 7.3).
    pub fn matches(&self, requested: &str) -> bool {
        requested == &*self.0
            || match (loopback_without_port(&self.0), loopback_without_port(requested)) {
                (Some(registered), Some(requested)) => registered == requested,
                _ => false,
            }
    }

    /// The URI as it was registered.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is plain `http` to a host other than loopback. A code sent there can be read in transit.
    pub fn is_unprotected(&self) -> bool {
        self.0.starts_with("http://") && loopback_without_port(&self.0).is_none()
    }
}

/// What a redirect URI says of the program that it leads to: scheme, host and port of a web URI, without the port where that is
/// loopback `http` (RFC 8252 section 7.3: it differs each time); of any other URI the scheme.
pub(crate) fn origin_of(redirect_uri: &str) -> String {
    if let Some((host, _)) = loopback_without_port(redirect_uri) {
        return format!("http://{host}");
    }
    match Url::parse(redirect_uri) {
        Ok(url) if url.origin().is_tuple() => url.origin().ascii_serialization(),
        Ok(url) => format!("{}:", url.scheme()),
        Err(_) => redirect_uri.to_owned(),
    }
}

/// A URI with more parameters in its query.
pub(crate) fn with_parameters(uri: &str, parameters: &[(&str, &str)]) -> String {
    let separator = match uri.split_once('?') {
        None => "?",
        Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
        Some(_) => "&",
    };
    let encoded = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    format!("{uri}{separator}{encoded}")
}

/// The host of an `http` loopback URI and what follows its port; `None` for any other URI.
fn loopback_without_port(uri: &str) -> Option<(&str, &str)> {
    let rest = uri.strip_prefix("http://")?;
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let host = ["127.0.0.1", "[::1]", "localhost"].into_iter().find(|host| {
        authority.strip_prefix(host).is_some_and(|port| {
            port.is_empty()
                || port
                    .strip_prefix(':')
                    .is_some_and(|digits| digits.parse::<u16>().is_ok() && !digits.starts_with('+'))
        })
    })?;
    Some((host, path))
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Serialize for RedirectUri {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RedirectUri {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_safe_absolute_uris_can_be_registered() {
        for good in [
            "https://client.example.com/cb",
            "https://client.example.com/cb?tenant=1",
            "http://127.0.0.1/cb",
            "http://[::1]:8000/cb",
            "com.example.app:/oauth",
        ] {
            assert!(RedirectUri::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "/cb",
            "client.example.com/cb",
            "https://client.example.com/*",
            "https://*.example.com/cb",
            "https://client.example.com/cb#x",
            "https://client.example.com/cb#",
            "javascript:alert(1)",
            "JavaScript:alert(1)",
            "data:text/html,x",
            "https://user@client.example.com/cb",
            "https:client.example.com",
            "https:\\\\client.example.com",
            "https://client.example.com/a b",
            "https://client.example.com/\u{e9}",
        ] {
            assert!(RedirectUri::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_some_uris_are_protected() {
        let check = |uri: &str| RedirectUri::parse(uri).unwrap().check_protected();
        for good in [
            "https://client.example.com/cb",
            "http://127.0.0.1/cb",
            "http://[::1]:8000/cb",
            "http://localhost:5173",
            "com.example.app:/oauth",
            "com.example.app://oauth",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for plain in [
            "http://client.example.com/cb",
            "http://10.0.0.1/cb",
            "http://127.0.0.1.example.com/cb",
            "http://localhost.example.com/cb",
        ] {
            assert_eq!(check(plain), Err(RedirectUriError::Unprotected), "{plain}");
        }
        for undotted in ["myapp:/cb", "myapp://com.example/cb", "urn:ietf:wg:oauth:2.0:oob", "intent://x/"] {
            let refused = check(undotted);
            assert!(matches!(refused, Err(RedirectUriError::PrivateUseScheme(_))), "{undotted}: {refused:?}");
        }
    }

    #[test]
    fn matching_is_exact_except_for_loopback_ports() {
        let web = RedirectUri::parse("https://client.example.com/cb").unwrap();
        for other in [
            "https://client.example.com/cb/",
            "https://client.example.com/CB",
            "https://client.example.com/cb?x=1",
            "https://client.example.com/cb#x",
            "https://client.example.com:443/cb",
            "https://client.example.com/x/../cb",
            "https://client.example.com.evil.example/cb",
            "https://CLIENT.example.com/cb",
            "http://client.example.com/cb",
        ] {
            assert!(!web.matches(other), "{other}");
        }
        let native = RedirectUri::parse("http://127.0.0.1/cb").unwrap();
        assert!(native.matches("http://127.0.0.1:5000/cb"));
        for other in [
            "http://127.0.0.1:5000/other",
            "http://127.0.0.1:99999/cb",
            "http://127.0.0.1:/cb",
            "http://127.0.0.1:+80/cb",
            "http://127.0.0.1:80@evil.example/cb",
            "http://127.0.0.1.evil.example/cb",
            "http://localhost:5000/cb",
            "https://127.0.0.1:5000/cb",
            "http://127.0.0.1:5000/cb#x",
        ] {
            assert!(!native.matches(other), "{other}");
        }
    }

    #[test]
    fn an_origin_is_where_the_answer_goes() {
        for (uri, origin) in [
            ("https://client.example.com/cb?x=1", "https://client.example.com"),
            ("https://client.example.com:443/", "https://client.example.com"),
            ("https://client.example.com:8443/cb", "https://client.example.com:8443"),
            ("http://127.0.0.1:4711/cb", "http://127.0.0.1"),
            ("http://[::1]/cb", "http://[::1]"),
            ("com.example.app:/cb", "com.example.app:"),
            ("com.example.app://host/cb", "com.example.app:"),
        ] {
            assert_eq!(origin_of(uri), origin, "{uri}");
        }
    }

    proptest! {
        #[test]
        fn nothing_but_the_same_text_or_a_loopback_port_matches(registered in "https?://[a-z.]{1,12}(:[0-9]{1,5})?/[a-z?=]{0,8}", requested in ".{0,40}") {
            if let Ok(uri) = RedirectUri::parse(&registered) {
                prop_assert!(uri.matches(&registered));
                prop_assert!(requested == registered || loopback_without_port(&requested).is_some() || !uri.matches(&requested));
            }
        }
    }
}
