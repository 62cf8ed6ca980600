use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use argon2::Params;
use proptest::prelude::*;

use super::*;
use crate::env::EntropyError;
use crate::env::SystemEntropy;

/// Settings that are cheap enough for many tests.
fn cheap() -> HashingSettings {
    HashingSettings { memory_kib: 64, passes: 2, lanes: 1, max_concurrent: 2, max_queued: 256 }
}

fn hasher(settings: HashingSettings) -> PasswordHasher {
    PasswordHasher::new(settings, Arc::new(SystemEntropy)).unwrap()
}

impl PasswordHasher {
    /// KiB filled over all passes of all hashes so far.
    pub(crate) fn work_done(&self) -> u64 {
        self.0.argon.filled.load(Ordering::SeqCst)
    }
}

/// The cost of a check, and its result.
async fn cost(hasher: &PasswordHasher, password: &str, against: Option<&PasswordHash>) -> (u64, bool) {
    let before = hasher.work_done();
    let right = hasher.verify(password, against).await.unwrap();
    (hasher.work_done() - before, right)
}

fn stored(phc: &str) -> PasswordHash {
    serde_json::from_value(serde_json::Value::from(phc)).unwrap()
}

/// Hashes of `pässword` from the reference implementation, made through its Python binding.
const ELSEWHERE: [&str; 2] = [
    "$argon2id$v=19$m=64,t=3,p=2$c2FsdHNhbHRzYWx0c2FsdA$mC+5SPYEd2e1IMM4+iBbOKHdVErD+JpKacokMYgG9I0",
    "$argon2id$v=19$m=128,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$tbzsjR6yPKh7Zx4rQyy/Aw",
];

/// Hashes of the same password, from the same source, that this library rejects.
const FOREIGN: [&str; 3] = [
    "$argon2i$v=19$m=64,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$vDPXa6F376RgXohisxWxwnVAn4nVJFDxBs87W5AEsr0",
    "$argon2d$v=19$m=64,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$wLcPNZ7Ia4uaNNQJdy5CCyPaR18qlgcrAugxaEtmctE",
    "$argon2id$v=16$m=64,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$bIspYjDg/7TFT9omksiDXrnd+KVIIeedAmvKPsq2wM0",
];

const DAMAGED: [&str; 13] = [
    "",
    "$",
    "imru",
    "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
    "$argon2id$v=19$m=64,t=2,p=1",
    "$argon2id$v=19$m=64,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA",
    "$argon2id$v=19$c2FsdHNhbHRzYWx0c2FsdA$tbzsjR6yPKh7Zx4rQyy/Aw",
    "$argon2id$m=64,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$tbzsjR6yPKh7Zx4rQyy/Aw",
    "$argon2id$v=19$m=4294967295,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$tbzsjR6yPKh7Zx4rQyy/Aw",
    "$argon2id$v=19$m=64,t=4294967295,p=1$c2FsdHNhbHRzYWx0c2FsdA$tbzsjR6yPKh7Zx4rQyy/Aw",
    "$argon2id$v=19$m=65536,t=1,p=8192$c2FsdHNhbHRzYWx0c2FsdA$tbzsjR6yPKh7Zx4rQyy/Aw",
    "$argon2id$v=19$m=64,t=2,p=1,keyid=AAAA$c2FsdHNhbHRzYWx0c2FsdA$tbzsjR6yPKh7Zx4rQyy/Aw",
    "$argon2id$v=19$m=64,t=0,p=1$c2FsdHNhbHRzYWx0c2FsdA$tbzsjR6yPKh7Zx4rQyy/Aw",
];

#[tokio::test]
async fn the_default_is_what_owasp_recommends() {
    let hasher = hasher(HashingSettings::default());
    let hash = hasher.hash("imru").await.unwrap();
    assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.as_str());
    assert!(hasher.verify("imru", Some(&hash)).await.unwrap());
    assert!(!hasher.verify("imru ", Some(&hash)).await.unwrap());
    assert!(!hasher.needs_rehash(&hash));
}

#[tokio::test]
async fn each_hash_has_its_own_salt_and_parses() {
    let hasher = hasher(cheap());
    let (first, second) = (hasher.hash("imru").await.unwrap(), hasher.hash("imru").await.unwrap());
    assert_ne!(first, second);
    assert_eq!(first.as_str().parse::<PasswordHash>().unwrap(), first);
}

