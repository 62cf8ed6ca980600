//! The checks of an authorization request, in order.

use std::sync::Arc;

use http::StatusCode;

use super::Failure;
use super::form::NOT_OF_THE_REQUEST;
use super::redirect::Target;
use crate::grant::{
    AuthorizationRequest, AuthorizationSide, Extension, GrantedScope, Registered, ValidatedRedirect,
};
use crate::model::GrantData;
use crate::pages::WebUri;
use crate::protocol::{ErrorCode, OAuthError, Parameters, ResponseMode};
use crate::server::Inner;

/// An authorization request that is good, with the grant that answers it.
pub(super) struct Checked<'a> {
    pub(super) request: AuthorizationRequest,
    pub(super) side: &'a dyn AuthorizationSide,
    pub(super) extensions: &'a [Arc<dyn Extension>],
    /// What extensions want kept.
    pub(super) data: GrantData,
}

/// The longest authorization request, encoded, in bytes: the forms carry it along, encoded once more.
const LONGEST: usize = 16 * 1024;

/// Checks a request from its query or form.
pub(super) async fn request<'a>(server: &'a Inner, encoded: &[u8]) -> Result<Checked<'a>, Failure> {
    if encoded.len() > LONGEST {
        return Err(OAuthError::invalid_request("the request is too long").into());
    }
    let parameters = Parameters::parse(encoded).map_err(OAuthError::from)?.without(&NOT_OF_THE_REQUEST);
    let (client, redirect) = client_and_redirect(server, &parameters).await?;
    // From here on the client is told.
    let mut target = Target::new(&client, redirect, &parameters);
    match rest(server, &parameters, &mut target, &client) {
        Ok((registered, side, scope)) => {
            let request = AuthorizationRequest {
                client,
                redirect: target.redirect.clone(),
                response_mode: target.mode,
                scope,
                parameters,
            };
            let mut data = GrantData::new();
            for extension in &registered.extensions {
                if let Err(error) = extension.check_authorization_request(&request, &mut data) {
                    return Err(Failure::Redirect(Box::new(target), error));
                }
            }
            Ok(Checked { request, side, extensions: &registered.extensions, data })
        }
        Err(error) => Err(Failure::Redirect(Box::new(target), error)),
    }
}

/// RFC 6749 section 4.1.2.1: while these two are in doubt nothing is redirected.
async fn client_and_redirect(
    server: &Inner,
    parameters: &Parameters,
) -> Result<(Arc<crate::model::Client>, ValidatedRedirect), OAuthError> {
    for name in ["client_id", "redirect_uri"] {
        if parameters.is_repeated(name) {
            return Err(OAuthError::invalid_request(format!("{name} is repeated")));
        }
    }
    let client_id =
        parameters.get("client_id").ok_or_else(|| OAuthError::invalid_request("client_id is missing"))?;
    let client = server.client(client_id).await?.ok_or_else(|| {
        OAuthError::new(ErrorCode::InvalidClient, "there is no such client")
            .with_status(StatusCode::BAD_REQUEST)
    })?;
    let redirect = ValidatedRedirect::of(&client, parameters.get("redirect_uri")).ok_or_else(|| {
        OAuthError::invalid_request("redirect_uri is not one that the client has registered")
    })?;
    Ok((client, redirect))
}

type Rest<'a> = (&'a Registered, &'a dyn AuthorizationSide, GrantedScope);

/// The checks whose failure the client is told of.
fn rest<'a>(
    server: &'a Inner,
    parameters: &Parameters,
    target: &mut Target,
    client: &crate::model::Client,
) -> Result<Rest<'a>, OAuthError> {
    let found = parameters.get("response_type").and_then(|name| server.grants.authorization_side(name));
    if let Some((_, side)) = found {
        target.mode = side.default_response_mode();
    }
    let mode = response_mode(parameters, target.mode, &target.redirect);
    if let Ok(mode) = mode {
        target.mode = mode;
    }
    crate::http::refuse_repeated(parameters)?;
    mode?;
    if parameters.get("response_type").is_none() {
        return Err(OAuthError::invalid_request("response_type is missing"));
    }
    let (registered, side) = found.ok_or_else(|| {
        OAuthError::new(ErrorCode::UnsupportedResponseType, "the server does not have this response type")
    })?;
    if !client.allows_grant(side.grant_type()) || !client.allows_response_type(side.response_type()) {
        return Err(OAuthError::unauthorized_client("the client may not use this response type"));
    }
    // Nobody authenticates here: what the client is registered with decides whether the grant is for it.
    if !side.client_authentication().contains(client.auth_method()) {
        return Err(OAuthError::unauthorized_client(
            "this response type is not for clients with this token_endpoint_auth_method",
        ));
    }
    let scope = GrantedScope::grant(client, parameters.get("scope"))?;
    Ok((registered, side, scope))
}

/// The mode asked for, if the response type allows it: a token never goes into a query.
fn response_mode(
    parameters: &Parameters,
    default: ResponseMode,
    redirect: &ValidatedRedirect,
) -> Result<ResponseMode, OAuthError> {
    let Some(name) = parameters.get("response_mode") else { return Ok(default) };
    match ResponseMode::from_name(name) {
        Some(ResponseMode::Query) if default == ResponseMode::Fragment => {
            Err(OAuthError::invalid_request("this response type cannot use the query"))
        }
        Some(ResponseMode::FormPost) if WebUri::parse(redirect.as_str()).is_err() => {
            Err(OAuthError::invalid_request("form_post needs a redirect URI that is http or https"))
        }
        Some(mode) => Ok(mode),
        None => Err(OAuthError::invalid_request("the server does not have this response_mode")),
    }
}
