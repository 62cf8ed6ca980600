use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How signing keys come and go.
///
/// ```
/// use std::time::Duration;
/// use gridauth::keys::KeySettings;
///
/// let monthly = KeySettings::default().rotate_every(Duration::from_secs(30 * 24 * 60 * 60));
/// # let _ = monthly;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeySettings {
    pub(crate) rotate_every: Duration,
    pub(crate) publish_ahead: Duration,
    /// How long a token may live that a key has signed.
    pub(crate) longest_token: Duration,
    /// How long a session may live that began under a key.
    pub(crate) longest_session: Duration,
}

impl Default for KeySettings {
    fn default() -> Self {
        Self { rotate_every: 90 * DAY, publish_ahead: DAY, longest_token: 30 * DAY, longest_session: DAY / 2 }
    }
}

impl KeySettings {
    /// How long a key signs: 90 days by default.
    #[must_use]
    pub fn rotate_every(mut self, period: Duration) -> Self {
        self.rotate_every = period;
        self
    }

    /// How long a key is published before it signs: a day by default. Whoever keeps a copy of the published keys must look again
    /// within this time.
    #[must_use]
    pub fn publish_ahead(mut self, lead: Duration) -> Self {
        self.publish_ahead = lead;
        self
    }

    /// What is wrong with the settings.
    pub(crate) fn problem(&self) -> Option<&'static str> {
        if self.publish_ahead < Duration::from_secs(60) {
            Some("a signing key must be published at least a minute before it signs")
        } else if self.rotate_every < self.publish_ahead * 2 {
            Some("a signing key must sign at least twice as long as it is published ahead")
        } else {
            None
        }
    }
}
