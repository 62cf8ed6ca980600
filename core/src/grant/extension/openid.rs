use std::time::Duration;

use async_trait::async_trait;

use super::Extension;
use crate::endpoint::Metadata;
use crate::engine::{ACR_ONE_FACTOR, Engine};
use crate::env::Timestamp;
use crate::grant::{AuthorizationPlan, AuthorizationRequest, TOKEN_EXCHANGE, TokenDraft, TokenRequest};
use crate::model::{AuthenticationState, Client, GrantData, User};
use crate::openid::{
    ClaimsRequest, Companions, IdTokenClaims, KEPT, Kept, OPENID, Place, Prompt, ScopeClaims, claims_of,
    sign_id_token, subject_for,
};
use crate::protocol::{ErrorCode, OAuthError, Scope};
use crate::token::Secret;

/// OpenID Connect: clients learn who signed in, when and how (OpenID Connect Core 1.0).
/// [`Builder::openid`](crate::Builder::openid) takes it, and adds the UserInfo endpoint, discovery and the keys.
///
/// ```
/// use gridauth::grant::extension::OpenId;
/// use gridauth::grant::AuthorizationCode;
/// use gridauth::{GridAuth, Store};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let auth = GridAuth::builder("https://id.example.com")
///     .store(Store::memory())
///     .grant(AuthorizationCode::new())
///     .openid(OpenId::new())
///     .build()
///     .await?;
/// assert!(auth.paths().contains(&"/.well-known/openid-configuration".to_owned()));
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Clone, Debug, Default)]
pub struct OpenId {
    pub(crate) scope_claims: ScopeClaims,
    pub(crate) has_implicit: bool,
    pub(crate) has_hybrid: bool,
}

/// Whom and what an ID token is about.
pub(in crate::grant) struct IdTokenSubject<'a> {
    pub(in crate::grant) subject: &'a str,
    pub(in crate::grant) user: &'a User,
    pub(in crate::grant) authentication: Option<&'a AuthenticationState>,
    pub(in crate::grant) kept: &'a Kept,
    pub(in crate::grant) scope: &'a Scope,
    pub(in crate::grant) place: Place,
    pub(in crate::grant) nonce: Option<&'a str>,
    /// Whether it is the first ID token of the sign-in for this client, not one at a refresh.
    pub(in crate::grant) is_first: bool,
}

impl OpenId {
    /// With the claims of the standard scopes, for the code grant.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the response types `id_token` and `id_token token` (OpenID Connect Core section 3.2), whose tokens come through the
    /// browser. A client needs the grant type `implicit` for them. They serve confidential clients too.
    ///
    /// The code grant with PKCE does the same for the same clients, and keeps the access token out of the browser's history.
    #[must_use]
    pub fn implicit(mut self) -> Self {
        self.has_implicit = true;
        self
    }

    /// Adds the response types `code id_token`, `code token` and `code id_token token` (OpenID Connect Core section 3.3). A client
    /// needs the grant types `authorization_code` and `implicit` for them. Their codes are those of
    /// [`AuthorizationCode`](crate::grant::AuthorizationCode), which has to be registered; its extensions hold for them.
    ///
    /// ```
    /// use gridauth::grant::extension::OpenId;
    ///
    /// let all_response_types = OpenId::new().implicit().hybrid();
    /// ```
    #[must_use]
    pub fn hybrid(mut self) -> Self {
        self.has_hybrid = true;
        self
    }

    /// Lets a scope of the application give claims about the user.
    #[must_use]
    pub fn scope_claims(
        mut self,
        scope: impl Into<String>,
        claims: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        self.scope_claims.add(scope.into(), claims.into_iter().map(Into::into).collect());
        self
    }

    /// Signs an ID token. The session's row then names the client, which is told of the session's end.
    ///
    /// # Errors
    /// As [`sign_id_token`], and `invalid_grant` if the session has ended.
    pub(in crate::grant) async fn sign_id_token(
        &self,
        engine: &Engine,
        client: &Client,
        about: IdTokenSubject<'_>,
        companions: Companions<'_>,
        now: Timestamp,
    ) -> Result<Secret, OAuthError> {
        let IdTokenSubject { subject, user, authentication, kept, scope, place, nonce, is_first } = about;
        let session = authentication.and_then(|signed_in| signed_in.session.as_ref());
        let is_named = match session.filter(|_| is_first) {
            Some(session) => engine.sessions.add_client(session, subject, client.id()).await?,
            None => true,
        };
        if !is_named {
            // Nobody could tell the client of an end that has come already.
            return Err(OAuthError::invalid_grant("the session in which the user signed in has ended"));
        }
        let wanted = kept.claims.wanted(place, client.scope());
        let about_user = claims_of(user, &self.scope_claims, place, scope, &wanted);
        let subject = &subject_for(engine, client, subject);
        let claims = IdTokenClaims { subject, authentication, nonce, about_user, companions };
        sign_id_token(engine, client, claims, now).await
    }

    /// Reads what the request says about the sign-in. It holds for requests without the scope `openid` too (RFC 9470 section 4).
    fn read_sign_in(request: &AuthorizationRequest, plan: &mut AuthorizationPlan) -> Result<(), OAuthError> {
        if let Some(prompt) = request.parameter("prompt") {
            let prompt = Prompt::parse(prompt).map_err(OAuthError::invalid_request)?;
            plan.forbids_pages = prompt.none;
            if prompt.login || prompt.select_account {
                plan.ask_sign_in();
            }
            if prompt.consent {
                plan.ask_consent();
            }
        }
        let client = request.client();
        let by_client = client.metadata_value("default_max_age").and_then(serde_json::Value::as_u64);
        match request.parameter("max_age") {
            Some(text) => {
                let digits = text.bytes().all(|byte| byte.is_ascii_digit());
                let seconds = if digits { text.parse::<u64>().ok() } else { None };
                let seconds = seconds
                    .ok_or_else(|| OAuthError::invalid_request("max_age is not a whole number of seconds"))?;
                plan.limit_age(Duration::from_secs(seconds));
            }
            None => {
                if let Some(seconds) = by_client {
                    plan.limit_age(Duration::from_secs(seconds));
                }
            }
        }
        plan.id_token_hint = request.parameter("id_token_hint").map(str::to_owned);
        Ok(())
    }
}

