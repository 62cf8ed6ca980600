//! A process that is killed while it writes: what it had answered is there.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use gridauth::Store;
use gridauth::env::Timestamp;
use gridauth::store::{Key, Kind, Row};

const FILE: &str = "GRIDAUTH_TEST_SQLITE_CHILD";

async fn open(path: &str) -> Store {
    gridauth_sqlx::register().unwrap();
    Store::open(&format!("sqlite:{path}")).await.unwrap()
}

/// The process that is killed: it writes rows with many callers at once, and says which were answered.
#[test]
#[ignore = "run by the other test, in a process of its own"]
fn child() {
    let Ok(path) = std::env::var(FILE) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = open(&path).await;
        let start = std::process::id();
        let callers: Vec<_> = (0..8)
            .map(|caller| {
                let store = store.clone();
                tokio::spawn(async move {
                    for number in 0.. {
                        let id = format!("{start}-{caller}-{number}");
                        let row = Row::new(Timestamp::from_millis(1), "{}");
                        store.insert(Key::new(Kind::Grant, &id), row).await.unwrap();
                        println!("answered {id}");
                        std::io::stdout().flush().unwrap();
                    }
                })
            })
            .collect();
        for caller in callers {
            caller.await.unwrap();
        }
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_survives_kill_9() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("auth.db").to_str().unwrap().to_owned();
    // A second process on the same file, which stays.
    let store = open(&path).await;
    let mut answered = 0;
    for round in 0..8 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child", "--exact", "--ignored", "--nocapture"])
            .env(FILE, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let reader = std::thread::spawn(move || {
            let lines = lines.map_while(Result::ok);
            let ids = lines.filter_map(|line| line.split_once("answered ").map(|(_, id)| id.to_owned()));
            ids.collect::<Vec<_>>()
        });
        tokio::time::sleep(Duration::from_millis(700 + 130 * round)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        // The last line may be cut off.
        let mut ids = reader.join().unwrap();
        ids.pop();
        answered += ids.len();
        for id in ids {
            assert!(store.get(Key::new(Kind::Grant, &id)).await.unwrap().is_some(), "{id} was answered");
        }
    }
    assert!(answered > 0, "nothing was written");
}
