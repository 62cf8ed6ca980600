use std::time::Duration;

use super::Event;

/// Which events are kept in the store, how, and for how long: [`Builder::audit`](crate::Builder::audit).
///
/// ```
/// use std::time::Duration;
/// use gridauth::events::Audit;
///
/// let days = |days: u64| Duration::from_secs(days * 24 * 60 * 60);
/// let audit = Audit::before_answers().keep_for(days(365));
/// ```
#[derive(Clone, Debug)]
pub struct Audit {
    pub(crate) is_before: bool,
    pub(crate) keep_for: Duration,
    keeps_refusals: bool,
}

impl Audit {
    /// The rows are written before a request is answered. If they cannot be written, the answer is 503: nobody gets a token, or is told
    /// of a revocation, that the audit does not know. Each request waits for one more write.
    pub fn before_answers() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        Self { is_before: true, keep_for: 90 * DAY, keeps_refusals: false }
    }

    /// The rows are written by a task, and no request waits for them. While the store cannot be reached, at most
    /// [`QUEUE`](Self::QUEUE) events wait in memory; further ones are lost, which the log tells. A process that stops without
    /// [`GridAuth::audit_written`](crate::GridAuth::audit_written) loses those that wait.
    pub fn behind_answers() -> Self {
        Self { is_before: false, ..Self::before_answers() }
    }

    /// How many events wait in memory at most.
    pub const QUEUE: usize = 4096;

    /// Sets how long the rows are kept: 90 days by default. Older ones are removed with everything else that expires.
    #[must_use]
    pub fn keep_for(mut self, age: Duration) -> Self {
        self.keep_for = age;
        self
    }

    /// Keeps refused sign-ins and clients, and throttled attempts, too. Anybody can cause these, and so fill the store; by default
    /// only the log has them.
    #[must_use]
    pub fn with_refusals(mut self) -> Self {
        self.keeps_refusals = true;
        self
    }

    /// Whether this event is kept. Rejections of guards never are: they come with every request of a client that does not stop.
    pub(super) fn keeps(&self, event: &Event<'_>) -> bool {
        match event {
            Event::TokenRefused { .. } | Event::ClientAuthenticated { .. } => false,
            Event::SignInRefused { .. } | Event::ClientRefused { .. } | Event::Throttled { .. } => {
                self.keeps_refusals
            }
            _ => true,
        }
    }
}
