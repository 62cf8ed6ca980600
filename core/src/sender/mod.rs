//! Sender-constrained tokens: what proves that whoever sends a token is the one that it was issued to. A thief of a bound token
//! cannot use it.
//!
//! A token is bound to a key, by DPoP (RFC 9449), or to a client certificate, by mutual TLS (RFC 8705):
//! [`Binding`](crate::token::Binding). The token endpoint binds it, and guards ask for the proof. Nothing has to be turned on for DPoP:
//! a client that sends a proof to the token endpoint gets a bound token.

mod certificate;
#[cfg(feature = "jose")]
mod dpop;
#[cfg(feature = "server")]
mod mutual_tls;
#[cfg(feature = "jose")]
mod nonce;
#[cfg(feature = "jose")]
mod proof;
mod public_urls;
#[cfg(feature = "jose")]
mod seen;

pub(crate) use certificate::certificate_of;
#[cfg(feature = "jose")]
pub(crate) use dpop::{Dpop, ProofRefusal};
#[cfg(feature = "server")]
pub use mutual_tls::MutualTls;
#[cfg(feature = "jose")]
pub use nonce::DpopNonces;
#[cfg(feature = "jose")]
pub(crate) use proof::{Expected, Proof, ProofError, VerifiedProof};
pub(crate) use public_urls::PublicUrls;
#[cfg(feature = "jose")]
pub(crate) use seen::Seen;

use http::HeaderName;

/// The header with a proof of possession of a key (RFC 9449 section 4.1).
pub(crate) static DPOP: HeaderName = HeaderName::from_static("dpop");
