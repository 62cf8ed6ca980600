//! Helpers of the small programs.

use std::io;

use axum::Router;
use gridauth::env::{Entropy, EntropyError, SystemEntropy};
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

/// Prints a mail instead of sending it.
#[expect(clippy::print_stderr, reason = "it stands in for a mailer")]
pub fn mail(address: &str, code: &str) {
    eprintln!("mail to {address}: {code}");
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
