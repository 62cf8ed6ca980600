//! Token exchange (RFC 8693).
//!
//! 1. [`parameters`] reads the request.
//! 2. [`presented`] validates the subject token and the actor token.
//! 3. [`party`] says who acts for whom, and [`Exchange`] is what a policy decides about.
//!
//! The new token becomes part of the subject token's grant: it is stored in that row, below the token that it comes from. So it ends with the
//! grant and with that token, whoever ends them, and a guard still reads one row. A second row would need a second read at each guarded
//! request, or a list of all exchanges at each revocation. The row has room of its own for exchanged tokens, so that a client that exchanges
//! often does not push out the tokens that it exchanges.

mod error;
mod exchange;
mod parameters;
mod party;
mod presented;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::authorization_code::METHODS;
use super::issue::{FreshRefresh, FreshTokens, mint, tell_of_token};
use super::prepared::Prepared;
use super::trusted_issuer::TrustedIssuer;
use super::{Grant, GrantedScope, Issued, NewGrant, TokenIssuer, TokenRequest, TokenSide};
use crate::model::{AuthMethod, Authentication, ExchangeState, GrantRecord};
use crate::protocol::{ErrorCode, OAuthError};
use crate::store::{Change, Record};
use crate::token::Digest;
use error::unacceptable;
pub use exchange::Exchange;
use parameters::Parameters;
pub use party::Party;
use presented::{Origin, Presented};

