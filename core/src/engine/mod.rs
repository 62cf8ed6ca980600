//! What every answer needs, handed to whoever makes one: grants, endpoints, client authentication.
//!
//! The engine knows nothing of routes, grants or pages. Those are wired together above it, in `server`.

mod attempts;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::clients::{Clients, SecretVerifier};
use crate::env::{Clock, Entropy};
use crate::identity::{PasswordHasher, StoredUsers, Throttle, Users, UsersError};
use crate::model::{AuthMethod, Client};
use crate::protocol::Issuer;
use crate::store::{Store, StoreError};

/// What an answer needs: the issuer, the store, time and randomness, lifetimes, users and clients.
pub struct Engine {
    pub(crate) issuer: Issuer,
    /// Where the endpoints are mounted, below the issuer.
    pub(crate) mount: String,
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) lifetimes: ServerLifetimes,
    /// The methods by which clients can authenticate at all.
    pub(crate) client_methods: Vec<AuthMethod>,
    /// The methods by which a client may authenticate to refresh; `None` where the server has no refresh tokens.
    pub(crate) refresh_methods: Option<Vec<AuthMethod>>,
    pub(crate) users: Arc<dyn Users>,
    /// Whether the users are the application's own: it may disable one of them without telling the server.
    pub(crate) has_own_users: bool,
    pub(crate) stored_users: StoredUsers,
    pub(crate) hasher: PasswordHasher,
    pub(crate) throttle: Throttle,
    pub(crate) clients: Clients,
    pub(crate) secrets: SecretVerifier,
}

/// Lifetimes of what the server issues.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServerLifetimes {
    pub(crate) code: Duration,
    pub(crate) access_token: Duration,
    pub(crate) refresh_token_idle: Duration,
    pub(crate) refresh_token: Duration,
}

impl Engine {
    /// The issuer identifier (RFC 8414 section 2).
    pub fn issuer(&self) -> &str {
        &self.issuer.url
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The clock of the server.
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// The randomness of the server.
    pub fn entropy(&self) -> &dyn Entropy {
        &*self.entropy
    }

    /// The users of the application.
    pub fn users(&self) -> &dyn Users {
        &*self.users
    }

    /// The client with this id.
    ///
    /// # Errors
    /// [`StoreError`] where the store fails.
    pub async fn client(&self, client_id: &str) -> Result<Option<Arc<Client>>, StoreError> {
        self.clients.find(client_id).await
    }

    /// The URL of an endpoint that is mounted at this path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{}{path}", self.issuer.url, self.mount)
    }

    /// The path of such an endpoint on the server's own origin.
    pub(crate) fn path(&self, path: &str) -> String {
        format!("{}{}{path}", self.issuer.path, self.mount)
    }

    /// Whether the server issues refresh tokens that this client can use. A token that it could not use is not issued.
    pub(crate) fn may_refresh(&self, client: &Client) -> bool {
        client.allows_grant("refresh_token")
            && self.refresh_methods.as_ref().is_some_and(|methods| methods.contains(client.auth_method()))
    }

    /// Whether a user may still have tokens. The application's own users are asked. A stored user is not looked up: removing one
    /// ends the grants.
    pub(crate) async fn is_user(&self, subject: &str) -> Result<bool, UsersError> {
        Ok(!self.has_own_users || self.users.find(subject).await?.is_some())
    }

    /// How long an access token of this client is valid.
    pub(crate) fn access_token_lifetime(&self, client: &Client) -> Duration {
        client.lifetimes().access_token.unwrap_or(self.lifetimes.access_token)
    }

    /// How long a code of this client is valid.
    pub(crate) fn code_lifetime(&self, client: &Client) -> Duration {
        client.lifetimes().code.unwrap_or(self.lifetimes.code)
    }

    /// How long a refresh token of this client is valid if it is not used.
    pub(crate) fn refresh_token_idle_lifetime(&self, client: &Client) -> Duration {
        client.lifetimes().refresh_token_idle.unwrap_or(self.lifetimes.refresh_token_idle)
    }

    /// How long a chain of refresh tokens of this client is valid.
    pub(crate) fn refresh_token_lifetime(&self, client: &Client) -> Duration {
        client.lifetimes().refresh_token.unwrap_or(self.lifetimes.refresh_token)
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("issuer", &self.issuer.url).finish_non_exhaustive()
    }
}
