//! The authorization challenge endpoint (draft-ietf-oauth-first-party-apps): an app of the operator's own signs users in without a browser,
//! and gets an authorization code.
//!
//! It is the password grant's heir: the same throttle, but a code that is bound to the app by PKCE, and room for further steps.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::endpoint::{Endpoint, EndpointPath, EndpointRequest, Metadata};
use crate::engine::Engine;
use crate::env::Timestamp;
use crate::grant::{
    ApprovedAuthorization, AuthorizationPlan, AuthorizationRequest, GrantedScope, Registered, Registry,
    TokenIssuer, ValidatedRedirect,
};
use crate::http::{Response, json_response};
use crate::identity::{Attempt, SecondStep, Source, Throttled};
use crate::model::{Authentication, Client};
use crate::protocol::{ErrorCode, OAuthError, Parameters, ResponseMode};
use crate::token::Secret;

const PATH: &str = "/authorize-challenge";

/// What an `auth_session` is sealed for.
const PURPOSE: &str = "first-party sign-in";

/// How long the user has for the second step.
const SECOND_STEP_WITHIN: Duration = Duration::from_secs(10 * 60);

/// Parameters that are not part of the authorization request.
const NOT_OF_THE_REQUEST: [&str; 5] =
    ["username", "password", "auth_session", "client_secret", "client_assertion"];

pub(crate) struct AuthorizeChallenge {
    pub(crate) grants: Arc<Registry>,
    pub(crate) second_step: Option<Arc<dyn SecondStep>>,
}

/// Who has given the right password, sealed between two steps.
#[derive(Serialize, Deserialize)]
struct Passed {
    subject: String,
    username: String,
    at: Timestamp,
    acr: Option<String>,
    amr: Vec<String>,
}

/// What came of a step.
enum Step {
    SignedIn(Authentication),
    /// The app has to ask for more.
    Insufficient(Response),
}

#[async_trait]
impl Endpoint for AuthorizeChallenge {
    fn path(&self) -> EndpointPath<'_> {
        EndpointPath::Mounted(PATH)
    }

    fn methods(&self) -> &[Method] {
        &[Method::POST]
    }

    fn describe(&self, engine: &Engine, metadata: &mut Metadata) {
        metadata.insert("authorization_challenge_endpoint", engine.url(PATH));
    }

    async fn answer(&self, request: &EndpointRequest<'_>) -> Result<Response, OAuthError> {
        let engine = request.engine;
        let form = request.form()?;
        let missing = || OAuthError::server_error("the server has no code grant");
        let (registered, side) = self.grants.authorization_side("code").ok_or_else(missing)?;
        let (_, token_side) = self.grants.token_side(side.grant_type()).ok_or_else(missing)?;
        let client = request.authenticate_client(&form, token_side.client_authentication()).await?;
        // Anybody else would see passwords that are none of their business.
        if !client.is_first_party() || client.is_self_registered() || !side.is_open_to(&client) {
            return Err(OAuthError::unauthorized_client(
                "the client may not sign users in without a browser",
            ));
        }
        let (asked, mut plan) = read(engine, &client, registered, &form).await?;
        let source = engine.source(request.http);
        let signed_in = match self.step(engine, &client, &form, source).await? {
            Step::SignedIn(signed_in) => signed_in,
            Step::Insufficient(response) => return Ok(response),
        };
        for extension in &registered.extensions {
            extension.enrich_approval(signed_in.user(), &mut plan.keep);
        }
        let approved = ApprovedAuthorization {
            engine,
            request: &asked,
            plan: &plan,
            grant_type: side.grant_type(),
            authentication: &signed_in,
            now: engine.clock.now(),
        };
        for extension in &registered.extensions {
            extension.check_approval(&approved).await?;
        }
        let issuer = TokenIssuer::for_approval(&approved, &registered.extensions);
        let response = side.respond(&approved, &issuer).await?;
        let code = response.iter().find(|(name, _)| *name == "code").map(|(_, code)| code);
        let code = code.ok_or_else(|| OAuthError::server_error("the code grant gave no code"))?;
        Ok(json_response(StatusCode::OK, &json!({ "authorization_code": code })))
    }
}

