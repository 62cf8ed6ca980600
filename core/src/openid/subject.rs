//! Who a user is to a client (OpenID Connect Core section 8).

use std::borrow::Cow;

use url::Url;

use crate::engine::Engine;
use crate::model::{Client, SessionId};

/// The `sub` of a user for a client: the user's subject, or for a client with the `subject_type` `pairwise` another one for each sector.
pub(crate) fn subject_for<'a>(engine: &Engine, client: &Client, subject: &'a str) -> Cow<'a, str> {
    if !is_pairwise(client) {
        return Cow::Borrowed(subject);
    }
    pairwise(engine, &sector_for(client), subject)
}

/// The `sid` of a session for a client. Pairwise clients of different sectors could otherwise tell by it that they have the same user.
pub(crate) fn session_for<'a>(engine: &Engine, client: &Client, session: &'a SessionId) -> Cow<'a, str> {
    if !is_pairwise(client) {
        return Cow::Borrowed(session.as_str());
    }
    // A sector is a host, or begins with `client`: a session's id is never taken for a subject.
    pairwise(engine, &format!("session {}", sector_for(client)), session.as_str())
}

fn sector_for(client: &Client) -> String {
    sector_of(client).unwrap_or_else(|| format!("client {}", client.id()))
}

fn pairwise<'a>(engine: &Engine, sector: &str, value: &'a str) -> Cow<'a, str> {
    let pairwise = engine.pairwise.as_ref().and_then(|salt| salt.subject(sector, value));
    // Without OpenID Connect there is no salt, and no client asks.
    pairwise.map_or(Cow::Borrowed(value), Cow::Owned)
}

/// Whether the client must not be able to tell with others who a user is.
pub(crate) fn is_pairwise(client: &Client) -> bool {
    client.metadata("subject_type") == Some("pairwise")
}

/// The sector of a client: the host of its `sector_identifier_uri`, or the one host of all its redirect URIs (OpenID Connect Core
/// section 8.1). `None` if they are on several hosts, so that the server cannot know which of them belong together.
pub(crate) fn sector_of(client: &Client) -> Option<String> {
    let host = |uri: &str| Url::parse(uri).ok()?.host_str().map(str::to_owned);
    if let Some(uri) = client.metadata("sector_identifier_uri") {
        return host(uri);
    }
    let mut hosts = client.redirect_uris().iter().map(|uri| host(uri.as_str()));
    let first = hosts.next()??;
    hosts.all(|other| other.as_ref() == Some(&first)).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sector_is_the_one_host_of_the_client() {
        let client =
            |uris: &[&str]| uris.iter().fold(Client::public("spa"), |client, uri| client.redirect_uri(*uri));
        let sector = |client: crate::model::ClientBuilder| sector_of(&client.build().unwrap());
        let (one, other) = ("https://a.example/1", "https://b.example/2");
        assert_eq!(sector(client(&[one, "https://a.example/2"])).as_deref(), Some("a.example"));
        assert_eq!(sector(client(&[one, other])), None);
        let named =
            client(&[one, other]).metadata("sector_identifier_uri", "https://c.example/s.json".into());
        assert_eq!(sector(named).as_deref(), Some("c.example"));
        assert_eq!(sector(client(&[])), None);
    }
}
