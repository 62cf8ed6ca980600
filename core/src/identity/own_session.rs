use std::time::Duration;

use async_trait::async_trait;
use http::HeaderMap;

use super::UsersError;
use crate::model::{Authentication, Client};

/// The application's own session management: the application says who is signed in, and users sign in on its pages.
///
/// Given to [`Builder::own_session`](crate::Builder::own_session); the server then shows no sign-in page.
///
/// The trait has an async method, so its implementation needs an attribute. Without it the compiler says that lifetime parameters do
/// not match.
///
/// ```
/// use gridauth::identity::{OwnSession, UsersError, WantedSignIn};
/// use gridauth::model::Authentication;
///
/// struct Site;
///
/// #[gridauth::async_trait]
/// impl OwnSession for Site {
///     async fn authentication(
///         &self,
///         request: &http::request::Parts,
///     ) -> Result<Option<Authentication>, UsersError> {
///         let _cookies = request.headers.get_all("cookie");
///         Ok(None)
///     }
///
///     fn sign_in_uri(&self, wanted: &WantedSignIn<'_>) -> String {
///         let return_to = wanted.return_to.as_bytes();
///         let encoded: String = form_urlencoded::byte_serialize(return_to).collect();
///         format!("/login?return_to={encoded}")
///     }
/// }
/// ```
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the application's own session",
    label = "does not implement `OwnSession`",
    note = "the trait has an async method: write `#[gridauth::async_trait] impl OwnSession for {Self} {{ .. }}`"
)]
pub trait OwnSession: Send + Sync + 'static {
    /// The sign-in of the browser that sent this request; `None` if nobody is signed in.
    ///
    /// # Errors
    /// [`UsersError`] if this cannot be determined at the moment.
    async fn authentication(
        &self,
        request: &http::request::Parts,
    ) -> Result<Option<Authentication>, UsersError>;

    /// The URI of the application's sign-in page, to which a browser is sent if nobody is signed in, or the sign-in is not what the
    /// request needs. After the sign-in, the application redirects the browser to [`return_to`](WantedSignIn::return_to). Whoever comes
    /// back without a sign-in that is new enough is not sent again: the client gets `login_required`.
    fn sign_in_uri(&self, wanted: &WantedSignIn<'_>) -> String;

    /// Whether the application has [`sign_out`](Self::sign_out). Only then does the server have the end session endpoint.
    fn can_sign_out(&self) -> bool {
        false
    }

    /// Signs out in the browser that sent this request, where the user or a client ends the session at the server (OpenID Connect
    /// RP-Initiated Logout). The grants of the session have ended, and the clients are told. The headers are added to the response:
    /// usually a `Set-Cookie` that removes the application's cookie.
    ///
    /// # Errors
    /// [`UsersError`] if this cannot be done at the moment.
    async fn sign_out(&self, request: &http::request::Parts) -> Result<HeaderMap, UsersError> {
        let _ = request;
        Ok(HeaderMap::new())
    }
}

/// The sign-in that an authorization request needs, or the account page.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct WantedSignIn<'a> {
    /// Where the browser goes afterwards: a path with a query on the server's own origin.
    pub return_to: &'a str,
    /// Whether the user has to sign in even if already signed in (OpenID Connect Core section 3.1.2.1, `prompt` `login`).
    pub again: bool,
    /// How old the sign-in may be at most, if the request limits that.
    pub max_age: Option<Duration>,
    /// The name that the user probably signs in with. It comes from the client: fill it in, and do not rely on it.
    pub login_hint: Option<&'a str>,
    /// The only subject that the request is about, as the client knows it.
    pub subject: Option<&'a str>,
    /// The authentication context classes of which the sign-in must have one; any if empty.
    pub acr_values: &'a [String],
    /// The languages that the user prefers: a space-separated list of language tags.
    pub ui_locales: Option<&'a str>,
    /// The client that asks; `None` if the user wants to see their own account.
    pub client: Option<&'a Client>,
}
