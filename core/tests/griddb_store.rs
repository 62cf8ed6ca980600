//! The store in GridDB against a real server: `GRIDAUTH_TEST_GRIDDB` names one, as a `griddb://` URL.
#![cfg(feature = "griddb")]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test that cannot go on fails, and says so")]

use gridauth::Store;
use gridauth::env::{Entropy, SystemEntropy};
use gridauth::store::conformance;

/// The URL with a prefix of this run's own, or nothing, said loudly.
fn real_server(options: &str) -> Option<String> {
    let Ok(url) = std::env::var("GRIDAUTH_TEST_GRIDDB") else {
        eprintln!("SKIPPED: GRIDAUTH_TEST_GRIDDB names no GridDB server; this ran on the test node only");
        return None;
    };
    let mut tag = [0; 6];
    SystemEntropy.fill(&mut tag).unwrap();
    let tag: String = tag.iter().map(|byte| format!("{byte:02x}")).collect();
    let separator = if url.contains('?') { '&' } else { '?' };
    Some(format!("{url}{separator}prefix=T{tag}_&{options}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_holds_on_a_real_server() {
    let Some(url) = real_server("grant_containers=4&durability=server&retry_for=30s") else { return };
    let report = conformance::check(|| async { Store::open(&url).await.unwrap() }).await;
    assert!(report.is_clean(), "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_holds_between_two_clients_of_a_real_server() {
    let Some(url) = real_server("grant_containers=4&durability=server&client_cache=0s&retry_for=30s") else {
        return;
    };
    let open = || async { [Store::open(&url).await.unwrap(), Store::open(&url).await.unwrap()] };
    let report = conformance::check_shared(open).await;
    assert!(report.is_clean(), "{report}");
}
