//! JSON Web Keys and Signatures: RFC 7515, RFC 7517, RFC 7518, RFC 7638, RFC 8037. The cryptography is that of aws-lc-rs.
//!
//! The algorithm belongs to the key, never to the token: a [`PublicKey`] verifies only what its own type can have signed, so that a
//! token cannot choose `none`, or a MAC under a public key (RFC 8725 section 3.1). [`Jws`] refuses what this server does not
//! understand (`crit`, `b64`) and what would bring a key along (`jwk`, `jku`, `x5u`). A proof of possession, which has to bring its key
//! along, is parsed by a function of its own ([`Jws::parse_proof`]).
//!
//! ```
//! use gridauth::jose::{Algorithm, Jws, PrivateKey};
//!
//! let key = PrivateKey::generate(Algorithm::Es256)?;
//! let token = gridauth::jose::sign(&key, "JWT", &serde_json::json!({ "sub": "248289761001" }))?;
//!
//! let jws = Jws::parse(&token)?;
//! assert!(jws.is_signed_by(key.public()));
//! assert!(!jws.is_signed_by(PrivateKey::generate(Algorithm::Es256)?.public()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod algorithm;
mod jws;
mod key_set;
mod mac;
mod numeric_date;
mod private_key;
mod public_key;

pub use algorithm::Algorithm;
pub use jws::{Jws, JwsError, signing_input};
pub use key_set::{KeySet, KeySetError};
pub use mac::is_hs256;
pub(crate) use numeric_date::{NumericDate, present};
pub use private_key::{KeyFailure, PrivateKey, sign};
pub use public_key::{JwkError, PublicKey};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// base64url without padding (RFC 7515 section 2).
pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}
