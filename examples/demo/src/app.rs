//! The demo application: the server with the demo's policies.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gridauth::engine::{PushedRequests, SignedRequests};
use gridauth::grant::extension::{AuthorizationDetails, OpenId};
use gridauth::grant::{
    AuthorizationCode, ClientCredentials, DeviceCode, Implicit, JwtBearer, Password, RefreshToken,
    TokenExchange,
};
use gridauth::guard::Resource;
use gridauth::identity::PasswordPolicy;
use gridauth::model::AuthMethod;
use gridauth::pages::{Language, Languages, Theme};
use gridauth::sender::MutualTls;
use gridauth::store::{OpenError, StoreError};
use gridauth::{Client, GridAuth, Guard, PutClientError, RevokeError, Store};
use tokio::sync::watch;

use crate::notes::NoteIds;
use crate::{Settings, StartError};

gridauth::scopes! {
    /// The scopes of the demo, with their descriptions on the consent page.
    pub static SCOPES;
    /// May do everything that has no scope of its own.
    pub All = "all": "Use your account";
    /// May read notes.
    pub NotesRead = "notes.read": "Read your notes";
    /// May write notes.
    pub NotesWrite = "notes.write": "Write notes for you";
}

/// The languages of the pages, with the scopes described in each.
fn languages() -> Languages {
    let german = Language::german()
        .with_scope("all", "Ihr Konto verwenden")
        .with_scope("notes.read", "Ihre Notizen lesen")
        .with_scope("notes.write", "Notizen für Sie schreiben");
    Languages::default().with(german)
}

/// The client that `/` and `/sign_up` use if a request names none.
pub(crate) const DEMO_CLIENT: &str = "demo";

/// Marks the client that the demo created itself, as opposed to one from a seed file.
const DEMO_SOFTWARE: &str = "gridauth-demo";

/// The path of the notes, a protected resource beside the issuer itself.
const NOTES: &str = "/notes";

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The demo application. Its methods answer the application's own routes. It is cheap to clone.
#[derive(Clone, Debug)]
pub struct App {
    auth: GridAuth,
    /// The guard of the resource `ISSUER/notes`.
    notes_guard: Guard,
    note_ids: Arc<NoteIds>,
    /// Whether the streams have to end.
    pub(crate) stopping: watch::Sender<bool>,
    step_up_max_age: Duration,
}

impl App {
    /// Opens the store, builds the server and loads the seed file. `address` is the address that the program listens
    /// on.
    ///
    /// # Errors
    /// [`StartError`] if the store cannot be opened, or a setting is invalid.
    pub async fn start(settings: &Settings, address: SocketAddr) -> Result<Self, StartError> {
        gridauth_sqlx::register().map_err(StartError::cannot_start)?;
        let store = Store::open(settings.store()).await.map_err(cannot_open)?;
        let mut confidential =
            vec![AuthMethod::Basic, AuthMethod::Post, AuthMethod::SecretJwt, AuthMethod::PrivateKeyJwt];
        // A proxy is needed that tells the certificates of clients.
        let has_mutual_tls = !settings.trusted_proxies.is_empty();
        if has_mutual_tls {
            confidential.extend([AuthMethod::TlsClientAuth, AuthMethod::SelfSignedTlsClientAuth]);
        }
        let code_and_refresh = [&confidential[..], &[AuthMethod::None]].concat();
        let refresh = settings.refresh_token_lifetime;
        let theme = Theme::builder("gridauth demo").languages(languages());
        let theme = theme.build().map_err(StartError::cannot_start)?;
        let mut builder = GridAuth::builder(settings.issuer(address));
        if let Some(secret) = &settings.secret {
            builder = builder.secret(secret.clone());
        }
        if let Some(secret) = &settings.previous_secret {
            builder = builder.previous_secret(secret.clone());
        }
        if let Some(registration) = &settings.registration {
            builder = builder.registration(registration.clone());
        }
        if let Some(documents) = settings.client_metadata {
            builder = builder.client_metadata_documents(documents);
        }
        #[cfg(feature = "metrics")]
        {
            builder = builder.endpoint(crate::metrics::PrometheusMetrics::install()?);
        }
        if has_mutual_tls {
            builder = builder.mutual_tls(MutualTls::new());
        }
        let auth = builder
            .profile(settings.profile)
            .self_registered_scope("openid profile email address phone offline_access notes.read notes.write")
            .store(store)
            .grant(AuthorizationCode::new().client_authentication(code_and_refresh.clone()))
            .grant(
                RefreshToken::rotating()
                    .grace(settings.refresh_grace)
                    .client_authentication(code_and_refresh.clone()),
            )
            .grant(ClientCredentials::new().client_authentication(confidential))
            .grant(DeviceCode::new().client_authentication(code_and_refresh.clone()))
            .grant(TokenExchange::new().client_authentication(code_and_refresh.clone()))
            .grant(Password::new().client_authentication(code_and_refresh))
            .grant(Implicit::new())
            .grant(JwtBearer::new())
            .openid(OpenId::new().implicit().hybrid())
            .pushed_requests(PushedRequests::new())
            .signed_requests(SignedRequests::new())
            .signed_responses()
            // It has no type of authorization details: a client that asks for some is told so.
            .extension(AuthorizationDetails::new())
            .access_token_format(settings.access_token_format)
            .scopes(SCOPES)
            .resource(Resource::at(NOTES).name("Notes").scopes("notes.read notes.write"))
            .theme(theme)
            .trusted_proxies(settings.trusted_proxies.clone())
            // Short enough for the lines of the README.
            .password_policy(PasswordPolicy::default().min_characters(4))
            // A proxy in front of the demo may strip the issuer's path or not.
            .behind_stripping_proxy(true)
            .access_token_lifetime(settings.access_token_lifetime)
            .refresh_token_lifetime(refresh, refresh.max(90 * DAY))
            .code_lifetime(settings.code_lifetime)
            .build()
            .await
            .map_err(StartError::cannot_start)?;
        match &settings.seed {
            Some(seed) => {
                seed.load_into(&auth).await?;
                if !seed.has_client(DEMO_CLIENT) {
                    remove_demo_client(&auth).await?;
                }
            }
            None => add_demo_client(&auth).await?,
        }
        Ok(Self { step_up_max_age: settings.step_up_max_age, ..Self::with(auth) })
    }

