//! The redirect back to the client (RFC 6749 sections 4.1.2 and 4.2.2, RFC 9207).

use std::sync::Arc;

use http::StatusCode;
use zeroize::Zeroizing;

use super::signed_response;
use super::visit::Visit;
use crate::grant::{AuthorizationRequest, AuthorizationResponse, ValidatedRedirect};
use crate::http::{Response, see_other};
use crate::model::Client;
use crate::pages::{ClientInfo, FormPostPage, WebUri};
use crate::protocol::{OAuthError, Parameters, ResponseMode, with_parameters};

/// Where and how a response goes back to the client.
pub(in crate::endpoints) struct Target {
    pub(super) redirect: ValidatedRedirect,
    pub(super) mode: ResponseMode,
    client: Arc<Client>,
    state: Option<String>,
}

impl Target {
    pub(super) fn new(client: &Arc<Client>, redirect: ValidatedRedirect, parameters: &Parameters) -> Self {
        // If state is sent twice, neither value can be trusted.
        let state = parameters.get("state").filter(|_| !parameters.is_repeated("state"));
        Self {
            redirect,
            mode: ResponseMode::Query,
            client: Arc::clone(client),
            state: state.map(str::to_owned),
        }
    }

    pub(super) fn of(request: &AuthorizationRequest) -> Self {
        Self {
            redirect: request.redirect.clone(),
            mode: request.response_mode,
            client: Arc::clone(&request.client),
            state: request.parameter("state").map(str::to_owned),
        }
    }

    /// Whether nobody but the client itself vouches for the redirect URI.
    pub(super) fn is_of_stranger(&self) -> bool {
        self.client.is_self_registered()
    }

    pub(super) async fn refuse(&self, visit: Visit<'_>, error: &OAuthError) -> Result<Response, OAuthError> {
        let parameters = [("error", error.code().as_str()), ("error_description", error.description())];
        self.send(visit, &parameters).await
    }

    pub(super) async fn answer(
        &self,
        visit: Visit<'_>,
        response: &AuthorizationResponse,
    ) -> Result<Response, OAuthError> {
        // These two are the server's to say, below.
        let parameters: Vec<(&str, &str)> =
            response.iter().filter(|(name, _)| !matches!(*name, "state" | "iss")).collect();
        self.send(visit, &parameters).await
    }

    /// The one place where a response goes back to a client.
    async fn send(&self, visit: Visit<'_>, parameters: &[(&str, &str)]) -> Result<Response, OAuthError> {
        let mut all = parameters.to_vec();
        if let Some(state) = &self.state {
            all.push(("state", state));
        }
        let token;
        if self.mode.is_jwt() {
            token = signed_response::sign(visit.engine, &self.client, &all).await?;
            all = vec![("response", token.expose())];
        } else {
            // RFC 9207 section 2: also in error responses.
            all.push(("iss", visit.engine.issuer()));
        }
        let uri = self.redirect.as_str();
        match self.mode.plain() {
            ResponseMode::Query => see_other(&Zeroizing::new(with_parameters(uri, &all))),
            ResponseMode::Fragment => see_other(&Zeroizing::new(format!("{uri}#{}", encode(&all).as_str()))),
            _ => self.form_post(visit, &all),
        }
    }

    fn form_post(&self, visit: Visit<'_>, parameters: &[(&str, &str)]) -> Result<Response, OAuthError> {
        let action = WebUri::parse(self.redirect.as_str()).map_err(|_| {
            OAuthError::invalid_request("form_post needs a redirect URI that is http or https")
        })?;
        let mut client = ClientInfo::new(self.client.id());
        client.name = self.client.name();
        let page = FormPostPage::new(visit.language, action, parameters, client);
        let page = visit.interaction.pages.form_post(&page);
        Ok(page.into_response(StatusCode::OK))
    }
}

fn encode(parameters: &[(&str, &str)]) -> Zeroizing<String> {
    Zeroizing::new(form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish())
}
