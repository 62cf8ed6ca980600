//! What the keys are for at a moment: it follows from their rows and the clock.

use std::sync::Arc;

use super::KeySettings;
use crate::env::Timestamp;
use crate::jose::{Algorithm, KeySet, PrivateKey};

/// A key, opened.
pub(super) struct OpenKey {
    pub(super) id: Arc<str>,
    pub(super) signs_from: Timestamp,
    pub(super) private: PrivateKey,
}

/// The keys as they were read.
pub(super) struct Snapshot {
    pub(super) read: Timestamp,
    /// By algorithm, moment and id: so the keys of one algorithm stand in the order in which they sign.
    keys: Vec<Arc<OpenKey>>,
}

impl Snapshot {
    pub(super) fn new(read: Timestamp, mut keys: Vec<Arc<OpenKey>>) -> Self {
        keys.sort_by(|one, other| {
            let order = |key: &OpenKey| (key.private.algorithm(), key.signs_from, Arc::clone(&key.id));
            order(one).cmp(&order(other))
        });
        Self { read, keys }
    }

    fn of(&self, algorithm: Algorithm) -> impl DoubleEndedIterator<Item = &Arc<OpenKey>> {
        self.keys.iter().filter(move |key| key.private.algorithm() == algorithm)
    }

    /// The key that signs now. Before the first one's moment, which a clock may show that was set back, it is the first.
    pub(super) fn current(&self, algorithm: Algorithm, now: Timestamp) -> Option<&Arc<OpenKey>> {
        self.of(algorithm).rfind(|key| key.signs_from <= now).or_else(|| self.of(algorithm).next())
    }

    /// When the key's successor took over; `None` while it has not.
    fn succeeded(&self, key: &OpenKey, now: Timestamp) -> Option<Timestamp> {
        let mut later = self.of(key.private.algorithm()).skip_while(|other| other.id != key.id).skip(1);
        later.next().map(|next| next.signs_from).filter(|moment| *moment <= now)
    }

    /// When a successor has to begin, if there is none yet and it is time to make one.
    pub(super) fn needs_successor(
        &self,
        algorithm: Algorithm,
        settings: &KeySettings,
        now: Timestamp,
    ) -> Option<Timestamp> {
        // A key that begins much later than a successor would was made by a clock far ahead. It must not stop the rotation.
        let latest = now.after(settings.rotate_every * 2);
        let Some(last) = self.of(algorithm).rfind(|key| key.signs_from <= latest) else { return Some(now) };
        let due = last.signs_from.after(settings.rotate_every);
        (now >= due.before(settings.publish_ahead)).then(|| due.max(now.after(settings.publish_ahead)))
    }

    /// Whether a key is still published: until the last token that it signed has expired.
    fn is_published(&self, key: &OpenKey, settings: &KeySettings, now: Timestamp) -> bool {
        self.succeeded(key, now).is_none_or(|moment| now < moment.after(settings.longest_token))
    }

    /// Whether nothing is left that the key has signed.
    pub(super) fn is_over(&self, key: &OpenKey, settings: &KeySettings, now: Timestamp) -> bool {
        let longest = settings.longest_token + settings.longest_session;
        self.succeeded(key, now).is_some_and(|moment| now >= moment.after(longest))
    }

    pub(super) fn published(&self, settings: &KeySettings, now: Timestamp) -> KeySet {
        let published = self.keys.iter().filter(|key| self.is_published(key, settings, now));
        KeySet::new(published.map(|key| key.private.public().clone()))
    }

    pub(super) fn all(&self) -> KeySet {
        KeySet::new(self.keys.iter().map(|key| key.private.public().clone()))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<OpenKey>> {
        self.keys.iter()
    }
}
