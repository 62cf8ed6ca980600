use std::fmt;
use std::sync::Arc;

use crate::token::Secret;

/// What a new password has to be like, at a sign-up and when a password is changed. Not for users that the
/// application puts itself ([`GridAuth::put_user`](crate::GridAuth::put_user)).
///
/// ```
/// use gridauth::identity::PasswordPolicy;
///
/// let policy = PasswordPolicy::default().min_characters(15).rule(|username, password| {
///     if password.expose().contains(username) {
///         return Err("a password does not contain the username".to_owned());
///     }
///     Ok(())
/// });
/// ```
#[derive(Clone)]
pub struct PasswordPolicy {
    min_characters: usize,
    rule: Option<Arc<Rule>>,
}

type Rule = dyn Fn(&str, &Secret) -> Result<(), String> + Send + Sync;

/// Why a [`PasswordPolicy`] refuses a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordPolicyError {
    /// It is too short.
    #[error("a password has at least {min_characters} characters")]
    TooShort {
        /// The least that it has.
        min_characters: usize,
    },
    /// The application's own rule refuses it, in these words.
    #[error("{0}")]
    Rule(String),
}

impl PasswordPolicy {
    /// The least number of characters: 12 by default.
    #[must_use]
    pub fn min_characters(mut self, characters: usize) -> Self {
        self.min_characters = characters;
        self
    }

    /// The application's own rule, which is given the username and the password. What it refuses with is shown to the user.
    #[must_use]
    pub fn rule(
        mut self,
        rule: impl Fn(&str, &Secret) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.rule = Some(Arc::new(rule));
        self
    }

    pub(super) fn check(&self, username: &str, password: &Secret) -> Result<(), PasswordPolicyError> {
        if password.expose().chars().count() < self.min_characters {
            return Err(PasswordPolicyError::TooShort { min_characters: self.min_characters });
        }
        match &self.rule {
            Some(rule) => rule(username, password).map_err(PasswordPolicyError::Rule),
            None => Ok(()),
        }
    }
}

impl Default for PasswordPolicy {
    fn default() -> Self {
        Self { min_characters: 12, rule: None }
    }
}

impl fmt::Debug for PasswordPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordPolicy").field("min_characters", &self.min_characters).finish_non_exhaustive()
    }
}
