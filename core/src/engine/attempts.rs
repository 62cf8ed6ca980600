//! Authentication attempts, throttled after too many failures.

use super::Engine;
use crate::events::{Event, EventRecord, Limit, SignInRefusal};
use crate::http::{ForwardedFor, RequestHead};
use crate::identity::{Attempt, RetryAfter, Source, Throttled, on_behalf_of};
use crate::model::Authentication;
use crate::protocol::OAuthError;
use crate::token::Secret;

/// The authentication context class of a sign-in with one factor, such as a password (OpenID Connect Core section 2, `acr`).
pub(crate) const ACR_ONE_FACTOR: &str = "1";

impl Engine {
    /// Where a request comes from, as far as that can be believed.
    pub(crate) fn source(&self, head: &impl RequestHead) -> Source {
        match self.trusted_proxies.forwarded_for(head) {
            Some(ForwardedFor::Peer(address)) => Source::peer(Some(address)),
            Some(ForwardedFor::Client(address)) => Source::forwarded(address),
            Some(ForwardedFor::Proxy(address)) => {
                self.told_of_silent_proxy.call_once(|| {
                    tracing::warn!(
                        proxy = %address,
                        "a trusted proxy does not say for whom it asks, so failures and sign-ups of everybody behind it count \
                         together: have it set X-Forwarded-For to the address that it was asked by"
                    );
                });
                Source::forwarded(address)
            }
            None => Source::nowhere(),
        }
    }

    /// Refuses an attempt after too many failures.
    pub(crate) fn check_throttle(&self, attempt: Attempt<'_>) -> Result<(), OAuthError> {
        self.throttle.check(attempt).map_err(|wait| self.refuse(attempt, wait))
    }

    /// Counts a failed attempt. An error where a limit has been reached meanwhile.
    pub(crate) fn count_failure(&self, attempt: Attempt<'_>) -> Result<(), OAuthError> {
        self.throttle.failed(attempt).map_err(|wait| self.refuse(attempt, wait))?;
        if let Err(wait) = self.throttle.check(attempt) {
            self.tell_of_limit(attempt, wait, true);
        }
        Ok(())
    }

    /// Forgets the failures before a success. An error where a limit has been reached meanwhile.
    pub(crate) fn count_success(&self, attempt: Attempt<'_>) -> Result<(), OAuthError> {
        self.throttle.succeeded(attempt).map_err(|wait| self.refuse(attempt, wait))
    }

    fn refuse(&self, attempt: Attempt<'_>, wait: RetryAfter) -> OAuthError {
        self.tell_of_limit(attempt, wait, false);
        OAuthError::too_many_failures(wait.seconds)
    }

    fn tell_of_limit(&self, attempt: Attempt<'_>, wait: RetryAfter, reached: bool) {
        let (limit, name) = match attempt.what() {
            Throttled::Account(account) => (Limit::SignIn, Some(account)),
            Throttled::Client(client_id) => (Limit::ClientSecret, Some(client_id)),
            Throttled::UserCode(_) => (Limit::UserCode, None),
        };
        let typed = name.map(|name| self.events.digest(name));
        let typed = typed.as_deref();
        let seconds = wait.seconds;
        let mut record = EventRecord::from(Event::Throttled { limit, reached, seconds, typed });
        record.source = attempt.source().address();
        if let Throttled::UserCode(subject) = attempt.what() {
            record.subject = subject;
        }
        self.events.emit(record);
    }

    /// Counts a device that asks for access. An error where there were too many from this source.
    pub(crate) fn count_device_start(&self, source: Source) -> Result<(), OAuthError> {
        self.throttle.device_start(source).map_err(|wait| {
            let (limit, seconds) = (Limit::DeviceStart, wait.seconds);
            self.events.emit(Event::Throttled { limit, reached: false, seconds, typed: None });
            OAuthError::too_many_requests(seconds)
        })
    }

    /// Counts a pushed authorization request. An error where there were too many from this source.
    pub(crate) fn count_push(&self, source: Source) -> Result<(), OAuthError> {
        self.throttle.pushed_request(source).map_err(|wait| {
            let (limit, seconds) = (Limit::PushedRequest, wait.seconds);
            self.events.emit(Event::Throttled { limit, reached: false, seconds, typed: None });
            OAuthError::too_many_requests(seconds)
        })
    }

    /// Whether this user has signed in in this browser before.
    pub(crate) fn knows_browser(&self, username: &str, browser: u128) -> bool {
        self.throttle.knows_browser(&self.users.account(username), browser)
    }

    /// Recognises this browser from now on when this user signs in there.
    pub(crate) fn know_browser(&self, username: &str, browser: u128) {
        self.throttle.know_browser(&self.users.account(username), browser);
    }

    /// Verifies a user's password.
    pub(crate) async fn check_password(
        &self,
        username: &str,
        password: &Secret,
        source: Source,
    ) -> Result<Option<Authentication>, OAuthError> {
        let account = self.users.account(username);
        let attempt = Attempt::new(Throttled::Account(&account), source);
        self.check_throttle(attempt)?;
        let user = on_behalf_of(source, self.users.check_password(username, password)).await?;
        match &user {
            Some(user) => {
                self.count_success(attempt)?;
                let mut record = Event::SignedIn { amr: "pwd" }.of_subject(user.subject());
                record.source = source.address();
                self.events.emit(record);
            }
            None => {
                self.tell_of_refusal(username, &account, source).await;
                self.count_failure(attempt)?;
            }
        }
        let now = self.clock.now();
        Ok(user.map(|user| {
            Authentication::new(user).with_auth_time(now).with_acr(ACR_ONE_FACTOR).with_amr(["pwd"])
        }))
    }

    /// Whether the name or the password was wrong is asked only now, and in both cases: it costs the same.
    async fn tell_of_refusal(&self, username: &str, account: &str, source: Source) {
        let subject = self.users.subject_of(username).await;
        let why = match &subject {
            Ok(Some(_)) => SignInRefusal::WrongPassword,
            Ok(None) if !self.has_own_users => SignInRefusal::UnknownUser,
            _ => SignInRefusal::WrongCredentials,
        };
        let subject = subject.ok().flatten();
        let typed = self.events.digest(account);
        let mut record = EventRecord::from(Event::SignInRefused { why, typed: &typed });
        record.subject = subject.as_deref();
        record.source = source.address();
        self.events.emit(record);
    }
}
