//! An application with its own accounts and sessions: gridauth asks it who is signed in, and shows no sign-in page.

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Form, Query, State};
use axum::http::{StatusCode, header::COOKIE, header::SET_COOKIE, request::Parts};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::{Router, routing::get};
use gridauth::identity::{HashingSettings, OwnSession, PasswordHash, PasswordHasher, UsersError};
use gridauth::model::{AuthMethod, Authentication};
use gridauth::{Client, GridAuth, Store, User, env::SystemEntropy, grant::AuthorizationCode};
use gridauth_tower::GridAuthExt;

/// What an application keeps in its own tables: accounts by name, and sessions by cookie.
#[derive(Clone)]
struct Site {
    accounts: Arc<HashMap<String, (u32, PasswordHash)>>,
    sessions: Arc<Mutex<HashMap<String, u32>>>,
    hasher: PasswordHasher,
}

#[gridauth::async_trait]
impl OwnSession for Site {
    async fn authentication(&self, request: &Parts) -> Result<Option<Authentication>, UsersError> {
        let cookies = request.headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let session = cookies.flat_map(|list| list.split("; ")).find_map(|one| one.strip_prefix("site="));
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(session
            .and_then(|session| sessions.get(session))
            .map(|id| Authentication::new(User::new(id.to_string()))))
    }

    fn sign_in_uri(&self, wanted: &gridauth::identity::WantedSignIn<'_>) -> String {
        let return_to: String = form_urlencoded::byte_serialize(wanted.return_to.as_bytes()).collect();
        format!("/login?return_to={return_to}")
    }
}

const LOGIN: &str =
    "<form method=post><input name=name><input name=password type=password><button>Go</button></form>";

type Fields = HashMap<String, String>;

async fn login(site: State<Site>, query: Query<Fields>, form: Form<Fields>) -> Result<Response, StatusCode> {
    let account = form.get("name").and_then(|name| site.accounts.get(name));
    let password = form.get("password").map_or("", String::as_str);
    // Takes the same time if there is no such account.
    let right = site.hasher.verify(password, account.map(|(_, hash)| hash)).await.unwrap_or(false);
    let (id, _) = account.filter(|_| right).ok_or(StatusCode::FORBIDDEN)?;
    let session = gridauth_small::random_text().map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    site.sessions.lock().unwrap_or_else(PoisonError::into_inner).insert(session.clone(), *id);
    // Redirect only to gridauth's own paths: any other URI could lead to an attacker.
    let back = query.get("return_to").filter(|to| to.starts_with("/oauth/")).map_or("/", String::as_str);
    let cookie = format!("site={session}; Path=/; HttpOnly; Secure; SameSite=Lax");
    Ok(([(SET_COOKIE, cookie)], Redirect::to(back)).into_response())
}

pub(crate) async fn app() -> Result<Router, Box<dyn Error>> {
    let hasher = PasswordHasher::new(HashingSettings::default(), Arc::new(SystemEntropy))?;
    let accounts = HashMap::from([("israel".to_owned(), (42, hasher.hash("imru").await?))]).into();
    let site = Site { accounts, sessions: Arc::default(), hasher };
    let auth = GridAuth::builder("https://site.example.com")
        .store(Store::memory())
        .own_session(site.clone())
        .grant(AuthorizationCode::new().client_authentication([AuthMethod::None]))
        .build()
        .await?;
    let spa = Client::public("spa").redirect_uri("https://spa.example.com/cb").first_party(true).build()?;
    auth.put_client(spa).await?;
    let login = get(async || Html(LOGIN)).post(login);
    Ok(Router::new().route("/login", login).with_state(site).merge(auth.routes()))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    Ok(gridauth_small::serve(app().await?).await?)
}
