//! `POST /sign_up`: creates a user.

use gridauth::identity::SignUpError;
use gridauth::protocol::{ErrorCode, OAuthError};
use gridauth::token::Secret;
use gridauth::{Request, Response};
use http::StatusCode;
use serde_json::json;

use crate::App;
use crate::forms::fields;
use crate::responses;

impl App {
    /// Answers `POST /sign_up`.
    pub async fn sign_up(&self, request: Request) -> Response {
        match self.new_user(&request).await {
            Ok(username) => {
                responses::json(self.auth(), StatusCode::CREATED, &json!({ "username": username }))
            }
            Err(error) => self.auth().refuse(&error),
        }
    }

    async fn new_user(&self, request: &Request) -> Result<String, OAuthError> {
        let form = fields(request, Some(&["username", "password"])).await?;
        let missing = |name| OAuthError::invalid_request(format!("{name} is missing"));
        let username = form.get("username").ok_or_else(|| missing("username"))?;
        let password = Secret::from(form.get("password").ok_or_else(|| missing("password"))?);
        let user = self.auth().sign_up(request, username, &password).await.map_err(refusal)?;
        Ok(user.username().to_owned())
    }
}

fn refusal(error: SignUpError) -> OAuthError {
    match error {
        SignUpError::Taken | SignUpError::ClientId => {
            OAuthError::new(ErrorCode::Custom("username_taken"), error.to_string())
                .with_status(StatusCode::CONFLICT)
        }
        SignUpError::TooMany(wait) => OAuthError::too_many_failures(wait.seconds),
        SignUpError::Failed(error) => error.into(),
        refused => OAuthError::invalid_request(refused.to_string()),
    }
}
