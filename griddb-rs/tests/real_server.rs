//! Every case on the server named by `GRIDAUTH_TEST_GRIDDB`, such as
//! `griddb://admin:admin@127.0.0.1:10001/gridauth`.

#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, reason = "tests")]

mod cases;

use std::io::Write as _;

use griddb_rs::Client;

async fn client() -> Option<Client> {
    let Ok(url) = std::env::var("GRIDAUTH_TEST_GRIDDB") else {
        static ONCE: std::sync::Once = std::sync::Once::new();
        // Not with a macro: the output of macros is captured in a passing test.
        let line = b"\nSKIPPED: every case of a real GridDB; set GRIDAUTH_TEST_GRIDDB to a griddb:// URL to run them\n";
        ONCE.call_once(|| std::io::stderr().write_all(line).unwrap());
        return None;
    };
    Some(Client::connect(&url).await.unwrap())
}

macro_rules! on_the_server {
    ($($group:ident :: $case:ident;)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            if let Some(client) = client().await {
                cases::$group::$case(client.clone()).await;
                client.close().await;
            }
        }
    )*};
}

for_every_case!(on_the_server);
