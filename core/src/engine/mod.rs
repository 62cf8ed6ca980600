//! What a response needs. The engine is passed to whatever makes one: endpoints, grants, client authentication.
//!
//! The engine does not know about routes, grants or pages. The module `server` wires those together.

mod access_tokens;
mod attempts;
mod client_secrets;
mod entries;
mod outbox;
mod registrations;
mod requests;

use std::fmt;
use std::sync::{Arc, Once};
use std::time::Duration;

pub(crate) use access_tokens::AccessTokens;
pub(crate) use attempts::ACR_ONE_FACTOR;
pub(crate) use entries::Work;
pub(crate) use outbox::{Claim, Outbox};
pub(crate) use requests::RequestRules;
pub use requests::{PushedRequests, SignedRequests};

use crate::clients::{ClientKeys, Clients, Logos, SecretVerifier};
use crate::env::{Clock, Entropy};
use crate::events::Events;
use crate::fetch::{Fetch, Reach};
use crate::http::TrustedProxies;
use crate::identity::{
    EndedGrants, PairwiseSalt, PasswordHasher, Sessions, StoredUsers, Throttle, Users, UsersError,
};
use crate::jose::Algorithm;
use crate::keys::{Keys, VaultDoor};
use crate::model::{AuthMethod, Client};
use crate::protocol::{Issuer, OAuthError};
use crate::sender::{Dpop, MutualTls};
use crate::store::{Store, StoreError};

/// What a response needs: the issuer, the store, the clock, randomness, lifetimes, users and clients.
pub struct Engine {
    pub(crate) issuer: Issuer,
    /// The path below the issuer at which the endpoints are mounted.
    pub(crate) mount: String,
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) events: Events,
    pub(crate) lifetimes: ServerLifetimes,
    /// The server's client authentication methods.
    pub(crate) client_methods: Vec<AuthMethod>,
    /// The methods that the refresh token grant accepts; `None` if the server does not have that grant.
    pub(crate) refresh_methods: Option<Vec<AuthMethod>>,
    pub(crate) users: Arc<dyn Users>,
    /// Whether the users are the application's own: it may disable one of them without telling the server.
    pub(crate) has_own_users: bool,
    pub(crate) stored_users: StoredUsers,
    pub(crate) sessions: Sessions,
    /// Which grants end with their session.
    pub(crate) ended_grants: EndedGrants,
    pub(crate) hasher: PasswordHasher,
    pub(crate) throttle: Throttle,
    /// The reverse proxies that are believed when they say for whom they ask.
    pub(crate) trusted_proxies: TrustedProxies,
    /// Used once to log that one of them does not say for whom it asks.
    pub(crate) told_of_silent_proxy: Once,
    pub(crate) clients: Clients,
    pub(crate) secrets: SecretVerifier,
    pub(crate) client_keys: ClientKeys,
    /// Whether assertions must have the issuer as their only audience.
    pub(crate) assertions_name_issuer_alone: bool,
    pub(crate) access_tokens: AccessTokens,
    /// How proofs of possession of a key are verified.
    pub(crate) dpop: Dpop,
    /// What is known of clients' certificates, if anything is.
    pub(crate) mutual_tls: Option<MutualTls>,
    /// The algorithm of the ID tokens of clients that ask for no other.
    pub(crate) id_token_algorithm: Algorithm,
    /// What pairwise subjects are made from, if there are any.
    pub(crate) pairwise: Option<PairwiseSalt>,
    /// Seals what the server has to read again.
    pub(crate) vault: Arc<VaultDoor>,
    /// Makes the outgoing requests, if there are any.
    pub(crate) fetch: Option<Arc<dyn Fetch>>,
    /// The logos of clients, if outgoing requests are made.
    pub(crate) logos: Option<Logos>,
    /// What has to be sent to clients.
    pub(crate) outbox: Outbox,
    /// The signing keys, if anything is signed.
    pub(crate) keys: Option<Keys>,
    /// How authorization requests may come, and how their answers may go.
    pub(crate) requests: RequestRules,
}

/// The lifetimes of codes and tokens.
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

    /// The server's clock.
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// The server's source of randomness.
    pub fn entropy(&self) -> &dyn Entropy {
        &*self.entropy
    }

    /// Emits events.
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// The users.
    pub fn users(&self) -> &dyn Users {
        &*self.users
    }

    /// The reverse proxies that are believed: [`Builder::trusted_proxies`](crate::Builder::trusted_proxies).
    pub fn trusted_proxies(&self) -> &TrustedProxies {
        &self.trusted_proxies
    }

    /// The client with this id.
    ///
    /// # Errors
    /// [`StoreError`] if the store fails.
    pub async fn client(&self, client_id: &str) -> Result<Option<Arc<Client>>, StoreError> {
        self.clients.find(client_id).await
    }

    /// How far requests may go that are made because a client registered a URI: everywhere if an operator registered the client.
    pub(crate) fn reach_of(&self, client: &Client) -> Reach {
        match (client.is_self_registered(), self.issuer.is_loopback) {
            (false, _) => Reach::Anywhere,
            (true, true) => Reach::PublicOrLoopback,
            (true, false) => Reach::Public,
        }
    }

    /// Refuses a client that asks for a protection that the server does not have.
    pub(crate) fn refuse_unmet(&self, client: &Client) -> Result<(), OAuthError> {
        client.refuse_unmet(&self.requests.met())
    }

    /// The URL of the endpoint that is mounted at this path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{}{path}", self.issuer.url, self.mount)
    }

    /// The path of that endpoint on the server's own origin.
    pub(crate) fn path(&self, path: &str) -> String {
        format!("{}{}{path}", self.issuer.path, self.mount)
    }

    /// Whether this client gets refresh tokens: only if it could use them.
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

    /// The lifetime of this client's authorization codes.
    pub(crate) fn code_lifetime(&self, client: &Client) -> Duration {
        client.lifetimes().code.unwrap_or(self.lifetimes.code)
    }

    /// How long this client's refresh tokens are valid without being used.
    pub(crate) fn refresh_token_idle_lifetime(&self, client: &Client) -> Duration {
        client.lifetimes().refresh_token_idle.unwrap_or(self.lifetimes.refresh_token_idle)
    }

    /// How long a chain of this client's refresh tokens is valid.
    pub(crate) fn refresh_token_lifetime(&self, client: &Client) -> Duration {
        client.lifetimes().refresh_token.unwrap_or(self.lifetimes.refresh_token)
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("issuer", &self.issuer.url).finish_non_exhaustive()
    }
}
