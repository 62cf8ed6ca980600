//! The examples do what they say.

#![allow(clippy::unwrap_used, missing_docs, dead_code, unreachable_pub, reason = "tests")]

#[path = "../examples/connect.rs"]
mod connect;
#[path = "../examples/query.rs"]
mod query;
#[path = "../examples/rows.rs"]
mod rows;
#[path = "../examples/transaction.rs"]
mod transaction;

use griddb_test_node::{Options, Statement, TestNode};

macro_rules! runs {
    ($($example:ident),*) => {$(
        mod $example {
            #[tokio::test]
            async fn runs() {
                let node = super::start().await;
                super::super::$example::run(&super::url(&node)).await.unwrap();
                super::check(&node);
            }
        }
    )*};
}

mod driven {
    use super::*;

    runs!(connect, query, rows, transaction);

    async fn start() -> TestNode {
        TestNode::start(Options::new()).await.unwrap()
    }

    fn url(node: &TestNode) -> String {
        format!("griddb://admin:admin@{}/gridauth", node.address())
    }

    fn check(node: &TestNode) {
        assert_eq!(node.counters().statements(Statement::Disconnect), node.counters().connections());
    }
}
