use std::sync::Arc;
use std::time::Duration;

use super::configuration::{Problems, warn};
use super::grid_auth::{GridAuth, Server};
use super::routes::{Routes, endpoints, metadata};
use super::{BuildError, sweeper};
use crate::client_auth::{ClientAuthentication, ClientAuthenticator};
use crate::clients::{Clients, SecretVerifier};
use crate::endpoint::Endpoint;
use crate::endpoints::Interaction;
use crate::engine::{Engine, ServerLifetimes};
use crate::env::{Clock, Entropy, SystemClock, SystemEntropy};
use crate::grant::{Extension, IntoRegistration, Registry};
use crate::guard::{Guard, Rejection, RejectionBody, ScopeDescription, ShapeRejection};
use crate::http::AllowedOrigins;
use crate::identity::{
    HashingSettings, OwnSession, PasswordHasher, Sessions, StoredUsers, Throttle, ThrottleSettings, Users,
};
use crate::model::AuthMethod;
use crate::pages::{BuiltInPages, Pages, Theme};
use crate::protocol::Issuer;
use crate::store::Store;

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
    scopes: Vec<ScopeDescription>,
    allowed_origins: AllowedOrigins,
    lifetimes: ServerLifetimes,
    session_lifetime: Duration,
    users: Option<Arc<dyn Users>>,
    own_session: Option<Arc<dyn OwnSession>>,
    pages: Arc<dyn Pages>,
    hashing: HashingSettings,
    throttle: ThrottleSettings,
    rejection_body: Option<ShapeRejection>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    sweep_every: Option<Duration>,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl GridAuth {
    /// Begins a server with this issuer identifier (RFC 8414 section 2): an absolute `https` URL without query and fragment.
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
            scopes: Vec::new(),
            allowed_origins: AllowedOrigins::default(),
            lifetimes: ServerLifetimes {
                code: Duration::from_secs(60),
                access_token: Duration::from_secs(60 * 60),
                refresh_token_idle: 14 * DAY,
                refresh_token: 90 * DAY,
            },
            session_lifetime: DAY / 2,
            users: None,
            own_session: None,
            pages: Arc::new(BuiltInPages::default()),
            hashing: HashingSettings::default(),
            throttle: ThrottleSettings::default(),
            rejection_body: None,
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            sweep_every: Some(Duration::from_secs(60)),
        }
    }
}

impl Builder {
    /// The store that everything is kept in. Every server needs one.
    #[must_use]
    pub fn store(mut self, store: Store) -> Self {
        self.store = Some(store);
        self
    }

    /// Registers a grant, with extensions or without. A server without grants only guards.
    #[must_use]
    pub fn grant(mut self, grant: impl IntoRegistration) -> Self {
        self.grants.add(grant.into_registration());
        self
    }

    /// Adds an extension to every grant. It runs after the extensions that a grant was registered with.
    #[must_use]
    pub fn extension(mut self, extension: impl Extension) -> Self {
        self.extensions.push(Arc::new(extension));
        self
    }

    /// Adds an endpoint of the application's own, mounted with the server's and described in its metadata.
    #[must_use]
    pub fn endpoint(mut self, endpoint: impl Endpoint) -> Self {
        self.endpoints.push(Arc::new(endpoint));
        self
    }

    /// Adds a method by which clients authenticate. A grant that accepts it names it in
    /// [`client_authentication`](crate::grant::TokenSide::client_authentication).
    #[must_use]
    pub fn client_authentication(mut self, method: impl ClientAuthentication) -> Self {
        self.client_authentication.push(Box::new(method));
        self
    }

    /// The path that the endpoints are mounted below: `/oauth` by default, empty for the root.
    #[must_use]
    pub fn mount(mut self, path: impl Into<String>) -> Self {
        self.mount = path.into();
        self
    }

    /// Whether a proxy in front strips the issuer's path from requests. The endpoints are then mounted without it as well.
    #[must_use]
    pub fn behind_stripping_proxy(mut self, yes: bool) -> Self {
        self.strips_issuer_path = yes;
        self
    }

