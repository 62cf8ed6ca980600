use crate::model::Client;

/// A redirect URI that the client has registered: the only place to which a browser is sent. Only the server makes one, in the
/// one function that decides whether a redirect may happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatedRedirect(String);

impl ValidatedRedirect {
    /// RFC 6749 section 3.1.2.3: the URI that is asked for, if it is registered; the only registered one, if none is asked for.
    pub(crate) fn of(client: &Client, requested: Option<&str>) -> Option<Self> {
        match requested {
            Some(requested) => client
                .redirect_uris()
                .iter()
                .any(|registered| registered.matches(requested))
                .then(|| Self(requested.to_owned())),
            None => match client.redirect_uris() {
                [only] => Some(Self(only.as_str().to_owned())),
                _ => None,
            },
        }
    }

    /// The URI.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
