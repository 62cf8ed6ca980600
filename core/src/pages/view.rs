//! What several pages show: the form, the client, the scopes.

use std::fmt;

use super::uri::WebUri;

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
