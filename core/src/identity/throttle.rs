//! Throttles guessing of passwords, client secrets and user codes.
//!
#![doc = include_str!("throttle/limits.md")]
//!
//! Call [`check`](Throttle::check) before the secret is verified, and [`failed`](Throttle::failed) or
//! [`succeeded`](Throttle::succeeded) after it, **and respect the result of both calls**. Many concurrent attempts can pass
//! the check before the first of them has failed. Those that finish after the limit is reached must wait too, whether the
//! secret was correct or not. So concurrent attempts reveal no more than sequential ones.
//!
//! ```
//! use std::sync::Arc;
//! use gridauth::env::SystemClock;
//! use gridauth::identity::{Attempt, RetryAfter, Source, Throttle, ThrottleSettings, Throttled};
//!
//! fn sign_in(throttle: &Throttle, name: &str, right: bool) -> Result<bool, RetryAfter> {
//!     let source = Source::peer(Some([192, 0, 2, 7].into()));
//!     let attempt = Attempt::new(Throttled::Account(name), source);
//!     throttle.check(attempt)?;
//!     if right { throttle.succeeded(attempt)? } else { throttle.failed(attempt)? }
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
//! While many sources keep guessing the password of one account, its owner is told to wait like everybody else, unless they use a
//! source or a browser from which they have signed in to this process before. Letting the right password through would tell a
//! guesser which of many tries at once was right. The owner is not locked out for good: a minute after the guessing stops they sign
//! in. Nor are they locked out of what they have: a browser in which they are signed in, a token that a client holds and a
//! refresh token go on as before, since none of these asks for the password.
//!
//! # Memory, and what a flood of names can do
//! All of this is kept in the process, in tables of at most [`max_tracked`](ThrottleSettings::max_tracked) entries, one table per
//! limit and kind, so that cheap failures of one kind push nothing out of another. Keys are 64-bit hashes under a random key, so
//! nobody can aim at another's place or make a table slow. Where a part of a table is full, what has expired goes first, then what
//! has the fewest failures and blocks, of these the oldest. So a flood of names that fail once each displaces nothing but its like.
//! To have 19 failures of one pair forgotten within their minute takes 19 failures each of seven eighths of `max_tracked`
//! other pairs, over 1.6 million by default. Of successes, the oldest is forgotten first. Only who has a right secret adds one, and
//! at most 64 of one account or client are kept.

mod failures;
mod known;
mod pair;
mod retry_after;
mod settings;
mod source;
mod table;
#[cfg(test)]
mod tests;

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;

use arrayvec::ArrayVec;

use self::failures::{Failures, Window};
use self::known::Known;
use self::pair::{Blocks, Pair};
pub use self::retry_after::RetryAfter;
pub use self::settings::ThrottleSettings;
pub use self::source::Source;
use self::table::Table;
use crate::env::{Clock, Timestamp};

/// What is guessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Throttled<'a> {
    /// The password of a user, known or not: the account that the name means.
    Account(&'a str),
    /// The secret of a client, known or not: its identifier.
    Client(&'a str),
    /// A user code of RFC 8628. The text is the subject of the person who is signed in and enters it, if there is one.
    UserCode(Option<&'a str>),
}

/// A try to prove who one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt<'a> {
    what: Throttled<'a>,
    source: Source,
}

impl<'a> Attempt<'a> {
    /// A guess at `what` that comes from `source`.
    pub fn new(what: Throttled<'a>, source: Source) -> Self {
        Self { what, source }
    }

    /// What is guessed.
    pub fn what(&self) -> Throttled<'a> {
        self.what
    }

    /// Where it comes from.
    pub fn source(&self) -> Source {
        self.source
    }
}

/// Counts failures. A server has one, shared by reference or in an [`Arc`].
pub struct Throttle {
    clock: Arc<dyn Clock>,
    is_off: bool,
    names: RandomState,
    accounts: Kind,
    clients: Kind,
    user_codes: Table<Failures>,
    sources: Table<Failures>,
    sign_ups: Table<Failures>,
    device_starts: Table<Failures>,
    pushed_requests: Table<Failures>,
    registrations: Table<Failures>,
}

