//! A process that writes to the embedded store is killed at random moments: no answered write is lost, and no removed row comes
//! back.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gridauth::env::{Entropy, SystemEntropy, Timestamp};
use gridauth::store::file::FileStore;
use gridauth::store::{Backend, By, Change, Key, Kind, Query, Row, Updated};
use tokio::task::JoinSet;

#[path = "common/process.rs"]
mod process;

use process::{Process, argument, say};

const ROUNDS: usize = 24;
const TASKS: u64 = 8;
const IDS_EACH: u64 = 12;

fn random(below: u64) -> u64 {
    let mut bytes = [0; 8];
    SystemEntropy.fill(&mut bytes).unwrap();
    u64::from_ne_bytes(bytes) % below
}

fn numbered(number: u64) -> Row {
    // Sizes and index entries vary.
    let user = format!("user-{}", number % 5);
    let expires = number.is_multiple_of(3).then(|| Timestamp::from_millis(i64::MAX));
    Row::new(Timestamp::from_millis(1), format!("{number}{}", " ".repeat((number % 7 * 700) as usize)))
        .with_user(Some(&user))
        .with_expires(expires)
}

fn number_in(row: &Row) -> u64 {
    row.body().trim_end().parse().unwrap()
}

/// Announces each operation before it starts and its result when it is answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by another test in a process of its own"]
async fn writes_until_it_is_killed() {
    let Some(argument) = argument() else { return };
    let (first_number, path) = argument.split_once(' ').unwrap();
    let store = Arc::new(FileStore::open(path).await.unwrap());
    say("ready");
    let next = Arc::new(AtomicU64::new(first_number.parse().unwrap()));
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let (store, next) = (Arc::clone(&store), Arc::clone(&next));
        tasks.spawn(async move {
            loop {
                write_one(&store, task, next.fetch_add(1, Ordering::SeqCst)).await;
                add_one(&store).await;
            }
        });
    }
    tasks.spawn(async move {
        loop {
            let number = next.fetch_add(1, Ordering::SeqCst);
            let id = format!("expired-{number:012}");
            let row = numbered(1).with_expires(Some(Timestamp::from_millis(1)));
            assert!(store.insert(Key::new(Kind::Session, &id), row).await.unwrap());
            if number.is_multiple_of(3) {
                store.remove_expired(Kind::Session, Timestamp::from_millis(2), 1000).await.unwrap();
                say(&format!("swept {number}"));
            }
        }
    });
    // A task only ends when something is wrong. The parent does not know this line and fails.
    if let Some(Err(died)) = tasks.join_next().await {
        say(&format!("died: {died}"));
    }
}

async fn write_one(store: &FileStore, task: u64, number: u64) {
    let id = format!("{task}-{}", random(IDS_EACH));
    let key = Key::new(Kind::Grant, &id);
    match random(4) {
        0 => {
            say(&format!("try {id} insert {number}"));
            let created = store.insert(key, numbered(number)).await.unwrap();
            say(&format!("did {id} {}", if created { number.to_string() } else { "same".to_owned() }));
        }
        1 => {
            say(&format!("try {id} put {number}"));
            store.put(key, numbered(number)).await.unwrap();
            say(&format!("did {id} {number}"));
        }
        2 => {
            say(&format!("try {id} update {number}"));
            let updated = store.update(key, &mut |_| Change::Replace(numbered(number))).await.unwrap();
            say(&format!(
                "did {id} {}",
                if updated == Updated::Replaced { number.to_string() } else { "same".to_owned() }
            ));
        }
        _ => {
            say(&format!("try {id} remove 0"));
            let removed = store.remove(key).await.unwrap();
            say(&format!("did {id} {}", if removed { "gone" } else { "same" }));
        }
    }
}

/// Increments the row that all tasks share.
async fn add_one(store: &FileStore) {
    let key = Key::new(Kind::Custom, "count");
    say("try count");
    store.insert(key, numbered(0)).await.unwrap();
    let updated = store.update(key, &mut |row| Change::Replace(numbered(number_in(row) + 1))).await.unwrap();
    assert_eq!(updated, Updated::Replaced);
    say("did count");
}

/// The expected content of the store.
#[derive(Default)]
struct Model {
    rows: BTreeMap<String, Option<u64>>,
    /// Operations that were started and not answered.
    trying: BTreeMap<String, (String, u64)>,
    counted: u64,
    counts_tried: u64,
    swept: u64,
    answers: usize,
    last_number: u64,
}

