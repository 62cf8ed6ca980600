use async_trait::async_trait;

use super::UsersError;
use crate::model::Authentication;

/// The application's own session management: the application says who is signed in, and users sign in on its pages.
///
/// Given to [`Builder::own_session`](crate::Builder::own_session); the server then shows no sign-in page.
///
/// The trait has an async method, so its implementation needs an attribute. Without it the compiler says that lifetime parameters do
/// not match.
///
/// ```
/// use gridauth::identity::{OwnSession, UsersError};
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
///     fn sign_in_uri(&self, return_to: &str) -> String {
///         let encoded: String = form_urlencoded::byte_serialize(return_to.as_bytes()).collect();
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

    /// The URI of the application's sign-in page, to which a browser is sent if nobody is signed in. After the sign-in, the
    /// application redirects the browser to `return_to`, a path with a query on the server's own origin.
    fn sign_in_uri(&self, return_to: &str) -> String;
}