#[tokio::test]
async fn hashes_made_elsewhere_are_verified_and_due_for_a_rehash() {
    let hasher = hasher(cheap());
    for phc in ELSEWHERE {
        let hash: PasswordHash = phc.parse().unwrap();
        assert!(hasher.verify("pässword", Some(&hash)).await.unwrap(), "{phc}");
        assert!(!hasher.verify("password", Some(&hash)).await.unwrap(), "{phc}");
        assert!(hasher.needs_rehash(&hash), "{phc}");
    }
}

#[tokio::test]
async fn an_unreadable_hash_is_rejected_at_the_usual_cost() {
    let hasher = hasher(cheap());
    for phc in FOREIGN.into_iter().chain(DAMAGED) {
        assert_eq!(phc.parse::<PasswordHash>(), Err(UnreadableHash), "{phc}");
        assert_eq!(cost(&hasher, "pässword", Some(&stored(phc))).await, (128, false), "{phc}");
        assert!(hasher.needs_rehash(&stored(phc)), "{phc}");
    }
}

#[tokio::test]
async fn the_cost_of_a_check_does_not_reveal_who_exists() {
    let hasher = hasher(cheap());
    let hash = hasher.hash("imru").await.unwrap();
    assert_eq!(cost(&hasher, "imru", Some(&hash)).await, (128, true));
    assert_eq!(cost(&hasher, "imri", Some(&hash)).await, (128, false));
    for password in ["imru", "", "imri"] {
        assert_eq!(cost(&hasher, password, None).await, (128, false));
    }
}

#[tokio::test]
async fn a_cheaper_stored_hash_is_topped_up() {
    let today = hasher(HashingSettings { memory_kib: 100, passes: 3, ..cheap() });
    for (memory_kib, passes) in [(8, 1), (64, 2), (100, 1), (100, 2), (299, 1), (32, 9)] {
        let old = hasher(HashingSettings { memory_kib, passes, ..cheap() }).hash("imru").await.unwrap();
        assert!(today.needs_rehash(&old));
        for (password, right) in [("imru", true), ("imri", false)] {
            let (cost, said) = cost(&today, password, Some(&old)).await;
            assert_eq!(said, right);
            assert!((290..=300).contains(&cost), "m={memory_kib} t={passes}: {cost}");
        }
    }
}

/// Returns the bytes that it was created with.
struct Scripted(Vec<u8>);

impl Entropy for Scripted {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        buffer
            .copy_from_slice(self.0.get(..buffer.len()).ok_or_else(|| EntropyError("none left".to_owned()))?);
        Ok(())
    }
}

#[tokio::test]
async fn no_password_matches_the_decoy() {
    let salt = [7; argon::SALT_BYTES];
    let output = hasher(cheap()).0.argon.hash(b"imru", &salt).unwrap();
    let unlucky =
        PasswordHasher::new(cheap(), Arc::new(Scripted([&salt[..], &output[..]].concat()))).unwrap();
    assert!(!unlucky.verify("imru", None).await.unwrap());
}

#[tokio::test]
async fn without_randomness_nothing_is_hashed() {
    assert!(matches!(
        PasswordHasher::new(cheap(), Arc::new(Scripted(Vec::new()))),
        Err(HashingSetupError::Entropy(_))
    ));
}

#[tokio::test]
async fn a_long_password_is_rejected_before_any_work() {
    let hasher = hasher(cheap());
    let longest = "é".repeat(MAX_PASSWORD_BYTES / 2);
    let hash = hasher.hash(&longest).await.unwrap();
    assert!(hasher.verify(&longest, Some(&hash)).await.unwrap());
    let longer = longest + "x";
    let before = hasher.work_done();
    assert!(matches!(hasher.hash(&longer).await, Err(HashingError::TooLong)));
    assert!(!hasher.verify(&longer, Some(&hash)).await.unwrap());
    assert!(!hasher.verify(&longer, None).await.unwrap());
    assert_eq!(hasher.work_done(), before);
}

