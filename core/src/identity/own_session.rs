use async_trait::async_trait;

use super::UsersError;
use crate::model::Authentication;

/// The application's own session management: the application says who is signed in, and people sign in on its pages.
///
/// Given to [`Builder::own_session`](crate::Builder::own_session); the server then shows no sign-in page.
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the application's own session",
    label = "does not implement `OwnSession`",
    note = "the trait has an async method: write `#[gridauth::async_trait] impl OwnSession for {Self} {{ .. }}`"
)]
pub trait OwnSession: Send + Sync + 'static {
    /// Who is signed in in the browser that sent this request, and since when.
    ///
    /// # Errors
    /// [`UsersError`] where that cannot be found out now.
    async fn authentication(
        &self,
        request: &http::request::Parts,
    ) -> Result<Option<Authentication>, UsersError>;

    /// Where to send a browser in which nobody is signed in. Once somebody is, the application sends it back to `return_to`, a
    /// path with a query on the server's own origin.
    fn sign_in_uri(&self, return_to: &str) -> String;
}
