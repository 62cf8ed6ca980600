use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;

use super::issuer::{Issuer, is_plain_path};
use super::{GridAuth, Inner, ServerLifetimes, ShapeRejection, sweeper};
use crate::client_auth::SecretVerifier;
use crate::endpoint::{Endpoint, metadata};
use crate::env::{Clock, Entropy, SystemClock, SystemEntropy};
use crate::grant::{Extension, IntoRegistration, Registry};
use crate::guard::{Rejection, RejectionBody, ScopeDescription};
use crate::identity::{
    HashingSettings, OwnSession, PasswordHasher, Sessions, StoredUsers, Throttle, ThrottleSettings, Users,
};
use crate::model::AuthMethod;
use crate::pages::{BuiltInPages, Pages, Theme};
use crate::store::Store;

/// A server cannot be built as it is configured. All that is wrong is named at once, each with what to change.
#[derive(Debug)]
pub struct BuildError {
    problems: Vec<String>,
}

impl BuildError {
    /// What is wrong, one text for each.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server cannot be built: {}", self.problems.join("; "))
    }
}

impl std::error::Error for BuildError {}

/// How many servers this process has built.
static BUILT: AtomicU64 = AtomicU64::new(0);

/// Puts a server together; [`build`](Self::build) makes it.
pub struct Builder {
    issuer: String,
    mount: String,
    strips_issuer_path: bool,
    realm: Option<String>,
    store: Option<Store>,
    grants: Registry,
    extensions: Vec<Arc<dyn Extension>>,
    scopes: Vec<ScopeDescription>,
    lifetimes: ServerLifetimes,
    session_lifetime: Duration,
    users: Option<Arc<dyn Users>>,
    own_session: Option<Arc<dyn OwnSession>>,
    pages: Arc<dyn Pages>,
    hashing: HashingSettings,
    throttle: ThrottleSettings,
    shape_rejection: Option<ShapeRejection>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    sweep_every: Option<Duration>,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Builder {
    pub(super) fn new(issuer: String) -> Self {
        Self {
            issuer,
            mount: "/oauth".to_owned(),
            strips_issuer_path: false,
            realm: None,
            store: None,
            grants: Registry::default(),
            extensions: Vec::new(),
            scopes: Vec::new(),
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
            shape_rejection: None,
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            sweep_every: Some(Duration::from_secs(60)),
        }
    }

    /// Where everything is kept. A server must have one.
    #[must_use]
    pub fn store(mut self, store: Store) -> Self {
        self.store = Some(store);
        self
    }

    /// One more grant, with extensions or without. A server without any grant only guards.
    #[must_use]
    pub fn grant(mut self, grant: impl IntoRegistration) -> Self {
        self.grants.add(grant.into_registration());
        self
    }

    /// An extension of every grant, asked after those that a grant was registered with.
    #[must_use]
    pub fn extension(mut self, extension: impl Extension) -> Self {
        self.extensions.push(Arc::new(extension));
        self
    }

    /// Where the endpoints are mounted: `/oauth` unless told otherwise. Empty for the root.
    #[must_use]
    pub fn mount(mut self, path: impl Into<String>) -> Self {
        self.mount = path.into();
        self
    }

    /// Whether a proxy in front takes the path of the issuer away: the endpoints are then mounted without it as well.
    #[must_use]
    pub fn behind_stripping_proxy(mut self, yes: bool) -> Self {
        self.strips_issuer_path = yes;
        self
    }

    /// The realm that challenges name (RFC 9110 section 11.5): the issuer unless told otherwise.
    #[must_use]
    pub fn realm(mut self, realm: impl Into<String>) -> Self {
        self.realm = Some(realm.into());
        self
    }

    /// The scopes of the application, as [`scopes!`](crate::scopes!) lists them: for the metadata and the consent page.
    #[must_use]
    pub fn scopes(mut self, scopes: &[ScopeDescription]) -> Self {
        self.scopes.extend_from_slice(scopes);
        self
    }

    /// How long a code can be redeemed: 60 seconds unless told otherwise.
    #[must_use]
    pub fn code_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetimes.code = lifetime;
        self
    }

