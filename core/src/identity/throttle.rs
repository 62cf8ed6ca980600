//! Throttles guessing of passwords, client secrets and user codes.
//!
//! After twenty failures within a minute for one account, client or user code, further attempts must wait until the
//! oldest of these failures is a minute old, whether or not the secret is correct. A success resets the count. Each source
//! address has a separate, much higher limit, which no success resets: an attacker could otherwise reset it by signing in
//! to their own account. An attempt that has to wait does not count as a failure, so nobody is locked out permanently.
//!
//! Call [`check`](Throttle::check) before the secret is verified, and [`failed`](Throttle::failed) or
//! [`succeeded`](Throttle::succeeded) after it, **and respect the result of both calls**. Many concurrent attempts can pass
//! the check before the first of them has failed. Those that finish after the limit is reached must wait too, whether the
//! secret was correct or not. So concurrent attempts reveal no more than sequential ones.
//!
//! ```
//! use std::sync::Arc;
//! use gridauth::env::SystemClock;
//! use gridauth::identity::{RetryAfter, Throttle, ThrottleSettings, Throttled};
//!
//! fn sign_in(throttle: &Throttle, name: &str, right: bool) -> Result<bool, RetryAfter> {
//!     let account = Throttled::Account(name);
//!     throttle.check(account)?;
//!     if right { throttle.succeeded(account)? } else { throttle.failed(account)? }
//!     Ok(right)
//! }
//!
//! let throttle = Throttle::new(ThrottleSettings::default(), Arc::new(SystemClock));
//! for _ in 0..20 {
//!     assert_eq!(sign_in(&throttle, "israel", false), Ok(false));
//! }
//! assert!(sign_in(&throttle, "israel", true).is_err());
//! assert_eq!(sign_in(&throttle, "miriam", true), Ok(true));
//! ```
//!
//! # The limits of throttling by account
//! While an attacker keeps guessing the password of one account, twenty times a minute, everyone who signs in under that
//! name must wait, even the owner with the correct password. Accepting the correct password would tell the attacker
//! which of many concurrent attempts was correct. The owner is not locked out permanently: a minute after the guessing
//! stops, the owner can sign in. Existing sessions, access tokens and refresh tokens keep working, because none of them
//! needs the password. To prevent this attack altogether, block the attacker at the source, which the limit per source
//! begins to do, or let users sign in with something that cannot be guessed ([`OwnSession`](super::OwnSession)).
//!
//! The same applies to a client whose secret a person chose. A client with a generated secret never has to wait: nobody
//! can guess 256 random bits, so the correct secret is accepted regardless of how many attempts failed.
//!
//! # Memory, and floods of names
//! All counts are held in the process, for at most [`max_tracked`](ThrottleSettings::max_tracked) accounts, and as many
//! clients, user codes and sources. The four kinds are separate, so that cheap failures of one kind displace nothing of
//! another. Names are stored as 64-bit hashes under a random key, so nobody can target the entry of another name or
//! degrade the table. When a shard of the table is full, expired entries are dropped first, then those with the fewest
//! failures, the oldest of them first. So a flood of names with one failure each displaces only entries like itself.
//! To displace an account with 19 failures within a minute takes 19 failures for each of seven eighths of `max_tracked`
//! other names: more than 1.6 million by default. To displace an account with one failure takes as many names with one
//! failure each: 87,500. Both cost thousands of requests for each guess gained, while waiting for a minute costs none.

mod failures;
mod retry_after;
mod table;
#[cfg(test)]
mod tests;

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use self::failures::Window;
pub use self::retry_after::RetryAfter;
use self::table::Table;
use crate::env::Clock;

/// How many failures within what time are too many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThrottleSettings {
    /// The limit for one account, client or user code; 0 means 1.
    pub failures: u32,
    /// The limit for one source; 0 means 1.
    pub source_failures: u32,
    /// The time within which failures count, in whole milliseconds. Zero turns throttling off.
    pub per: Duration,
    /// The maximum number of accounts to track, and the same for clients, user codes and sources. An entry takes about 140
    /// bytes with one or two failures, 600 bytes at the limit of 20, and 2 kB for a source near the limit of 1,000.
    pub max_tracked: usize,
}

impl Default for ThrottleSettings {
    fn default() -> Self {
        Self { failures: 20, source_failures: 1000, per: Duration::from_secs(60), max_tracked: 100_000 }
    }
}

/// The subject of a failure: failures are counted per subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Throttled<'a> {
    /// An account, whether it exists or not ([`Users::account`](super::Users::account)).
    Account(&'a str),
    /// A `client_id`, whether the client exists or not.
    Client(&'a str),
    /// A user code (RFC 8628), in the form in which it is looked up.
    UserCode(&'a str),
    /// The address that a request came from. Of an IPv6 address only the first 64 bits count, since one host usually has
    /// all addresses below them; an IPv4-mapped IPv6 address counts as the IPv4 address.
    Source(IpAddr),
}

/// Counts failures. A server has one, shared by reference or in an [`Arc`].
pub struct Throttle {
    clock: Arc<dyn Clock>,
    names: RandomState,
    accounts: Table,
    clients: Table,
    user_codes: Table,
    sources: Table,
}

impl Throttle {
    /// A throttle without any failures.
    pub fn new(settings: ThrottleSettings, clock: Arc<dyn Clock>) -> Self {
        let table = |limit| Table::new(Window::new(limit, settings.per), settings.max_tracked);
        Self {
            clock,
            names: RandomState::new(),
            accounts: table(settings.failures),
            clients: table(settings.failures),
            user_codes: table(settings.failures),
            sources: table(settings.source_failures),
        }
    }

    /// Checks whether `subject` may make an attempt. Call it before the secret is verified.
    ///
    /// # Errors
    /// [`RetryAfter`] after too many failures. Then make no attempt and count none.
    pub fn check(&self, subject: Throttled<'_>) -> Result<(), RetryAfter> {
        let (table, key) = self.place(subject);
        table.check(key, self.clock.now())
    }

    /// Counts a failure of `subject`.
    ///
    /// # Errors
    /// [`RetryAfter`] if the limit was reached since the check. Then nothing was counted, and the response must tell to
    /// wait, not that the secret was wrong.
    pub fn failed(&self, subject: Throttled<'_>) -> Result<(), RetryAfter> {
        let (table, key) = self.place(subject);
        table.failed(key, self.clock.now())
    }

    /// Resets the failures of `subject`, unless it is a [`Source`](Throttled::Source): those only expire.
    ///
    /// # Errors
    /// [`RetryAfter`] if the limit was reached since the check. Then nothing was reset, and the response must tell to wait,
    /// although the secret was correct.
    pub fn succeeded(&self, subject: Throttled<'_>) -> Result<(), RetryAfter> {
        let (table, key) = self.place(subject);
        match subject {
            Throttled::Source(_) => table.check(key, self.clock.now()),
            Throttled::Account(_) | Throttled::Client(_) | Throttled::UserCode(_) => {
                table.succeeded(key, self.clock.now())
            }
        }
    }

    fn place(&self, subject: Throttled<'_>) -> (&Table, u64) {
        match subject {
            Throttled::Account(name) => (&self.accounts, self.names.hash_one(name)),
            Throttled::Client(id) => (&self.clients, self.names.hash_one(id)),
            Throttled::UserCode(code) => (&self.user_codes, self.names.hash_one(code)),
            Throttled::Source(address) => (&self.sources, self.names.hash_one(network(address))),
        }
    }
}

/// What counts as one source.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}
