//! Authentication attempts, throttled after too many failures.

use super::Engine;
use crate::http::Connection;
use crate::identity::{RetryAfter, Throttled};
use crate::model::Authentication;
use crate::protocol::OAuthError;
use crate::token::Secret;

impl Engine {
    /// Fails if there were too many failures for this account or client, or from this source.
    pub(crate) fn check_throttle(
        &self,
        who: Throttled<'_>,
        connection: Connection,
    ) -> Result<(), OAuthError> {
        each(who, connection, |throttled| self.throttle.check(throttled))
    }

    /// Counts a failed attempt. Fails if the limit was reached in the meantime.
    pub(crate) fn count_failure(&self, who: Throttled<'_>, connection: Connection) -> Result<(), OAuthError> {
        each(who, connection, |throttled| self.throttle.failed(throttled))
    }

    /// Resets the failures after a success. Fails if the limit was reached in the meantime.
    pub(crate) fn count_success(&self, who: Throttled<'_>, connection: Connection) -> Result<(), OAuthError> {
        each(who, connection, |throttled| self.throttle.succeeded(throttled))
    }

    /// Verifies a user's password.
    pub(crate) async fn check_password(
        &self,
        username: &str,
        password: &Secret,
        connection: Connection,
    ) -> Result<Option<Authentication>, OAuthError> {
        let account = self.users.account(username);
        let account = Throttled::Account(&account);
        self.check_throttle(account, connection)?;
        let user = self.users.check_password(username, password).await?;
        match user {
            Some(_) => self.count_success(account, connection)?,
            None => self.count_failure(account, connection)?,
        }
        let now = self.clock.now();
        Ok(user.map(|user| Authentication::new(user).with_auth_time(now).with_amr(["pwd"])))
    }
}

fn each(
    who: Throttled<'_>,
    connection: Connection,
    ask: impl Fn(Throttled<'_>) -> Result<(), RetryAfter>,
) -> Result<(), OAuthError> {
    let source = connection.peer.map(Throttled::Source);
    [Some(who), source]
        .into_iter()
        .flatten()
        .try_for_each(|throttled| ask(throttled).map_err(|wait| OAuthError::too_many_failures(wait.seconds)))
}
