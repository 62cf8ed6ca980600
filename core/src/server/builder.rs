use std::sync::{Arc, Once};
use std::time::Duration;

use serde_json::{Map, Value};

use super::admin::Admin;
use super::audit_writer::AuditWriter;
use super::configuration::{Problems, warn, warn_of_users};
use super::grid_auth::{GridAuth, Server};
use super::observed_store::ObservedStore;
use super::profile::Profile;
use super::routes::{Routes, endpoints, metadata};
use super::{BuildError, logouts, resources, sweeper};
use crate::client_auth::{ClientAuthentication, ClientAuthenticator};
use crate::clients::{
    ClientKeys, ClientRules, Clients, Documents, Logos, MetadataDocuments, Registration, SecretVerifier,
};
use crate::endpoint::Endpoint;
use crate::endpoints::{
    Account, AuthorizeChallenge, ClientLogo, EndSession, Interaction, Jwks, ManageRegistration, Register,
    RegistrationDesk, Usability, UserInfo,
};
use crate::engine::{
    AccessTokens, Engine, Outbox, PushedRequests, RequestRules, ServerLifetimes, SignedRequests,
};
use crate::env::{Clock, Entropy, SystemClock, SystemEntropy};
use crate::events::{Audit, Event, EventRecord, Events, Keeper, Listener};
use crate::fetch::{Fetch, NoFetch, Reach};
use crate::grant::extension::{AccessTokenClaims, OpenId, SenderConstraint};
use crate::grant::{Extension, IntoRegistration, RESERVED_CLAIMS, Registry, TokenDraft};
use crate::guard::{
    Guard, GuardError, Rejection, RejectionBody, Resource, STANDARD_SCOPES, ScopeDescription, ShapeRejection,
    is_realm, is_scope_list,
};
use crate::http::{AllowedOrigins, TrustedProxies};
use crate::identity::{
    EndedGrants, FirstPartySignIn, HashingSettings, OwnSession, PairwiseSalt, PasswordHasher, PasswordPolicy,
    Sessions, StoredUsers, Throttle, ThrottleSettings, UsernameComparison, Users,
};
use crate::jose::Algorithm;
use crate::keys::{KeySettings, KeyStoreError, Keys, ServerSecret, Signer, StoredKeys, VaultDoor};
use crate::model::{AccessTokenFormat, AuthMethod};
use crate::pages::{BuiltInPages, Pages, Theme};
use crate::protocol::Issuer;
use crate::sender::{Dpop, DpopNonces, MutualTls, PublicUrls};
use crate::store::{By, Kind, Query, Store};

/// Configures a server; [`build`](Self::build) makes it.
pub struct Builder {
    issuer: String,
    mount: String,
    strips_issuer_path: bool,
    realm: Option<String>,
    store: Option<Store>,
    grants: Registry,
    extensions: Vec<Arc<dyn Extension>>,
    endpoints: Vec<Arc<dyn Endpoint>>,
    client_authentication: Vec<Box<dyn ClientAuthentication>>,
    assertions_name_issuer_alone: bool,
    scopes: Vec<ScopeDescription>,
    resources: Vec<Resource>,
    profile: Profile,
    registration: Option<Registration>,
    documents: Option<MetadataDocuments>,
    self_registered_scope: Option<String>,
    allowed_origins: AllowedOrigins,
    lifetimes: ServerLifetimes,
    session_lifetime: Duration,
    ended_grants: EndedGrants,
    users: Option<Arc<dyn Users>>,
    own_session: Option<Arc<dyn OwnSession>>,
    first_party: Option<FirstPartySignIn>,
    account_page: Option<bool>,
    pages: Arc<dyn Pages>,
    openid: Option<OpenId>,
    access_tokens: AccessTokens,
    access_token_claims: AccessTokenClaims,
    dpop_nonces: Option<DpopNonces>,
    mutual_tls: Option<MutualTls>,
    secret: Option<ServerSecret>,
    previous_secret: Option<ServerSecret>,
    key_settings: KeySettings,
    signer: Option<Arc<dyn Signer>>,
    hashing: HashingSettings,
    throttle: ThrottleSettings,
    trusted_proxies: TrustedProxies,
    usernames: UsernameComparison,
    passwords: PasswordPolicy,
    rejection_body: Option<ShapeRejection>,
    listeners: Vec<Listener>,
    audit: Option<Audit>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    fetch: Option<Arc<dyn Fetch>>,
    pushed_requests: Option<PushedRequests>,
    signed_requests: Option<SignedRequests>,
    signs_responses: bool,
    sweep_every: Option<Duration>,
    send_logouts_every: Option<Duration>,
    admin_scope: Option<String>,
    is_tool: bool,
}

/// How requests are made if the application does not say.
#[cfg(feature = "fetch")]
fn usual_fetch() -> Option<Arc<dyn Fetch>> {
    Some(Arc::new(crate::fetch::HttpFetch::new()))
}

