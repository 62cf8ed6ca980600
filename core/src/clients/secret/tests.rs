use std::sync::Arc;

use proptest::prelude::*;

use super::proofs::Proofs;
use super::*;
use crate::env::SystemEntropy;
use crate::identity::HashingSettings;
use crate::identity::password::MAX_PASSWORD_BYTES;

/// The cost of one hash with these settings, in the hasher's unit of work.
const ONE_HASH: u64 = 128;

fn hasher() -> PasswordHasher {
    let settings =
        HashingSettings { memory_kib: 64, passes: 2, lanes: 1, max_concurrent: 2, max_queued: 256 };
    PasswordHasher::new(settings, Arc::new(SystemEntropy)).unwrap()
}

struct Harness {
    hasher: PasswordHasher,
    verifier: SecretVerifier,
}

impl Harness {
    fn new() -> Self {
        let hasher = hasher();
        Self { verifier: SecretVerifier::new(hasher.clone(), &SystemEntropy).unwrap(), hasher }
    }

    /// The result of the check, and how many hashes it took.
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
async fn a_generated_secret_costs_no_hash_right_or_wrong() {
    let harness = Harness::new();
    let secret = generate_client_secret(&SystemEntropy).unwrap();
    assert_eq!(secret.as_str().len(), 43);
    let hash = ClientSecretHash::of_generated(&secret);
    assert_eq!(harness.verify("web", secret.as_str(), Some(&hash)).await, (true, 0));
    let other = generate_client_secret(&SystemEntropy).unwrap();
    assert_ne!(secret.as_str(), other.as_str());
    // Nobody guesses it, so a guess need not be made expensive.
    for wrong in [other.as_str(), "", "wrong"] {
        assert_eq!(harness.verify("web", wrong, Some(&hash)).await, (false, 0));
    }
}

#[tokio::test]
async fn a_correct_chosen_secret_costs_one_hash_only_once() {
    let harness = Harness::new();
    let hash = ClientSecretHash::of_chosen("web-secret", &harness.hasher).await.unwrap();
    assert_eq!(harness.verify("web", "web-secret", Some(&hash)).await, (true, 1));
    for _ in 0..3 {
        assert_eq!(harness.verify("web", "web-secret", Some(&hash)).await, (true, 0));
    }
}

#[tokio::test]
async fn a_wrong_chosen_secret_and_an_unknown_client_cost_one_hash_every_time() {
    let harness = Harness::new();
    let chosen = ClientSecretHash::of_chosen("web-secret", &harness.hasher).await.unwrap();
    harness.verify("web", "web-secret", Some(&chosen)).await;
    let (damaged, foreign) = (stored("sha256:AAAA"), stored("$2b$10$abc"));
    for hash in [Some(&chosen), Some(&damaged), Some(&foreign), None] {
        for _ in 0..2 {
            assert_eq!(harness.verify("web", "web-secreT", hash).await, (false, 1), "{hash:?}");
            assert_eq!(harness.verify("web", "", hash).await, (false, 1), "{hash:?}");
        }
    }
    assert_eq!(harness.verify("web", "web-secret", Some(&chosen)).await, (true, 0));
}

#[tokio::test]
async fn another_hash_or_another_client_is_verified_anew() {
    let harness = Harness::new();
    let old = ClientSecretHash::of_chosen("web-secret", &harness.hasher).await.unwrap();
    assert_eq!(harness.verify("web", "web-secret", Some(&old)).await, (true, 1));
    let new = ClientSecretHash::of_chosen("new-secret", &harness.hasher).await.unwrap();
    assert_eq!(harness.verify("web", "web-secret", Some(&new)).await, (false, 1));
    let same_secret = ClientSecretHash::of_chosen("web-secret", &harness.hasher).await.unwrap();
    assert_eq!(harness.verify("web", "web-secret", Some(&same_secret)).await, (true, 1));
    assert_eq!(harness.verify("spa", "web-secret", Some(&old)).await, (true, 1));
    assert_eq!(harness.verify("web", "web-secret", None).await, (false, 1));
}

#[tokio::test]
async fn a_long_secret_is_refused_before_any_work() {
    let harness = Harness::new();
    let long = "x".repeat(MAX_PASSWORD_BYTES + 1);
    assert!(matches!(ClientSecretHash::of_chosen(&long, &harness.hasher).await, Err(HashingError::TooLong)));
    let generated = ClientSecretHash::of_generated(&generate_client_secret(&SystemEntropy).unwrap());
    for hash in [Some(&generated), None] {
        assert_eq!(harness.verify("web", &long, hash).await, (false, 0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_concurrent_first_requests_cost_at_most_max_concurrent_hashes() {
    let harness = Arc::new(Harness::new());
    let hash = ClientSecretHash::of_chosen("web-secret", &harness.hasher).await.unwrap();
    let before = harness.hasher.work_done();
    let requests: Vec<_> = (0..64)
        .map(|_| {
            let (harness, hash) = (Arc::clone(&harness), hash.clone());
            tokio::spawn(async move { harness.verifier.verify("web", "web-secret", Some(&hash)).await })
        })
        .collect();
    for request in requests {
        assert!(request.await.unwrap().unwrap());
    }
    let hashes = (harness.hasher.work_done() - before) / ONE_HASH;
    assert!((1..=2).contains(&hashes), "{hashes} hashes");
}

#[tokio::test]
async fn a_remembered_secret_is_not_queued() {
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
fn the_number_of_proofs_is_bounded_and_the_least_recently_used_is_dropped() {
    let proofs = Proofs::new(32, &SystemEntropy).unwrap();
    let proof = |number: usize| proofs.of(&format!("client {number}"), "hash", "secret");
    for number in 0..500 {
        proofs.remember(proof(number));
        assert!(proofs.contain(&proof(number)));
        // It is used again and again, so it stays.
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
fn a_proof_of_one_process_is_not_one_of_another() {
    let (first, second) = (Proofs::new(8, &SystemEntropy).unwrap(), Proofs::new(8, &SystemEntropy).unwrap());
    let proof = first.of("web", "hash", "secret");
    second.remember(proof);
    assert!(!second.contain(&second.of("web", "hash", "secret")));
}

#[tokio::test]
async fn a_hash_serializes_as_a_string_and_debug_hides_it() {
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
    fn any_stored_string_is_kept_unchanged(
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