    /// The realm that challenges name (RFC 9110 section 11.5). By default it is the issuer.
    #[must_use]
    pub fn realm(mut self, realm: impl Into<String>) -> Self {
        self.realm = Some(realm.into());
        self
    }

    /// The scopes of the application, as [`scopes!`](crate::scopes!) lists them. The metadata lists them and the consent page
    /// shows their words.
    #[must_use]
    pub fn scopes(mut self, scopes: &[ScopeDescription]) -> Self {
        self.scopes.extend_from_slice(scopes);
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

    /// How long a code can be redeemed: 60 seconds by default.
    #[must_use]
    pub fn code_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetimes.code = lifetime;
        self
    }

    /// How long an access token is valid: an hour by default.
    #[must_use]
    pub fn access_token_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetimes.access_token = lifetime;
        self
    }

    /// How long a refresh token is valid if it is not used (14 days by default), and how long a chain of them is valid from the
    /// first to the last (90 days by default).
    #[must_use]
    pub fn refresh_token_lifetime(mut self, idle: Duration, absolute: Duration) -> Self {
        self.lifetimes.refresh_token_idle = idle;
        self.lifetimes.refresh_token = absolute;
        self
    }

    /// How long somebody stays signed in in a browser: 12 hours by default.
    #[must_use]
    pub fn session_lifetime(mut self, lifetime: Duration) -> Self {
        self.session_lifetime = lifetime;
        self
    }

    /// The application's own users, instead of users in the server's store.
    #[must_use]
    pub fn users(mut self, users: impl Users) -> Self {
        self.users = Some(Arc::new(users));
        self
    }

    /// The application's own session management: people sign in on the application's pages.
    #[must_use]
    pub fn own_session(mut self, session: impl OwnSession) -> Self {
        self.own_session = Some(Arc::new(session));
        self
    }

    /// The name, logo and colour of the built-in pages.
    #[must_use]
    pub fn theme(self, theme: Theme) -> Self {
        self.pages(BuiltInPages::new(theme))
    }

    /// The application's own pages.
    #[must_use]
    pub fn pages(mut self, pages: impl Pages) -> Self {
        self.pages = Arc::new(pages);
        self
    }

    /// What a password hash costs, and how many run at the same time.
    #[must_use]
    pub fn hashing(mut self, settings: HashingSettings) -> Self {
        self.hashing = settings;
        self
    }

    /// After how many failures further attempts have to wait.
    #[must_use]
    pub fn throttle(mut self, settings: ThrottleSettings) -> Self {
        self.throttle = settings;
        self
    }

    /// The body of a guard's rejection, in the application's own shape; `None` keeps the usual one. Status and challenge do not
    /// depend on it.
    #[must_use]
    pub fn rejection_body(
        mut self,
        shape: impl Fn(&Rejection) -> Option<RejectionBody> + Send + Sync + 'static,
    ) -> Self {
        self.rejection_body = Some(Arc::new(shape));
        self
    }

    /// The clock: the system's by default. Tests use a [`ManualClock`](crate::env::ManualClock).
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The source of randomness: the system's by default.
    #[must_use]
    pub fn entropy(mut self, entropy: impl Entropy) -> Self {
        self.entropy = Arc::new(entropy);
        self
    }

    /// How often expired rows are removed: every minute by default, at least every second. `None` leaves it to
    /// [`GridAuth::sweep`].
    #[must_use]
    pub fn sweep_every(mut self, interval: Option<Duration>) -> Self {
        self.sweep_every = interval;
        self
    }

    /// Builds the server.
    ///
    /// # Errors
    /// [`BuildError`] names everything that is wrong with the configuration.
    pub async fn build(mut self) -> Result<GridAuth, BuildError> {
        for extension in &self.extensions {
            self.grants.extend_all(extension);
        }
        let authenticator = ClientAuthenticator::new(std::mem::take(&mut self.client_authentication));
        let mut problems = self.problems(&authenticator);
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
        let Some(secrets) =
            problems.take("client secrets", SecretVerifier::new(hasher.clone(), &*self.entropy))
        else {
            return Err(problems.into());
        };
        let Some(guard) = problems.take("the guard", self.guard(&store)) else { return Err(problems.into()) };
        let stored_users = StoredUsers::new(store.clone(), hasher.clone(), Arc::clone(&self.clock));
        let grants = Arc::new(std::mem::take(&mut self.grants));
        let interaction = Interaction {
            pages: Arc::clone(&self.pages),
            sessions: Sessions {
                store: store.clone(),
                clock: Arc::clone(&self.clock),
                entropy: Arc::clone(&self.entropy),
                lifetime: self.session_lifetime,
                secure: issuer.is_https,
            },
            own_session: self.own_session.take(),
            scopes: single_scopes(&self.scopes),
        };
        let scopes = interaction.scopes.clone();
        let mut endpoints = endpoints(&grants, interaction);
        endpoints.append(&mut self.endpoints);
        let engine = Arc::new(Engine {
            issuer,
            mount: self.mount,
            clients: Clients::new(store.clone()),
            store,
            throttle: Throttle::new(self.throttle, Arc::clone(&self.clock)),
            clock: self.clock,
            entropy: self.entropy,
            lifetimes: self.lifetimes,
            client_methods: authenticator.methods().collect(),
            refresh_methods: grants
                .token_side("refresh_token")
                .map(|(_, side)| side.client_authentication().to_vec()),
            has_own_users: self.users.is_some(),
            users: self.users.unwrap_or_else(|| Arc::new(stored_users.clone())),
            stored_users,
            hasher,
            secrets,
        });
        if !grants.is_empty() || !endpoints.is_empty() {
            endpoints.push(Arc::new(metadata(&engine, &grants, &scopes, &endpoints)));
        }
        problems.check_endpoints(&endpoints);
        if !problems.0.is_empty() {
            return Err(problems.into());
        }
        warn(&engine.issuer, &grants);
        let routes = Routes::mount(endpoints, &engine.issuer, &engine.mount, self.strips_issuer_path);
        if let Some(interval) = self.sweep_every {
            sweeper::spawn(&engine, interval);
        }
        let allowed_origins = self.allowed_origins;
        let server = Server { engine, grants, scopes, guard, authenticator, routes, allowed_origins };
        Ok(GridAuth(Arc::new(server)))
    }

    /// The guard of the server's tokens.
    fn guard(&mut self, store: &Store) -> Result<Guard, crate::guard::GuardError> {
        let guard = Guard::builder(&self.issuer)
            .store(store.clone())
            .clock(Arc::clone(&self.clock))
            .scopes(&self.scopes)
            .shared_rejection_body(self.rejection_body.take());
        match self.realm.take() {
            Some(realm) => guard.realm(realm).build(),
            None => guard.build(),
        }
    }

    /// What is wrong with the configuration, apart from what its parts say themselves when they are made.
    fn problems(&self, authenticator: &ClientAuthenticator) -> Problems {
        let mut problems = Problems::default();
        problems.check_mount(&self.mount);
        problems.check_lifetimes([
            ("code", self.lifetimes.code),
            ("access token", self.lifetimes.access_token),
            ("refresh token (idle)", self.lifetimes.refresh_token_idle),
            ("refresh token (absolute)", self.lifetimes.refresh_token),
            ("session", self.session_lifetime),
        ]);
        if self.sweep_every.is_some_and(|interval| interval < Duration::from_secs(1)) {
            problems.add("the sweeper must leave at least a second between its rounds");
        }
        problems.check_scopes(&self.scopes);
        problems.0.extend(self.allowed_origins.problems());
        let methods: Vec<AuthMethod> = authenticator.methods().collect();
        problems.check_authentication(&methods);
        problems.check_grants(&self.grants, &methods);
        problems
    }
}

/// Each scope token once, with the first words that describe it alone. A type that is made of several tokens says nothing about the
/// single ones.
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