/// The grant type of token exchange (RFC 8693 section 2.1).
pub(crate) const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// Says whether an exchange is allowed.
type Policy = dyn Fn(&Exchange<'_>) -> bool + Send + Sync;

/// Token exchange (RFC 8693): a client gets an access token for another one, with less scope or for fewer resources, or for somebody who
/// acts for its user.
///
/// The new token has no more scope than the subject token, is for no other resources, and does not outlive it. When the subject token or its
/// grant is revoked, it ends too. There is no refresh token.
///
/// By default a client may exchange access tokens that were issued to it. [`policy`](Self::policy) decides otherwise: for a service
/// that exchanges the tokens that it receives, for example.
///
/// ```
/// use gridauth::grant::{Exchange, TokenExchange};
///
/// // The service "orders" may exchange the tokens that the web shop sends it.
/// let grant = TokenExchange::new().policy(|exchange: &Exchange<'_>| {
///     let from = exchange.subject().client_id();
///     from == Some(exchange.client().id()) || (exchange.client().id() == "orders" && from == Some("web"))
/// });
/// ```
#[derive(Clone)]
pub struct TokenExchange {
    methods: Vec<AuthMethod>,
    issuers: Vec<TrustedIssuer>,
    policy: Arc<Policy>,
}

impl TokenExchange {
    /// For clients of the methods that [`AuthorizationCode::new`](super::AuthorizationCode::new) accepts, and for the access tokens that
    /// were issued to them.
    pub fn new() -> Self {
        Self {
            methods: METHODS.into(),
            issuers: Vec::new(),
            policy: Arc::new(|exchange| exchange.is_of_own_tokens()),
        }
    }

    /// Sets the policy, in place of the default one. It is asked once everything else about the request is valid; `false` is
    /// `invalid_request`. What it allows is still bounded by the subject token.
    #[must_use]
    pub fn policy(mut self, allows: impl Fn(&Exchange<'_>) -> bool + Send + Sync + 'static) -> Self {
        self.policy = Arc::new(allows);
        self
    }

    /// Exchanges JSON Web Tokens of another issuer too, as subject tokens of the type `urn:ietf:params:oauth:token-type:jwt`. Their `aud` must be
    /// this server's issuer identifier or token endpoint. The client has to authenticate.
    #[must_use]
    pub fn trust_issuer(mut self, issuer: TrustedIssuer) -> Self {
        self.issuers.push(issuer);
        self
    }

    /// Sets the accepted client authentication methods.
    #[must_use]
    pub fn client_authentication(mut self, methods: impl IntoIterator<Item = AuthMethod>) -> Self {
        self.methods = methods.into_iter().collect();
        self
    }
}

impl Default for TokenExchange {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for TokenExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenExchange")
            .field("methods", &self.methods)
            .field("issuers", &self.issuers)
            .finish_non_exhaustive()
    }
}

impl Grant for TokenExchange {
    fn token_side(&self) -> Option<&dyn TokenSide> {
        Some(self)
    }
}

#[async_trait]
impl TokenSide for TokenExchange {
    fn grant_type(&self) -> &str {
        TOKEN_EXCHANGE
    }

    fn client_authentication(&self) -> &[AuthMethod] {
        &self.methods
    }

    async fn respond(
        &self,
        request: &TokenRequest<'_>,
        issuer: &TokenIssuer<'_>,
    ) -> Result<Issued, OAuthError> {
        let parameters = Parameters::read(request)?;
        let subject = presented::subject(request, &parameters.subject, &self.issuers).await?;
        let actor = match &parameters.actor {
            Some(actor) => Some(presented::actor(request, actor).await?),
            None => None,
        };
        let actor = actor.as_ref().map(|actor| &actor.party);
        subject.party.check_may_act(actor, request.client())?;
        let scope = match &subject.scope {
            Some(scope) => request.scope_within(scope)?,
            None => request.scope()?,
        };
        let audience = audience(request, &parameters, &subject)?;
        let act = subject.party.act_of(actor, request)?;
        let exchange = Exchange {
            client: request.client(),
            subject: &subject.party,
            actor,
            scope: &scope,
            audience: &audience,
        };
        if !(self.policy)(&exchange) {
            return Err(unacceptable("the client may not exchange this token"));
        }
        let mut state = ExchangeState { act, ..ExchangeState::default() };
        if let Origin::Own { record, digest } = &subject.origin {
            state.subject_token = Some(*digest);
            state.client_id =
                (request.client().id() != record.client_id).then(|| request.client().id().into());
        }
        let mut settled = Prepared {
            audience: Some(audience),
            expires_by: Some(subject.expires),
            details: subject.details.clone(),
            exchange: Some(Box::new(state)),
            ..Prepared::default()
        };
        settled.members.insert("issued_token_type".to_owned(), parameters.issued_type.into());
        match &subject.origin {
            Origin::Own { record, digest } => {
                within_grant(request, issuer, (record, digest), &subject, &scope, settled).await
            }
            Origin::Foreign { subject } => as_new_grant(request, issuer, subject, scope, settled).await,
        }
    }
}

/// The resources that the new token is for (RFC 8693 section 2.1): those that are requested, if the subject token is for them, or all of
/// its own.
fn audience(
    request: &TokenRequest<'_>,
    parameters: &Parameters<'_>,
    subject: &Presented,
) -> Result<Box<[String]>, OAuthError> {
    if parameters.targets.is_empty() {
        return Ok(subject.audience.clone());
    }
    let issuer = request.engine().issuer();
    let is_for_issuer = subject.audience.is_empty() || subject.audience.iter().any(|own| own == issuer);
    // Of the resources below the issuer, the server checks for every request that it has them.
    let is_below = |target: &str| {
        target.strip_prefix(issuer).is_some_and(|rest| rest.starts_with('/'))
            && request.values("resource").any(|resource| resource == target)
    };
    let is_own = |target: &str| {
        subject.audience.iter().any(|own| own == target)
            || (is_for_issuer && (target == issuer || is_below(target)))
    };
    if let Some(target) = parameters.targets.iter().find(|target| !is_own(target)) {
        tracing::debug!(target, "the subject token is not for this target");
        let error = "the subject token is not for this resource or audience";
        return Err(OAuthError::new(ErrorCode::Custom("invalid_target"), error));
    }
    Ok(parameters.targets.iter().map(|target| (*target).to_owned()).collect())
}

/// Stores the new token below the subject token, in the row of its grant.
async fn within_grant(
    request: &TokenRequest<'_>,
    issuer: &TokenIssuer<'_>,
    (record, digest): (&GrantRecord, &Digest),
    subject: &Presented,
    scope: &GrantedScope,
    settled: Prepared,
) -> Result<Issued, OAuthError> {
    let (engine, client, now) = (request.engine, request.client(), request.now());
    let fresh = FreshTokens::make(engine, record.id, FreshRefresh::None)?;
    issuer.check(&record.data)?;
    let prepared = issuer.prepare_further(record, scope, &fresh, settled).await?;
    // Otherwise a thief of a bound token could exchange it for one that is not.
    let is_same_client = subject.party.client_id() == Some(client.id());
    if is_same_client && subject.binding.is_some() && prepared.binding != subject.binding {
        return Err(unacceptable(
            "the subject token is bound to a key, and the request does not prove that the client has it",
        ));
    }
    let decide = |record: &GrantRecord| {
        let Some(from) = record.access_token(digest, now) else {
            return (Change::Keep, Err(unacceptable("the subject token is not valid")));
        };
        if record.subject_tokens(from).count() + 2 > GrantRecord::MAX_EXCHANGED_TOKENS {
            return (Change::Keep, Err(unacceptable("the subject token comes from too many exchanges")));
        }
        let mut exchanged = record.clone();
        let response = mint(engine, client, &mut exchanged, &fresh, scope, &prepared, now);
        (Change::Replace(exchanged.to_row()), Ok(Issued { record: exchanged, response }))
    };
    let mut buffer = [0; 36];
    match engine.store.change(record.id.row_id(&mut buffer), decide).await? {
        Some((_, Ok(issued))) => {
            tell_of_token(engine, &issued.record, request.grant_type(), false);
            Ok(issued)
        }
        Some((_, Err(error))) => Err(error),
        None => Err(unacceptable("the subject token is not valid")),
    }
}

/// Stores a grant for a user whom another issuer vouches for.
async fn as_new_grant(
    request: &TokenRequest<'_>,
    issuer: &TokenIssuer<'_>,
    subject: &Authentication,
    scope: GrantedScope,
    settled: Prepared,
) -> Result<Issued, OAuthError> {
    let unstored = issuer.begin(NewGrant::for_signed_in(subject, scope).without_refresh_token())?;
    let prepared =
        issuer.prepare_further(&unstored.record, &unstored.scope, &unstored.fresh, settled).await?;
    unstored.store(request.engine, request.client(), &prepared, request.now()).await
}
