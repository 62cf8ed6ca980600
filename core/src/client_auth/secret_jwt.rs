//! `client_secret_jwt` (OpenID Connect Core section 9, RFC 7523 section 2.2).

use arrayvec::ArrayVec;
use async_trait::async_trait;

use super::assertion::{self, Unacceptable};
use super::method::{ClientAuthentication, ClientRequest, PresentedCredentials};
use super::private_key_jwt::is_registered_algorithm;
use crate::identity::{Attempt, Throttled};
use crate::jose::is_hs256;
use crate::model::{AuthMethod, Client, SharedSecret};
use crate::protocol::OAuthError;

/// `client_secret_jwt`: an assertion with a MAC under the client's secret, which itself is never sent. The server has to be able to
/// read it, so it is stored sealed and not hashed.
#[derive(Clone, Copy, Debug)]
pub struct ClientSecretJwt;

#[async_trait]
impl ClientAuthentication for ClientSecretJwt {
    fn method(&self) -> AuthMethod {
        AuthMethod::SecretJwt
    }

    fn read(&self, request: &ClientRequest<'_>) -> Result<Option<PresentedCredentials>, OAuthError> {
        assertion::read(request, |jws| jws.algorithm_name() == "HS256")
    }

    async fn verify(
        &self,
        request: &ClientRequest<'_>,
        credentials: &PresentedCredentials,
        client: Option<&Client>,
    ) -> Result<bool, OAuthError> {
        let Some(proof) = credentials.proof() else { return Ok(false) };
        let (presented, engine) = (assertion::client_assertion(proof.expose())?, request.engine);
        let secrets = match client {
            Some(client) => engine.shared_secrets(client).await?,
            None => ArrayVec::default(),
        };
        // As with a secret that is sent: a generated one cannot be guessed, so nobody can keep its client out by guessing.
        let (generated, chosen): (Vec<_>, Vec<_>) = secrets.iter().partition(|secret| secret.is_generated());
        let fits = |secret: &&SharedSecret| is_hs256(&presented.jws, secret.expose().as_bytes());
        let fits_generated = generated.iter().any(fits);
        let is_guessable = !fits_generated && (generated.is_empty() || !chosen.is_empty());
        let attempt = Attempt::new(Throttled::Client(credentials.client_id()), engine.source(request.http));
        if is_guessable {
            engine.check_throttle(attempt)?;
        }
        // Without a secret a MAC is computed all the same, which takes as long.
        let is_right = match secrets.is_empty() {
            true => {
                let _ = is_hs256(&presented.jws, b"no secret");
                false
            }
            false => fits_generated || chosen.iter().any(fits),
        };
        let Some(client) = client.filter(|_| is_right) else {
            if is_guessable {
                engine.count_failure(attempt)?;
            }
            return Ok(false);
        };
        if !is_registered_algorithm(client, &presented.jws) {
            return Err(
                Unacceptable::because("its alg is not the one that the client is registered for").into()
            );
        }
        assertion::accept(request, &presented.claims).await?;
        // Only now: whoever repeats an old assertion must not be able to have the failures forgotten.
        if is_guessable {
            engine.count_success(attempt)?;
        }
        Ok(true)
    }
}
