//! A television signs in without a keyboard (RFC 8628): it shows a code, also as a QR code, and polls until somebody has allowed it on a
//! phone. Sign in there as `israel`.

use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, header::CONTENT_TYPE};
use gridauth::grant::{DeviceCode, RefreshToken};
use gridauth::token::Secret;
use gridauth::{Client, GridAuth, Store};
use gridauth_tower::GridAuthExt;
use qrcode::{QrCode, render::unicode::Dense1x2};
use serde_json::Value;

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";

pub(crate) async fn app() -> Result<Router, Box<dyn Error>> {
    let devices = DeviceCode::new().interval(Duration::from_secs(1));
    let auth = GridAuth::builder("http://127.0.0.1:8080").store(Store::memory());
    let auth = auth.grant(devices).grant(RefreshToken::rotating()).build().await?;
    let television = Client::public("television").name("Living room television").scope("films.watch");
    auth.put_client(television.grant_types([GRANT_TYPE, "refresh_token"]).response_types([""; 0]).build()?)
        .await?;
    auth.put_user("israel", &Secret::from("a password to try"), "israel", Default::default()).await?;
    Ok(auth.routes())
}

/// Sends a form to the server, as the television would over the network.
async fn post(server: &Router, path: &str, form: &[(&str, &str)]) -> Result<Value, Box<dyn Error>> {
    let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let request = Request::post(path).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    let response = tower::ServiceExt::oneshot(server.clone(), request.body(Body::from(form))?).await?;
    Ok(serde_json::from_slice(&to_bytes(response.into_body(), 64 * 1024).await?)?)
}

/// Signs the television in, and returns its access token. `show` puts a text on the screen.
pub(crate) async fn sign_in(server: &Router, show: impl Fn(&str)) -> Result<String, Box<dyn Error>> {
    let started = post(server, "/oauth/device_authorization", &[("client_id", "television")]).await?;
    let text = |member: &str| started[member].as_str().unwrap_or_default();
    show(&QrCode::new(text("verification_uri_complete"))?.render::<Dense1x2>().build());
    show(&format!("Scan this, or open {} and enter {}", text("verification_uri"), text("user_code")));
    let mut seconds = started["interval"].as_u64().unwrap_or(5);
    let poll =
        [("client_id", "television"), ("grant_type", GRANT_TYPE), ("device_code", text("device_code"))];
    loop {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let answer = post(server, "/oauth/token", &poll).await?;
        match (answer["access_token"].as_str(), answer["error"].as_str()) {
            (Some(token), _) => return Ok(token.to_owned()),
            (_, Some("authorization_pending")) => {}
            (_, Some("slow_down")) => seconds += 5,
            (_, error) => return Err(error.unwrap_or("the server did not answer").into()),
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let app = app().await?;
    tokio::select! {
        served = gridauth_small::serve(app.clone()) => served?,
        signed_in = sign_in(&app, gridauth_small::show) => gridauth_small::show(&format!("Signed in: {}", signed_in.is_ok())),
    }
    Ok(())
}
