//! `private_key_jwt` (RFC 7523 section 2.2, OpenID Connect Core section 9).

use std::sync::LazyLock;

use async_trait::async_trait;

use super::assertion::{self, Unacceptable};
use super::method::{ClientAuthentication, ClientRequest, PresentedCredentials};
use crate::jose::{Jws, KeySet};
use crate::model::{AuthMethod, Client};
use crate::protocol::OAuthError;

/// `private_key_jwt`: the client signs an assertion with its private key; the server has the public one
/// ([`clients`](crate::clients) says where from).
#[derive(Clone, Copy, Debug)]
pub struct PrivateKeyJwt;

#[async_trait]
impl ClientAuthentication for PrivateKeyJwt {
    fn method(&self) -> AuthMethod {
        AuthMethod::PrivateKeyJwt
    }

    fn read(&self, request: &ClientRequest<'_>) -> Result<Option<PresentedCredentials>, OAuthError> {
        // Whatever is no MAC. That it is of an algorithm that the client's key is for shows when it is verified.
        assertion::read(request, |jws| jws.algorithm_name() != "HS256")
    }

    async fn verify(
        &self,
        request: &ClientRequest<'_>,
        credentials: &PresentedCredentials,
        client: Option<&Client>,
    ) -> Result<bool, OAuthError> {
        let Some(proof) = credentials.proof() else { return Ok(false) };
        let presented = assertion::client_assertion(proof.expose())?;
        let Some(client) = client else {
            verify_in_vain(&presented.jws);
            return Ok(false);
        };
        if !request.engine.client_keys.verify(client, &presented.jws).await? {
            return Err(Unacceptable::because("it is not signed by a key of the client").into());
        }
        if !is_registered_algorithm(client, &presented.jws) {
            return Err(
                Unacceptable::because("its alg is not the one that the client is registered for").into()
            );
        }
        assertion::accept(request, &presented.claims).await?;
        Ok(true)
    }
}

/// Whether the algorithm is the one that the client wants to be held to, if it does (`token_endpoint_auth_signing_alg`, OpenID
/// Connect Registration section 2).
pub(super) fn is_registered_algorithm(client: &Client, jws: &Jws<'_>) -> bool {
    let only = client.metadata_value("token_endpoint_auth_signing_alg");
    only.is_none_or(|only| only == jws.algorithm_name())
}

/// An unknown client costs one signature, as a wrong one does. The result means nothing: these are keys of RFC 7638, RFC 7515 and RFC
/// 8037, whose private parts everybody has.
fn verify_in_vain(jws: &Jws<'_>) {
    static DECOYS: LazyLock<KeySet> = LazyLock::new(|| {
        let jwks = serde_json::from_str(include_str!("decoys.json")).unwrap_or_default();
        KeySet::from_jwks(&jwks).unwrap_or_default()
    });
    std::hint::black_box(DECOYS.iter().any(|key| jws.is_signed_by(key)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_decoy_for_every_type_of_key() {
        let jwks = serde_json::from_str(include_str!("decoys.json")).unwrap();
        assert_eq!(KeySet::from_jwks(&jwks).unwrap().iter().count(), 3);
    }
}
