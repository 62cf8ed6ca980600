use super::error::unacceptable;
use crate::grant::TokenRequest;
use crate::protocol::OAuthError;

/// The type of an access token of this server (RFC 8693 section 3).
pub(super) const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// The type of a JSON Web Token.
pub(super) const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// A token and what its client says that it is.
pub(super) struct Named<'a> {
    pub(super) token: &'a str,
    pub(super) is_jwt: bool,
}

/// The parameters of an exchange (RFC 8693 section 2.1).
pub(super) struct Parameters<'a> {
    pub(super) subject: Named<'a>,
    pub(super) actor: Option<Named<'a>>,
    /// The values of `resource` and `audience`.
    pub(super) targets: Vec<&'a str>,
    /// The type of the new token.
    pub(super) issued_type: &'static str,
}

impl<'a> Parameters<'a> {
    pub(super) fn read(request: &TokenRequest<'a>) -> Result<Self, OAuthError> {
        let token = request.required("subject_token")?;
        let subject = Named::read(token, request.required("subject_token_type")?)?;
        let actor = match (request.parameter("actor_token"), request.parameter("actor_token_type")) {
            (Some(token), Some(named)) => Some(Named::read(token, named)?),
            (None, None) => None,
            (Some(_), None) => return Err(OAuthError::invalid_request("actor_token_type is missing")),
            (None, Some(_)) => {
                return Err(OAuthError::invalid_request("actor_token_type goes with an actor_token"));
            }
        };
        let issued_type = match request.parameter("requested_token_type") {
            None | Some(ACCESS_TOKEN) => ACCESS_TOKEN,
            Some(JWT) if request.engine.is_jwt(request.client()) => JWT,
            Some(_) => {
                return Err(OAuthError::invalid_request(
                    "the server does not issue the requested type of token",
                ));
            }
        };
        let targets = request.values("resource").chain(request.values("audience")).collect();
        Ok(Self { subject, actor, targets, issued_type })
    }
}

impl<'a> Named<'a> {
    fn read(token: &'a str, named: &str) -> Result<Self, OAuthError> {
        match named {
            ACCESS_TOKEN => Ok(Self { token, is_jwt: false }),
            JWT => Ok(Self { token, is_jwt: true }),
            _ => Err(unacceptable("the server does not exchange tokens of this type")),
        }
    }
}
