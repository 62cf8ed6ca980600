use std::sync::Arc;

use async_trait::async_trait;

use super::authorization_code::METHODS;
use super::trusted_issuer::{IdJagProfile, TrustedIssuer, is_id_jag};
use super::{Extension, Grant, GrantedScope, Issued, NewGrant, TokenIssuer, TokenRequest, TokenSide};
use crate::client_auth::{
    AUTHORIZATION_GRANT, Claims, Purpose, Unacceptable, authorization_assertion, no_grant, use_up,
};
use crate::env::Timestamp;
use crate::jose::Jws;
use crate::model::{AuthMethod, Authentication};
use crate::protocol::OAuthError;
use crate::store::Key;

/// The JWT bearer grant (RFC 7523 section 2.1): a client gets a token for a user who is not there, by an assertion that it signs with
/// its own registered key.
///
/// The assertion's `iss` is the client, its `sub` the subject of a user, its `aud` the issuer or the token endpoint, and it expires
/// within 24 hours. If it has a `jti`, it counts once. There is no refresh token: the client can sign another assertion.
///
/// Such a client gets tokens for every user, without asking them. Register only your own services for this grant type. A client that
/// registered itself cannot use it.
///
/// A client needs no other credentials, since the assertion is signed with its key. If it sends some, they must be right.
///
/// An application with its own users implements [`Users::find`](crate::identity::Users::find): its default knows every subject.
#[derive(Clone, Debug)]
pub struct JwtBearer {
    methods: Vec<AuthMethod>,
    issuers: Vec<TrustedIssuer>,
}

/// Whom an assertion grants access for.
struct Bearer {
    subject: String,
    scope: GrantedScope,
    resources: Vec<String>,
    /// When the assertion expires.
    expires: Timestamp,
}

impl JwtBearer {
    /// For clients of the methods that [`AuthorizationCode::new`](super::AuthorizationCode::new) accepts, and for requests whose only
    /// credentials are the assertion.
    pub fn new() -> Self {
        Self { methods: METHODS.into(), issuers: Vec::new() }
    }

    /// Believes the identity assertions of another issuer too, such as an enterprise's identity provider.
    #[must_use]
    pub fn trust_issuer(mut self, issuer: TrustedIssuer) -> Self {
        self.issuers.push(issuer);
        self
    }

    /// Sets the accepted client authentication methods. Without [`AuthMethod::None`], a client has to authenticate as well.
    #[must_use]
    pub fn client_authentication(mut self, methods: impl IntoIterator<Item = AuthMethod>) -> Self {
        self.methods = methods.into_iter().collect();
        self
    }

    /// The grant of a client's own assertion.
    async fn by_client(
        &self,
        request: &TokenRequest<'_>,
        jws: &Jws<'_>,
        claims: &Claims,
    ) -> Result<Bearer, OAuthError> {
        let (engine, client) = (request.engine, request.client());
        if claims.iss != client.id() {
            return Err(no_grant("its iss is not the client"));
        }
        if client.is_self_registered() {
            return Err(OAuthError::unauthorized_client(
                "a client that registered itself may not use this grant type",
            ));
        }
        if !engine.client_keys.verify(client, jws).await? {
            return Err(no_grant("it is not signed by a key of the client"));
        }
        let expires = claims.check(engine, None, request.now()).map_err(Unacceptable::into_grant_error)?;
        let scope = request.scope()?;
        Ok(Bearer { subject: claims.sub.clone(), scope, resources: Vec::new(), expires })
    }

    /// The grant of an identity assertion of an issuer that is trusted.
    async fn by_issuer(
        &self,
        request: &TokenRequest<'_>,
        jws: &Jws<'_>,
        claims: &Claims,
    ) -> Result<Bearer, OAuthError> {
        let issuer = self.issuers.iter().find(|issuer| issuer.name() == claims.iss);
        let issuer = issuer.ok_or_else(|| no_grant("its iss is not trusted"))?;
        let identity = issuer.verify(request, jws, claims).await?;
        let expires =
            claims.check(request.engine, None, request.now()).map_err(Unacceptable::into_grant_error)?;
        let scope = match &identity.scope {
            Some(allowed) => request.scope_within(allowed)?,
            None => request.scope()?,
        };
        let subject = issuer.subject_of(jws).await?.ok_or_else(|| no_grant("its sub is no user"))?;
        Ok(Bearer { subject, scope, resources: identity.resources, expires })
    }
}

impl Default for JwtBearer {
    fn default() -> Self {
        Self::new()
    }
}

impl Grant for JwtBearer {
    fn token_side(&self) -> Option<&dyn TokenSide> {
        Some(self)
    }

    fn extensions(&self) -> Vec<Arc<dyn Extension>> {
        if self.issuers.is_empty() { Vec::new() } else { vec![Arc::new(IdJagProfile)] }
    }
}

#[async_trait]
impl TokenSide for JwtBearer {
    fn grant_type(&self) -> &str {
        AUTHORIZATION_GRANT
    }

    fn client_authentication(&self) -> &[AuthMethod] {
        &self.methods
    }

    async fn respond(
        &self,
        request: &TokenRequest<'_>,
        issuer: &TokenIssuer<'_>,
    ) -> Result<Issued, OAuthError> {
        let text = request.required("assertion")?;
        let presented = authorization_assertion(text).map_err(Unacceptable::into_grant_error)?;
        let (jws, claims) = (&presented.jws, &presented.claims);
        let bearer = match is_id_jag(jws) {
            true => self.by_issuer(request, jws, claims).await?,
            false => self.by_client(request, jws, claims).await?,
        };
        // A text that no store can look up is no subject.
        let is_subject = (1..=Key::MAX_ID_BYTES).contains(&bearer.subject.len());
        let user = if is_subject { request.engine.users.find(&bearer.subject).await? } else { None };
        let user = user.ok_or_else(|| no_grant("its sub is no user"))?;
        // The user has not signed in: neither a time nor a method is known.
        let grant = NewGrant::for_signed_in(&Authentication::new(user), bearer.scope);
        let grant = grant.without_refresh_token().with_resources(bearer.resources);
        let use_up = async {
            let Some(jti) = &claims.jti else { return Ok(()) };
            match use_up(request.engine, Purpose::Authorization, &claims.iss, jti, bearer.expires).await? {
                true => Ok(()),
                false => Err(no_grant("its jti has been used")),
            }
        };
        issuer.issue_after(grant, use_up).await
    }
}