    /// How long an access token is good: an hour unless told otherwise.
    #[must_use]
    pub fn access_token_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetimes.access_token = lifetime;
        self
    }

    /// How long a refresh token is good that is not used (14 days unless told otherwise), and how long a chain of them
    /// is good from the first to the last (90 days).
    #[must_use]
    pub fn refresh_token_lifetime(mut self, idle: Duration, absolute: Duration) -> Self {
        self.lifetimes.refresh_token_idle = idle;
        self.lifetimes.refresh_token = absolute;
        self
    }

    /// How long somebody stays signed in in a browser: 12 hours unless told otherwise.
    #[must_use]
    pub fn session_lifetime(mut self, lifetime: Duration) -> Self {
        self.session_lifetime = lifetime;
        self
    }

    /// The application's own users, instead of those that the engine keeps.
    #[must_use]
    pub fn users(mut self, users: impl Users) -> Self {
        self.users = Some(Arc::new(users));
        self
    }

    /// The application's own session: it signs people in, on its own pages.
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

    /// What a password hash costs, and how many run at once.
    #[must_use]
    pub fn hashing(mut self, settings: HashingSettings) -> Self {
        self.hashing = settings;
        self
    }

    /// After how many failures further tries have to wait.
    #[must_use]
    pub fn throttle(mut self, settings: ThrottleSettings) -> Self {
        self.throttle = settings;
        self
    }

    /// The body of a guard's rejection, in the application's own shape; `None` keeps the usual one. Status and challenge
    /// stay right whatever it says.
    #[must_use]
    pub fn rejection_body(
        mut self,
        shape: impl Fn(&Rejection) -> Option<RejectionBody> + Send + Sync + 'static,
    ) -> Self {
        self.shape_rejection = Some(Arc::new(shape));
        self
    }

    /// The clock: the system's unless told otherwise. Tests give a [`ManualClock`](crate::env::ManualClock).
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The source of randomness: the system's unless told otherwise.
    #[must_use]
    pub fn entropy(mut self, entropy: impl Entropy) -> Self {
        self.entropy = Arc::new(entropy);
        self
    }

    /// How often expired rows are removed, at least a second: every minute unless told otherwise; `None` leaves it to
    /// [`GridAuth::sweep`].
    #[must_use]
    pub fn sweep_every(mut self, interval: Option<Duration>) -> Self {
        self.sweep_every = interval;
        self
    }

    /// The server.
    ///
    /// # Errors
    /// [`BuildError`] names all that is wrong.
    pub async fn build(mut self) -> Result<GridAuth, BuildError> {
        for extension in &self.extensions {
            self.grants.extend_all(extension);
        }
        let mut problems = self.problems();
        let issuer = Issuer::parse(&self.issuer)
            .map_err(|problem| problems.push(format!("the issuer: {problem}")))
            .ok();
        let hasher = PasswordHasher::new(self.hashing.clone(), Arc::clone(&self.entropy))
            .map_err(|error| problems.push(format!("password hashing: {error}")))
            .ok();
        let verifier = hasher.as_ref().and_then(|hasher| {
            SecretVerifier::new(hasher.clone(), &*self.entropy)
                .map_err(|error| problems.push(format!("client secrets: {error}")))
                .ok()
        });
        let throttle = Throttle::new(self.throttle.clone(), Arc::clone(&self.clock));
        let (Some(store), Some(issuer), Some(hasher), Some(secrets), true) =
            (self.store.take(), issuer, hasher, verifier, problems.is_empty())
        else {
            return Err(BuildError { problems });
        };
        warn(&issuer, &self.grants);
        let stored_users = StoredUsers::new(store.clone(), hasher.clone(), Arc::clone(&self.clock));
        let sessions = Sessions {
            store: store.clone(),
            clock: Arc::clone(&self.clock),
            entropy: Arc::clone(&self.entropy),
            lifetime: self.session_lifetime,
            secure: issuer.is_https,
        };
        let mut server = Inner {
            number: BUILT.fetch_add(1, Ordering::Relaxed),
            routes: routes(&issuer, &self.mount, &self.grants, self.strips_issuer_path),
            metadata: Bytes::new(),
            mount: self.mount,
            realm: self.realm.unwrap_or_else(|| issuer.url.clone()),
            issuer,
            store,
            clock: self.clock,
            entropy: self.entropy,
            grants: self.grants,
            lifetimes: self.lifetimes,
            scopes: single_scopes(&self.scopes),
            users: self.users.unwrap_or_else(|| Arc::new(stored_users.clone())),
            stored_users,
            own_session: self.own_session,
            sessions,
            hasher,
            secrets,
            throttle,
            pages: self.pages,
            shape_rejection: self.shape_rejection,
        };
        server.metadata = metadata::describe(&server).to_string().into();
        let server = Arc::new(server);
        if let Some(interval) = self.sweep_every {
            sweeper::spawn(&server, interval);
        }
        Ok(GridAuth(server))
    }

    /// What is wrong with the configuration, but for what its parts say themselves when they are made.
    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.store.is_none() {
            problems.push("there is no store: call .store(Store::open(..).await?)".to_owned());
        }
        if !is_plain_path(&self.mount) {
            problems.push(format!(
                "the mount path {:?} must be empty, or segments of letters, digits and - . _ ~, each behind a slash",
                self.mount
            ));
        }
        if self.realm.as_deref().is_some_and(|realm| !is_realm(realm)) {
            problems.push("the realm must be printable ASCII without quote and backslash".to_owned());
        }
        let lifetimes = [
            ("code", self.lifetimes.code),
            ("access token", self.lifetimes.access_token),
            ("refresh token (idle)", self.lifetimes.refresh_token_idle),
            ("refresh token (absolute)", self.lifetimes.refresh_token),
            ("session", self.session_lifetime),
        ];
        for (name, lifetime) in lifetimes {
            if lifetime < Duration::from_secs(1) {
                problems.push(format!("the lifetime of a {name} must be at least a second"));
            }
        }
        if self.sweep_every.is_some_and(|interval| interval < Duration::from_secs(1)) {
            problems.push("the sweeper must leave at least a second between its rounds".to_owned());
        }
        for scope in &self.scopes {
            if scope.token.parse::<crate::protocol::Scope>().is_err() || scope.token.is_empty() {
                problems.push(format!("the scope {:?} is malformed", scope.token));
            }
        }
        self.grant_problems(&mut problems);
        problems
    }

    fn grant_problems(&self, problems: &mut Vec<String>) {
        let mut grant_types = HashSet::new();
        for side in self.grants.token_sides() {
            let name = side.grant_type();
            if name.is_empty() || !grant_types.insert(name) {
                problems.push(format!("the grant type {name:?} is registered twice, or is empty"));
            }
            let methods = side.client_authentication();
            method_problems(&format!("the grant type {name:?}"), methods, problems);
            if name == "client_credentials" && methods.contains(&AuthMethod::None) {
                problems.push(
                    "client_credentials cannot accept the method none: anybody could get a token".to_owned(),
                );
            }
        }
        let mut response_types = HashSet::new();
        for side in self.grants.authorization_sides() {
            let name = side.response_type();
            if name.is_empty() || !response_types.insert(name) {
                problems.push(format!("the response type {name:?} is registered twice, or is empty"));
            }
            method_problems(&format!("the response type {name:?}"), side.client_authentication(), problems);
        }
    }
}

