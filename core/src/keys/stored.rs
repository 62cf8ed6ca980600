use std::any::Any;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Mutex;

use super::snapshot::{OpenKey, Snapshot};
use super::{CurrentKey, KeySettings, KeyStoreError, Signer, SignerError, Vault};
use crate::env::{Clock, Entropy, Timestamp};
use crate::events::{Event, Events, SigningKeyChange};
use crate::jose::{Algorithm, KeySet, PrivateKey};
use crate::model::SigningKey;
use crate::store::{By, Change, Entry, Key, Kind, Query, Record, Store, StoreErrorKind};

/// What a private key is sealed for.
const PURPOSE: &str = "signing key";

/// How old the keys in memory may be when one of them signs.
const SIGNS_WITHIN: Duration = Duration::from_secs(30);

/// How long the store is not asked again after it could not be reached.
const PAUSE: Duration = Duration::from_secs(5);

/// How old they may be when they are published: another process may have made one meanwhile.
const PUBLISHED_WITHIN: Duration = Duration::from_secs(1);

/// The server's own signing keys, as rows in its store.
pub struct StoredKeys {
    store: Store,
    entropy: Arc<dyn Entropy>,
    events: Events,
    vault: Arc<Vault>,
    settings: KeySettings,
    algorithms: Vec<Algorithm>,
    snapshot: RwLock<Arc<Snapshot>>,
    /// Held while rows are read and keys are made, so that requests do not do it all at once. When that failed last.
    refreshing: Mutex<Option<Timestamp>>,
}

impl StoredKeys {
    /// Reads the keys, makes those that are missing, and seals anew what is under a former secret.
    pub(crate) async fn open(
        store: Store,
        clock: &dyn Clock,
        entropy: Arc<dyn Entropy>,
        events: Events,
        vault: Arc<Vault>,
        settings: KeySettings,
        algorithms: Vec<Algorithm>,
    ) -> Result<Self, KeyStoreError> {
        let snapshot = RwLock::new(Arc::new(Snapshot::new(clock.now(), Vec::new())));
        let refreshing = Mutex::default();
        let keys = Self { store, entropy, events, vault, settings, algorithms, snapshot, refreshing };
        keys.refresh(clock.now()).await?;
        Ok(keys)
    }

    /// Reads the keys that there are, and seals anew what is under a former secret. None is made or removed for want of one.
    pub(crate) async fn existing(
        store: Store,
        clock: &dyn Clock,
        entropy: Arc<dyn Entropy>,
        events: Events,
        vault: Arc<Vault>,
    ) -> Result<Self, KeyStoreError> {
        let snapshot = RwLock::new(Arc::new(Snapshot::new(clock.now(), Vec::new())));
        let (settings, algorithms, refreshing) = (KeySettings::default(), Vec::new(), Mutex::default());
        let keys = Self { store, entropy, events, vault, settings, algorithms, snapshot, refreshing };
        keys.read(clock.now()).await?;
        Ok(keys)
    }

    /// Makes a successor of the key for this algorithm, which signs once it has been published for long enough; `at_once` if the
    /// present key must not sign any more. Returns its `kid`.
    ///
    /// # Errors
    /// [`KeyStoreError`] if it cannot be made or stored.
    pub async fn rotate(
        &self,
        algorithm: Algorithm,
        at_once: bool,
        now: Timestamp,
    ) -> Result<String, KeyStoreError> {
        let _turn = self.refreshing.lock().await;
        let signs_from = if at_once { now } else { now.after(self.settings.publish_ahead) };
        let id = self.make(algorithm, signs_from, now).await?;
        self.read(now).await?;
        Ok(id)
    }

