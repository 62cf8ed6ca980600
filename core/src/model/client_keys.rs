//! The public keys in a client's metadata (RFC 7591 section 2: `jwks`, `jwks_uri`).

use serde_json::{Map, Value};

use crate::jose::{KeySet, KeySetError};

/// Checks the members with keys. Keys that this server cannot use are no mistake: a set may have them for other servers, or for
/// encryption.
pub(super) fn check(metadata: &Map<String, Value>) -> Result<(), &'static str> {
    if metadata.get("jwks_uri").is_some_and(|uri| !uri.is_string()) {
        return Err("jwks_uri must be a text");
    }
    let Some(jwks) = metadata.get("jwks") else { return Ok(()) };
    if metadata.contains_key("jwks_uri") {
        return Err("jwks and jwks_uri exclude each other");
    }
    KeySet::from_jwks(jwks).map(drop).map_err(|error| match error {
        KeySetError::Private => {
            "jwks has a private or a symmetric key: register the public keys alone, and replace this one, which others have seen now"
        }
        KeySetError::TooMany => "jwks has more than 100 keys",
        KeySetError::Malformed => "jwks is not a JSON Web Key Set: an object with the list keys",
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::jose::{Algorithm, PrivateKey};
    use crate::model::{Client, ClientError};

    #[test]
    fn keys_are_public_and_in_one_place() {
        let key = PrivateKey::generate(Algorithm::Es256).unwrap().public().to_jwk();
        let client = |members: Value| {
            let members = members.as_object().unwrap().clone();
            let begun = Client::public("c");
            members.into_iter().fold(begun, |client, (name, value)| client.metadata(name, value)).build()
        };
        client(json!({ "jwks": { "keys": [key] } })).unwrap();
        client(json!({ "jwks": { "keys": [] } })).unwrap();
        // For other servers, or for encryption.
        client(json!({ "jwks": { "keys": [{ "kty": "EC", "crv": "P-521" }, { "kty": "AKP" }] } })).unwrap();
        client(json!({ "jwks_uri": "https://client.example.com/jwks" })).unwrap();
        let mut private = key.clone();
        private["d"] = json!("AAAA");
        for bad in [
            json!({ "jwks": { "keys": [key, private] } }),
            json!({ "jwks": { "keys": [{ "kty": "oct", "k": "AAAA" }] } }),
            json!({ "jwks": { "keys": vec![key.clone(); 101] } }),
            json!({ "jwks": { "keys": "none" } }),
            json!({ "jwks": [key] }),
            json!({ "jwks": null }),
            json!({ "jwks": { "keys": [key] }, "jwks_uri": "https://client.example.com/jwks" }),
            json!({ "jwks_uri": 7 }),
        ] {
            assert!(matches!(client(bad.clone()), Err(ClientError::Keys(_))), "{bad}");
        }
    }
}
