//! Helpers of the small programs.

use std::error::Error;
use std::io;

use axum::Router;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gridauth::env::{Entropy, EntropyError, SystemEntropy};
use gridauth::fetch::{Fetch, FetchRequest, HttpFetch, PlainHttp, Reach};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;

/// Serves on port 8080 of this machine.
///
/// # Errors
/// An I/O error if the port cannot be listened on.
pub async fn serve(app: Router) -> io::Result<()> {
    axum::serve(TcpListener::bind("127.0.0.1:8080").await?, app).await
}

/// A random string that nobody can guess.
///
/// # Errors
/// [`EntropyError`] if no randomness is available.
pub fn random_text() -> Result<String, EntropyError> {
    let mut bytes = [0; 16];
    SystemEntropy.fill(&mut bytes)?;
    Ok(to_hex(&bytes))
}

/// The bytes in hex.
pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Decodes hex; `None` if the text is not hex.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.chars().map(|c| c.to_digit(16)?.try_into().ok()).collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// The JSON document at this URL.
///
/// # Errors
/// If it is no URL, or what is there cannot be fetched or is not JSON.
pub async fn get_json(url: &Value) -> Result<Value, Box<dyn Error>> {
    let url = url.as_str().ok_or("there is no URL")?;
    json(FetchRequest::get(url, PlainHttp::Loopback, Reach::Anywhere)?).await
}

/// The JSON document that is the response to a form: `encoded`, and these fields.
///
/// # Errors
/// As [`get_json`].
pub async fn post_json(url: &Value, encoded: &str, fields: &[(&str, &str)]) -> Result<Value, Box<dyn Error>> {
    let url = url.as_str().ok_or("there is no URL")?;
    let all = form_urlencoded::parse(encoded.as_bytes());
    let all: Vec<_> =
        all.chain(fields.iter().map(|(name, value)| ((*name).into(), (*value).into()))).collect();
    let form = all.iter().map(|(name, value)| (&**name, &**value));
    json(FetchRequest::post_form(url, PlainHttp::Loopback, Reach::Anywhere, form)?).await
}

async fn json(request: FetchRequest) -> Result<Value, Box<dyn Error>> {
    Ok(serde_json::from_slice(HttpFetch::new().fetch(request).await?.body())?)
}

/// The code challenge for this verifier (RFC 7636 section 4.2).
pub fn s256(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

/// Prints a mail instead of sending it.
#[expect(clippy::print_stderr, reason = "it stands in for a mailer")]
pub fn mail(address: &str, code: &str) {
    eprintln!("mail to {address}: {code}");
}

/// Puts a text on a screen.
#[expect(clippy::print_stderr, reason = "the terminal stands in for a screen")]
pub fn show(text: &str) {
    eprintln!("{text}");
}

/// The programs of the project's README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// The program of the page on OpenID Connect, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/openid.md")]
struct OpenIdPage;

/// The program of the page on devices, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/device.md")]
struct DevicePage;

/// The program of the page on token exchange, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/exchange.md")]
struct ExchangePage;

/// The program of the page on authorization details, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/details.md")]
struct DetailsPage;

/// The programs of the pages for beginners, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/first-hour.md")]
struct FirstHourPage;

/// The programs of the page on users, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/users.md")]
struct UsersPage;

/// The program of the page on registration, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/registration.md")]
struct RegistrationPage;

/// The program of the page on the Model Context Protocol, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/mcp.md")]
struct McpPage;

/// The program of the page on resources, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/resources.md")]
struct ResourcesPage;

/// The program of the page on events, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/events.md")]
struct EventsPage;

/// The program of the page on first-party apps, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/first-party.md")]
struct FirstPartyPage;
