//! The response types that OpenID Connect has beside `code`: what they return comes from the authorization endpoint, through the
//! browser (OpenID Connect Core sections 3.2 and 3.3, OAuth 2.0 Multiple Response Type Encoding Practices section 5).

use async_trait::async_trait;

use super::extension::{IdTokenSubject, OpenId, kept};
use super::issue::{Unstored, insert};
use super::new_code::NewCode;
use super::prepared::Prepared;
use super::{ApprovedAuthorization, AuthorizationResponse, AuthorizationSide, Grant, NewGrant, TokenIssuer};
use crate::openid::{Companions, Place};
use crate::protocol::{OAuthError, ResponseMode};
use crate::token::Secret;

const IMPLICIT: [&str; 2] = ["id_token", "id_token token"];
const HYBRID: [&str; 3] = ["code id_token", "code token", "code id_token token"];

/// One response type. It serves confidential clients too: what it returns goes to a redirect URI that the client registered.
pub(super) struct FrontChannel {
    response_type: &'static str,
    openid: OpenId,
}

impl FrontChannel {
    /// One for each response type that is turned on.
    pub(super) fn all_of(openid: &OpenId) -> impl Iterator<Item = Self> {
        let implicit = IMPLICIT.into_iter().filter(|_| openid.has_implicit);
        let hybrid = HYBRID.into_iter().filter(|_| openid.has_hybrid);
        implicit.chain(hybrid).map(|response_type| Self { response_type, openid: openid.clone() })
    }

    fn returns(&self, what: &str) -> bool {
        self.response_type.split(' ').any(|word| word == what)
    }

    pub(super) fn returns_code(&self) -> bool {
        self.returns("code")
    }

    /// The access token, in the grant of the code if there is one. Nothing is stored yet.
    async fn prepare_tokens(
        &self,
        approved: &ApprovedAuthorization<'_>,
        issuer: &TokenIssuer<'_>,
        code: Option<&NewCode>,
    ) -> Result<(Unstored, Prepared), OAuthError> {
        let scope = approved.scope().clone();
        let unstored = match code {
            Some(new) => Unstored::with_code(approved.engine, new.record.clone(), scope)?,
            None => {
                let grant = NewGrant::for_signed_in(approved.authentication(), scope);
                // RFC 6749 section 4.2.2: never a refresh token.
                issuer.begin(grant.without_refresh_token())?
            }
        };
        let prepared = issuer.prepare_new(&unstored).await?;
        Ok((unstored, prepared))
    }

    /// The ID token that goes out together with `companions`.
    async fn id_token(
        &self,
        approved: &ApprovedAuthorization<'_>,
        companions: Companions<'_>,
    ) -> Result<Secret, OAuthError> {
        let user = approved.engine.users.find(approved.user().subject()).await?;
        let user = user.ok_or_else(|| OAuthError::access_denied("the user is gone"))?;
        let kept = kept(approved.data()).unwrap_or_default();
        let authentication = approved.authentication().state();
        let about = IdTokenSubject {
            subject: approved.user().subject(),
            user: &user,
            authentication: Some(&authentication),
            kept: &kept,
            scope: approved.scope().as_scope(),
            // OpenID Connect Core section 5.4: without an access token, the client cannot ask for the claims elsewhere.
            place: if self.response_type == "id_token" { Place::LoneIdToken } else { Place::IdToken },
            nonce: kept.nonce.as_deref(),
            is_first: true,
        };
        self.openid
            .sign_id_token(approved.engine, approved.request().client(), about, companions, approved.now)
            .await
    }
}

impl Grant for FrontChannel {
    fn authorization_side(&self) -> Option<&dyn AuthorizationSide> {
        Some(self)
    }

    fn warning(&self) -> Option<&str> {
        self.returns("token").then_some(
            "response types with an access token expose it to the browser's history and to scripts: RFC 9700 section 2.1.2 \
             advises against them",
        )
    }
}

#[async_trait]
impl AuthorizationSide for FrontChannel {
    fn response_type(&self) -> &str {
        self.response_type
    }

    fn grant_type(&self) -> &str {
        if self.returns("code") { "authorization_code" } else { "implicit" }
    }

    fn further_grant_types(&self) -> &[&str] {
        if self.returns("code") { &["implicit"] } else { &[] }
    }

    fn default_response_mode(&self) -> ResponseMode {
        ResponseMode::Fragment
    }

    /// Code and access token belong to one grant, so that a code that is used twice ends the access token too. Everything is signed
    /// before the grant is stored.
    async fn respond(
        &self,
        approved: &ApprovedAuthorization<'_>,
        issuer: &TokenIssuer<'_>,
    ) -> Result<AuthorizationResponse, OAuthError> {
        let mut answer = AuthorizationResponse::new();
        let code = if self.returns("code") { Some(NewCode::make(approved)?) } else { None };
        if let Some(new) = &code {
            answer = answer.with("code", new.code.expose());
        }
        let tokens = match self.returns("token") {
            true => Some(self.prepare_tokens(approved, issuer, code.as_ref()).await?),
            false => None,
        };
        if self.returns("id_token") {
            let companions = Companions {
                access_token: tokens.as_ref().map(|(unstored, prepared)| unstored.access_token(prepared)),
                code: code.as_ref().map(|new| new.code.expose()),
                state: approved.request().parameter("state"),
            };
            let id_token = self.id_token(approved, companions).await?;
            answer = answer.with("id_token", id_token.expose());
        }
        let engine = approved.engine;
        match (tokens, code) {
            (Some((unstored, prepared)), _) => {
                let client = approved.request().client();
                let issued = unstored.store(engine, client, &prepared, approved.now).await?;
                Ok(answer.with_tokens(issued.response()))
            }
            (None, Some(new)) => {
                insert(engine, &new.record).await?;
                Ok(answer)
            }
            // An ID token alone gives access to nothing, so there is nothing to store.
            (None, None) => Ok(answer),
        }
    }
}
