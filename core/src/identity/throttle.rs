//! Slows down whoever guesses passwords, client secrets or user codes.
//!
//! Twenty failures within a minute, for one account, client or user code, and further tries are told to wait until the
//! oldest of these failures is a minute old, whether or not the secret is right; a success forgets the failures. A
//! source address has a limit of its own, far above that, and no success resets it: whoever guesses from there can
//! sign in to an account of their own. A try that is told to wait is no failure, so nobody is locked out for good.
//!
//! The order is always the same: [`check`](Throttle::check) before the secret is looked at, then
//! [`failed`](Throttle::failed) or [`succeeded`](Throttle::succeeded), **whose answer counts too**. Many tries can pass
//! the check together before the first of them has failed; those that come out once the limit is reached are told to
//! wait like the others, right or wrong, so a burst finds out no more than tries one after the other.
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
//! # What a brake by account cannot do
//! While somebody keeps guessing the password of one account, twenty times a minute, its owner is told to wait like
//! everybody else who gives that name, with the right password too: letting the right one through would tell a guesser
//! which of many tries at once was right. The owner is not locked out for good: a minute after the guessing stops they sign in.
//! Nor are they locked out of what they have: a browser in which they are signed in, a token that a client holds and a
//! refresh token go on as before, since none of these asks for the password. Who must keep an attacker from doing this to
//! a person stops the attacker at the source, as the limit by source begins to, or signs people in by something that
//! cannot be guessed ([`OwnSession`](super::OwnSession)).
//!
//! The same goes for a client whose secret a person chose. One whose secret was generated is never kept out: nobody
//! guesses 256 random bits, so who has them is let in however many others failed under its name.
//!
//! # Memory, and what a flood of names can do
//! All of this is kept in the process, for at most [`max_tracked`](ThrottleSettings::max_tracked) accounts, as many
//! clients, user codes and sources, each kind apart, so that cheap failures of one kind push nothing out of another.
//! Names are kept as 64-bit hashes under a random key, so nobody can aim at another's place or make the table slow.
//! Where a part of the table is full, what has expired goes first, then what has the fewest failures, of these the
//! oldest. So a flood of names that fail once each displaces nothing but its like. To have 19 failures of one account
//! forgotten within their minute takes 19 failures each of seven eighths of `max_tracked` other names, over 1.6 million
//! by default; to have a single one forgotten takes as many names once each, 87,500. Either costs thousands of requests
//! for each guess it gains, where waiting for the minute to end costs none.

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

/// How many failures within which time are too many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThrottleSettings {
    /// Failures of one account, client or user code; 0 counts as 1.
    pub failures: u32,
    /// Failures from one source; 0 counts as 1.
    pub source_failures: u32,
    /// The time within which they count, to the millisecond. Zero turns the throttle off.
    pub per: Duration,
    /// How many accounts, and as many clients, user codes and sources, are remembered at most. One takes about 140
    /// bytes with a failure or two, 600 at the limit of 20, and a source 2 kB near the limit of 1,000.
    pub max_tracked: usize,
}

impl Default for ThrottleSettings {
    fn default() -> Self {
        Self { failures: 20, source_failures: 1000, per: Duration::from_secs(60), max_tracked: 100_000 }
    }
}

/// What failures are counted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Throttled<'a> {
    /// A user's name, known or not, as it is looked up.
    Account(&'a str),
    /// A client identifier, known or not.
    Client(&'a str),
    /// A user code of RFC 8628, as it is looked up.
    UserCode(&'a str),
    /// The address that a request came from. IPv6 addresses count by their first 64 bits, which one host has to
    /// itself; an IPv4 address written as IPv6 counts as what it is.
    Source(IpAddr),
}

/// Counts failures. One for the whole server, shared by reference or in an [`Arc`].
pub struct Throttle {
    clock: Arc<dyn Clock>,
    names: RandomState,
    accounts: Table,
    clients: Table,
    user_codes: Table,
    sources: Table,
}

impl Throttle {
    /// A throttle that has seen no failures.
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

    /// Whether `subject` may try now. To be asked before the secret is looked at.
    ///
    /// # Errors
    /// [`RetryAfter`] where it has failed too often. The try is not to be made, and not to be counted.
    pub fn check(&self, subject: Throttled<'_>) -> Result<(), RetryAfter> {
        let (table, key) = self.place(subject);
        table.check(key, self.clock.now())
    }

    /// Counts a failure of `subject`.
    ///
    /// # Errors
    /// [`RetryAfter`] where the limit was reached since the check: the answer is to wait, not that the secret is
    /// wrong, and nothing was counted.
    pub fn failed(&self, subject: Throttled<'_>) -> Result<(), RetryAfter> {
        let (table, key) = self.place(subject);
        table.failed(key, self.clock.now())
    }

    /// Forgets the failures of `subject`, unless it is a [`Source`](Throttled::Source), which only time clears.
    ///
    /// # Errors
    /// [`RetryAfter`] where the limit was reached since the check: the answer is to wait, though the secret was
    /// right, and nothing was forgotten.
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
