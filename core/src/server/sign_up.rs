//! Signing up, for a form that anybody can send.

use std::net::IpAddr;

use super::GridAuth;
use crate::events::{Event, EventRecord, Limit};
use crate::http::RequestHead;
use crate::identity::{SignUpError, UsersError, on_behalf_of};
use crate::model::User;
use crate::token::Secret;

impl GridAuth {
    /// Creates a user in the server's store, as [`StoredUsers::sign_up`](crate::identity::StoredUsers::sign_up) does, but limits the
    /// sign-ups from one source ([`ThrottleSettings::sign_ups`](crate::identity::ThrottleSettings::sign_ups)). The name and the
    /// password are checked before anything is counted or looked up.
    ///
    /// # Errors
    /// [`SignUpError`] says why the user was not created.
    pub async fn sign_up(
        &self,
        head: &impl RequestHead,
        username: &str,
        password: &Secret,
    ) -> Result<User, SignUpError> {
        self.users().check_new(username, password)?;
        let engine = &self.0.engine;
        let source = engine.source(head);
        let work = async {
            if let Err(wait) = engine.throttle.sign_up(source) {
                let (limit, seconds) = (Limit::SignUp, wait.seconds);
                let event = Event::Throttled { limit, reached: false, seconds, typed: None };
                engine.events.emit(EventRecord::from(event));
                return Err(SignUpError::TooMany(wait));
            }
            on_behalf_of(source, self.users().sign_up(username, password)).await
        };
        let (signed_up, written) = self.recorded(self.context(head), work).await;
        written.map_err(UsersError::from)?;
        signed_up
    }

    /// The address that a request comes from: the peer's, or what a [trusted proxy](crate::Builder::trusted_proxies) says. `None`
    /// where the adapter does not know the peer.
    pub fn client_address(&self, head: &impl RequestHead) -> Option<IpAddr> {
        self.0.engine.source(head).address()
    }
}
