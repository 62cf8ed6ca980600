//! Changes the password of the signed-in user, who gives the current one.

use http::StatusCode;

use super::visit::Visit;
use crate::endpoints::form::Browser;
use crate::identity::{PasswordPolicyError, SignUpError, on_behalf_of};
use crate::logout::replace_password;
use crate::model::Authentication;
use crate::pages::AccountFailure;
use crate::protocol::{OAuthError, Parameters};
use crate::token::Secret;

/// Why a password was not changed.
pub(super) enum NotChanged {
    /// The user can do better.
    Refused(AccountFailure<'static>),
    /// The server's rules for passwords refuse it.
    NotAllowed(SignUpError),
    /// It cannot be done.
    Failed(OAuthError),
}

pub(super) async fn change(
    visit: Visit<'_>,
    browser: &Browser,
    form: &Parameters,
    signed_in: &Authentication,
) -> Result<(), NotChanged> {
    if visit.engine.has_own_users {
        let error = OAuthError::invalid_request("passwords are not changed here");
        return Err(NotChanged::Failed(error));
    }
    let field = |name| form.get(name).filter(|text| !text.is_empty());
    let (Some(current), Some(new)) = (field("current_password"), field("new_password")) else {
        return Err(NotChanged::Refused(AccountFailure::MissingFields));
    };
    if form.get("repeat_password").is_some_and(|repeated| repeated != new) {
        return Err(NotChanged::Refused(AccountFailure::PasswordsDiffer));
    }
    // What cannot be a password spares the hash of the current one.
    let (username, new) = (signed_in.user().username(), Secret::from(new));
    visit.engine.stored_users.check_password_rules(username, &new)?;
    if !is_current(visit, browser, signed_in, &Secret::from(current)).await? {
        return Err(NotChanged::Refused(AccountFailure::WrongPassword));
    }
    let replacing = replace_password(visit.engine, username, &new, signed_in.session());
    match on_behalf_of(visit.engine.source(visit.http), replacing).await? {
        true => Ok(()),
        // The user was removed meanwhile.
        false => Err(NotChanged::Refused(AccountFailure::WrongPassword)),
    }
}

/// Whether this is the password of the signed-in user. Failures count as those of sign-ins do.
async fn is_current(
    visit: Visit<'_>,
    browser: &Browser,
    signed_in: &Authentication,
    password: &Secret,
) -> Result<bool, OAuthError> {
    let (engine, username) = (visit.engine, signed_in.user().username());
    let source = engine.source(visit.http).with_browser(browser.known_key(engine, username));
    let found = engine.check_password(username, password, source).await?;
    Ok(found.is_some_and(|found| found.user().subject() == signed_in.user().subject()))
}

impl From<OAuthError> for NotChanged {
    fn from(error: OAuthError) -> Self {
        match (error.status(), error.retry_after()) {
            (StatusCode::TOO_MANY_REQUESTS, Some(retry_after_secs)) => {
                Self::Refused(AccountFailure::TooManyTries { retry_after_secs })
            }
            _ => Self::Failed(error),
        }
    }
}

impl From<SignUpError> for NotChanged {
    fn from(error: SignUpError) -> Self {
        match error {
            SignUpError::Failed(error) => Self::Failed(error.into()),
            refused => Self::NotAllowed(refused),
        }
    }
}

/// What the page says of a password that the rules refuse.
pub(super) fn rule_failure(refused: &SignUpError) -> Option<AccountFailure<'_>> {
    match refused {
        SignUpError::Password => Some(AccountFailure::PasswordTooLong),
        SignUpError::PasswordPolicy(PasswordPolicyError::TooShort { min_characters }) => {
            Some(AccountFailure::PasswordTooShort { min_characters: *min_characters })
        }
        SignUpError::PasswordPolicy(PasswordPolicyError::Rule(words)) => {
            Some(AccountFailure::PasswordRefused(words))
        }
        _ => None,
    }
}