/// What is kept for accounts, and for clients.
struct Kind {
    /// By name and source, or name and browser.
    pairs: Table<Pair>,
    /// By name.
    totals: Table<Failures>,
    /// The pairs that have succeeded.
    known: Known,
}

impl Throttle {
    /// A throttle without any failures.
    pub fn new(settings: ThrottleSettings, clock: Arc<dyn Clock>) -> Self {
        let table = |limit| Table::new(Window::new(limit, settings.per), settings.max_tracked);
        let blocks = Blocks {
            window: Window::new(settings.failures, settings.per),
            first: settings.first_block,
            longest: settings.longest_block,
            forget_after: settings.forget_after,
        };
        let kind = || Kind {
            pairs: Table::new(blocks, settings.max_tracked),
            totals: table(settings.account_failures),
            known: Known::new(settings.max_tracked),
        };
        Self {
            clock,
            is_off: settings.per.is_zero(),
            names: RandomState::new(),
            accounts: kind(),
            clients: kind(),
            user_codes: table(settings.failures),
            sources: table(settings.source_failures),
            sign_ups: table(settings.sign_ups),
            device_starts: table(settings.device_starts),
            pushed_requests: table(settings.pushed_requests),
            registrations: table(settings.registrations),
        }
    }

    /// Whether an attempt may be made now. To be asked before the secret is looked at.
    ///
    /// # Errors
    /// [`RetryAfter`] where there were too many failures. The try is not to be made, and not to be counted.
    pub fn check(&self, attempt: Attempt<'_>) -> Result<(), RetryAfter> {
        self.limits(attempt).iter().try_for_each(|limit| limit.check(self.clock.now()))
    }

    /// Counts a failure.
    ///
    /// # Errors
    /// [`RetryAfter`] where a limit was reached since the check: the answer is to wait, not that the secret is
    /// wrong, and nothing was counted.
    pub fn failed(&self, attempt: Attempt<'_>) -> Result<(), RetryAfter> {
        let (limits, now) = (self.limits(attempt), self.clock.now());
        limits.iter().try_for_each(|limit| limit.check(now))?;
        limits.iter().try_for_each(|limit| limit.failed(now))
    }

    /// Forgets the failures and blocks of this account or client from this source, and remembers the source as one that has
    /// succeeded. The other limits are cleared by time alone: whoever guesses can sign in to an account of their own.
    ///
    /// # Errors
    /// [`RetryAfter`] where a limit was reached since the check: the answer is to wait, though the secret was
    /// right, and nothing was forgotten.
    pub fn succeeded(&self, attempt: Attempt<'_>) -> Result<(), RetryAfter> {
        let (limits, now) = (self.limits(attempt), self.clock.now());
        limits.iter().try_for_each(|limit| limit.check(now))?;
        limits.iter().try_for_each(|limit| limit.succeeded(now))
    }

    /// Recognises this browser from now on: the person with this account has signed in there.
    pub(crate) fn know_browser(&self, account: &str, browser: u128) {
        self.accounts.known.insert(self.key(account), self.key((account, browser)), self.clock.now());
    }

    /// Whether the person with this account has signed in in this browser before.
    pub(crate) fn knows_browser(&self, account: &str, browser: u128) -> bool {
        self.accounts.known.contains(self.key(account), self.key((account, browser)))
    }

    /// Counts a sign-up.
    ///
    /// # Errors
    /// [`RetryAfter`] where there were too many from this source.
    pub fn sign_up(&self, source: Source) -> Result<(), RetryAfter> {
        self.count(&self.sign_ups, source)
    }

    /// Counts a device that asks for access.
    ///
    /// # Errors
    /// [`RetryAfter`] where there were too many from this source.
    pub fn device_start(&self, source: Source) -> Result<(), RetryAfter> {
        self.count(&self.device_starts, source)
    }

    /// Counts what is limited by source alone.
    fn count(&self, table: &Table<Failures>, source: Source) -> Result<(), RetryAfter> {
        match source.limited_network() {
            Some(network) if !self.is_off => table.failed(self.key(network), self.clock.now()),
            _ => Ok(()),
        }
    }

    /// Counts a pushed authorization request.
    ///
    /// # Errors
    /// [`RetryAfter`] where there were too many from this source.
    pub fn pushed_request(&self, source: Source) -> Result<(), RetryAfter> {
        self.count(&self.pushed_requests, source)
    }