#[async_trait]
impl Extension for OpenId {
    fn name(&self) -> &str {
        KEPT
    }

    fn check_authorization(
        &self,
        request: &AuthorizationRequest,
        plan: &mut AuthorizationPlan,
    ) -> Result<(), OAuthError> {
        if request.parameter("registration").is_some() {
            let code = ErrorCode::Custom("registration_not_supported");
            return Err(OAuthError::new(code, "the server does not take registration in requests"));
        }
        Self::read_sign_in(request, plan)?;
        let is_front_channel = response_types(request).any(|word| word == "id_token");
        if is_front_channel && !request.scope().as_scope().contains(OPENID) {
            return Err(OAuthError::invalid_request("this response type needs the scope openid"));
        }
        // OpenID Connect Core sections 3.2.2.1 and 3.3.2.11: the client recognises by it that the token was made for this request.
        if is_front_channel && request.parameter("nonce").is_none() {
            return Err(OAuthError::invalid_request("nonce is missing"));
        }
        if !request.scope().as_scope().contains(OPENID) {
            return Ok(());
        }
        let claims = request.parameter("claims").map(ClaimsRequest::parse).transpose();
        let claims = claims.map_err(OAuthError::invalid_request)?.unwrap_or_default();
        plan.subject = claims.required_value("sub").map(str::to_owned);
        plan.acr_values = claims.essential_values("acr");
        let allowed = request.client().scope();
        plan.shown_scopes.extend(claims.scopes(&self.scope_claims, allowed).map(str::to_owned));
        let kept = Kept { nonce: request.parameter("nonce").map(str::to_owned), claims };
        plan.keep(KEPT, serde_json::to_value(&kept).map_err(OAuthError::server_error)?);
        Ok(())
    }

    fn check_device_authorization(
        &self,
        request: &TokenRequest<'_>,
        plan: &mut AuthorizationPlan,
    ) -> Result<(), OAuthError> {
        if request.scope()?.as_scope().contains(OPENID) {
            plan.keep(KEPT, serde_json::to_value(Kept::default()).map_err(OAuthError::server_error)?);
        }
        Ok(())
    }

    fn prepares_tokens(&self, client: &Client) -> bool {
        client.scope().contains(OPENID)
    }

    async fn prepare_response(&self, draft: &mut TokenDraft<'_>) -> Result<(), OAuthError> {
        // The response type says whether there is an ID token, and it has more than an access token to refer to.
        if draft.is_front_channel() {
            return Ok(());
        }
        // An exchange is no sign-in.
        if draft.grant_type() == TOKEN_EXCHANGE {
            return Ok(());
        }
        let record = draft.grant();
        let Some((kept, subject)) = kept(&record.data).zip(record.subject.as_deref()) else { return Ok(()) };
        if !draft.scope().as_scope().contains(OPENID) {
            return Ok(());
        }
        let (engine, client) = (draft.engine(), draft.client());
        let user = engine.users.find(subject).await?;
        let user = user.ok_or_else(|| OAuthError::invalid_grant("the user of the grant is gone"))?;
        // OpenID Connect Core section 12.2: a later ID token has no nonce.
        let is_first = draft.grant_type() != "refresh_token";
        let about = IdTokenSubject {
            subject,
            user: &user,
            authentication: record.authentication.as_deref(),
            kept: &kept,
            scope: draft.scope().as_scope(),
            place: Place::IdToken,
            nonce: kept.nonce.as_deref().filter(|_| is_first),
            is_first,
        };
        let companions = Companions { access_token: Some(draft.access_token()), ..Companions::default() };
        let token = self.sign_id_token(engine, client, about, companions, draft.now()).await?;
        draft.add_member("id_token", token.expose().into());
        Ok(())
    }

    fn describe(&self, metadata: &mut Metadata) {
        metadata
            .add("scopes_supported", ["openid", "profile", "email", "address", "phone", "offline_access"]);
        metadata.add("subject_types_supported", ["public", "pairwise"]);
        metadata
            .add("claims_supported", ["sub", "iss", "aud", "exp", "iat", "auth_time", "acr", "amr", "sid"]);
        metadata.add("claims_supported", self.scope_claims.names());
        metadata.add("acr_values_supported", [ACR_ONE_FACTOR]);
        metadata.add("claim_types_supported", ["normal"]);
        metadata.add("prompt_values_supported", ["none", "login", "consent", "select_account"]);
        metadata.add("display_values_supported", ["page"]);
        metadata.insert("claims_parameter_supported", true);
        // OpenID Connect Discovery section 3: a server that says nothing would take `request_uri`.
        for parameter in ["request_parameter_supported", "request_uri_parameter_supported"] {
            if metadata.get(parameter).is_none() {
                metadata.insert(parameter, false);
            }
        }
    }
}

fn response_types(request: &AuthorizationRequest) -> impl Iterator<Item = &str> {
    request.parameter("response_type").unwrap_or_default().split(' ')
}

/// What the grant keeps of an OpenID Connect request; `None` if it was none.
pub(in crate::grant) fn kept(data: &GrantData) -> Option<Kept> {
    serde_json::from_value(data.get(KEPT)?.clone()).ok()
}
