//! `client_secret_basic` (RFC 6749 section 2.3.1, RFC 7617).

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::assertion;
use super::method::{ClientAuthentication, ClientRequest, PresentedCredentials};
use super::secret;
use crate::http::{AuthorizationHeader, authorization_of};
use crate::model::{AuthMethod, Client};
use crate::protocol::{OAuthError, decode_form_value, has_control};
use crate::token::Secret;

/// `client_secret_basic`: the secret is in the `Authorization` header.
#[derive(Clone, Copy, Debug)]
pub struct ClientSecretBasic;

#[async_trait]
impl ClientAuthentication for ClientSecretBasic {
    fn method(&self) -> AuthMethod {
        AuthMethod::Basic
    }

    fn read(&self, request: &ClientRequest<'_>) -> Result<Option<PresentedCredentials>, OAuthError> {
        let credentials = match authorization_of(request.http) {
            AuthorizationHeader::Absent => return Ok(None),
            AuthorizationHeader::Malformed => {
                return Err(OAuthError::invalid_request(
                    "there is more than one Authorization header, or it is not text",
                ));
            }
            AuthorizationHeader::Scheme { name, credentials } => {
                if request.parameter("client_secret").is_some() || assertion::is_in(request) {
                    return Err(secret::two_ways());
                }
                if !name.eq_ignore_ascii_case("basic") {
                    return Ok(None);
                }
                credentials
            }
        };
        let (client_id, secret) = decode(credentials).ok_or_else(OAuthError::invalid_client)?;
        if request.parameter("client_id").is_some_and(|named| named != client_id) {
            return Err(OAuthError::invalid_request("client_id is not that of the Authorization header"));
        }
        Ok(Some(PresentedCredentials::named(client_id).with_proof(secret)))
    }

    async fn verify(
        &self,
        request: &ClientRequest<'_>,
        credentials: &PresentedCredentials,
        client: Option<&Client>,
    ) -> Result<bool, OAuthError> {
        secret::verify(request, credentials, client).await
    }
}

/// The client id and the secret in Basic credentials: base64 of two parts, each form-urlencoded. `None` if the credentials
/// are malformed or a part is empty.
fn decode(credentials: &str) -> Option<(String, Secret)> {
    let bytes = Zeroizing::new(STANDARD.decode(credentials.trim_end_matches(' ')).ok()?);
    let colon = bytes.iter().position(|b| *b == b':')?;
    let client_id = decode_form_value(&bytes[..colon]).ok()?;
    let secret = Secret::from(decode_form_value(&bytes[colon + 1..]).ok()?);
    let printable = |text: &str| !text.is_empty() && !has_control(text);
    (printable(&client_id) && printable(secret.expose())).then_some((client_id, secret))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(text: &str) -> String {
        STANDARD.encode(text)
    }

    #[test]
    fn both_parts_are_form_url_decoded() {
        let (id, secret) = decode(&encoded("my%3Aclient+1:p%C3%A9:%25")).unwrap();
        assert_eq!((id.as_str(), secret.expose()), ("my:client 1", "p\u{e9}:%"));
    }

    #[test]
    fn malformed_credentials_are_refused() {
        for bad in ["", "web", ":", "web:", ":secret", "web:%", "web:%zz", "web:%00", "web:a\nb"] {
            assert!(decode(&encoded(bad)).is_none(), "{bad:?}");
        }
        for bad in ["!!!", "d2Vi OnM=", "d2ViOnM", "d2ViOnN=", "=d2ViOnM="] {
            assert!(decode(bad).is_none(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_decodes_or_is_refused(text in ".{0,80}") {
            let _ = decode(&text);
            let _ = decode(&encoded(&text));
        }
    }
}
