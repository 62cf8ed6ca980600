use std::borrow::Cow;
use std::time::Duration;

use super::{Access, Rejection, RequiredScope};
use crate::env::Timestamp;

/// What a guarded route requires of a token: scopes, and how lately and how its user has signed in (RFC 9470).
///
/// The space-separated list of scopes alone is one too, so `auth.require("orders.read")` needs none of this.
///
/// ```
/// use std::time::Duration;
///
/// use gridauth::guard::Requirement;
///
/// let payment = Requirement::new("orders.pay").max_age(Duration::from_secs(300));
/// assert_eq!(payment.scope(), "orders.pay");
/// assert_eq!(Requirement::from("orders.read"), Requirement::new("orders.read"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requirement {
    scope: Cow<'static, str>,
    max_age: Option<Duration>,
    acr: Vec<String>,
}

impl Requirement {
    /// Every scope of this space-separated list; `""` for any valid token.
    pub fn new(scope: impl Into<Cow<'static, str>>) -> Self {
        Self { scope: scope.into(), max_age: None, acr: Vec::new() }
    }

    /// What this type requires.
    pub fn of<S: RequiredScope>() -> Self {
        Self {
            scope: Cow::Borrowed(S::SCOPE),
            max_age: S::MAX_AGE,
            acr: S::ACR.iter().map(|acr| (*acr).to_owned()).collect(),
        }
    }

    /// The user has signed in no longer than this ago. A token whose user signed in at an unknown time, or that has no user, is
    /// rejected with `insufficient_user_authentication` (RFC 9470 section 3).
    #[must_use]
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = Some(max_age);
        self
    }

    /// The sign-in was of this authentication context class (`acr`), or of another one that is named.
    #[must_use]
    pub fn acr(mut self, acr: impl Into<String>) -> Self {
        self.acr.push(acr.into());
        self
    }

    /// The space-separated list of scopes.
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// Checks a token against it.
    pub(super) fn check(&self, access: &Access, now: Timestamp) -> Result<(), Rejection> {
        access.require(&self.scope)?;
        if self.max_age.is_none() && self.acr.is_empty() {
            return Ok(());
        }
        let is_recent = self.max_age.is_none_or(|max_age| {
            access.user().is_some() && access.auth_time().is_some_and(|at| now.since(at) <= max_age)
        });
        let is_of_class = self.acr.is_empty()
            || access.acr().is_some_and(|acr| self.acr.iter().any(|wanted| wanted == acr));
        if is_recent && is_of_class {
            return Ok(());
        }
        Err(Rejection::insufficient_authentication(self.max_age, &self.acr)
            .under(access.scheme())
            .about(access.about()))
    }
}

impl From<&str> for Requirement {
    fn from(scope: &str) -> Self {
        Self::new(scope.to_owned())
    }
}

impl From<String> for Requirement {
    fn from(scope: String) -> Self {
        Self::new(scope)
    }
}

impl From<&String> for Requirement {
    fn from(scope: &String) -> Self {
        Self::new(scope.clone())
    }
}