#[cfg(not(feature = "fetch"))]
fn usual_fetch() -> Option<Arc<dyn Fetch>> {
    None
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl GridAuth {
    /// Starts a server with this issuer identifier (RFC 8414 section 2): an absolute `https` URL without query and fragment.
    pub fn builder(issuer: impl Into<String>) -> Builder {
        Builder {
            issuer: issuer.into(),
            mount: "/oauth".to_owned(),
            strips_issuer_path: false,
            realm: None,
            store: None,
            grants: Registry::default(),
            extensions: Vec::new(),
            endpoints: Vec::new(),
            client_authentication: Vec::new(),
            assertions_name_issuer_alone: false,
            scopes: Vec::new(),
            resources: Vec::new(),
            profile: Profile::Default,
            registration: None,
            documents: None,
            self_registered_scope: None,
            allowed_origins: AllowedOrigins::default(),
            lifetimes: ServerLifetimes {
                code: Duration::from_secs(60),
                access_token: Duration::from_secs(60 * 60),
                refresh_token_idle: 14 * DAY,
                refresh_token: 90 * DAY,
            },
            session_lifetime: DAY / 2,
            ended_grants: EndedGrants::default(),
            users: None,
            own_session: None,
            first_party: None,
            account_page: None,
            pages: Arc::new(BuiltInPages::default()),
            openid: None,
            access_tokens: AccessTokens { format: AccessTokenFormat::Opaque, algorithm: Algorithm::Es256 },
            access_token_claims: AccessTokenClaims::default(),
            dpop_nonces: None,
            mutual_tls: None,
            secret: None,
            previous_secret: None,
            key_settings: KeySettings::default(),
            signer: None,
            hashing: HashingSettings::default(),
            throttle: ThrottleSettings::default(),
            trusted_proxies: TrustedProxies::default(),
            usernames: UsernameComparison::default(),
            passwords: PasswordPolicy::default(),
            rejection_body: None,
            listeners: Vec::new(),
            audit: None,
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            fetch: usual_fetch(),
            pushed_requests: None,
            signed_requests: None,
            signs_responses: false,
            sweep_every: Some(Duration::from_secs(60)),
            send_logouts_every: Some(Duration::from_secs(15)),
            admin_scope: None,
            is_tool: false,
        }
    }
}

impl Builder {
    /// Sets the store. Every server needs one.
    #[must_use]
    pub fn store(mut self, store: Store) -> Self {
        self.store = Some(store);
        self
    }

    /// Registers a grant, with or without extensions. A server without grants only guards.
    #[must_use]
    pub fn grant(mut self, grant: impl IntoRegistration) -> Self {
        self.grants.add(grant.into_registration());
        self
    }

    /// Adds an extension to every grant. It runs after the extensions that were registered with the grant.
    #[must_use]
    pub fn extension(mut self, extension: impl Extension) -> Self {
        self.extensions.push(Arc::new(extension));
        self
    }

    /// Makes the server an OpenID provider (OpenID Connect Core 1.0): ID tokens, the UserInfo endpoint, discovery, and signing keys
    /// that rotate by themselves.
    #[must_use]
    pub fn openid(mut self, openid: OpenId) -> Self {
        self.openid = Some(openid);
        self
    }

    /// What access tokens are: opaque by default. [`AccessTokenFormat::Jwt`] lets others check them by the published keys. A client
    /// may have it differently ([`ClientBuilder::access_token_format`](crate::model::ClientBuilder::access_token_format)).
    #[must_use]
    pub fn access_token_format(mut self, format: AccessTokenFormat) -> Self {
        self.access_tokens.format = format;
        self
    }

    /// The algorithm of access tokens that are JSON Web Tokens: ES256 by default.
    #[must_use]
    pub fn access_token_algorithm(mut self, algorithm: Algorithm) -> Self {
        self.access_tokens.algorithm = algorithm;
        self
    }

    /// Adds a claim to every access token that is a JSON Web Token. Its name must not be one that the server sets (RFC 9068 section
    /// 2.2).
    #[must_use]
    pub fn access_token_claim(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.access_token_claims.fixed.insert(name.into(), value.into());
        self
    }

    /// Adds claims to access tokens that are JSON Web Tokens, made for each of them. If one of them has a name that the server sets,
    /// the request is refused with a server error, and nothing is issued.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// # use gridauth::{GridAuth, Store};
    /// # use gridauth::model::AccessTokenFormat;
    /// let auth = GridAuth::builder("https://id.example.com")
    ///     .store(Store::memory())
    ///     .access_token_format(AccessTokenFormat::Jwt)
    ///     .access_token_claims(|draft| {
    ///         [("tenant".to_owned(), draft.client().id().into())].into_iter().collect()
    ///     })
    ///     .build()
    ///     .await?;
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    #[must_use]
    pub fn access_token_claims(
        mut self,
        claims: impl Fn(&TokenDraft<'_>) -> Map<String, Value> + Send + Sync + 'static,
    ) -> Self {
        self.access_token_claims.made.push(Box::new(claims));
        self
    }

    /// Requires a nonce of this server in each DPoP proof, at the token endpoint and at the guard (RFC 9449 sections 8 and 9). By
    /// default none is required.
    #[must_use]
    pub fn dpop_nonces(mut self, nonces: DpopNonces) -> Self {
        self.dpop_nonces = Some(nonces);
        self
    }

    /// Turns mutual TLS on (RFC 8705): the methods `tls_client_auth` and `self_signed_tls_client_auth`, which a grant accepts if it is
    /// told so, and tokens that are bound to a certificate, for clients with `tls_client_certificate_bound_access_tokens`.
    #[must_use]
    pub fn mutual_tls(mut self, settings: MutualTls) -> Self {
        self.mutual_tls = Some(settings);
        self
    }

    /// The secret under which signing keys and the secrets of `client_secret_jwt` clients are sealed in the store, the same for all
    /// processes of the store. Without one, the store keeps its own, which protects nothing from whoever can read the store. Set for
    /// the first time, it seals anew what the store's own secret sealed.
    #[must_use]
    pub fn secret(mut self, secret: ServerSecret) -> Self {
        self.secret = Some(secret);
        self
    }

    /// The secret before the present one. What it sealed is opened, and sealed anew.
    #[must_use]
    pub fn previous_secret(mut self, secret: ServerSecret) -> Self {
        self.previous_secret = Some(secret);
        self
    }

    /// How the signing keys in the store come and go.
    #[must_use]
    pub fn signing_keys(mut self, settings: KeySettings) -> Self {
        self.key_settings = settings;
        self
    }

    /// Signs with something else than the keys in the store: a key management service, a hardware module.
    #[must_use]
    pub fn signer(mut self, signer: impl Signer) -> Self {
        self.signer = Some(Arc::new(signer));
        self
    }

    /// Adds a custom endpoint. It is mounted with the server's endpoints and described in the metadata.
    #[must_use]
    pub fn endpoint(mut self, endpoint: impl Endpoint) -> Self {
        self.endpoints.push(Arc::new(endpoint));
        self
    }

    /// Adds a client authentication method. A grant accepts it if
    /// [`client_authentication`](crate::grant::TokenSide::client_authentication) contains it.
    #[must_use]
    pub fn client_authentication(mut self, method: impl ClientAuthentication) -> Self {
        self.client_authentication.push(Box::new(method));
        self
    }

    /// Sets whether an assertion must have the issuer as its only audience, as a string (draft-ietf-oauth-rfc7523bis). By default its
    /// audience may also be the token endpoint, and a list in which one of them is. Then a client that sends an assertion to a server
    /// that it should not trust may, by that server's configuration, address it to this one.
    #[must_use]
    pub fn assertions_name_issuer_alone(mut self, yes: bool) -> Self {
        self.assertions_name_issuer_alone = yes;
        self
    }

    /// Sets how the server makes its outgoing requests, for the keys that clients publish (`jwks_uri`) and to tell them of a logout: by default
    /// with `HttpFetch` of the feature `fetch`, and without that feature not at all.
    #[must_use]
    pub fn fetch(mut self, fetch: impl Fetch) -> Self {
        self.fetch = Some(Arc::new(fetch));
        self
    }

    /// Takes pushed authorization requests (RFC 9126): adds the endpoint `/par`. By default there is none.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// # use gridauth::{GridAuth, Store};
    /// use gridauth::engine::{PushedRequests, SignedRequests};
    /// use gridauth::grant::AuthorizationCode;
    /// use gridauth::grant::extension::OpenId;
    ///
    /// let auth = GridAuth::builder("https://id.example.com")
    ///     .store(Store::memory())
    ///     .grant(AuthorizationCode::new())
    ///     .openid(OpenId::new())
    ///     .pushed_requests(PushedRequests::new().required())
    ///     .signed_requests(SignedRequests::new())
    ///     .signed_responses()
    ///     .build()
    ///     .await?;
    /// assert!(auth.paths().contains(&"/oauth/par".to_owned()));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    #[must_use]
    pub fn pushed_requests(mut self, pushed: PushedRequests) -> Self {
        self.pushed_requests = Some(pushed);
        self
    }

    /// Takes authorization requests that the client has signed (RFC 9101). By default they are refused.
    #[must_use]
    pub fn signed_requests(mut self, signed: SignedRequests) -> Self {
        self.signed_requests = Some(signed);
        self
    }

    /// Signs authorization responses for clients that ask for it (JWT Secured Authorization Response Mode for OAuth 2.0): adds the
    /// response modes `jwt`, `query.jwt`, `fragment.jwt` and `form_post.jwt`.
    #[must_use]
    pub fn signed_responses(mut self) -> Self {
        self.signs_responses = true;
        self
    }

    /// Sets the path below which the endpoints are mounted: `/oauth` by default, empty for the root.
    #[must_use]
    pub fn mount(mut self, path: impl Into<String>) -> Self {
        self.mount = path.into();
        self
    }

    /// Sets whether a proxy strips the issuer's path from requests. If so, the endpoints are also mounted without that path.
    #[must_use]
    pub fn behind_stripping_proxy(mut self, yes: bool) -> Self {
        self.strips_issuer_path = yes;
        self
    }

    /// Sets the realm in challenges (RFC 9110 section 11.5): the issuer by default.
    #[must_use]
    pub fn realm(mut self, realm: impl Into<String>) -> Self {
        self.realm = Some(realm.into());
        self
    }

    /// Adds the application's scopes, as a list that [`scopes!`](crate::scopes!) declared. The metadata lists the scopes, and the
    /// consent page shows their descriptions.
    #[must_use]
    pub fn scopes(mut self, scopes: &[ScopeDescription]) -> Self {
        self.scopes.extend_from_slice(scopes);
        self
    }

    /// Adds a protected resource beside the issuer itself, for whose tokens clients may ask (RFC 8707). What is below the issuer has its
    /// metadata served by this server (RFC 9728), and [`GridAuth::resource_guard`] guards it.
    #[must_use]
    pub fn resource(mut self, resource: Resource) -> Self {
        self.resources.push(resource);
        self
    }

    /// Keeps the server to a set of rules, whatever else is configured. Grants that the profile forbids are left out, and clients that
    /// need them cannot be used.
    #[must_use]
    pub fn profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    /// Lets clients register themselves (RFC 7591): by default none may.
    #[must_use]
    pub fn registration(mut self, registration: Registration) -> Self {
        self.registration = Some(registration);
        self
    }

    /// Takes clients whose `client_id` is the URL of their metadata document (draft-ietf-oauth-client-id-metadata-document): by default
    /// none. The documents are fetched with [`fetch`](Self::fetch), and nothing is stored of them.
    #[must_use]
    pub fn client_metadata_documents(mut self, urls: MetadataDocuments) -> Self {
        self.documents = Some(urls);
        self
    }

    /// The scope that clients may have which no operator registered, as a space-separated list, and that one has which names none. By
    /// default it is all declared scopes, and those of OpenID Connect where that is on. Leave out what is for clients of operators alone.
    #[must_use]
    pub fn self_registered_scope(mut self, scope: impl Into<String>) -> Self {
        self.self_registered_scope = Some(scope.into());
        self
    }

    /// The origins whose scripts may call the endpoints that are made for scripts: the token and the revocation endpoint and the
    /// metadata. By default these are all origins; an empty list keeps every other origin out. Cookies are no part of it: pages
    /// are never open to scripts.
    #[must_use]
    pub fn allowed_origins(mut self, origins: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.allowed_origins = AllowedOrigins::Only(origins.into_iter().map(Into::into).collect());
        self
    }

    /// Sets the lifetime of authorization codes: 60 seconds by default.
    #[must_use]
    pub fn code_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetimes.code = lifetime;
        self
    }

    /// Sets the lifetime of access tokens: an hour by default.
    #[must_use]
    pub fn access_token_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetimes.access_token = lifetime;
        self
    }

    /// Sets how long a refresh token is valid without being used (14 days by default), and how long a chain of refresh tokens is
    /// valid, from the first to the last (90 days by default).
    #[must_use]
    pub fn refresh_token_lifetime(mut self, idle: Duration, absolute: Duration) -> Self {
        self.lifetimes.refresh_token_idle = idle;
        self.lifetimes.refresh_token = absolute;
        self
    }

    /// Sets how long a user stays signed in in a browser: 12 hours by default. With sessions of the application's own
    /// ([`own_session`](Self::own_session)): how long they last at most. So long are clients remembered that have to be told of a
    /// session's end.
    #[must_use]
    pub fn session_lifetime(mut self, lifetime: Duration) -> Self {
        self.session_lifetime = lifetime;
        self
    }

    /// Sets which grants end when a user signs out: by default those without the scope `offline_access`. That a session expires ends
    /// no grant.
    #[must_use]
    pub fn session_end_revokes(mut self, grants: EndedGrants) -> Self {
        self.ended_grants = grants;
        self
    }

    /// Sets the application's own users, in place of those in the server's store.
    #[must_use]
    pub fn users(mut self, users: impl Users) -> Self {
        self.users = Some(Arc::new(users));
        self
    }

    /// Sets the application's own session management: users then sign in on the application's pages.
    #[must_use]
    pub fn own_session(mut self, session: impl OwnSession) -> Self {
        self.own_session = Some(Arc::new(session));
        self
    }

    /// Sets whether the server has the page on which users see and withdraw the access of applications, see where they are signed in,
    /// and change their password: `/account` below the mount path. By default it has one if it has a grant for which users sign in.
    #[must_use]
    pub fn account_page(mut self, yes: bool) -> Self {
        self.account_page = Some(yes);
        self
    }

    /// Lets first-party clients sign users in without a browser, at `/authorize-challenge` (draft-ietf-oauth-first-party-apps): they send
    /// the password and get an authorization code, which they redeem with PKCE. Wrong passwords are throttled as anywhere. It needs the
    /// code grant.
    ///
    /// Only apps of the operator's own should ever see a password: [`ClientBuilder::first_party`](crate::model::ClientBuilder::first_party).
    /// Anybody can pretend to be such an app that is a public client, so it cannot be kept from asking. The browser is the safer way
    /// wherever there is one.
    #[must_use]
    pub fn first_party_sign_in(mut self, sign_in: FirstPartySignIn) -> Self {
        self.first_party = Some(sign_in);
        self
    }

    /// Sets the name, logo, colour and languages of the built-in pages.
    #[must_use]
    pub fn theme(self, theme: Theme) -> Self {
        self.pages(BuiltInPages::new(theme))
    }

    /// Sets the application's own pages.
    #[must_use]
    pub fn pages(mut self, pages: impl Pages) -> Self {
        self.pages = Arc::new(pages);
        self
    }

    /// Sets the cost of password hashes, and how many run concurrently.
    #[must_use]
    pub fn hashing(mut self, settings: HashingSettings) -> Self {
        self.hashing = settings;
        self
    }

    /// The reverse proxies in front of the server. If the peer of a request is one of them, the request comes from the last address
    /// in its `X-Forwarded-For` that is not one of them, or from the last one where all are. Failures are counted and logged by that
    /// address. By default nobody is believed.
    ///
    /// Trust only proxies that append the address of their own peer to that header, as they do by default or on request.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// # use gridauth::{GridAuth, Store};
    /// let auth = GridAuth::builder("https://id.example.com")
    ///     .store(Store::open("memory:").await?)
    ///     .trusted_proxies("127.0.0.1, 10.0.0.0/8".parse()?)
    ///     .build()
    ///     .await?;
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    #[must_use]
    pub fn trusted_proxies(mut self, proxies: TrustedProxies) -> Self {
        self.trusted_proxies = proxies;
        self
    }

    /// How the names of the users that the server keeps are compared: by the PRECIS profile Nickname (RFC 8266) by default.
    #[must_use]
    pub fn username_comparison(mut self, comparison: UsernameComparison) -> Self {
        self.usernames = comparison;
        self
    }

    /// What a new password has to be like: at least 12 characters by default.
    #[must_use]
    pub fn password_policy(mut self, policy: PasswordPolicy) -> Self {
        self.passwords = policy;
        self
    }

    /// Sets after how many failures further attempts have to wait: [`identity::throttle`](crate::identity::throttle) has the table.
    #[must_use]
    pub fn throttle(mut self, settings: ThrottleSettings) -> Self {
        self.throttle = settings;
        self
    }

    /// Sets the body of the guard's rejections. If the closure returns `None`, the default body is used. Status and challenge do
    /// not depend on it.
    #[must_use]
    pub fn rejection_body(
        mut self,
        shape: impl Fn(&Rejection) -> Option<RejectionBody> + Send + Sync + 'static,
    ) -> Self {
        self.rejection_body = Some(Arc::new(shape));
        self
    }

    /// Calls the closure with every event: sign-ins, tokens, refusals and the like, as [`events`](crate::events) lists them. It is
    /// called where the event happens, on the way of the request, so it must not block. May be called more than once.
    ///
    /// ```
    /// use gridauth::events::Event;
    /// use gridauth::{GridAuth, Store};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let auth = GridAuth::builder("https://id.example.com")
    ///     .store(Store::memory())
    ///     .on_event(|record| {
    ///         if let Event::RefreshTokenReused = record.event {
    ///             println!("a token of {:?} was stolen", record.subject);
    ///         }
    ///     })
    ///     .build()
    ///     .await?;
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    #[must_use]
    pub fn on_event(mut self, listener: impl Fn(&EventRecord<'_>) + Send + Sync + 'static) -> Self {
        self.listeners.push(Arc::new(listener));
        self
    }

    /// Keeps events in the store, as rows that are never changed: [`GridAuth::audit`] lists them. By default none are kept.
    #[must_use]
    pub fn audit(mut self, audit: Audit) -> Self {
        self.audit = Some(audit);
        self
    }

    /// Sets the clock: the system clock by default. Tests use a [`ManualClock`](crate::env::ManualClock).
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets the source of randomness: the system's by default.
    #[must_use]
    pub fn entropy(mut self, entropy: impl Entropy) -> Self {
        self.entropy = Arc::new(entropy);
        self
    }

    /// Sets how often expired rows are removed: every minute by default, at most once a second. With `None` only
    /// [`GridAuth::sweep`] removes them.
    #[must_use]
    pub fn sweep_every(mut self, interval: Option<Duration>) -> Self {
        self.sweep_every = interval;
        self
    }

    /// Sets how often the server looks for clients that it has to tell of the end of a session, because another process on the store
    /// has not (OpenID Connect Back-Channel Logout 1.0): every 15 seconds by default, at most once a second. Clients of the sessions
    /// that it ends itself are told at once. With `None` only [`GridAuth::send_logouts`] tells them.
    #[must_use]
    pub fn send_logouts_every(mut self, interval: Option<Duration>) -> Self {
        self.send_logouts_every = interval;
        self
    }

    /// Mounts the admin API below the server's mount path, at `/admin`: clients, grants, access and users as JSON, described by
    /// `/admin/openapi.json`. Each request needs an access token with every scope of this space-separated list. It does what the calls of
    /// [`GridAuth`] of the same names do.
    ///
    /// Whoever has such a token can do everything. Give the scope to no client that users can use, but to one of your own with the grant
    /// type `client_credentials`.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// use gridauth::grant::ClientCredentials;
    /// use gridauth::{GridAuth, Store};
    ///
    /// let auth = GridAuth::builder("https://id.example.com")
    ///     .store(Store::open("memory:").await?)
    ///     .grant(ClientCredentials::new())
    ///     .admin_routes("gridauth.admin")
    ///     .build()
    ///     .await?;
    /// assert!(auth.paths().contains(&"/oauth/admin/clients".to_owned()));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    #[must_use]
    pub fn admin_routes(mut self, scope: impl Into<String>) -> Self {
        self.admin_scope = Some(scope.into());
        self
    }

    /// Builds a server for a tool that changes what other servers have in their store, as the command line does. Nothing runs in the
    /// background, nothing is sealed anew but by [`GridAuth::reseal`], and of the signing keys in the store none is made or removed but by
    /// a call.
    #[must_use]
    pub fn tool(mut self) -> Self {
        self.is_tool = true;
        self.sweep_every = None;
        self.send_logouts_every = None;
        self
    }

    /// Builds the server.
    ///
    /// # Errors
    /// [`BuildError`] lists all problems of the configuration.
    pub async fn build(mut self) -> Result<GridAuth, BuildError> {
        if let Some(openid) = &self.openid {
            self.grants.add_response_types(openid);
            self.extensions.push(Arc::new(openid.clone()));
        }
        self.profile.apply(&mut self.grants);
        let mut bad_resources = Vec::new();
        self.extensions.insert(0, resources::extension(&self.issuer, &self.resources, &mut bad_resources));
        let fixed = self.access_token_claims.fixed.keys().cloned();
        let reserved: Vec<String> = fixed.filter(|name| RESERVED_CLAIMS.contains(&name.as_str())).collect();
        if !self.access_token_claims.is_empty() {
            let mut claims = std::mem::take(&mut self.access_token_claims);
            claims.usual_format = self.access_tokens.format;
            self.extensions.push(Arc::new(claims));
        }
        self.extensions.push(Arc::new(SenderConstraint));
        for extension in &self.extensions {
            self.grants.extend_all(extension);
        }
        let authenticator = ClientAuthenticator::new(
            std::mem::take(&mut self.client_authentication),
            self.mutual_tls.is_some(),
        );
        let mut problems = self.problems(&authenticator);
        problems.0.append(&mut bad_resources);
        for name in reserved {
            problems.add(format!(
                "the claim {name:?} of access tokens is the server's to set (RFC 9068 section 2.2)"
            ));
        }
        let issuer = problems.take("the issuer", Issuer::parse(&self.issuer));
        let store = self.store.take();
        if store.is_none() {
            problems.add("there is no store: call .store(Store::open(..).await?)");
        }
        let hasher = PasswordHasher::new(self.hashing.clone(), Arc::clone(&self.entropy));
        let hasher = problems.take("password hashing", hasher);
        let (Some(store), Some(issuer), Some(hasher)) = (store, issuer, hasher) else {
            return Err(problems.into());
        };
        let mut urls = PublicUrls::of_issuer(&issuer, self.strips_issuer_path);
        if let Some(alias) = self.mutual_tls.as_ref().and_then(|settings| settings.alias.as_deref()) {
            problems.take("the alias of mutual TLS", urls.add(alias));
        }
        let dpop = Dpop { nonces: self.dpop_nonces.clone(), ..Dpop::new(urls) };
        let Some(secrets) =
            problems.take("client secrets", SecretVerifier::new(hasher.clone(), &*self.entropy))
        else {
            return Err(problems.into());
        };
        let listeners = std::mem::take(&mut self.listeners);
        let (keeper, queue) = self.audit.clone().map(Keeper::new).unzip();
        let events = Events::new(Arc::clone(&self.clock), &*self.entropy, listeners, keeper);
        let Some(events) = problems.take("events", events) else { return Err(problems.into()) };
        // Of the store itself: what is around it holds the events, which would hold the writer's queue open forever.
        let audit = self.audit.take().map(|audit| AuditWriter {
            store: store.clone(),
            entropy: Arc::clone(&self.entropy),
            keep_for: audit.keep_for,
        });
        let store = store.wrapped(|backend| ObservedStore::new(backend, events.clone()));
        let Some(guard) = problems.take("the guard", self.guard(&store, &events)) else {
            return Err(problems.into());
        };
        let resources = resources::guards(&guard, std::mem::take(&mut self.resources), &mut problems);
        let (clock, entropy) = (Arc::clone(&self.clock), Arc::clone(&self.entropy));
        let stored_users = StoredUsers::new(store.clone(), hasher.clone(), clock, entropy, events.clone())
            .with_rules(self.usernames, self.passwords.clone());
        let grants = Arc::new(std::mem::take(&mut self.grants));
        let sessions = Sessions {
            store: store.clone(),
            clock: Arc::clone(&self.clock),
            entropy: Arc::clone(&self.entropy),
            lifetime: self.session_lifetime,
            secure: issuer.is_https,
            is_own: self.own_session.is_some(),
        };
        warn_of_users(self.own_session.is_some(), self.users.is_some(), self.openid.as_ref());
        let interaction = Arc::new(Interaction {
            pages: Arc::clone(&self.pages),
            own_session: self.own_session.take(),
            scopes: single_scopes(&self.scopes),
        });
        let scopes = interaction.scopes.clone();
        let languages = self.pages.languages().tags().map(str::to_owned);
        let ui_locales: Option<Vec<String>> = self.openid.as_ref().map(|_| languages.collect());
        let mut endpoints = endpoints(&grants, &interaction, self.pushed_requests.as_ref());
        let has_pages = grants.authorization_sides().next().is_some() || grants.device_settings().is_some();
        if self.account_page.unwrap_or(has_pages) {
            endpoints.push(Arc::new(Account { interaction: Arc::clone(&interaction) }));
        }
        let guards = std::iter::once(&guard).chain(resources.iter().map(|(_, guard)| guard));
        endpoints.extend(resources::documents(&self.issuer, guards));
        let vault = Arc::new(VaultDoor::new(
            store.clone(),
            Arc::clone(&self.clock),
            Arc::clone(&self.entropy),
            self.secret.take(),
            self.previous_secret.take(),
        ));
        let (stored_keys, keys) = self.keys(&store, &vault, &events, &mut problems).await?;
        if let Some(keys) = &keys {
            endpoints.push(Arc::new(Jwks(keys.clone())));
        }
        let mut pairwise = None;
        if let Some(openid) = &self.openid {
            let salt = PairwiseSalt::open(&store, &*self.clock, &*self.entropy).await;
            pairwise = Some(salt.map_err(|error| BuildError::of_keys(error.into()))?);
            let scope_claims = openid.scope_claims.clone();
            endpoints.push(Arc::new(UserInfo { guard: guard.clone(), scope_claims }));
            let can_sign_out = interaction.own_session.as_ref().is_none_or(|own| own.can_sign_out());
            if can_sign_out && has_pages {
                endpoints.push(Arc::new(EndSession { interaction: Arc::clone(&interaction) }));
            }
        }
        if let Some(FirstPartySignIn { second_step }) = self.first_party.take() {
            if grants.authorization_side("code").is_none() {
                problems
                    .add("first_party_sign_in needs the code grant: call .grant(AuthorizationCode::new())");
            }
            endpoints.push(Arc::new(AuthorizeChallenge { grants: Arc::clone(&grants), second_step }));
        }
        let fetch = self.fetch.take();
        if fetch.is_some() && has_pages {
            endpoints.push(Arc::new(ClientLogo));
        }
        let usability = Usability { grants: Arc::clone(&grants), scopes: scopes.clone() };
        let rules = self.client_rules(&grants, &authenticator, &mut problems);
        let has_code = grants.authorization_sides().next().is_some();
        if let Some(registration) = self.registration.take().filter(|_| has_code) {
            let (rules, usability) = (rules.clone(), usability.clone());
            let realm = guard.realm().to_owned();
            let desk = Arc::new(RegistrationDesk { registration, rules, usability, realm });
            endpoints.push(Arc::new(Register(Arc::clone(&desk))));
            endpoints.push(Arc::new(ManageRegistration(desk)));
        }
        endpoints.append(&mut self.endpoints);
        let strangers = if issuer.is_loopback { Reach::PublicOrLoopback } else { Reach::Public };
        let logos = fetch.clone().map(|fetch| Logos::new(fetch, Arc::clone(&self.clock), strangers));
        let client_keys = ClientKeys::new(
            fetch.clone().unwrap_or_else(|| Arc::new(NoFetch)),
            Arc::clone(&self.clock),
            strangers,
        );
        let documents =
            self.documents.or(self.profile.documents(&issuer)).filter(|_| has_code).zip(fetch.clone());
        let documents = documents
            .map(|(urls, fetch)| Documents::new(fetch, Arc::clone(&self.clock), urls, strangers, rules));
        let clients = Clients::new(store.clone(), Arc::clone(&self.clock), Arc::clone(&vault), documents);
        let engine = Arc::new(Engine {
            issuer,
            mount: self.mount,
            clients,
            store,
            throttle: Throttle::new(self.throttle, Arc::clone(&self.clock)),
            trusted_proxies: self.trusted_proxies,
            told_of_silent_proxy: Once::new(),
            clock: self.clock,
            entropy: self.entropy,
            events,
            lifetimes: self.lifetimes,
            client_methods: authenticator.methods().collect(),
            refresh_methods: grants
                .token_side("refresh_token")
                .map(|(_, side)| side.client_authentication().to_vec()),
            has_own_users: self.users.is_some(),
            users: self.users.unwrap_or_else(|| Arc::new(stored_users.clone())),
            stored_users,
            sessions,
            ended_grants: self.ended_grants,
            hasher,
            secrets,
            client_keys,
            assertions_name_issuer_alone: self.assertions_name_issuer_alone,
            access_tokens: self.access_tokens,
            dpop,
            mutual_tls: self.mutual_tls,
            id_token_algorithm: Algorithm::Rs256,
            pairwise,
            vault,
            fetch,
            logos,
            outbox: Outbox::default(),
            keys,
            requests: RequestRules::new(self.pushed_requests, self.signed_requests, self.signs_responses),
        });
        let admin = self.admin_scope.take().map(|scope| Admin::new(scope, guard.clone()));
        endpoints.extend(admin.iter().flat_map(Admin::endpoints));
        if !grants.is_empty() || !endpoints.is_empty() {
            for document in metadata(&engine, &grants, &scopes, &endpoints, ui_locales.as_deref()) {
                endpoints.push(Arc::new(document));
            }
        }
        problems.check_endpoints(&endpoints);
        let routes = Routes::mount(endpoints, &engine.issuer, &engine.mount, self.strips_issuer_path);
        problems.check_routes(routes.paths());
        if !problems.0.is_empty() {
            return Err(problems.into());
        }
        if let (Some(writer), Some(queue)) = (&audit, queue) {
            writer.clone().spawn(queue);
        }
        if !self.is_tool {
            give_up_former_secrets(&engine, stored_keys.is_some()).await.map_err(BuildError::of_keys)?;
        }
        warn(&engine.issuer, &grants);
        engine.events.emit(Event::ServerBuilt {
            issuer: engine.issuer(),
            store: engine.store.name(),
            grants: &grants.grant_types().join(" "),
        });
        if let Some(interval) = self.sweep_every {
            sweeper::spawn(&engine, interval);
        }
        if let Some(interval) =
            self.send_logouts_every.filter(|_| engine.fetch.is_some() && self.openid.is_some())
        {
            logouts::spawn(&engine, interval);
        }
        let auth = GridAuth(Arc::new(Server {
            engine,
            usability,
            guard,
            resources,
            authenticator,
            routes,
            interaction,
            strips_issuer_path: self.strips_issuer_path,
            stored_keys,
            allowed_origins: self.allowed_origins,
            audit,
            told_of_unknown_peer: std::sync::Once::new(),
            is_tool: self.is_tool,
        }));
        if let Some(admin) = admin {
            admin.connect(&auth);
        }
        Ok(auth)
    }

    /// The signing keys, if anything is signed: the signer of the application, or those in the store.
    async fn keys(
        &self,
        store: &Store,
        vault: &VaultDoor,
        events: &Events,
        problems: &mut Problems,
    ) -> Result<(Option<Arc<StoredKeys>>, Option<Keys>), BuildError> {
        let is_jwt = self.access_tokens.format == AccessTokenFormat::Jwt;
        if let Some(signer) = &self.signer {
            return Ok((None, Some(Keys(Arc::clone(signer)))));
        }
        let mut algorithms = Vec::new();
        if self.openid.is_some() || self.signs_responses {
            algorithms.extend([Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa]);
        }
        if (is_jwt || self.openid.is_some()) && !algorithms.contains(&self.access_tokens.algorithm) {
            algorithms.push(self.access_tokens.algorithm);
        }
        if algorithms.is_empty() {
            return Ok((None, None));
        }
        let settings = KeySettings {
            longest_token: self.key_settings.longest_token.max(self.lifetimes.access_token),
            longest_session: self.session_lifetime,
            ..self.key_settings.clone()
        };
        if let Some(problem) = settings.problem() {
            problems.add(problem);
            return Ok((None, None));
        }
        let opened = async {
            let (vault, entropy) = (Arc::clone(vault.open().await?), Arc::clone(&self.entropy));
            let (store, events) = (store.clone(), events.clone());
            let keys =
                StoredKeys::open(store, &*self.clock, entropy, events, vault, settings, algorithms).await?;
            Ok(Arc::new(keys))
        };
        match opened.await {
            Ok(keys) => Ok((Some(Arc::clone(&keys)), Some(Keys(keys)))),
            Err(error) => Err(BuildError::of_keys(error)),
        }
    }

    /// What clients may be that no operator registered.
    fn client_rules(
        &self,
        grants: &Registry,
        authenticator: &ClientAuthenticator,
        problems: &mut Problems,
    ) -> ClientRules {
        let has = |grant_type: &&str| {
            let mut sides = grants.authorization_sides();
            grants.token_side(grant_type).is_some()
                || sides.any(|side| side.grant_types().any(|needed| needed == *grant_type))
        };
        let grant_types = ["authorization_code", "refresh_token", "implicit"].into_iter().filter(has);
        let own = self.self_registered_scope.clone().unwrap_or_else(|| {
            let standard = STANDARD_SCOPES.into_iter().filter(|_| self.openid.is_some());
            standard.chain(self.scopes.iter().map(|scope| scope.token)).collect::<Vec<_>>().join(" ")
        });
        let scope = problems.take("the scope of clients that register themselves", own.parse());
        ClientRules {
            grant_types: grant_types.map(str::to_owned).collect(),
            scope: scope.unwrap_or_default(),
            methods: authenticator.methods().collect(),
        }
    }

    /// The guard for the server's tokens.
    fn guard(&mut self, store: &Store, events: &Events) -> Result<Guard, GuardError> {
        let mut guard = Guard::builder(&self.issuer)
            .store(store.clone())
            .events(events.clone())
            .clock(Arc::clone(&self.clock))
            .scopes(&self.scopes)
            .behind_stripping_proxy(self.strips_issuer_path)
            .trusted_proxies(self.trusted_proxies.clone())
            .shared_rejection_body(self.rejection_body.take());
        if let Some(nonces) = &self.dpop_nonces {
            guard = guard.dpop_nonces(nonces.clone());
        }
        // Without grants the server issues no tokens, and there is nothing to find by the metadata.
        if !self.grants.is_empty() {
            let issuer = resources::issuer_as_resource(&self.issuer, &self.resources, &self.scopes);
            guard = guard.protects(issuer);
        }
        match self.realm.take().filter(|realm| is_realm(realm)) {
            Some(realm) => guard.realm(realm).build(),
            None => guard.build(),
        }
    }

    /// The problems of the configuration, except those that are found when its parts are made.
    fn problems(&self, authenticator: &ClientAuthenticator) -> Problems {
        let mut problems = Problems::default();
        problems.check_mount(&self.mount);
        if self.realm.as_deref().is_some_and(|realm| !is_realm(realm)) {
            problems.add(GuardError::Realm.to_string());
        }
        problems.check_lifetimes([
            ("code", self.lifetimes.code),
            ("access token", self.lifetimes.access_token),
            ("refresh token (idle)", self.lifetimes.refresh_token_idle),
            ("refresh token (absolute)", self.lifetimes.refresh_token),
            ("session", self.session_lifetime),
        ]);
        if let Some(settings) = self.grants.device_settings() {
            problems.check_lifetimes([("device code", settings.lifetime)]);
        }
        if self.sweep_every.is_some_and(|interval| interval < Duration::from_secs(1)) {
            problems.add("the sweep interval must be at least a second");
        }
        if self.send_logouts_every.is_some_and(|interval| interval < Duration::from_secs(1)) {
            problems.add("the interval of send_logouts_every must be at least a second");
        }
        if let Some(pushed) = &self.pushed_requests {
            problems.check_lifetimes([("pushed request", pushed.expires_in())]);
            if self.grants.token_sides().next().is_none() {
                problems.add("pushed requests need the authentication of a grant with a token side");
            }
        }
        if self.audit.as_ref().is_some_and(|audit| audit.keep_for < Duration::from_secs(1)) {
            problems.add("the audit must be kept for at least a second");
        }
        problems.check_scopes(&self.scopes);
        if self.admin_scope.as_deref().is_some_and(|scope| !is_scope_list(scope)) {
            problems.add("the scope of the admin API is one token, or several separated by one space each");
        }
        problems.0.extend(self.allowed_origins.problems());
        let methods: Vec<AuthMethod> = authenticator.methods().collect();
        if self.previous_secret.is_some() && self.secret.is_none() {
            problems.add("there is a previous secret and no present one: call .secret(..) too");
        }
        problems.check_authentication(&methods);
        problems.check_grants(&self.grants, &methods);
        problems.check_hybrid(&self.grants, self.openid.as_ref());
        problems
    }
}

/// Seals anew what is still sealed under a former secret of the application, or under the store's own, which is then removed. The
/// signing keys are sealed anew where they are read.
async fn give_up_former_secrets(engine: &Engine, keys_are_read: bool) -> Result<(), KeyStoreError> {
    if !engine.vault.has_secret() {
        return Ok(());
    }
    engine.reseal_client_secrets().await?;
    engine.clients.registered().reseal().await?;
    if !keys_are_read {
        let keys = engine.store.list(Query::new(Kind::SigningKey, By::Any).limit(1)).await?;
        if !keys.entries.is_empty() {
            return Ok(());
        }
    }
    engine.vault.open().await?.forget_own_secret(&engine.store).await
}

/// Each scope token once, with its first description. The description of several tokens together does not apply to the single
/// tokens.
fn single_scopes(given: &[ScopeDescription]) -> Vec<ScopeDescription> {
    let mut single: Vec<ScopeDescription> = Vec::new();
    for scope in given {
        let alone = !scope.token.contains(' ');
        for token in scope.token.split(' ').filter(|token| !token.is_empty()) {
            let words = if alone { scope.words } else { "" };
            match single.iter_mut().find(|known| known.token == token) {
                Some(known) if known.words.is_empty() => known.words = words,
                Some(_) => {}
                None => single.push(ScopeDescription { token, words }),
            }
        }
    }
    single
}
