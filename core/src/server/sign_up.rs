//! Signing up, for a form that anybody can send.

use std::net::IpAddr;

use super::GridAuth;
use crate::http::RequestHead;
use crate::identity::{SignUpError, StoredUsers};
use crate::model::User;
use crate::token::Secret;

impl GridAuth {
    /// Creates a user in the server's store, as [`StoredUsers::sign_up`] does, unless there were too many sign-ups from the address
    /// that the request comes from ([`ThrottleSettings::sign_ups`](crate::identity::ThrottleSettings::sign_ups)). Name and password
    /// are checked before anything is counted or looked up.
    ///
    /// # Errors
    /// [`SignUpError`] says what is wrong.
    pub async fn sign_up(
        &self,
        head: &impl RequestHead,
        username: &str,
        password: &Secret,
    ) -> Result<User, SignUpError> {
        StoredUsers::check(username, password)?;
        let engine = &self.0.engine;
        engine.throttle.sign_up(engine.source(head)).map_err(SignUpError::TooMany)?;
        self.users().sign_up(username, password).await
    }

    /// The address that a request comes from: the peer's, or what a [trusted proxy](crate::Builder::trusted_proxies) says. `None`
    /// where the adapter does not know the peer.
    pub fn client_address(&self, head: &impl RequestHead) -> Option<IpAddr> {
        self.0.engine.source(head).address()
    }
}
