use std::sync::Arc;

use proptest::prelude::*;

use super::proofs::Proofs;
use super::*;
use crate::env::SystemEntropy;
use crate::identity::HashingSettings;
use crate::identity::password::MAX_PASSWORD_BYTES;

/// What one hash with these settings costs, as the hasher counts it.
const ONE_HASH: u64 = 128;

fn hasher() -> PasswordHasher {
    let settings =
        HashingSettings { memory_kib: 64, passes: 2, lanes: 1, max_concurrent: 2, max_queued: 256 };
    PasswordHasher::new(settings, Arc::new(SystemEntropy)).unwrap()
}

struct Bench {
    hasher: PasswordHasher,
    verifier: SecretVerifier,
}

impl Bench {
    fn new() -> Self {
        let hasher = hasher();
        Self { verifier: SecretVerifier::new(hasher.clone(), &SystemEntropy).unwrap(), hasher }
    }

    /// What the check says, and how many hashes it cost.
    async fn verify(&self, id: &str, presented: &str, stored: Option<&ClientSecretHash>) -> (bool, u64) {
        let before = self.hasher.work_done();
        let right = self.verifier.verify(id, presented, stored).await.unwrap();
        (right, (self.hasher.work_done() - before) / ONE_HASH)
    }
}

fn stored(text: &str) -> ClientSecretHash {
    serde_json::from_value(serde_json::Value::from(text)).unwrap()
}

#[tokio::test]
async fn a_generated_secret_costs_no_hash_where_it_is_right() {
    let bench = Bench::new();
    let secret = generate_client_secret(&SystemEntropy).unwrap();
    assert_eq!(secret.as_str().len(), 43);
    let hash = ClientSecretHash::of_generated(&secret);
    assert_eq!(bench.verify("web", secret.as_str(), Some(&hash)).await, (true, 0));
    let other = generate_client_secret(&SystemEntropy).unwrap();
    assert_ne!(secret.as_str(), other.as_str());
    assert_eq!(bench.verify("web", other.as_str(), Some(&hash)).await, (false, 1));
}

#[tokio::test]
async fn a_chosen_secret_costs_a_hash_once() {
    let bench = Bench::new();
    let hash = ClientSecretHash::of_chosen("web-secret", &bench.hasher).await.unwrap();
    assert_eq!(bench.verify("web", "web-secret", Some(&hash)).await, (true, 1));
    for _ in 0..3 {
        assert_eq!(bench.verify("web", "web-secret", Some(&hash)).await, (true, 0));
    }
}

#[tokio::test]
async fn whatever_is_wrong_costs_one_hash_every_time() {
    let bench = Bench::new();
    let chosen = ClientSecretHash::of_chosen("web-secret", &bench.hasher).await.unwrap();
    let generated = ClientSecretHash::of_generated(&generate_client_secret(&SystemEntropy).unwrap());
    bench.verify("web", "web-secret", Some(&chosen)).await;
    let (damaged, foreign) = (stored("sha256:AAAA"), stored("$2b$10$abc"));
    for hash in [Some(&chosen), Some(&generated), Some(&damaged), Some(&foreign), None] {
        for _ in 0..2 {
            assert_eq!(bench.verify("web", "web-secreT", hash).await, (false, 1), "{hash:?}");
            assert_eq!(bench.verify("web", "", hash).await, (false, 1), "{hash:?}");
        }
    }
    assert_eq!(bench.verify("web", "web-secret", Some(&chosen)).await, (true, 0));
}

#[tokio::test]
async fn a_changed_hash_or_another_client_is_not_taken_for_proven() {
    let bench = Bench::new();
    let old = ClientSecretHash::of_chosen("web-secret", &bench.hasher).await.unwrap();
    assert_eq!(bench.verify("web", "web-secret", Some(&old)).await, (true, 1));
    let new = ClientSecretHash::of_chosen("new-secret", &bench.hasher).await.unwrap();
    assert_eq!(bench.verify("web", "web-secret", Some(&new)).await, (false, 1));
    let same_secret = ClientSecretHash::of_chosen("web-secret", &bench.hasher).await.unwrap();
    assert_eq!(bench.verify("web", "web-secret", Some(&same_secret)).await, (true, 1));
    assert_eq!(bench.verify("spa", "web-secret", Some(&old)).await, (true, 1));
    assert_eq!(bench.verify("web", "web-secret", None).await, (false, 1));
}

