//! What pages show about a client.

use super::web_uri::WebUri;

/// A client, as pages show it.
///
/// Everything but the id is the client's own metadata (RFC 7591 section 2). With open registration, anybody may have
/// written it. A page must escape it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ClientInfo<'a> {
    /// `client_id`.
    pub id: &'a str,
    /// `client_name`.
    pub name: Option<&'a str>,
    /// `client_uri`: its home page.
    pub uri: Option<WebUri<'a>>,
    /// `policy_uri`: its privacy policy.
    pub policy_uri: Option<WebUri<'a>>,
    /// `tos_uri`: its terms of service.
    pub tos_uri: Option<WebUri<'a>>,
    /// The path on the server's own origin at which it serves the client's logo. It is not `logo_uri`: loading that
    /// would tell the client's server who is about to sign in.
    pub logo: Option<&'a str>,
    /// Whether it registered itself, so that nobody vouches for its metadata and its redirect URIs.
    pub self_registered: bool,
    /// The host of its metadata document, if its id is the URL of one.
    pub document_host: Option<&'a str>,
    /// Whether it registered itself and all its redirect URIs lead to the user's own device, where any program can use them.
    pub loopback_only: bool,
}

impl<'a> ClientInfo<'a> {
    /// A client without metadata.
    #[must_use]
    pub fn new(id: &'a str) -> Self {
        Self {
            id,
            name: None,
            uri: None,
            policy_uri: None,
            tos_uri: None,
            logo: None,
            self_registered: false,
            document_host: None,
            loopback_only: false,
        }
    }

    /// The path of its logo, if it is one on the page's own origin.
    pub(super) fn own_logo(&self) -> Option<&'a str> {
        // A second slash, or a backslash, would begin the name of another host.
        self.logo.filter(|path| path.starts_with('/') && !path.starts_with("//") && !path.contains('\\'))
    }

    /// The client's name, or its id if it has none.
    #[must_use]
    pub fn display_name(&self) -> &'a str {
        self.name.filter(|name| !name.trim().is_empty()).unwrap_or(self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_without_a_name_is_shown_by_its_id() {
        let mut client = ClientInfo::new("s6BhdRkqt3");
        assert_eq!(client.display_name(), "s6BhdRkqt3");
        client.name = Some(" \t");
        assert_eq!(client.display_name(), "s6BhdRkqt3");
        client.name = Some("Web shop");
        assert_eq!(client.display_name(), "Web shop");
    }

    #[test]
    fn a_logo_is_on_the_own_origin() {
        let mut client = ClientInfo::new("web");
        for (logo, shown) in [
            ("/oauth/logo/web?v=1", true),
            ("//evil.example/logo.png", false),
            ("/\\evil.example/logo.png", false),
            ("https://shop.example/logo.png", false),
            ("javascript:alert(1)", false),
            ("", false),
        ] {
            client.logo = Some(logo);
            assert_eq!(client.own_logo().is_some(), shown, "{logo}");
        }
    }
}
