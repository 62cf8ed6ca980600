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
    /// `logo_uri`. The built-in pages do not show it: loading it would tell the client's server who is about to sign
    /// in, and a client may use somebody else's logo.
    pub logo_uri: Option<WebUri<'a>>,
}

impl<'a> ClientInfo<'a> {
    /// A client without metadata.
    #[must_use]
    pub fn new(id: &'a str) -> Self {
        Self { id, name: None, uri: None, policy_uri: None, tos_uri: None, logo_uri: None }
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
}