/// What is wrong with the client authentication methods that one side of a grant accepts.
fn method_problems(side: &str, methods: &[AuthMethod], problems: &mut Vec<String>) {
    if methods.is_empty() {
        problems.push(format!("{side} accepts no client authentication method"));
    }
    for method in methods.iter().filter(|method| !AuthMethod::SUPPORTED.contains(method)) {
        problems.push(format!("{side} accepts {:?}, which this server does not have", method.as_str()));
    }
}

/// The paths of the endpoints that are on: below the issuer's path, and also without it where a proxy takes it away.
fn routes(issuer: &Issuer, mount: &str, grants: &Registry, stripped: bool) -> Vec<(String, Endpoint)> {
    let mut routes = Vec::new();
    for endpoint in Endpoint::ALL.into_iter().filter(|endpoint| endpoint.is_on(grants)) {
        match endpoint.path() {
            Some(path) => {
                routes.push((format!("{}{mount}{path}", issuer.path), endpoint));
                if stripped && !issuer.path.is_empty() {
                    routes.push((format!("{mount}{path}"), endpoint));
                }
            }
            // RFC 8414 section 3.1: the well-known part comes before the issuer's path.
            None => {
                routes.push((format!("/.well-known/oauth-authorization-server{}", issuer.path), endpoint))
            }
        }
    }
    routes
}

/// Each scope token once, with the first words that there are for it alone. A type made of several tokens says
/// nothing of the single ones.
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

fn is_realm(realm: &str) -> bool {
    realm.bytes().all(|b| (0x20..=0x7e).contains(&b) && !matches!(b, b'"' | b'\\'))
}

/// What is allowed but should be known.
fn warn(issuer: &Issuer, grants: &Registry) {
    if issuer.is_unprotected {
        tracing::warn!(issuer = %issuer.url, "the issuer is plain http: tokens and passwords can be read on the way");
    }
    for registered in grants.iter() {
        if let Some(warning) = registered.grant.warning() {
            tracing::warn!("{warning}");
        }
    }
}
