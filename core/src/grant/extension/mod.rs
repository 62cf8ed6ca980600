//! Extensions: checks and additions that hook into a grant at fixed points.

mod pkce;

pub use pkce::Pkce;

use async_trait::async_trait;

use super::{
    ApprovedAuthorization, AuthorizationPlan, AuthorizationRequest, Issued, TokenDraft, TokenRequest,
};
use crate::endpoint::Metadata;
use crate::model::GrantData;
use crate::protocol::OAuthError;

/// Hooks into the grants that it is registered with. PKCE is one ([`Pkce`]); an application's own rules are others.
///
/// Every hook has a default that changes nothing. In the order in which they run:
///
/// | hook | when | may |
/// | --- | --- | --- |
/// | [`check_authorization`](Self::check_authorization) | an authorization request is otherwise valid | refuse, keep data, ask for a prompt or resources |
/// | [`check_approval`](Self::check_approval) | somebody allowed it | look things up, refuse |
/// | [`prepare_token`](Self::prepare_token) | before anything is stored or redeemed | look things up, sign, refuse |
/// | [`check_token`](Self::check_token) | the row is at hand, perhaps locked | look, refuse |
/// | [`extend_response`](Self::extend_response) | the tokens are stored | add members |
///
/// ```
/// use gridauth::grant::{Extension, TokenRequest};
/// use gridauth::model::GrantData;
/// use gridauth::protocol::OAuthError;
///
/// /// Refuses clients that do not name their version.
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
    note = "only its name has to be given, and then the hooks that it needs: `impl Extension for {Self} {{ fn name(&self) -> &str {{ \"..\" }} }}`"
)]
pub trait Extension: Send + Sync + 'static {
    /// Its name: it keeps data with a grant under this.
    fn name(&self) -> &str;

    /// Checks an authorization request that is otherwise valid. The plan takes what the extension keeps with the grant, and what
    /// it asks for: a sign-in, a maximum age of the sign-in, consent, resources.
    ///
    /// # Errors
    /// An [`OAuthError`] refuses the request: it is sent to the client's redirect URI.
    fn check_authorization(
        &self,
        request: &AuthorizationRequest,
        plan: &mut AuthorizationPlan,
    ) -> Result<(), OAuthError> {
        let _ = (request, plan);
        Ok(())
    }

    /// Checks an approval, when it is known who allowed what: not every user may give every client every scope.
    ///
    /// # Errors
    /// An [`OAuthError`] refuses the approval: it is sent to the client's redirect URI.
    async fn check_approval(&self, approved: &ApprovedAuthorization<'_>) -> Result<(), OAuthError> {
        let _ = approved;
        Ok(())
    }

    /// Whether [`prepare_token`](Self::prepare_token) does anything. It costs a read of the grant's row.
    fn prepares_tokens(&self) -> bool {
        false
    }

    /// Prepares the tokens of a request, once, before anything is stored or redeemed. Everything that can fail belongs here, such
    /// as signing: a failure then burns no code and rotates no token.
    ///
    /// # Errors
    /// An [`OAuthError`] refuses the request, and nothing changes.
    async fn prepare_token(&self, draft: &mut TokenDraft<'_>) -> Result<(), OAuthError> {
        let _ = draft;
        Ok(())
    }

    /// Checks a token request of an authenticated client, with what was kept at the authorization request; that is empty where
    /// there was none. It runs while a store may hold the row, and more than once for one request: it must not wait, and must
    /// change nothing.
    ///
    /// # Errors
    /// An [`OAuthError`] refuses the request, and nothing changes.
    fn check_token(&self, request: &TokenRequest<'_>, kept: &GrantData) -> Result<(), OAuthError> {
        let _ = (request, kept);
        Ok(())
    }

    /// Sees the tokens that a token request got, and adds members to the answer. The tokens are stored, so nothing can be refused
    /// any more.
    async fn extend_response(&self, request: &TokenRequest<'_>, issued: &mut Issued) {
        let _ = (request, issued);
    }

    /// Adds to the server's metadata (RFC 8414 section 2).
    fn describe(&self, metadata: &mut Metadata) {
        let _ = metadata;
    }
}
