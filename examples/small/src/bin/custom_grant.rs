//! A custom grant: a user gets a code by mail, and the client exchanges it for a token, once.

use std::error::Error;
use std::time::Duration;

use axum::extract::State;
use axum::{Router, http::StatusCode, routing::post};
use gridauth::grant::{Grant, Issued, NewGrant, TokenIssuer, TokenRequest, TokenSide};
use gridauth::model::AuthMethod;
use gridauth::store::{Change, Key, Kind, Row, Updated};
use gridauth::{Client, GridAuth, Store, env::Clock, env::SystemClock, protocol::OAuthError, token::Digest};
use gridauth_tower::GridAuthExt;

/// Whoever can read a user's mail may sign in as that user.
struct MailedCode;

#[gridauth::async_trait]
impl TokenSide for MailedCode {
    fn grant_type(&self) -> &str {
        "urn:example:mailed-code"
    }

    fn client_authentication(&self) -> &[AuthMethod] {
        &[AuthMethod::None]
    }

    async fn respond(
        &self,
        request: &TokenRequest<'_>,
        issuer: &TokenIssuer<'_>,
    ) -> Result<Issued, OAuthError> {
        let scope = request.scope()?;
        let id = row_id(request.required("code")?);
        let mut address = None;
        let mut take = |row: &Row| {
            address = row.user().filter(|_| row.expires() > Some(request.now())).map(str::to_owned);
            Change::Remove
        };
        // Read and removed atomically: of two requests with the same code, only one removes the row.
        let taken = request.store().update(Key::new(Kind::Custom, &id), &mut take).await?;
        match address.filter(|_| taken == Updated::Removed) {
            Some(address) => issuer.issue(NewGrant::for_user(address, scope)).await,
            None => Err(OAuthError::invalid_grant("the code is not valid")),
        }
    }
}

impl Grant for MailedCode {
    fn token_side(&self) -> Option<&dyn TokenSide> {
        Some(self)
    }
}

/// Only the digest of a code is stored.
fn row_id(code: &str) -> String {
    format!("mailed:{}", Digest::of(b'm', &[code.as_bytes()]).to_text())
}

type Mailer = fn(&str, &str);

async fn ask(State((auth, mail)): State<(GridAuth, Mailer)>, address: String) -> StatusCode {
    let (now, ten_minutes) = (SystemClock.now(), Duration::from_secs(600));
    let row = Row::new(now, "{}").with_user(Some(&address)).with_expires(Some(now.after(ten_minutes)));
    let Ok(code) = gridauth_small::random_text() else { return StatusCode::SERVICE_UNAVAILABLE };
    if auth.store().insert(Key::new(Kind::Custom, &row_id(&code)), row).await.is_err() {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    mail(&address, &code);
    StatusCode::ACCEPTED
}

pub(crate) async fn app(mail: Mailer) -> Result<Router, Box<dyn Error>> {
    let auth = GridAuth::builder("http://127.0.0.1:8080").store(Store::memory()).grant(MailedCode);
    let auth = auth.build().await?;
    let client = Client::public("app").grant_types(["urn:example:mailed-code"]).scope("read");
    auth.put_client(client.build()?).await?;
    Ok(Router::new().route("/ask", post(ask)).with_state((auth.clone(), mail)).merge(auth.routes()))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    Ok(gridauth_small::serve(app(gridauth_small::mail).await?).await?)
}
