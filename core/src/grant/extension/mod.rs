//! Extensions: checks and additions that hook into a grant at fixed points.

mod pkce;

pub use pkce::Pkce;

use async_trait::async_trait;
use serde_json::{Map, Value};

use super::{ApprovedAuthorization, AuthorizationRequest, TokenRequest};
use crate::model::{GrantData, GrantRecord};
use crate::protocol::OAuthError;

/// Hooks into the grants that it is registered with. PKCE is one ([`Pkce`]); an application's own rules are others.
///
/// Every method has a default that changes nothing. Those that are not async may run while a store holds a row: they look
/// at what they are given and do not wait.
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
///     fn check_token_request(&self, request: &TokenRequest<'_>, _kept: &GrantData) -> Result<(), OAuthError> {
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
    /// Its name: what it keeps with a grant it keeps under this.
    fn name(&self) -> &str;

    /// Checks an authorization request whose client and redirect URI are known to be good. What it puts into `keep` is
    /// stored with the grant and shown again to [`check_token_request`](Self::check_token_request).
    ///
    /// # Errors
    /// An [`OAuthError`] refuses the request: it is sent to the client's redirect URI.
    fn check_authorization_request(
        &self,
        request: &AuthorizationRequest,
        keep: &mut GrantData,
    ) -> Result<(), OAuthError> {
        let _ = (request, keep);
        Ok(())
    }

    /// Checks an approval, now that it is known who allowed what: a user may not give just any client any scope. It may
    /// look things up.
    ///
    /// # Errors
    /// An [`OAuthError`] refuses it: it is sent to the client's redirect URI.
    async fn check_approval(&self, approved: &ApprovedAuthorization<'_>) -> Result<(), OAuthError> {
        let _ = approved;
        Ok(())
    }

    /// Checks a token request of an authenticated client, with what was kept at the authorization request, which is
    /// empty where there was none. It may be called more than once for one request, and must only look.
    ///
    /// # Errors
    /// An [`OAuthError`] refuses the request, and nothing changes.
    fn check_token_request(&self, request: &TokenRequest<'_>, kept: &GrantData) -> Result<(), OAuthError> {
        let _ = (request, kept);
        Ok(())
    }

    /// Adds members to the answer of a token request. The members of RFC 6749 section 5.1 cannot be replaced.
    ///
    /// # Errors
    /// An [`OAuthError`]: the token is then not handed out.
    fn extend_token_response(
        &self,
        request: &TokenRequest<'_>,
        grant: &GrantRecord,
        response: &mut Map<String, Value>,
    ) -> Result<(), OAuthError> {
        let _ = (request, grant, response);
        Ok(())
    }

    /// Adds members to the server's metadata (RFC 8414 section 2).
    fn extend_metadata(&self, metadata: &mut Map<String, Value>) {
        let _ = metadata;
    }
}
