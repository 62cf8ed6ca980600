use crate::model::Client;

/// A redirect URI that the client has registered. A browser is redirected to a client only by one of these, and only the server
/// can make one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatedRedirect(String);

impl ValidatedRedirect {
    /// The one function that decides whether a redirect may happen. RFC 6749 section 3.1.2.3: the requested URI, if it is
    /// registered; the client's only URI if none is requested.
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

    /// That of a request which is answered directly, so that nobody is redirected.
    pub(crate) fn nowhere() -> Self {
        Self(String::new())
    }

    /// The URI.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
