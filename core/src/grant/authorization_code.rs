use std::sync::Arc;

use async_trait::async_trait;

use super::extension::Pkce;
use super::issue::{FreshRefresh, FreshTokens, insert, mint, tell, tell_of_token};
use super::new_code::NewCode;
use super::{
    ApprovedAuthorization, AuthorizationResponse, AuthorizationSide, Extension, Grant, GrantedScope, Issued,
    TokenIssuer, TokenRequest, TokenSide,
};
use crate::events::Event;
use crate::model::{AuthMethod, CodeState, GrantRecord};
use crate::protocol::OAuthError;
use crate::store::{Change, Record, StoreError, StoreErrorKind};
use crate::token::{PresentedToken, TokenKind, family_of_code};

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

/// The methods that the code grant accepts by default, and the refresh token grant with it: a client that redeems a code can refresh.
pub(super) const METHODS: [AuthMethod; 5] =
    [AuthMethod::Basic, AuthMethod::Post, AuthMethod::SecretJwt, AuthMethod::PrivateKeyJwt, AuthMethod::None];

impl AuthorizationCode {
    /// For public clients, and for clients that authenticate with `client_secret_basic`, `client_secret_post`, `client_secret_jwt` or
    /// `private_key_jwt`. Public clients must use PKCE.
    pub fn new() -> Self {
        Self { methods: METHODS.into(), pkce: Pkce::required_of_public_clients() }
    }

    /// Sets which clients must use PKCE.
    #[must_use]
    pub fn pkce(mut self, pkce: Pkce) -> Self {
        self.pkce = pkce;
        self
    }

    /// Sets the accepted client authentication methods.
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
        _issuer: &TokenIssuer<'_>,
    ) -> Result<AuthorizationResponse, OAuthError> {
        let NewCode { code, record } = NewCode::make(approved)?;
        insert(approved.engine, &record).await?;
        Ok(AuthorizationResponse::new().with("code", code.expose()))
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

    async fn respond(
        &self,
        request: &TokenRequest<'_>,
        issuer: &TokenIssuer<'_>,
    ) -> Result<Issued, OAuthError> {
        let code =
            PresentedToken::parse_kind(TokenKind::Code, request.required("code")?).ok_or_else(invalid)?;
        let (engine, client) = (request.engine, request.client());
        let id = code.grant_id();
        let refresh = match engine.may_refresh(client) {
            true => FreshRefresh::first(engine, id, family_of_code(code.secret()))?,
            false => FreshRefresh::None,
        };
        let fresh = FreshTokens::make(engine, id, refresh)?;
        let preparation =
            issuer.prepare_stored(id, &fresh, |record| redeemable(request, issuer, record, &code)).await?;
        let decide = |record: &GrantRecord| {
            if fresh.are_issued(record, preparation.tokens()) {
                let response = match scope_of(request, record) {
                    Ok(scope) => {
                        let mut again = GrantRecord { access: Vec::new(), ..record.clone() };
                        match preparation.for_scope(&scope) {
                            Ok(prepared) => {
                                mint(engine, client, &mut again, &fresh, &scope, prepared, request.now())
                            }
                            Err(error) => return (Change::Keep, Redemption::Refused(error)),
                        }
                    }
                    Err(error) => return (Change::Keep, Redemption::Refused(error)),
                };
                return (Change::Keep, Redemption::Done(Issued { record: record.clone(), response }));
            }
            if find(request, record, &code).is_some_and(|stored| stored.redeemed) {
                // RFC 6749 section 4.1.2: a second use revokes the tokens of the first.
                return (Change::Remove, Redemption::Replayed(record.clone()));
            }
            let prepared = redeemable(request, issuer, record, &code)
                .and_then(|scope| Ok((preparation.for_scope(&scope)?, scope)));
            match prepared {
                Ok((prepared, scope)) => {
                    let mut redeemed = record.clone();
                    if let Some(stored) = &mut redeemed.code {
                        stored.redeemed = true;
                    }
                    let response =
                        mint(engine, client, &mut redeemed, &fresh, &scope, prepared, request.now());
                    let issued = Issued { record: redeemed, response };
                    (Change::Replace(issued.record.to_row()), Redemption::Done(issued))
                }
                Err(error) => (Change::Keep, Redemption::Refused(error)),
            }
        };
        let mut buffer = [0; 36];
        let row_id = id.row_id(&mut buffer);
        let changed = match engine.store.change(row_id, decide).await {
            // The tokens are the same, so the change may be made once more: it redeems the code, or finds it redeemed by itself.
            Err(lost) if lost.kind() == StoreErrorKind::OutcomeUnknown => {
                engine.store.change(row_id, decide).await.map_err(|_| counts_as_used(lost))?
            }
            changed => changed?,
        };
        match changed {
            Some((_, Redemption::Done(issued))) => {
                let has_refresh_token = issued.response.refresh_token.is_some();
                tell(engine, &issued.record, Event::CodeRedeemed);
                tell_of_token(engine, &issued.record, request.grant_type(), has_refresh_token);
                Ok(issued)
            }
            Some((_, Redemption::Replayed(record))) => {
                tell(engine, &record, Event::CodeReplayed);
                Err(invalid())
            }
            Some((_, Redemption::Refused(error))) => Err(error),
            None => Err(invalid()),
        }
    }
}

