//! The store in GridDB against a real server, named by `GRIDAUTH_TEST_GRIDDB` as a `griddb://` URL.
#![cfg(feature = "griddb")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::io::Write;

use gridauth::Store;
use gridauth::env::{Entropy, SystemEntropy};
use gridauth::store::conformance;

#[path = "common/griddb_page.rs"]
mod griddb_page;
mod support;

/// The server's URL and a prefix for this test; `None`, with a loud message, if no server is named.
fn real_server() -> Option<(String, String)> {
    let Ok(url) = std::env::var("GRIDAUTH_TEST_GRIDDB") else {
        // Not with a macro: the output of macros is captured in a passing test.
        let told = b"SKIPPED: GRIDAUTH_TEST_GRIDDB names no GridDB server; this ran on the test node only\n";
        std::io::stderr().write_all(told).unwrap();
        return None;
    };
    let mut tag = [0; 6];
    SystemEntropy.fill(&mut tag).unwrap();
    let tag: String = tag.iter().map(|byte| format!("{byte:02x}")).collect();
    Some((url, format!("T{tag}_")))
}

fn with_options(url: &str, prefix: &str, options: &str) -> String {
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}prefix={prefix}&grant_containers=4&retry_for=30s&{options}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_holds_on_a_real_server() {
    let Some((url, prefix)) = real_server() else { return };
    // The default: a flush behind every change.
    let url = with_options(&url, &prefix, "");
    let report = conformance::check(|| async { Store::open(&url).await.unwrap() }).await;
    assert!(report.is_clean(), "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_holds_on_a_real_server_that_syncs_on_its_own() {
    let Some((url, prefix)) = real_server() else { return };
    let url = with_options(&url, &prefix, "durability=server");
    let report = conformance::check(|| async { Store::open(&url).await.unwrap() }).await;
    assert!(report.is_clean(), "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_holds_between_two_clients_of_a_real_server() {
    let Some((url, prefix)) = real_server() else { return };
    let url = with_options(&url, &prefix, "client_cache=0s");
    let open = || async { [Store::open(&url).await.unwrap(), Store::open(&url).await.unwrap()] };
    let report = conformance::check_shared(open).await;
    assert!(report.is_clean(), "{report}");
}

#[tokio::test]
async fn the_queries_in_the_docs_work_on_a_real_server() {
    let Some((url, prefix)) = real_server() else { return };
    griddb_page::every_query_finds_something(&url, &prefix).await;
}