    /// Counts a registration of a client, or a change of one.
    ///
    /// # Errors
    /// [`RetryAfter`] where there were too many from this source.
    pub fn register(&self, source: Source) -> Result<(), RetryAfter> {
        self.count(&self.registrations, source)
    }

    fn key(&self, subject: impl Hash) -> u64 {
        self.names.hash_one(subject)
    }

    /// The limits that an attempt has to keep.
    fn limits(&self, Attempt { what, source }: Attempt<'_>) -> Limits<'_> {
        if self.is_off {
            return Limits::new();
        }
        match what {
            Throttled::Account(name) => self.limits_of(&self.accounts, name, source),
            Throttled::Client(id) => self.limits_of(&self.clients, id, source),
            Throttled::UserCode(person) => {
                let person = person.map(|subject| self.key(("person", subject)));
                let keys = [Some(self.key(("source", source.network()))), person];
                let counted = keys.into_iter().flatten().map(|key| Counted::Window(&self.user_codes, key));
                counted.chain(self.counted_of(source)).map(Limit::stopping).collect()
            }
        }
    }

    fn limits_of<'t>(&'t self, kind: &'t Kind, name: &str, source: Source) -> Limits<'t> {
        let account = self.key(name);
        let pair = self.key((name, source.network()));
        let browser = source.browser().map(|browser| self.key((name, browser)));
        let browser = browser.filter(|key| kind.known.contains(account, *key));
        let is_known = browser.is_some() || kind.known.contains(account, pair);
        // A browser that the person has signed in with is judged by itself, so that whoever guesses from the same address cannot keep
        // it out. It counts for the address all the same.
        let stops = browser.is_none();
        let mut limits = Limits::new();
        limits.push(Limit { counted: Counted::Pair { kind, account, pair }, stops });
        limits.extend(browser.map(|pair| Limit::stopping(Counted::Pair { kind, account, pair })));
        limits.push(Limit { counted: Counted::Window(&kind.totals, account), stops: !is_known });
        limits.extend(self.counted_of(source).map(|counted| Limit { counted, stops }));
        limits
    }

    /// Everything from a source, where that is limited.
    fn counted_of(&self, source: Source) -> Option<Counted<'_>> {
        source.limited_network().map(|network| Counted::Window(&self.sources, self.key(network)))
    }
}

/// At most a source, a browser, a name and everything from the source.
type Limits<'t> = ArrayVec<Limit<'t>, 4>;

/// A limit that an attempt has to keep.
struct Limit<'t> {
    counted: Counted<'t>,
    /// Otherwise its failures count against others, but the limit does not stop it.
    stops: bool,
}

/// What is counted, and where.
enum Counted<'t> {
    Pair { kind: &'t Kind, account: u64, pair: u64 },
    Window(&'t Table<Failures>, u64),
}

impl<'t> Limit<'t> {
    fn stopping(counted: Counted<'t>) -> Self {
        Self { counted, stops: true }
    }

    fn check(&self, now: Timestamp) -> Result<(), RetryAfter> {
        match self.counted {
            _ if !self.stops => Ok(()),
            Counted::Pair { kind, pair, .. } => kind.pairs.check(pair, now),
            Counted::Window(table, key) => table.check(key, now),
        }
    }

    fn failed(&self, now: Timestamp) -> Result<(), RetryAfter> {
        let counted = match self.counted {
            Counted::Pair { kind, pair, .. } => kind.pairs.failed(pair, now),
            Counted::Window(table, key) => table.failed(key, now),
        };
        // Where a limit that does not stop it is reached already, there is nothing to count.
        if self.stops { counted } else { Ok(()) }
    }

    fn succeeded(&self, now: Timestamp) -> Result<(), RetryAfter> {
        match self.counted {
            Counted::Pair { kind, account, pair } => {
                // A block stays where it does not stop this attempt: it is for the others.
                let forgotten = kind.pairs.succeeded(pair, now);
                if self.stops {
                    forgotten?;
                }
                kind.known.insert(account, pair, now);
                Ok(())
            }
            Counted::Window(..) => self.check(now),
        }
    }
}