    /// Removes a key that is compromised: it is published no more, and no signature of it is believed. If it was the one that signs,
    /// another one is made and signs at once. Other processes follow within half a minute. Returns whether there was such a key.
    ///
    /// # Errors
    /// [`KeyStoreError`] if the store fails.
    pub async fn withdraw(&self, id: &str, now: Timestamp) -> Result<bool, KeyStoreError> {
        let _turn = self.refreshing.lock().await;
        self.read(now).await?;
        let snapshot = self.snapshot();
        let withdrawn = snapshot.iter().find(|key| *key.id == *id).map(|key| key.private.algorithm());
        let signs = withdrawn
            .filter(|algorithm| snapshot.current(*algorithm, now).is_some_and(|current| *current.id == *id));
        // Otherwise the one before would sign again, which nobody may know any more.
        if let Some(algorithm) = signs {
            self.make(algorithm, now, now).await?;
        }
        let removed = self.store.remove(Key::new(Kind::SigningKey, id)).await?;
        if let Some(algorithm) = withdrawn.filter(|_| removed) {
            self.tell(SigningKeyChange::Withdrawn, id, algorithm);
        }
        self.read(now).await?;
        Ok(removed)
    }

    fn tell(&self, change: SigningKeyChange, kid: &str, algorithm: Algorithm) {
        self.events.emit(Event::SigningKeyChanged { change, kid, algorithm: algorithm.name() });
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The keys, not older than this. A store that cannot be reached does not matter as long as there are keys.
    async fn fresh(&self, within: Duration, now: Timestamp) -> Result<Arc<Snapshot>, KeyStoreError> {
        let is_fresh = |snapshot: &Snapshot| now.since(snapshot.read) < within && now >= snapshot.read;
        let snapshot = self.snapshot();
        if is_fresh(&snapshot) {
            return Ok(snapshot);
        }
        let has_keys = snapshot.iter().next().is_some();
        // Whoever has keys does not wait for another one who reads them, which may take as long as the store lets it.
        let mut failed = match self.refreshing.try_lock() {
            Ok(turn) => turn,
            Err(_) if has_keys => return Ok(snapshot),
            Err(_) => self.refreshing.lock().await,
        };
        let meanwhile = self.snapshot();
        if is_fresh(&meanwhile) {
            return Ok(meanwhile);
        }
        if has_keys && failed.is_some_and(|failed| failed <= now && now.since(failed) < PAUSE) {
            return Ok(meanwhile);
        }
        let kept = self.keep(now).await;
        *failed = kept.is_err().then_some(now);
        match kept {
            Ok(()) => Ok(self.snapshot()),
            Err(KeyStoreError::Store(error))
                if error.kind() == StoreErrorKind::Unavailable && meanwhile.iter().next().is_some() =>
            {
                tracing::warn!(%error, "the signing keys cannot be read now: the ones in memory are used");
                Ok(meanwhile)
            }
            Err(error) => Err(error),
        }
    }

    async fn refresh(&self, now: Timestamp) -> Result<(), KeyStoreError> {
        let _turn = self.refreshing.lock().await;
        self.keep(now).await
    }

    /// Reads the rows, makes what is missing, removes what is over.
    async fn keep(&self, now: Timestamp) -> Result<(), KeyStoreError> {
        self.read(now).await?;
        let snapshot = self.snapshot();
        let mut changed = false;
        for algorithm in &self.algorithms {
            if let Some(signs_from) = snapshot.needs_successor(*algorithm, &self.settings, now) {
                self.make(*algorithm, signs_from, now).await?;
                changed = true;
            }
        }
        for key in snapshot.iter().filter(|key| snapshot.is_over(key, &self.settings, now)) {
            if self.store.remove(Key::new(Kind::SigningKey, &key.id)).await? {
                self.tell(SigningKeyChange::Removed, &key.id, key.private.algorithm());
                changed = true;
            }
        }
        // Another process may have made a key as well. All of them decide by the same rows which one signs.
        if changed { self.read(now).await } else { Ok(()) }
    }

    async fn read(&self, now: Timestamp) -> Result<(), KeyStoreError> {
        let before = self.snapshot();
        let mut keys = Vec::new();
        let mut query = Query::new(Kind::SigningKey, By::Any);
        loop {
            let page = self.store.list(query.clone()).await?;
            for entry in page.entries {
                match before.iter().find(|known| *known.id == entry.id) {
                    Some(known) => keys.push(Arc::clone(known)),
                    None => keys.push(Arc::new(self.open_key(&entry).await?)),
                }
            }
            match page.next {
                Some(next) => query = query.after(next),
                None => break,
            }
        }
        let snapshot = Arc::new(Snapshot::new(now, keys));
        *self.snapshot.write().unwrap_or_else(PoisonError::into_inner) = snapshot;
        Ok(())
    }

    async fn open_key(&self, entry: &Entry) -> Result<OpenKey, KeyStoreError> {
        let row = entry.row.decoded::<SigningKey>().map_err(crate::store::StoreError::from)?;
        let opened =
            self.vault.open_sealed(PURPOSE, &entry.id, &row.sealed).ok_or(KeyStoreError::OtherSecret)?;
        let private = PrivateKey::from_pkcs8(row.algorithm, &opened.text)?;
        if !opened.is_current {
            let sealed = self.vault.seal(PURPOSE, &entry.id, &opened.text, &*self.entropy)?;
            let reseal = |row: &SigningKey| {
                (Change::Replace(SigningKey { sealed: sealed.clone(), ..row.clone() }.to_row()), ())
            };
            self.store.change::<SigningKey, ()>(&entry.id, reseal).await?;
        }
        Ok(OpenKey { id: entry.id.as_str().into(), signs_from: row.signs_from, private })
    }

    /// Makes and stores a key. RSA takes some tenths of a second, so it is done on a blocking thread.
    async fn make(
        &self,
        algorithm: Algorithm,
        signs_from: Timestamp,
        now: Timestamp,
    ) -> Result<String, KeyStoreError> {
        let made = tokio::task::spawn_blocking(move || PrivateKey::generate(algorithm)).await;
        let private = made.map_err(|_| KeyStoreError::Unfinished)??;
        let id = private.public().thumbprint();
        let sealed = self.vault.seal(PURPOSE, &id, &private.to_pkcs8()?, &*self.entropy)?;
        let row = SigningKey { algorithm, public: private.public().to_jwk(), sealed, made: now, signs_from };
        self.store.insert(Key::new(Kind::SigningKey, &id), row.to_row()).await?;
        self.tell(SigningKeyChange::Made, &id, algorithm);
        Ok(id)
    }
}

#[async_trait]
impl Signer for StoredKeys {
    fn algorithms(&self) -> Vec<Algorithm> {
        self.algorithms.clone()
    }

