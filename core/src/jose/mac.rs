use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::Jws;

/// Whether a token has the MAC `HS256` under this secret (RFC 7518 section 3.2). This is for the method `client_secret_jwt`, whose
/// secret both sides know, and for nothing else.
pub fn is_hs256(jws: &Jws<'_>, secret: &[u8]) -> bool {
    let mac = Hmac::<Sha256>::new_from_slice(secret).ok();
    jws.algorithm_name() == "HS256"
        && mac
            .is_some_and(|mac| mac.chain_update(jws.input().as_bytes()).verify_slice(jws.signature()).is_ok())
}
