use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Map;

use super::issue::{first_refresh_token, insert, may_refresh, new_access_token};
use super::{
    ApprovedAuthorization, AuthorizationResponse, AuthorizationSide, Extension, Grant, GrantedScope, Issued,
    TokenRequest, TokenResponse, TokenSide,
};
use crate::grant::extension::Pkce;
use crate::model::{AuthMethod, CodeState, GrantId, GrantRecord};
use crate::protocol::OAuthError;
use crate::store::{Change, Record};
use crate::token::{NewToken, PresentedToken, TokenKind, commitment, family_of_code, new_token_secret};

/// The authorization code grant (RFC 6749 section 4.1), with PKCE.
///
/// ```
/// use gridauth::grant::AuthorizationCode;
/// use gridauth::grant::extension::Pkce;
///
/// let grant = AuthorizationCode::new().pkce(Pkce::required());
/// ```
#[derive(Clone, Debug)]
pub struct AuthorizationCode {
    methods: Vec<AuthMethod>,
    pkce: Pkce,
}

impl AuthorizationCode {
    /// For clients that authenticate with `client_secret_basic`, `client_secret_post` or, being public, not at all; PKCE
    /// is required of the public ones.
    pub fn new() -> Self {
        Self {
            methods: vec![AuthMethod::Basic, AuthMethod::Post, AuthMethod::None],
            pkce: Pkce::required_of_public_clients(),
        }
    }

    /// With PKCE required of others than public clients alone.
    #[must_use]
    pub fn pkce(mut self, pkce: Pkce) -> Self {
        self.pkce = pkce;
        self
    }

    /// For clients that authenticate with one of these methods instead.
    #[must_use]
    pub fn client_authentication(mut self, methods: impl IntoIterator<Item = AuthMethod>) -> Self {
        self.methods = methods.into_iter().collect();
        self
    }
}

impl Default for AuthorizationCode {
    fn default() -> Self {
        Self::new()
    }
}

impl Grant for AuthorizationCode {
    fn token_side(&self) -> Option<&dyn TokenSide> {
        Some(self)
    }

    fn authorization_side(&self) -> Option<&dyn AuthorizationSide> {
        Some(self)
    }

    fn extensions(&self) -> Vec<Arc<dyn Extension>> {
        vec![Arc::new(self.pkce)]
    }
}

#[async_trait]
impl AuthorizationSide for AuthorizationCode {
    fn response_type(&self) -> &str {
        "code"
    }

    fn grant_type(&self) -> &str {
        "authorization_code"
    }

    async fn respond(
        &self,
        approved: &ApprovedAuthorization<'_>,
    ) -> Result<AuthorizationResponse, OAuthError> {
        let (server, request, now) = (approved.server, approved.request(), approved.now());
        let secret = new_token_secret(&*server.entropy)?;
        let family = family_of_code(&secret[..]);
        let id = GrantId::new(now, &commitment(&family[..], request.client().id()));
        let code = NewToken::make(TokenKind::Code, id, &secret);
        let lifetime = request.client().lifetimes().code.unwrap_or(server.lifetimes.code);
        let record = GrantRecord {
            id,
            grant_type: AuthorizationSide::grant_type(self).to_owned(),
            client_id: request.client().id().to_owned(),
            subject: Some(approved.user().subject().to_owned()),
            scope: approved.scope().as_scope().clone(),
            issued: now,
            code: Some(CodeState {
                digest: code.digest,
                expires: now.after(lifetime),
                redirect_uri: request.parameter("redirect_uri").map(str::to_owned),
                redeemed: false,
            }),
            access: Vec::new(),
            refresh: None,
            data: approved.data().clone(),
        };
        insert(server, &record).await?;
        Ok(AuthorizationResponse::new().with("code", code.text.expose()))
    }
}

#[async_trait]
impl TokenSide for AuthorizationCode {
    fn grant_type(&self) -> &str {
        "authorization_code"
    }

    fn client_authentication(&self) -> &[AuthMethod] {
        &self.methods
    }

    async fn respond(&self, request: &TokenRequest<'_>) -> Result<Issued, OAuthError> {
        let code =
            PresentedToken::parse_kind(TokenKind::Code, request.required("code")?).ok_or_else(not_good)?;
        let mut buffer = [0; 36];
        let id = code.grant_id();
        let decide = |record: &GrantRecord| {
            // Another client's code is as good as none, and stays as it is.
            let stored = record.code.as_ref().filter(|stored| {
                record.client_id == request.client().id() && stored.digest.matches(code.digest())
            });
            match stored {
                None => (Change::Keep, Err(not_good())),
                // RFC 6749 section 4.1.2: a second use revokes what the first gave.
                Some(stored) if stored.redeemed => {
                    tracing::warn!(grant = %record.id, client = %record.client_id, "a code was used twice: the grant is revoked");
                    (Change::Remove, Err(not_good()))
                }
                Some(stored) => match redeem(request, record, stored, &code) {
                    Ok(issued) => (Change::Replace(issued.record.to_row()), Ok(issued)),
                    Err(error) => (Change::Keep, Err(error)),
                },
            }
        };
        match request.server.store.change(id.row_id(&mut buffer), decide).await? {
            Some((_, outcome)) => outcome,
            None => Err(not_good()),
        }
    }
}

fn not_good() -> OAuthError {
    OAuthError::invalid_grant("the code is not good")
}

/// The record with its code redeemed and its first tokens.
fn redeem(
    request: &TokenRequest<'_>,
    record: &GrantRecord,
    code: &CodeState,
    presented: &PresentedToken,
) -> Result<Issued, OAuthError> {
    let (server, client, now) = (request.server, request.client(), request.now());
    if now >= code.expires {
        return Err(OAuthError::invalid_grant("the code has expired"));
    }
    check_redirect_uri(request, code)?;
    request.check_extensions(&record.data)?;
    // The scope was decided at the authorization request; a registration that was narrowed since narrows it.
    let scope = GrantedScope::narrow(&record.scope.filter(|token| client.scope().contains(token)), None)?;
    let secret = new_token_secret(&*server.entropy)?;
    let (access_token, access) =
        new_access_token(server, client, (record.id, &secret), &scope, &record.scope, now);
    let refresh = if may_refresh(server, client) {
        let family = family_of_code(presented.secret());
        Some(first_refresh_token(server, client, (record.id, &family), now)?)
    } else {
        None
    };
    let (refresh_token, refresh) = refresh.map_or((None, None), |(text, state)| (Some(text), Some(state)));
    let mut redeemed = record.clone();
    redeemed.code = Some(CodeState { redeemed: true, ..code.clone() });
    redeemed.refresh = refresh;
    let response = TokenResponse {
        access_token,
        expires_in: access.expires.since(now).as_secs(),
        refresh_token,
        scope: scope.as_scope().as_str().to_owned(),
        extra: Map::new(),
    };
    redeemed.add_access_token(access, now);
    Ok(Issued { record: redeemed, response })
}

/// RFC 6749 section 4.1.3: the same redirect URI as in the authorization request. Where that had none, the client's
/// only one is meant.
fn check_redirect_uri(request: &TokenRequest<'_>, code: &CodeState) -> Result<(), OAuthError> {
    let presented = request.parameter("redirect_uri");
    let fits = match (&code.redirect_uri, presented) {
        (Some(requested), presented) => presented == Some(requested),
        (None, None) => true,
        (None, Some(presented)) => {
            request.client().redirect_uris().iter().any(|uri| uri.as_str() == presented)
        }
    };
    if fits {
        Ok(())
    } else {
        Err(OAuthError::invalid_grant("redirect_uri is not that of the authorization request"))
    }
}