    async fn current(&self, algorithm: Algorithm, now: Timestamp) -> Result<CurrentKey, SignerError> {
        let snapshot = self.fresh(SIGNS_WITHIN, now).await?;
        let key = snapshot.current(algorithm, now).ok_or(SignerError::NoKey)?;
        let handle: Arc<dyn Any + Send + Sync> = Arc::clone(key) as _;
        Ok(CurrentKey::new(Arc::clone(&key.id), handle))
    }

    async fn sign(&self, key: &CurrentKey, input: &[u8]) -> Result<Vec<u8>, SignerError> {
        let key = key.handle().downcast_ref::<OpenKey>().ok_or(SignerError::NoKey)?;
        Ok(key.private.sign(input)?)
    }

    async fn published(&self, now: Timestamp) -> Result<KeySet, SignerError> {
        Ok(self.fresh(PUBLISHED_WITHIN, now).await?.published(&self.settings, now))
    }

    async fn verifying(&self, now: Timestamp) -> Result<KeySet, SignerError> {
        Ok(self.fresh(SIGNS_WITHIN, now).await?.all())
    }

    async fn maintain(&self, now: Timestamp) -> Result<(), SignerError> {
        Ok(self.refresh(now).await?)
    }
}

impl fmt::Debug for StoredKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredKeys").field("algorithms", &self.algorithms).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::{Keys, ServerSecret};
    use super::*;
    use crate::env::{ManualClock, SystemClock, SystemEntropy};
    use crate::jose::Jws;

    const HOUR: Duration = Duration::from_secs(60 * 60);
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn clock() -> ManualClock {
        ManualClock::starting_at(Timestamp::from_millis(1_700_000_000_000))
    }

