//! The queries of docs/griddb.md, read from that page.

use gridauth::env::SystemClock;
use gridauth::events::Audit;
use gridauth::{Builder, MintRequest, Store};
use griddb_rs::{Client, Value};

use super::support::*;

const PAGE: &str = include_str!("../../../docs/griddb.md");

/// The queries, each with the kind of container that it runs on.
fn queries() -> Vec<(&'static str, &'static str)> {
    let mut queries = Vec::new();
    let mut kind = None;
    for line in PAGE.lines() {
        match (line.strip_prefix("```"), kind) {
            (Some(language), None) => kind = Some(language.strip_prefix("tql ").unwrap_or_default()),
            (Some(_), Some(_)) => kind = None,
            (None, Some("")) | (None, None) => {}
            (None, Some(kind)) => queries.push((kind, line)),
        }
    }
    queries
}

/// Writes rows to the store at `url`, under `prefix`, and checks that each query of the page finds some.
pub(crate) async fn every_query_finds_something(url: &str, prefix: &str) {
    let separator = if url.contains('?') { '&' } else { '?' };
    let store = Store::open(&format!("{url}{separator}prefix={prefix}&grant_containers=3")).await.unwrap();
    let with_time = |builder: Builder| builder.store(store).clock(SystemClock).audit(Audit::before_answers());
    let server = server_with(with_time).await;
    server.code().await;
    for _ in 0..6 {
        let all = MintRequest::for_user("israel").client("web").scope("notes.read notes.write");
        server.auth.mint(all).await.unwrap();
    }
    server.auth.audit_written().await;

    let client = Client::connect(url).await.unwrap();
    let queries = queries();
    assert!(queries.len() >= 7, "the page has its queries: {queries:?}");
    for (kind, tql) in queries {
        let names: Vec<String> = match kind {
            "grants" => (0..3).map(|number| format!("{prefix}GRANTS_{number:02}@{number}")).collect(),
            "consents" => vec![format!("{prefix}CONSENTS")],
            "audit" => vec![format!("{prefix}AUDIT")],
            other => panic!("unknown kind of container: {other}"),
        };
        // The page has a certain hour; the rows are of the present one.
        let tql = tql
            .replace("TIMESTAMP('2026-03-01T13:03:00.000Z')", "TIMESTAMPADD(HOUR, NOW(), -1)")
            .replace("TIMESTAMP('2026-03-01T14:03:00.000Z')", "TIMESTAMPADD(HOUR, NOW(), 1)");
        let tql = tql.as_str();
        let mut found = 0;
        for name in names {
            let collection = client.open(&name).await.unwrap();
            found += if tql.starts_with("select count") {
                let count = collection.query(tql).value().await.unwrap();
                usize::from(matches!(count, Some(Value::Long(1..))))
            } else {
                collection.query(tql).rows().await.unwrap().len()
            };
        }
        assert!(found > 0, "{kind}: {tql} finds nothing");
    }
}
