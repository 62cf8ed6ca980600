use std::time::Duration;

/// How many failures within which time are too many, and how long they keep a source out.
///
/// ```
/// use gridauth::identity::ThrottleSettings;
///
/// let strict = ThrottleSettings::default().failures(5).account_failures(50);
/// # let _ = strict;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ThrottleSettings {
    pub(super) failures: u32,
    pub(super) account_failures: u32,
    pub(super) source_failures: u32,
    pub(super) sign_ups: u32,
    pub(super) device_starts: u32,
    pub(super) pushed_requests: u32,
    pub(super) registrations: u32,
    pub(super) per: Duration,
    pub(super) first_block: Duration,
    pub(super) longest_block: Duration,
    pub(super) forget_after: Duration,
    pub(super) max_tracked: usize,
}

impl Default for ThrottleSettings {
    fn default() -> Self {
        Self {
            failures: 20,
            account_failures: 100,
            source_failures: 1000,
            sign_ups: 30,
            device_starts: 60,
            pushed_requests: 1000,
            registrations: 60,
            per: Duration::from_secs(60),
            first_block: Duration::from_secs(60),
            longest_block: Duration::from_secs(15 * 60),
            forget_after: Duration::from_secs(60 * 60),
            max_tracked: 100_000,
        }
    }
}

impl ThrottleSettings {
    /// Failures of one account or client from one source: 20 by default. 0 counts as 1, here and in the other limits. Wrong user
    /// codes from one source, or of one signed-in person, have the same limit.
    #[must_use]
    pub fn failures(mut self, failures: u32) -> Self {
        self.failures = failures;
        self
    }

    /// Failures of one account or client from all sources together: 100 by default. Sources that have succeeded before still get
    /// in.
    #[must_use]
    pub fn account_failures(mut self, failures: u32) -> Self {
        self.account_failures = failures;
        self
    }

    /// Failures from one source, whatever the account: 1,000 by default.
    #[must_use]
    pub fn source_failures(mut self, failures: u32) -> Self {
        self.source_failures = failures;
        self
    }

    /// Sign-ups from one source: 30 by default.
    #[must_use]
    pub fn sign_ups(mut self, sign_ups: u32) -> Self {
        self.sign_ups = sign_ups;
        self
    }

    /// Devices from one source that ask for access (RFC 8628 section 3.1): 60 by default.
    #[must_use]
    pub fn device_starts(mut self, device_starts: u32) -> Self {
        self.device_starts = device_starts;
        self
    }

    /// Pushed authorization requests from one source: 1,000 by default.
    #[must_use]
    pub fn pushed_requests(mut self, pushed_requests: u32) -> Self {
        self.pushed_requests = pushed_requests;
        self
    }

    /// Registrations of clients, and changes of them, from one source: 60 by default.
    #[must_use]
    pub fn registrations(mut self, registrations: u32) -> Self {
        self.registrations = registrations;
        self
    }

    /// The time within which failures, sign-ups, devices and other requests count, to the millisecond: a minute by default. Zero turns
    /// the throttle off.
    #[must_use]
    pub fn per(mut self, per: Duration) -> Self {
        self.per = per;
        self
    }

    /// How long the first block of an account or client and a source lasts (a minute by default), and the longest one (15 minutes
    /// by default). Each block lasts twice as long as the one before.
    #[must_use]
    pub fn blocks(mut self, first: Duration, longest: Duration) -> Self {
        self.first_block = first;
        self.longest_block = longest;
        self
    }

    /// How long there must be no failure before earlier blocks are forgotten: an hour by default.
    #[must_use]
    pub fn forget_after(mut self, time: Duration) -> Self {
        self.forget_after = time;
        self
    }

    /// How many entries each table has at most: 100,000 by default. An entry takes about 200 bytes with a failure or two, 700 at
    /// the limit of 20, and a source 2 kB near the limit of 1,000.
    #[must_use]
    pub fn max_tracked(mut self, entries: usize) -> Self {
        self.max_tracked = entries;
        self
    }
}