/// What became of a code.
enum Redemption {
    /// It is redeemed, now or by a request whose answer was lost.
    Done(Issued),
    /// It was redeemed before. The grant is removed.
    Replayed(GrantRecord),
    Refused(OAuthError),
}

fn invalid() -> OAuthError {
    OAuthError::invalid_grant("the code is not good")
}

/// It is not known whether the code was redeemed. A client that is told to try again may present a used code, which ends its grant
/// and looks like a theft. So it is told to begin anew.
fn counts_as_used(lost: StoreError) -> OAuthError {
    tracing::warn!(cause = %lost, "it is not known whether a code was redeemed: it counts as used");
    OAuthError::invalid_grant("the code counts as used; begin with a new authorization request")
        .with_cause(lost)
}

/// The code in the record, if it is the presented one and was issued to this client.
fn find<'r>(
    request: &TokenRequest<'_>,
    record: &'r GrantRecord,
    presented: &PresentedToken,
) -> Option<&'r CodeState> {
    let stored = record.code.as_ref().filter(|_| record.client_id == request.client().id())?;
    stored.digest.matches(presented.digest()).then_some(stored)
}

/// Whether this request may redeem the code, and for which scope. Changes nothing.
fn redeemable(
    request: &TokenRequest<'_>,
    issuer: &TokenIssuer<'_>,
    record: &GrantRecord,
    presented: &PresentedToken,
) -> Result<GrantedScope, OAuthError> {
    let stored = find(request, record, presented).filter(|stored| !stored.redeemed).ok_or_else(invalid)?;
    if request.now() >= stored.expires {
        return Err(OAuthError::invalid_grant("the code has expired"));
    }
    check_redirect_uri(request, stored)?;
    issuer.check(&record.data)?;
    scope_of(request, record)
}

/// The scope was granted with the authorization request, but the client's registered scope may have shrunk since.
fn scope_of(request: &TokenRequest<'_>, record: &GrantRecord) -> Result<GrantedScope, OAuthError> {
    let client = request.client();
    GrantedScope::narrow(&record.scope.filter(|token| client.scope().contains(token)), None)
}

/// RFC 6749 section 4.1.3: the redirect URI must be that of the authorization request. If the authorization request had none, it
/// must be the client's only one.
fn check_redirect_uri(request: &TokenRequest<'_>, code: &CodeState) -> Result<(), OAuthError> {
    let presented = request.parameter("redirect_uri");
    let is_same = match (&code.redirect_uri, presented) {
        (Some(requested), presented) => presented == Some(requested),
        (None, None) => true,
        (None, Some(presented)) => {
            request.client().redirect_uris().iter().any(|uri| uri.as_str() == presented)
        }
    };
    if is_same {
        Ok(())
    } else {
        Err(OAuthError::invalid_grant("redirect_uri is not that of the authorization request"))
    }
}
