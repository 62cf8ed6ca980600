//! A custom client authentication method: a client presents a ticket that an operator signed for one day.

use std::error::Error;

use axum::Router;
use gridauth::client_auth::{ClientAuthentication, ClientRequest, PresentedCredentials};
use gridauth::grant::ClientCredentials;
use gridauth::model::{AuthMethod, Client};
use gridauth::protocol::OAuthError;
use gridauth::{GridAuth, Store};
use gridauth_tower::GridAuthExt;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const METHOD: &str = "example_day_ticket";

/// Verifies tickets that were signed with this key.
struct DayTickets([u8; 32]);

/// The MAC of a client and a day since 1970.
fn mac(key: &[u8], client_id: &str, day: i64) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(format!("{day} {client_id}").as_bytes());
    Some(mac)
}

/// The ticket for a client and a day. The client sends it as the parameter `ticket`.
#[allow(dead_code, reason = "the test hands tickets out")]
pub(crate) fn ticket(key: &[u8], client_id: &str, day: i64) -> Option<String> {
    Some(gridauth_small::to_hex(&mac(key, client_id, day)?.finalize().into_bytes()))
}

#[gridauth::async_trait]
impl ClientAuthentication for DayTickets {
    fn method(&self) -> AuthMethod {
        AuthMethod::Other(METHOD.to_owned())
    }

    fn read(&self, request: &ClientRequest<'_>) -> Result<Option<PresentedCredentials>, OAuthError> {
        let (Some(client), Some(ticket)) = (request.parameter("client_id"), request.parameter("ticket"))
        else {
            return Ok(None);
        };
        Ok(Some(PresentedCredentials::named(client).with_proof(ticket)))
    }

    async fn verify(
        &self,
        request: &ClientRequest<'_>,
        credentials: &PresentedCredentials,
        client: Option<&Client>,
    ) -> Result<bool, OAuthError> {
        let today = request.engine().clock().now().as_secs() / (24 * 60 * 60);
        let ticket = credentials.proof().and_then(|ticket| gridauth_small::from_hex(ticket.expose()));
        let mac = mac(&self.0, credentials.client_id(), today);
        let is_right = mac.zip(ticket).is_some_and(|(mac, ticket)| mac.verify_slice(&ticket).is_ok());
        Ok(is_right && client.is_some())
    }
}

pub(crate) async fn app() -> Result<Router, Box<dyn Error>> {
    let method = AuthMethod::Other(METHOD.to_owned());
    let auth = GridAuth::builder("http://127.0.0.1:8080")
        .store(Store::memory())
        .client_authentication(DayTickets([7; 32]))
        .grant(ClientCredentials::new().client_authentication([method.clone()]))
        .build()
        .await?;
    let robot = Client::public("robot").auth_method(method).grant_types(["client_credentials"]);
    auth.put_client(robot.scope("orders.read").build()?).await?;
    Ok(auth.routes())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    Ok(gridauth_small::serve(app().await?).await?)
}
