use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value};

use super::UsersError;
use crate::model::User;
use crate::protocol::Parameters;

/// Sign-in in the operator's own apps, without a browser (draft-ietf-oauth-first-party-apps). For
/// [`Builder::first_party_sign_in`](crate::Builder::first_party_sign_in).
#[derive(Clone, Default)]
pub struct FirstPartySignIn {
    pub(crate) second_step: Option<Arc<dyn SecondStep>>,
}

impl FirstPartySignIn {
    /// By username and password.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what follows a right password.
    #[must_use]
    pub fn second_step(mut self, step: impl SecondStep) -> Self {
        self.second_step = Some(Arc::new(step));
        self
    }
}

impl fmt::Debug for FirstPartySignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FirstPartySignIn").field("has_second_step", &self.second_step.is_some()).finish()
    }
}

/// A step that follows the password where a first-party app signs a user in without a browser
/// ([`Builder::first_party_sign_in`](crate::Builder::first_party_sign_in)): a one-time code, for example.
///
/// The server keeps no state of its own between the steps. It seals who has given the right password into the `auth_session` that the app
/// sends back, and counts wrong answers as it counts wrong passwords.
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a second step",
    label = "does not implement `SecondStep`",
    note = "the trait has async methods: write `#[gridauth::async_trait] impl SecondStep for {Self} {{ .. }}`"
)]
pub trait SecondStep: Send + Sync + 'static {
    /// What the app is told to ask this user for; members of the response beside `error` and `auth_session`. `None` if the password is
    /// enough. A code is sent from here.
    ///
    /// # Errors
    /// [`UsersError`] if this cannot be determined at the moment.
    async fn challenge(&self, user: &User) -> Result<Option<Map<String, Value>>, UsersError>;

    /// Whether the parameters of the app's next request have the right answer. Returns the methods that it proves, by their names in RFC
    /// 8176, such as `otp`; `None` if it is wrong or missing. An answer must count once.
    ///
    /// # Errors
    /// [`UsersError`] if this cannot be determined at the moment.
    async fn verify(&self, user: &User, answer: &Parameters) -> Result<Option<Vec<String>>, UsersError>;
}
