//! A custom grant: a code that was sent by mail can be exchanged for a token, once.

use std::{error::Error, time::Duration};

use axum::{Router, extract::State, http::StatusCode, routing::post};
use gridauth::grant::{Grant, Issued, NewGrant, TokenIssuer, TokenRequest, TokenSide};
use gridauth::store::{Change, Key, Kind, Row, Updated};
use gridauth::{Client, GridAuth, Store, model::AuthMethod, protocol::OAuthError, token::Digest};
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
        let address = address.filter(|_| taken == Updated::Removed);
        let address = address.ok_or_else(|| OAuthError::invalid_grant("the code is not valid"))?;
        issuer.issue(NewGrant::for_user(address, scope)).await
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
type Asked = State<(GridAuth, Mailer)>;

async fn ask(State((auth, mail)): Asked, address: String) -> Result<StatusCode, StatusCode> {
    let (now, ten_minutes) = (auth.clock().now(), Duration::from_secs(600));
    let row = Row::new(now, "{}").with_user(Some(&address)).with_expires(Some(now.after(ten_minutes)));
    let code = gridauth_small::random_text().or(Err(StatusCode::SERVICE_UNAVAILABLE))?;
    let stored = auth.store().insert(Key::new(Kind::Custom, &row_id(&code)), row).await;
    stored.or(Err(StatusCode::SERVICE_UNAVAILABLE))?;
    mail(&address, &code);
    Ok(StatusCode::ACCEPTED)
}

pub(crate) async fn app(mail: Mailer) -> Result<Router, Box<dyn Error>> {
    let auth =
        GridAuth::builder("http://127.0.0.1:8080").store(Store::memory()).grant(MailedCode).build().await?;
    let client = Client::public("app").grant_types(["urn:example:mailed-code"]).scope("read");
    auth.put_client(client.build()?).await?;
    Ok(Router::new().route("/ask", post(ask)).with_state((auth.clone(), mail)).merge(auth.routes()))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    Ok(gridauth_small::serve(app(gridauth_small::mail).await?).await?)
}
