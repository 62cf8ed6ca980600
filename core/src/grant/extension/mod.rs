//! Extensions hook into a grant at fixed points, to check requests and to add to responses.

mod access_token_claims;
mod details;
mod openid;
mod pkce;
mod resource;
mod sender_constraint;

pub(crate) use access_token_claims::AccessTokenClaims;
pub use details::AuthorizationDetails;
pub use openid::OpenId;
pub(super) use openid::{IdTokenSubject, kept};
pub use pkce::Pkce;
pub(crate) use resource::{KnownResource, Resources};
pub(crate) use sender_constraint::SenderConstraint;

use async_trait::async_trait;

use super::{
    ApprovedAuthorization, AuthorizationPlan, AuthorizationRequest, Issued, NewGrant, TokenDraft,
    TokenRequest,
};
use crate::endpoint::Metadata;
use crate::model::{Client, GrantData, User};
use crate::protocol::{OAuthError, Parameters};

/// Hooks into the grants that it is registered with. PKCE is an extension ([`Pkce`]), and applications can add their own.
///
/// Every hook has a default that does nothing. They run in this order:
///
/// | hook | when | what it may do |
/// | --- | --- | --- |
/// | [`check_authorization`](Self::check_authorization) | an authorization request is otherwise valid | reject, store data with the grant, require a prompt or resources |
/// | [`check_device_authorization`](Self::check_device_authorization) | a device authorization request is otherwise valid | reject, store data with the grant, require resources |
/// | [`consent_texts`](Self::consent_texts) | the user is asked | say more on the page |
/// | [`enrich_approval`](Self::enrich_approval) | the resource owner has approved it | add to the data stored with the grant |
/// | [`check_approval`](Self::check_approval) | the resource owner has approved it | do I/O, reject |
/// | [`complete_grant`](Self::complete_grant) | a token request begins a grant | reject, add to the grant |
/// | [`prepare_token`](Self::prepare_token) | before anything is stored or redeemed | do I/O, sign, reject |
/// | [`prepare_response`](Self::prepare_response) | after that, when the access token is made | do I/O, sign, reject, add members |
/// | [`check_token`](Self::check_token) | inside the update of the grant's row | reject |
/// | [`extend_response`](Self::extend_response) | after the tokens are stored | do I/O, add members |
///
/// ```
/// use gridauth::grant::{Extension, TokenRequest};
/// use gridauth::model::GrantData;
/// use gridauth::protocol::OAuthError;
///
/// /// Rejects clients that do not send their version.
/// struct VersionRequired;
///
/// impl Extension for VersionRequired {
///     fn name(&self) -> &str {
///         "version"
///     }
///
///     fn check_token(&self, request: &TokenRequest<'_>, _kept: &GrantData) -> Result<(), OAuthError> {
///         request.required("client_version").map(drop)
///     }
/// }
/// ```
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an extension",
    label = "does not implement `Extension`",
    note = "only `name` is required; add the hooks that it needs: `impl Extension for {Self} {{ fn name(&self) -> &str {{ \"..\" }} }}`"
)]
pub trait Extension: Send + Sync + 'static {
    /// Its name, under which it stores data with a grant.
    fn name(&self) -> &str;

    /// Checks an authorization request that is otherwise valid. It fills the plan with the data to store with the grant and with
    /// what it requires: a new sign-in, a maximum age of the sign-in, consent, resources.
    ///
    /// # Errors
    /// An [`OAuthError`] rejects the request. It is sent to the client's redirect URI.
    fn check_authorization(
        &self,
        request: &AuthorizationRequest,
        plan: &mut AuthorizationPlan,
    ) -> Result<(), OAuthError> {
        let _ = (request, plan);
        Ok(())
    }

    /// Checks a device authorization request that is otherwise valid (RFC 8628 section 3.1). It fills the plan with the data to store
    /// with the grant and with resources. The user always has to consent, so the rest of the plan means nothing there.
    ///
    /// # Errors
    /// An [`OAuthError`] rejects the request. The device gets it.
    fn check_device_authorization(
        &self,
        request: &TokenRequest<'_>,
        plan: &mut AuthorizationPlan,
    ) -> Result<(), OAuthError> {
        let _ = (request, plan);
        Ok(())
    }

    /// What the page says that asks the user, beside the scopes: one text for each thing. `kept` is what is going to be stored with the
    /// grant, `language` the tag of the page's language.
    fn consent_texts(&self, kept: &GrantData, language: &str) -> Vec<String> {
        let _ = (kept, language);
        Vec::new()
    }

    /// Adds to what is going to be stored with the grant, when the user is known and has approved the request.
    fn enrich_approval(&self, user: &User, kept: &mut GrantData) {
        let _ = (user, kept);
    }

    /// Checks an approval, when the user is known: for example whether this user may grant this scope to this client.
    ///
    /// # Errors
    /// An [`OAuthError`] rejects the approval. It is sent to the client's redirect URI.
    async fn check_approval(&self, approved: &ApprovedAuthorization<'_>) -> Result<(), OAuthError> {
        let _ = approved;
        Ok(())
    }

    /// Whether [`prepare_token`](Self::prepare_token) or [`prepare_response`](Self::prepare_response) does anything for this client.
    /// If so, each of its token requests costs an additional read of the grant's row.
    fn prepares_tokens(&self, client: &Client) -> bool {
        let _ = client;
        false
    }

    /// Whether [`prepare_token`](Self::prepare_token) or [`prepare_response`](Self::prepare_response) does anything for this request of
    /// the client. By default this depends on the client alone: [`prepares_tokens`](Self::prepares_tokens).
    fn prepares_request(&self, client: &Client, parameters: &Parameters) -> bool {
        let _ = parameters;
        self.prepares_tokens(client)
    }

    /// Completes a grant that begins with a token request, before anything else happens to it: what the request says about the whole
    /// grant, such as its resources (RFC 8707 section 2.2).
    ///
    /// # Errors
    /// An [`OAuthError`] rejects the request, and nothing changes.
    fn complete_grant(&self, request: &TokenRequest<'_>, grant: &mut NewGrant) -> Result<(), OAuthError> {
        let _ = (request, grant);
        Ok(())
    }

    /// Prepares the tokens of a request, once, before anything is stored or redeemed. Do everything here that can fail, such as
    /// signing: then a failure redeems no code and rotates no refresh token.
    ///
    /// # Errors
    /// An [`OAuthError`] rejects the request, and nothing changes.
    async fn prepare_token(&self, draft: &mut TokenDraft<'_>) -> Result<(), OAuthError> {
        let _ = draft;
        Ok(())
    }

    /// Prepares the response, once, when the access token is made and nothing is stored or redeemed yet: for what is about that token,
    /// such as an ID token.
    ///
    /// # Errors
    /// An [`OAuthError`] rejects the request, and nothing changes.
    async fn prepare_response(&self, draft: &mut TokenDraft<'_>) -> Result<(), OAuthError> {
        let _ = draft;
        Ok(())
    }

    /// Checks a token request of an authenticated client. `kept` is the data that was stored with the grant at the authorization
    /// request, if there was one. The store may hold a lock on the row meanwhile, and may call this more than once for one
    /// request: it must not block and must have no side effects.
    ///
    /// # Errors
    /// An [`OAuthError`] rejects the request, and nothing changes.
    fn check_token(&self, request: &TokenRequest<'_>, kept: &GrantData) -> Result<(), OAuthError> {
        let _ = (request, kept);
        Ok(())
    }

    /// Adds members to the response of a token request. The tokens are already stored, so the request can no longer be rejected.
    async fn extend_response(&self, request: &TokenRequest<'_>, issued: &mut Issued) {
        let _ = (request, issued);
    }

    /// Adds members to the server's metadata (RFC 8414 section 2).
    fn describe(&self, metadata: &mut Metadata) {
        let _ = metadata;
    }
}