/// The authorization request in the form. What needs a page of the server cannot be answered here.
async fn read(
    engine: &Engine,
    client: &Client,
    registered: &Registered,
    form: &Parameters,
) -> Result<(AuthorizationRequest, AuthorizationPlan), OAuthError> {
    if form.get("response_type").is_some_and(|wanted| wanted != "code") {
        return Err(OAuthError::invalid_request("the response type is code"));
    }
    let redirect = match form.get("redirect_uri") {
        None => ValidatedRedirect::nowhere(),
        requested => ValidatedRedirect::of(client, requested)
            .ok_or_else(|| OAuthError::invalid_request("the client has not registered this redirect_uri"))?,
    };
    let stored = engine.client(client.id()).await?.ok_or_else(OAuthError::invalid_client)?;
    let request = AuthorizationRequest {
        scope: GrantedScope::grant(client, form.get("scope"))?,
        client: stored,
        redirect,
        response_mode: ResponseMode::Query,
        parameters: Parameters::from_pairs(
            form.iter().filter(|(name, _)| !NOT_OF_THE_REQUEST.contains(name)),
        )?,
    };
    let mut plan = AuthorizationPlan::default();
    for extension in &registered.extensions {
        extension.check_authorization(&request, &mut plan)?;
    }
    // The app shows no page of the server's, and whether another sign-in would do is not known here.
    if plan.asks_consent
        || plan.subject.is_some()
        || plan.id_token_hint.is_some()
        || !plan.acr_values.is_empty()
    {
        return Err(OAuthError::new(ErrorCode::Custom("redirect_to_web"), "this request needs a browser"));
    }
    Ok((request, plan))
}

impl AuthorizeChallenge {
    async fn step(
        &self,
        engine: &Engine,
        client: &Client,
        form: &Parameters,
        source: Source,
    ) -> Result<Step, OAuthError> {
        if let Some(session) = form.get("auth_session") {
            return self.second(engine, client, form, session, source).await;
        }
        let (Some(username), Some(password)) = (form.get("username"), form.get("password")) else {
            return Ok(insufficient("username and password are needed", None, Map::new()));
        };
        let signed_in = engine.check_password(username, &Secret::from(password), source).await?;
        let Some(signed_in) = signed_in else {
            return Ok(insufficient("the username or the password is wrong", None, Map::new()));
        };
        let Some(second_step) = &self.second_step else { return Ok(Step::SignedIn(signed_in)) };
        match second_step.challenge(signed_in.user()).await? {
            None => Ok(Step::SignedIn(signed_in)),
            Some(challenge) => {
                let passed = Passed {
                    subject: signed_in.user().subject().to_owned(),
                    username: username.to_owned(),
                    at: engine.clock.now(),
                    acr: signed_in.acr().map(str::to_owned),
                    amr: signed_in.amr().to_vec(),
                };
                let session = passed.seal(engine, client).await?;
                Ok(insufficient("another step is needed", Some(session), challenge))
            }
        }
    }

    async fn second(
        &self,
        engine: &Engine,
        client: &Client,
        form: &Parameters,
        session: &str,
        source: Source,
    ) -> Result<Step, OAuthError> {
        let invalid = || {
            OAuthError::new(ErrorCode::Custom("invalid_session"), "the auth_session is not good; begin again")
        };
        let second_step = self.second_step.as_ref().ok_or_else(invalid)?;
        let passed = Passed::open(engine, client, session).await?.ok_or_else(invalid)?;
        let user = engine.users.find(&passed.subject).await?.ok_or_else(invalid)?;
        let account = engine.users.account(&passed.username);
        let attempt = Attempt::new(Throttled::Account(&account), source);
        engine.check_throttle(attempt)?;
        let Some(proved) = second_step.verify(&user, form).await? else {
            engine.count_failure(attempt)?;
            return Ok(insufficient("the answer is wrong or missing", Some(session.to_owned()), Map::new()));
        };
        engine.count_success(attempt)?;
        let methods: Vec<String> = passed.amr.into_iter().chain(proved).collect();
        let mut signed_in = Authentication::new(user).with_auth_time(passed.at).with_amr(methods);
        if let Some(acr) = passed.acr {
            signed_in = signed_in.with_acr(acr);
        }
        Ok(Step::SignedIn(signed_in))
    }
}

impl Passed {
    /// The `auth_session` for this client.
    async fn seal(&self, engine: &Engine, client: &Client) -> Result<String, OAuthError> {
        let text = serde_json::to_vec(self).map_err(OAuthError::server_error)?;
        Ok(engine.vault.open().await?.seal(PURPOSE, client.id(), &text, &*engine.entropy)?)
    }

    /// What an `auth_session` says, if it is of this client and in time.
    async fn open(engine: &Engine, client: &Client, session: &str) -> Result<Option<Self>, OAuthError> {
        let opened = engine.vault.open().await?.open_sealed(PURPOSE, client.id(), session);
        let passed = opened.and_then(|opened| serde_json::from_slice::<Self>(&opened.text).ok());
        Ok(passed.filter(|passed| engine.clock.now() < passed.at.after(SECOND_STEP_WITHIN)))
    }
}

/// The app has to ask the user for more (draft-ietf-oauth-first-party-apps, `insufficient_authorization`).
fn insufficient(description: &str, session: Option<String>, challenge: Map<String, Value>) -> Step {
    let mut members = challenge;
    members.insert("error".to_owned(), "insufficient_authorization".into());
    members.insert("error_description".to_owned(), description.into());
    if let Some(session) = session {
        members.insert("auth_session".to_owned(), session.into());
    }
    Step::Insufficient(json_response(StatusCode::BAD_REQUEST, &members))
}