    async fn open(
        store: &Store,
        clock: &ManualClock,
        secret: Option<u8>,
        previous: Option<u8>,
    ) -> Result<Arc<StoredKeys>, KeyStoreError> {
        let secret_of = |byte: Option<u8>| byte.map(|byte| ServerSecret::from_bytes([byte; 32]).unwrap());
        let (secret, previous) = (secret_of(secret), secret_of(previous));
        let vault = Vault::open(store, secret.as_ref(), previous.as_ref(), clock, &SystemEntropy).await?;
        let algorithms = vec![Algorithm::Es256, Algorithm::EdDsa];
        let settings = KeySettings::default();
        let entropy = Arc::new(SystemEntropy);
        let events = Events::new(Arc::new(SystemClock), &SystemEntropy, Vec::new(), None).unwrap();
        let (store, vault) = (store.clone(), Arc::new(vault));
        let keys = StoredKeys::open(store, clock, entropy, events, vault, settings, algorithms).await?;
        Ok(Arc::new(keys))
    }

    fn ids(keys: &KeySet) -> BTreeSet<String> {
        keys.iter().filter_map(|key| key.id().map(str::to_owned)).collect()
    }

    #[tokio::test]
    async fn through_a_year_three_processes_sign_with_published_keys_only() {
        let (store, clock) = (Store::memory(), clock());
        let mut processes = Vec::new();
        for _ in 0..3 {
            processes.push(open(&store, &clock, Some(1), None).await.unwrap());
        }
        let mut used = BTreeSet::new();
        // What a relying party has kept since yesterday, and the tokens that are still valid.
        let mut yesterday = processes[0].published(clock.now()).await.unwrap();
        let mut live: Vec<(Timestamp, String)> = Vec::new();
        for day in 0..365 {
            let now = clock.now();
            for process in &processes {
                let keys = Keys(Arc::clone(process) as _);
                let token = keys.sign(Algorithm::Es256, "JWT", &serde_json::json!({}), now).await.unwrap();
                let jws = Jws::parse(token.expose()).unwrap();
                if day > 0 {
                    assert!(
                        yesterday.signer_of(&jws).is_some(),
                        "day {day}: signed by a key that was not published"
                    );
                }
                used.insert(jws.key_id().unwrap().to_owned());
                live.push((now.after(30 * DAY), jws.key_id().unwrap().to_owned()));
            }
            live.retain(|(expires, _)| now < *expires);
            for process in &processes {
                let published = ids(&process.published(now).await.unwrap());
                assert!(live.iter().all(|(_, kid)| published.contains(kid)), "day {day}");
                assert!(published.len() <= 8, "day {day}: {published:?}");
            }
            yesterday = processes[day % 3].published(now).await.unwrap();
            clock.advance(24 * HOUR);
        }
        assert!((4..=6).contains(&used.len()), "{used:?}");
    }

    #[tokio::test]
    async fn a_process_whose_clock_is_far_ahead_does_not_stop_the_rotation() {
        let store = Store::memory();
        let ahead = ManualClock::starting_at(clock().now().after(DAY * 3650));
        open(&store, &ahead, Some(1), None).await.unwrap();
        let clock = clock();
        let process = open(&store, &clock, Some(1), None).await.unwrap();
        let mut used = BTreeSet::new();
        for _ in 0..365 {
            used.insert(process.current(Algorithm::Es256, clock.now()).await.unwrap().id().to_string());
            clock.advance(DAY);
        }
        assert!((4..=6).contains(&used.len()), "{used:?}");
    }

    /// A signer whose current key is not the one that it says.
    struct Confused(Arc<StoredKeys>);

    #[async_trait]
    impl Signer for Confused {
        fn algorithms(&self) -> Vec<Algorithm> {
            self.0.algorithms()
        }

        async fn current(&self, _: Algorithm, now: Timestamp) -> Result<CurrentKey, SignerError> {
            let other = self.0.current(Algorithm::EdDsa, now).await?;
            let own = self.0.current(Algorithm::Es256, now).await?;
            Ok(CurrentKey::new(own.id(), Arc::clone(other.handle())))
        }

        async fn sign(&self, key: &CurrentKey, input: &[u8]) -> Result<Vec<u8>, SignerError> {
            self.0.sign(key, input).await
        }