    pub(crate) fn with(auth: GridAuth) -> Self {
        let notes_guard = auth.resource_guard(NOTES).unwrap_or(auth.guard()).clone();
        Self {
            auth,
            notes_guard,
            note_ids: Arc::default(),
            step_up_max_age: Duration::from_secs(300),
            stopping: watch::Sender::default(),
        }
    }

    /// The guard of the notes, a resource of their own: a token may be for them alone.
    pub fn notes_guard(&self) -> &Guard {
        &self.notes_guard
    }

    pub(crate) fn note_ids(&self) -> &NoteIds {
        &self.note_ids
    }

    /// What the route `/vault` requires: a sign-in of a user, not long ago.
    pub fn step_up_max_age(&self) -> Duration {
        self.step_up_max_age
    }

    /// The server.
    pub fn auth(&self) -> &GridAuth {
        &self.auth
    }
}

fn cannot_open(error: OpenError) -> StartError {
    if error.bad_url {
        StartError::bad_value("GRIDAUTH_STORE", error.reason, crate::settings::STORES)
    } else {
        StartError::cannot_start(error)
    }
}

pub(crate) fn store_failed(error: StoreError) -> StartError {
    StartError::cannot_start(format_args!("the store failed: {error}"))
}

async fn add_demo_client(auth: &GridAuth) -> Result<(), StartError> {
    let client = Client::public(DEMO_CLIENT)
        .name("The demo itself")
        .metadata("software_id", DEMO_SOFTWARE.into())
        .first_party(true)
        .grant_types(["password", "refresh_token"])
        .response_types([""; 0])
        .scope("all notes.read notes.write")
        .default_scope("all")
        .build()
        .map_err(StartError::cannot_start)?;
    match auth.insert_client(client).await {
        Ok(_) => Ok(()),
        Err(PutClientError::Store(error)) => Err(store_failed(error)),
        Err(error) => Err(StartError::cannot_start(format_args!("the client {DEMO_CLIENT:?}: {error}"))),
    }
}

/// With a seed file, the client `demo` exists only if the seed has it. So the client that a start without a seed
/// created is removed, with everything that was granted to it.
async fn remove_demo_client(auth: &GridAuth) -> Result<(), StartError> {
    let not_revoked = |error: RevokeError| {
        let why = error.source().map(ToString::to_string).unwrap_or_default();
        StartError::cannot_start(format_args!("the store failed: {error}: {why}"))
    };
    let own = auth.client(DEMO_CLIENT).await.map_err(store_failed)?;
    if own.is_some_and(|client| client.metadata("software_id") == Some(DEMO_SOFTWARE)) {
        // The client is removed last: if this fails in between, the next start tries again.
        auth.revoke_client(DEMO_CLIENT).await.map_err(not_revoked)?;
        auth.remove_client(DEMO_CLIENT).await.map_err(not_revoked)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