#[test]
fn settings_out_of_range_are_rejected() {
    let refused = |settings| PasswordHasher::new(settings, Arc::new(SystemEntropy)).err();
    for settings in [
        HashingSettings { memory_kib: 7, ..cheap() },
        HashingSettings { memory_kib: 15, lanes: 2, ..cheap() },
        HashingSettings { memory_kib: (2 << 20) + 1, passes: 1, ..cheap() },
        HashingSettings { memory_kib: 2 << 20, passes: 3, ..cheap() },
        HashingSettings { passes: 0, ..cheap() },
        HashingSettings { passes: u32::MAX, ..cheap() },
        HashingSettings { lanes: 0, ..cheap() },
        HashingSettings { memory_kib: 4096, lanes: 256, ..cheap() },
        HashingSettings { lanes: u32::MAX, ..cheap() },
    ] {
        assert!(matches!(refused(settings.clone()), Some(HashingSetupError::Cost { .. })), "{settings:?}");
    }
    for max_concurrent in [0, usize::MAX] {
        let settings = HashingSettings { max_concurrent, ..cheap() };
        assert!(matches!(refused(settings), Some(HashingSetupError::MaxConcurrent(_))));
    }
    assert!(refused(HashingSettings { memory_kib: 2 << 20, passes: 2, lanes: 4, ..cheap() }).is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_run_at_once_than_allowed() {
    let hasher = hasher(HashingSettings { max_concurrent: 3, ..cheap() });
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let tasks: Vec<_> = (0..40)
        .map(|_| {
            let (hasher, running, most) = (hasher.clone(), Arc::clone(&running), Arc::clone(&most));
            tokio::spawn(async move {
                let work = move |_: &Shared, _: &[u8]| {
                    most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::sleep(Duration::from_millis(1));
                    running.fetch_sub(1, Ordering::SeqCst);
                    Ok(())
                };
                hasher.permit().await?.run("imru", work).await.map(drop)
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn the_queue_is_bounded_and_its_slots_are_freed() {
    let hasher = hasher(HashingSettings { max_concurrent: 1, max_queued: 2, ..cheap() });
    let permit = hasher.permit().await.unwrap();
    let mut context = Context::from_waker(Waker::noop());
    {
        let (mut first, mut second) = (pin!(hasher.hash("one")), pin!(hasher.hash("two")));
        assert!(first.as_mut().poll(&mut context).is_pending());
        assert!(second.as_mut().poll(&mut context).is_pending());
        for _ in 0..3 {
            assert!(matches!(hasher.hash("three").await, Err(HashingError::Busy)));
            assert!(matches!(hasher.verify("three", None).await, Err(HashingError::Busy)));
        }
    }
    // Both were dropped, so there is room again.
    let mut third = pin!(hasher.hash("three"));
    assert!(third.as_mut().poll(&mut context).is_pending());
    drop(permit);
    assert!(third.await.is_ok());
    assert!(hasher.0.turns.is_idle());
}

#[tokio::test]
async fn the_hash_of_a_cancelled_request_still_counts() {
    let hasher = hasher(HashingSettings { max_concurrent: 1, max_queued: 0, ..cheap() });
    let (started, has_started) = tokio::sync::oneshot::channel();
    let (finish, may_finish) = mpsc::channel::<()>();
    let permit = hasher.permit().await.unwrap();
    let request = tokio::spawn(permit.run("imru", move |_, _| {
        started.send(()).unwrap();
        may_finish.recv().unwrap();
        Ok(())
    }));
    has_started.await.unwrap();
    request.abort();
    assert!(request.await.is_err_and(|error| error.is_cancelled()));
    assert!(matches!(hasher.verify("imru", None).await, Err(HashingError::Busy)));
    finish.send(()).unwrap();
    while !hasher.0.turns.is_idle() {
        tokio::task::yield_now().await;
    }
    assert!(!hasher.verify("imru", None).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_memory_is_kept_while_idle() {
    let hasher = hasher(cheap());
    let hash = hasher.hash("imru").await.unwrap();
    let dearer = self::hasher(HashingSettings { memory_kib: 128, ..cheap() }).hash("imru").await.unwrap();
    assert_eq!(hasher.0.argon.memory().spares(), 0);
    let checks: Vec<_> = (0..40)
        .map(|number| {
            let (hasher, hash) = (hasher.clone(), if number % 8 == 0 { &dearer } else { &hash }.clone());
            tokio::spawn(async move {
                let right = hasher.verify("imru", Some(&hash)).await.unwrap();
                (right, hasher.0.argon.memory().spares())
            })
        })
        .collect();
    for check in checks {
        let (right, spares) = check.await.unwrap();
        assert!(right && spares <= 2);
    }
    assert_eq!(hasher.0.argon.memory().spares(), 0);
}

#[tokio::test]
async fn memory_kept_for_a_cancelled_request_is_released() {
    let hasher = hasher(HashingSettings { max_concurrent: 1, ..cheap() });
    let (_, permit) = hasher.permit().await.unwrap().verify("imru", None).await.unwrap();
    let mut next = Box::pin(hasher.hash("next"));
    assert!(next.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(permit);
    assert_eq!(hasher.0.argon.memory().spares(), 1);
    drop(next);
    assert_eq!(hasher.0.argon.memory().spares(), 0);
}

#[tokio::test]
async fn a_hash_that_panics_is_an_error_and_returns_its_permit() {
    let hasher = hasher(HashingSettings { max_concurrent: 1, max_queued: 0, ..cheap() });
    let permit = hasher.permit().await.unwrap();
    let failed = permit.run::<()>("imru", |_, _| panic!("planted")).await.err();
    assert!(matches!(failed, Some(HashingError::Failed(_))));
    assert!(hasher.hash("imru").await.is_ok());
}

#[test]
fn outside_of_a_runtime_it_is_an_error() {
    let hasher = hasher(cheap());
    let polled = pin!(hasher.hash("imru")).poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(polled, Poll::Ready(Err(HashingError::Failed(_)))));
}

#[tokio::test]
async fn a_hash_is_stored_as_a_string_and_never_shown() {
    let hash = hasher(cheap()).hash("imru").await.unwrap();
    let json = serde_json::to_string(&hash).unwrap();
    assert_eq!(json, format!("\"{}\"", hash.as_str()));
    assert_eq!(serde_json::from_str::<PasswordHash>(&json).unwrap(), hash);
    assert_eq!(format!("{hash:?}"), "PasswordHash(…)");
}

/// A PHC string with some of its characters changed.
fn damaged_phc() -> impl Strategy<Value = String> {
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<char>()), 0..4);
    (prop::sample::select(ELSEWHERE.to_vec()), changes).prop_map(|(phc, changes)| {
        let mut letters: Vec<char> = phc.chars().collect();
        for (index, letter) in changes {
            let index = index.index(letters.len());
            letters[index] = letter;
        }
        letters.into_iter().collect()
    })
}

proptest! {
    #[test]
    fn parsing_a_stored_hash_never_panics(
        phc in prop_oneof![
            any::<String>(),
            damaged_phc(),
            "\\$argon2id\\$v=19\\$m=[0-9]{1,10},t=[0-9]{1,10},p=[0-9]{1,8}\\$[a-zA-Z0-9+/]{0,70}\\$[a-zA-Z0-9+/]{0,90}",
        ]
    ) {
        if let Ok(target) = stored(&phc).target() {
            prop_assert!(argon::within_bounds(&target.params));
            prop_assert!(target.output.len() >= 10);
        }
    }

    #[test]
    fn every_hash_that_parses_can_be_computed(
        (lanes, memory, passes) in (1u32..5).prop_flat_map(|lanes| (Just(lanes), 8 * lanes..200, 1u32..3)),
        salt in prop::collection::vec(any::<u8>(), 8..=48),
        output in prop::collection::vec(any::<u8>(), 10..=64),
        password in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let params = Params::new(memory, passes, lanes, Some(32)).unwrap();
        let hash = PasswordHash::of(&params, &salt, &output);
        let target = hash.target().unwrap();
        prop_assert_eq!(&*target.salt, &salt[..]);
        prop_assert_eq!(target.output.as_bytes(), &output[..]);
        let argon = Argon::new(Params::new(32, 1, 1, Some(32)).unwrap());
        prop_assert!(!argon.verify(&password, &target).unwrap());
    }
}