        async fn published(&self, now: Timestamp) -> Result<KeySet, SignerError> {
            self.0.published(now).await
        }
    }

    #[tokio::test]
    async fn the_conformance_kit_passes_the_stored_keys_and_finds_a_confused_signer() {
        let (store, clock) = (Store::memory(), clock());
        let keys = open(&store, &clock, Some(1), None).await.unwrap();
        assert_eq!(super::super::conformance::check(&*keys, clock.now()).await, [""; 0]);
        let problems = super::super::conformance::check(&Confused(keys), clock.now()).await;
        assert!(
            problems.iter().any(|problem| problem.contains("is not that of the current key")),
            "{problems:?}"
        );
    }

    #[tokio::test]
    async fn a_rotated_key_is_published_first_and_checks_hints_at_last() {
        let (store, clock) = (Store::memory(), clock());
        let keys = open(&store, &clock, Some(1), None).await.unwrap();
        let current = async || keys.current(Algorithm::Es256, clock.now()).await.unwrap().id().to_owned();
        let (now, first) = (clock.now(), current().await);
        let next = keys.rotate(Algorithm::Es256, false, now).await.unwrap();
        assert!(ids(&keys.published(now).await.unwrap()).contains(&next));
        assert_eq!(current().await, first);
        clock.advance(DAY);
        assert_eq!(current().await, next);
        clock.advance(30 * DAY);
        let now = clock.now();
        assert!(!ids(&keys.published(now).await.unwrap()).contains(&first));
        assert!(ids(&keys.verifying(now).await.unwrap()).contains(&first));
        clock.advance(DAY / 2);
        keys.maintain(clock.now()).await.unwrap();
        assert!(!ids(&keys.verifying(clock.now()).await.unwrap()).contains(&first));
    }

    #[tokio::test]
    async fn a_withdrawn_key_is_gone_everywhere_and_another_signs_at_once() {
        let (store, clock) = (Store::memory(), clock());
        let here = open(&store, &clock, Some(1), None).await.unwrap();
        let there = open(&store, &clock, Some(1), None).await.unwrap();
        let id = |key: CurrentKey| key.id().to_owned();
        let bad = id(there.current(Algorithm::Es256, clock.now()).await.unwrap());
        assert!(here.withdraw(&bad, clock.now()).await.unwrap());
        assert!(!here.withdraw(&bad, clock.now()).await.unwrap());
        let next = id(here.current(Algorithm::Es256, clock.now()).await.unwrap());
        assert_ne!(next, bad);
        clock.advance(SIGNS_WITHIN);
        let now = clock.now();
        assert_eq!(id(there.current(Algorithm::Es256, now).await.unwrap()), next);
        assert!(!ids(&there.verifying(now).await.unwrap()).contains(&bad));
    }

    #[tokio::test]
    async fn keys_open_under_their_secret_alone_and_are_sealed_anew_under_a_later_one() {
        let (store, clock) = (Store::memory(), clock());
        let before =
            ids(&open(&store, &clock, None, None).await.unwrap().published(clock.now()).await.unwrap());
        for (secret, previous) in [(Some(1), None), (Some(2), Some(1)), (Some(2), None)] {
            let keys = open(&store, &clock, secret, previous).await.unwrap();
            assert_eq!(ids(&keys.published(clock.now()).await.unwrap()), before);
        }
        for (secret, previous) in [(Some(1), None), (Some(3), Some(1))] {
            let refused = open(&store, &clock, secret, previous).await;
            assert!(matches!(refused, Err(KeyStoreError::OtherSecret)));
        }
    }

    #[tokio::test]
    async fn a_clock_that_was_set_back_signs_all_the_same() {
        let (store, clock) = (Store::memory(), clock());
        let keys = open(&store, &clock, Some(1), None).await.unwrap();
        let now = clock.now();
        let earlier = now.before(10 * DAY);
        let (id, then) = (
            keys.current(Algorithm::EdDsa, now).await.unwrap(),
            keys.current(Algorithm::EdDsa, earlier).await.unwrap(),
        );
        assert_eq!(id.id(), then.id());
    }
}
