//! The embedded store's file stops growing if rows come and expire at a constant rate.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::sync::Arc;

use gridauth::env::Timestamp;
use gridauth::store::file::FileStore;
use gridauth::store::{Backend, Change, Key, Kind, Row, Updated};

const CYCLES: usize = 14;
const ROWS: usize = 640;
const CALLERS: usize = 64;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_space_of_expired_rows_is_reused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("auth.db");
    let store = Arc::new(FileStore::open(&path).await.unwrap());
    let mut lengths = Vec::new();
    for cycle in 0..CYCLES {
        let expires = Timestamp::from_millis(cycle as i64);
        let callers: Vec<_> = (0..CALLERS)
            .map(|caller| {
                let store = Arc::clone(&store);
                tokio::spawn(async move {
                    for number in 0..ROWS / CALLERS {
                        // Half of the rows grow later, as grants do.
                        let row = |bytes| {
                            Row::new(expires, "x".repeat(bytes))
                                .with_user(Some(&format!("user-{}", (caller * 31 + number * 7) % 97)))
                                .with_client(Some("client"))
                                .with_expires(Some(expires))
                        };
                        let id = format!("{cycle:08}-{number:08}-{caller:08}");
                        let key = Key::new(Kind::Grant, &id);
                        assert!(store.insert(key, row(500)).await.unwrap());
                        if number % 2 == 0 {
                            let updated =
                                store.update(key, &mut |_| Change::Replace(row(900))).await.unwrap();
                            assert_eq!(updated, Updated::Replaced);
                        }
                    }
                })
            })
            .collect();
        for caller in callers {
            caller.await.unwrap();
        }
        // The rows of two cycles stay alive. A sweep removes rows in bounded steps.
        if let Some(gone) = cycle.checked_sub(2) {
            let gone = Timestamp::from_millis(gone as i64);
            let mut removed = 0;
            while removed < ROWS {
                let step = store.remove_expired(Kind::Grant, gone, 300).await.unwrap();
                assert!((1..=300).contains(&step));
                removed += step;
            }
            assert_eq!(store.remove_expired(Kind::Grant, gone, 300).await.unwrap(), 0);
        }
        lengths.push(fs::metadata(&path).unwrap().len());
    }
    // The third cycle is the first with the final number of rows. A file grows by doubling, and the last doubling may come
    // late.
    let settled = *lengths[..6].iter().max().unwrap();
    let largest = *lengths.iter().max().unwrap();
    assert!(largest <= settled * 2 + (64 << 10), "the file grew: {lengths:?}");
}
