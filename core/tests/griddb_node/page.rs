//! The queries that docs/griddb.md recommends.

use super::node;

#[path = "../common/griddb_page.rs"]
mod griddb_page;

use super::support;

#[tokio::test]
async fn the_queries_in_the_docs_work() {
    let node = node().await;
    griddb_page::every_query_finds_something(&node.url(), "GRIDAUTH_").await;
}
