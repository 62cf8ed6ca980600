use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::GridAuth;
use crate::env::Timestamp;
use crate::guard::Rejection;
use crate::model::{GrantId, GrantRecord};
use crate::protocol::Scope;
use crate::server::Inner;
use crate::token::Digest;

/// What a good access token gives: whom it speaks for, to which client it was issued, and for what.
///
/// A guarded handler receives one. It is cheap to clone, and nobody but the guard can make one.
#[derive(Clone)]
pub struct Access {
    record: Arc<GrantRecord>,
    at: usize,
    /// The number of the server that gave it.
    server: u64,
}

/// Whom an access token speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Owner<'a> {
    /// The user with this subject.
    User(&'a str),
    /// A client that acts for itself.
    Client(&'a str),
}

impl Access {
    pub(crate) fn of(server: &Inner, record: Arc<GrantRecord>, digest: &Digest) -> Option<Self> {
        let at = record.access.iter().position(|access| access.digest.matches(digest))?;
        (server.clock.now() < record.access[at].expires).then_some(Self { record, at, server: server.number })
    }

    /// Whether it was this server that gave it: the word of one server means nothing to another.
    ///
    /// ```
    /// use gridauth::{GridAuth, MintRequest, Store};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let build = || GridAuth::builder("https://id.example.com").store(Store::memory()).build();
    /// let (one, other) = (build().await?, build().await?);
    /// let token = one.mint(MintRequest::for_user("israel")).await?;
    /// let access = one.authenticate_token(token.access_token.expose()).await?;
    /// assert!(access.is_from(&one.clone()) && !access.is_from(&other));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn is_from(&self, server: &GridAuth) -> bool {
        self.server == server.number()
    }

    /// The subject of the user that the token speaks for; `None` where the client acts for itself.
    pub fn user(&self) -> Option<&str> {
        self.record.subject.as_deref()
    }

    /// The client that the token was issued to.
    pub fn client(&self) -> &str {
        &self.record.client_id
    }

    /// Whom the token speaks for, users and clients told apart.
    pub fn owner(&self) -> Owner<'_> {
        self.user().map_or(Owner::Client(self.client()), Owner::User)
    }

    /// The user, or the client where no user stands behind the token: what `sub` says (RFC 7662 section 2.2). A user's
    /// subject may be the id of a client (RFC 9700 section 4.15): ask [`owner`](Self::owner) where that matters.
    pub fn subject(&self) -> &str {
        self.user().unwrap_or_else(|| self.client())
    }

    /// The scope of the token.
    pub fn scope(&self) -> &Scope {
        self.record.access.get(self.at).and_then(|access| access.scope.as_ref()).unwrap_or(&self.record.scope)
    }

    /// Until when the token is good.
    pub fn expires(&self) -> Timestamp {
        self.record.access.get(self.at).map_or(self.record.issued, |access| access.expires)
    }

    /// The grant that the token belongs to.
    pub fn grant_id(&self) -> GrantId {
        self.record.id
    }

    /// What an extension keeps with the grant under this name.
    pub fn data(&self, name: &str) -> Option<&Value> {
        self.record.data.get(name)
    }

    /// The grant type by which it was obtained.
    pub fn grant_type(&self) -> &str {
        &self.record.grant_type
    }

    /// Whether the token has every scope of the space-separated list `needed`.
    ///
    /// # Errors
    /// `insufficient_scope` (RFC 6750 section 3.1) where it lacks one.
    pub fn require(&self, needed: &str) -> Result<(), Rejection> {
        if self.scope().covers_list(needed) { Ok(()) } else { Err(Rejection::insufficient_scope(needed)) }
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("user", &self.user())
            .field("client", &self.client())
            .field("scope", self.scope())
            .finish_non_exhaustive()
    }
}