#[tokio::test]
async fn a_long_secret_is_refused_before_any_work() {
    let bench = Bench::new();
    let long = "x".repeat(MAX_PASSWORD_BYTES + 1);
    assert!(matches!(ClientSecretHash::of_chosen(&long, &bench.hasher).await, Err(HashingError::TooLong)));
    let generated = ClientSecretHash::of_generated(&generate_client_secret(&SystemEntropy).unwrap());
    for hash in [Some(&generated), None] {
        assert_eq!(bench.verify("web", &long, hash).await, (false, 0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_first_requests_cost_as_many_hashes_as_may_run_at_once() {
    let bench = Arc::new(Bench::new());
    let hash = ClientSecretHash::of_chosen("web-secret", &bench.hasher).await.unwrap();
    let before = bench.hasher.work_done();
    let requests: Vec<_> = (0..64)
        .map(|_| {
            let (bench, hash) = (Arc::clone(&bench), hash.clone());
            tokio::spawn(async move { bench.verifier.verify("web", "web-secret", Some(&hash)).await })
        })
        .collect();
    for request in requests {
        assert!(request.await.unwrap().unwrap());
    }
    let hashes = (bench.hasher.work_done() - before) / ONE_HASH;
    assert!((1..=2).contains(&hashes), "{hashes} hashes");
}

#[tokio::test]
async fn a_remembered_secret_needs_no_place_in_the_queue() {
    let settings =
        HashingSettings { memory_kib: 64, max_concurrent: 1, max_queued: 0, ..HashingSettings::default() };
    let hasher = PasswordHasher::new(settings, Arc::new(SystemEntropy)).unwrap();
    let verifier = SecretVerifier::new(hasher.clone(), &SystemEntropy).unwrap();
    let hash = ClientSecretHash::of_chosen("web-secret", &hasher).await.unwrap();
    assert!(verifier.verify("web", "web-secret", Some(&hash)).await.unwrap());
    let _permit = hasher.permit().await.unwrap();
    assert!(verifier.verify("web", "web-secret", Some(&hash)).await.unwrap());
    assert!(matches!(verifier.verify("web", "wrong", Some(&hash)).await, Err(HashingError::Busy)));
    assert!(matches!(verifier.verify("nobody", "wrong", None).await, Err(HashingError::Busy)));
}

#[test]
fn what_is_remembered_is_bounded_and_the_longest_unused_goes_first() {
    let proofs = Proofs::new(32, &SystemEntropy).unwrap();
    let proof = |number: usize| proofs.of(&format!("client {number}"), "hash", "secret");
    for number in 0..500 {
        proofs.remember(proof(number));
        assert!(proofs.contain(&proof(number)));
        // Used again and again, so it stays.
        if number > 0 {
            assert!(proofs.contain(&proof(0)), "after {number} others");
        }
        assert!(proofs.len() <= 32);
    }
    assert!(proofs.len() > 16);
    proofs.remember(proof(0));
    assert!(proofs.contain(&proof(0)));
}

#[test]
fn proofs_of_one_process_mean_nothing_to_another() {
    let (first, second) = (Proofs::new(8, &SystemEntropy).unwrap(), Proofs::new(8, &SystemEntropy).unwrap());
    let proof = first.of("web", "hash", "secret");
    second.remember(proof);
    assert!(!second.contain(&second.of("web", "hash", "secret")));
}

#[tokio::test]
async fn a_hash_is_stored_as_a_string_and_never_shown() {
    let generated = ClientSecretHash::of_generated(&generate_client_secret(&SystemEntropy).unwrap());
    let chosen = ClientSecretHash::of_chosen("web-secret", &hasher()).await.unwrap();
    for hash in [&generated, &chosen] {
        let json = serde_json::to_string(hash).unwrap();
        assert_eq!(json, format!("\"{}\"", hash.as_str()));
        assert_eq!(&serde_json::from_str::<ClientSecretHash>(&json).unwrap(), hash);
        let shown = format!("{hash:?}");
        assert!(
            shown == "ClientSecretHash(sha256, …)" || shown == "ClientSecretHash(argon2id, …)",
            "{shown}"
        );
    }
    let secret = generate_client_secret(&SystemEntropy).unwrap();
    assert_eq!(format!("{secret:?}"), "GeneratedSecret(…)");
}

proptest! {
    #[test]
    fn anything_in_the_store_is_kept_as_it_is(
        text in prop_oneof![any::<String>(), "sha256:[A-Za-z0-9_-]{0,60}", "\\$argon2id\\$.{0,80}"],
    ) {
        let hash = stored(&text);
        prop_assert_eq!(hash.as_str(), &text);
        prop_assert_eq!(serde_json::to_value(&hash).unwrap(), serde_json::Value::from(text));
    }

    #[test]
    fn no_two_triples_share_a_proof(
        parts in prop::collection::vec("[ab]{0,4}", 3),
        others in prop::collection::vec("[ab]{0,4}", 3),
    ) {
        let proofs = Proofs::new(8, &SystemEntropy).unwrap();
        proofs.remember(proofs.of(&parts[0], &parts[1], &parts[2]));
        let found = proofs.contain(&proofs.of(&others[0], &others[1], &others[2]));
        prop_assert_eq!(found, parts == others);
    }
}