impl Model {
    fn hear(&mut self, line: &str) {
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["try", "count"] => self.counts_tried += 1,
            ["did", "count"] => self.counted += 1,
            ["swept", number] => self.swept = number.parse().unwrap(),
            ["try", id, what, number] => {
                let number = number.parse().unwrap();
                self.last_number = self.last_number.max(number);
                self.trying.insert(id.to_owned(), (what.to_owned(), number));
            }
            ["did", id, left] => {
                self.answers += 1;
                self.trying.remove(id);
                match left {
                    "same" => {}
                    "gone" => drop(self.rows.insert(id.to_owned(), None)),
                    number => drop(self.rows.insert(id.to_owned(), Some(number.parse().unwrap()))),
                }
            }
            ["ready"] => {}
            _ => panic!("the process said {line:?}"),
        }
    }

    /// Checks the store and continues from its content.
    async fn check(&mut self, path: &Path) {
        let store = FileStore::open(path).await.unwrap();
        for task in 0..TASKS {
            for number in 0..IDS_EACH {
                let id = format!("{task}-{number}");
                let row = store.get(Key::new(Kind::Grant, &id)).await.unwrap();
                let there = row.as_ref().map(|row| number_in(row));
                let answered = self.rows.get(&id).copied().flatten();
                let unanswered = match self.trying.remove(&id) {
                    None => answered,
                    Some((what, number)) => match (&*what, answered) {
                        ("insert", None) | ("put", _) | ("update", Some(_)) => Some(number),
                        ("remove", _) => None,
                        _ => answered,
                    },
                };
                assert!(
                    there == answered || there == unanswered,
                    "row {id} is {there:?}; expected {answered:?}, or {unanswered:?} from the unanswered operation"
                );
                if let Some(row) = row {
                    assert_eq!(*row, numbered(number_in(&row)), "row {id} is intact");
                }
                self.rows.insert(id, there);
            }
        }
        assert!(self.trying.is_empty());

        let count = store.get(Key::new(Kind::Custom, "count")).await.unwrap();
        let count = count.map_or(0, |row| number_in(&row));
        let (least, most) = (self.counted, self.counts_tried);
        assert!((least..=most).contains(&count), "{count} counted, {least} answered, {most} started");
        (self.counted, self.counts_tried) = (count, count);

        let expired = store.list(Query::new(Kind::Session, By::Any).limit(1000)).await.unwrap();
        for entry in expired.entries {
            let number: u64 = entry.id.trim_start_matches("expired-").parse().unwrap();
            self.last_number = self.last_number.max(number);
            assert!(number > self.swept, "row {number} came back; all up to {} were removed", self.swept);
        }
        self.check_indexes(&store).await;
    }

    /// The indexes match the rows.
    async fn check_indexes(&self, store: &FileStore) {
        let mut by_user = BTreeMap::new();
        for user in 0..5 {
            let user = format!("user-{user}");
            let page = store.list(Query::new(Kind::Grant, By::User(&user)).limit(1000)).await.unwrap();
            assert!(page.next.is_none());
            for entry in page.entries {
                assert_eq!(entry.row.user(), Some(&*user));
                by_user.insert(entry.id, number_in(&entry.row));
            }
        }
        let rows: BTreeMap<_, _> =
            self.rows.iter().filter_map(|(id, number)| Some((id.clone(), (*number)?))).collect();
        assert_eq!(by_user, rows);
        let expiring = Query::new(Kind::Grant, By::ExpiredAt(Timestamp::from_millis(i64::MAX))).limit(1000);
        let mut expiring: Vec<_> =
            store.list(expiring).await.unwrap().entries.into_iter().map(|entry| entry.id).collect();
        expiring.sort();
        let expected: Vec<_> =
            rows.into_iter().filter(|(_, number)| number.is_multiple_of(3)).map(|(id, _)| id).collect();
        assert_eq!(expiring, expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answered_writes_survive_when_the_process_is_killed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("auth.db");
    let mut model = Model::default();
    for round in 0..ROUNDS {
        let argument = format!("{} {}", model.last_number + 1000, path.display());
        let mut process = Process::start("writes_until_it_is_killed", &argument);
        // Some rounds kill it while it creates or opens the file, others while it writes.
        if round % 4 == 0 {
            std::thread::sleep(Duration::from_millis(random(25)));
        } else {
            let first = process.said.recv_timeout(Duration::from_secs(60)).unwrap();
            model.hear(&first);
            std::thread::sleep(Duration::from_millis(random(500)));
        }
        process.kill();
        while let Ok(line) = process.said.recv() {
            model.hear(&line);
        }
        model.check(&path).await;
    }
    assert!(model.answers > 500, "only {} answers in all rounds", model.answers);
    assert!(model.swept > 0);
}
