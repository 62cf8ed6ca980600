//! What docs/griddb.md tells people to ask their database.

use super::node;

#[path = "../common/griddb_page.rs"]
mod griddb_page;

use super::support;

#[tokio::test]
async fn the_queries_of_the_page_are_good() {
    let node = node().await;
    griddb_page::every_query_finds_something(&node.url(), "GRIDAUTH_").await;
}
