use std::time::Duration;

use griddb_rs::{Change, Client, Durability, ErrorKind, Row};
use tokio::{task::yield_now, time::timeout};

use super::*;

fn raise(found: Option<&Row>) -> Change<(&'static str, &'static str, i64, Option<griddb_rs::Timestamp>)> {
    Change::Put(row("n", "text", found.map_or(0, |row| row.get::<i64>("n").unwrap()) + 1))
}

async fn number(rows: &Collection) -> Option<i64> {
    rows.get("n").await.unwrap().map(|row| row.get("n").unwrap())
}

pub async fn update_is_atomic(client: Client) {
    let rows = four_column_collection(&client).await;
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let rows = rows.clone();
            tokio::spawn(async move {
                for _ in 0..10 {
                    assert!(rows.update("n", raise).await.unwrap());
                }
            })
        })
        .collect();
    for task in tasks {
        timeout(Duration::from_secs(60), task).await.unwrap().unwrap();
    }
    assert_eq!(number(&rows).await, Some(80));
    drop_it(&client, rows).await;
}

pub async fn update_takes_two_round_trips(client: Client) {
    let rows = four_column_collection(&client).await;
    rows.put(row("n", "x", 0)).await.unwrap();
    let flushed = rows.durability(Durability::Flush);
    let before = client.stats().round_trips;
    assert!(flushed.update("n", raise).await.unwrap());
    assert!(rows.update("n", raise).await.unwrap());
    assert_eq!(client.stats().round_trips - before, 4);
    assert!(!rows.update("n", |_| Change::<Row>::Keep).await.unwrap());
    assert_eq!(client.stats().round_trips - before, 5);
    drop_it(&client, rows).await;
}

pub async fn update_inserts_removes_keeps(client: Client) {
    let rows = four_column_collection(&client).await;
    assert!(
        !rows
            .update("n", |row| {
                assert!(row.is_none());
                Change::<Row>::Remove
            })
            .await
            .unwrap()
    );
    assert!(rows.update("n", raise).await.unwrap());
    assert!(rows.update("n", raise).await.unwrap());
    assert_eq!(number(&rows).await, Some(2));
    let other_key = rows.update("n", |_| Change::Put(row("other", "x", 1))).await.unwrap_err();
    assert_eq!(other_key.to_string(), "an update must not change the row key");
    let too_long = "x".repeat(40_000);
    let refused = rows.update("n", |_| Change::Put(row("n", &too_long, 1))).await.unwrap_err();
    assert_eq!((refused.kind(), refused.is_outcome_unknown()), (ErrorKind::Input, false), "{refused}");
    let updated = rows.update_at("n", |_| Change::<Row>::Remove).await.unwrap();
    assert!(updated.changed());
    assert_eq!(rows.owner().await.unwrap(), Some(updated.node()));
    assert_eq!(number(&rows).await, None);
    drop_it(&client, rows).await;
}

pub async fn update_runs_again_when_another_insert_won(client: Client) {
    let rows = four_column_collection(&client).await;
    let other = rows.clone();
    let mut runs = 0;
    let changed = rows
        .update("n", |found| {
            runs += 1;
            if found.is_none() {
                let other = other.clone();
                let put = async move { other.put(row("n", "x", 41)).await.unwrap() };
                std::thread::scope(|scope| {
                    let handle = tokio::runtime::Handle::current();
                    scope.spawn(move || handle.block_on(put));
                });
            }
            raise(found)
        })
        .await
        .unwrap();
    assert!(changed);
    assert_eq!((runs, number(&rows).await), (2, Some(42)));
    drop_it(&client, rows).await;
}

/// The server neither shows such a row nor waits for it.
pub async fn update_waits_for_an_uncommitted_insert(client: Client) {
    let rows = four_column_collection(&client).await;
    let mut inserter = rows.transaction();
    inserter.insert(row("n", "x", 1)).await.unwrap();
    let mut runs = 0;
    let updated = rows.update("n", |found| {
        runs += 1;
        raise(found)
    });
    let committed = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        inserter.commit().await
    };
    let (updated, committed) = tokio::join!(updated, committed);
    committed.unwrap();
    assert!(updated.unwrap());
    assert_eq!(number(&rows).await, Some(2));
    assert!(runs < 100, "{runs}");
    drop_it(&client, rows).await;
}

pub async fn a_lock_makes_other_clients_wait_and_time_out(client: Client) {
    let rows = four_column_collection(&client).await;
    rows.put(row("n", "x", 1)).await.unwrap();
    let mut transaction = rows.transaction();
    assert!(transaction.lock("n").await.unwrap().is_some());
    assert_eq!(number(&rows).await, Some(1));
    let impatient = rows.within(Duration::from_millis(900));
    let (removed, put, updated) =
        tokio::join!(impatient.remove("n"), impatient.put(row("n", "x", 2)), impatient.update("n", raise),);
    for refused in [removed.map(drop), put.map(drop), updated.map(drop)] {
        let refused = refused.unwrap_err();
        assert!(refused.is_lock_timeout() && !refused.is_outcome_unknown(), "{refused}");
    }
    let waiting = tokio::spawn({
        let rows = rows.clone();
        async move { rows.put(row("n", "x", 3)).await }
    });
    transaction.put(row("n", "x", 2)).await.unwrap();
    transaction.commit().await.unwrap();
    timeout(Duration::from_secs(8), waiting).await.unwrap().unwrap().unwrap();
    assert_eq!(number(&rows).await, Some(3));
    drop_it(&client, rows).await;
}

pub async fn a_dropped_update_leaves_no_lock(client: Client) {
    let rows = four_column_collection(&client).await;
    rows.put(row("n", "x", 1)).await.unwrap();
    // Dropped at each await point in turn.
    for polls in 1..6 {
        let mut update = Box::pin(rows.update("n", raise));
        for _ in 0..polls {
            if timeout(Duration::from_millis(3), &mut update).await.is_ok() {
                break;
            }
            yield_now().await;
        }
        drop(update);
        let at_once = rows.within(Duration::from_millis(990));
        timeout(Duration::from_secs(5), async {
            // The locking read may be unanswered; what is sent behind it waits for its answer.
            while at_once.update("n", raise).await.is_err() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
        .unwrap();
    }
    drop_it(&client, rows).await;
}

pub async fn a_dropped_wait_for_a_lock_leaves_none(client: Client) {
    let rows = four_column_collection(&client).await;
    rows.put(row("n", "x", 1)).await.unwrap();
    let mut holder = rows.transaction();
    holder.lock("n").await.unwrap();
    let mut waiting = Box::pin(rows.update("n", raise));
    assert!(timeout(Duration::from_millis(50), &mut waiting).await.is_err());
    drop(waiting);
    holder.commit().await.unwrap();
    // The dropped update gets its lock here, and releases it at once.
    timeout(Duration::from_secs(4), rows.update("n", raise)).await.unwrap().unwrap();
    assert_eq!(number(&rows).await, Some(2));
    drop_it(&client, rows).await;
}

pub async fn a_flush_that_was_overtaken_is_sent_again(client: Client) {
    let rows = four_column_collection(&client).await;
    rows.put(row("n", "x", 1)).await.unwrap();
    let mut holder = rows.transaction();
    holder.lock("n").await.unwrap();
    let flushed = rows.durability(Durability::Flush);
    let before = client.stats();
    let waiting = tokio::spawn(async move { flushed.remove("n").await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    holder.commit().await.unwrap();
    assert!(timeout(Duration::from_secs(8), waiting).await.unwrap().unwrap().unwrap());
    let after = client.stats();
    // The remove with its flush, the COMMIT, and one more flush. CLOSE_SESSION has no waiting caller.
    assert_eq!(after.round_trips - before.round_trips, 3);
    drop_it(&client, rows).await;
}

pub async fn transaction_commits_all(client: Client) {
    let rows = four_column_collection(&client).await;
    rows.put(row("a", "x", 10)).await.unwrap();
    let mut transaction = rows.durability(Durability::Flush).transaction();
    let a = transaction.lock("a").await.unwrap().unwrap();
    assert!(transaction.lock("missing").await.unwrap().is_none());
    transaction.put(row("a", "y", a.get::<i64>("n").unwrap() - 1)).await.unwrap();
    transaction.insert(row("b", "x", 1)).await.unwrap();
    transaction.put_many(&[row("c", "x", 1), row("d", "x", 1), row("e", "x", 1)]).await.unwrap();
    assert!(transaction.remove("e").await.unwrap());
    assert!(transaction.get("b").await.unwrap().is_some());
    assert!(transaction.get("e").await.unwrap().is_none());
    assert!(rows.get("b").await.unwrap().is_none());
    let node = transaction.commit_at().await.unwrap();
    assert_eq!(rows.owner().await.unwrap(), node);
    let counted = rows.query("select count(*)").value().await.unwrap();
    assert_eq!(counted, Some(griddb_rs::Value::Long(4)));
    assert_eq!(rows.get("a").await.unwrap().unwrap().get::<i64>("n").unwrap(), 9);
    assert_eq!(rows.transaction().commit_at().await.unwrap(), None);
    drop_it(&client, rows).await;
}

pub async fn transaction_rolls_back_all(client: Client) {
    let rows = four_column_collection(&client).await;
    rows.put(row("n", "x", 1)).await.unwrap();
    let mut transaction = rows.transaction();
    transaction.put_many(&[row("n", "x", 2), row("m", "x", 2)]).await.unwrap();
    transaction.abort();
    let mut transaction = rows.transaction();
    assert!(transaction.remove("n").await.unwrap());
    drop(transaction);
    timeout(Duration::from_secs(4), rows.update("n", raise)).await.unwrap().unwrap();
    assert_eq!(number(&rows).await, Some(2));
    assert!(rows.get("m").await.unwrap().is_none());
    drop_it(&client, rows).await;
}

pub async fn transaction_fails_as_a_whole(client: Client) {
    let rows = four_column_collection(&client).await;
    rows.put(row("a", "x", 1)).await.unwrap();
    let mut transaction = rows.transaction();
    transaction.insert(row("b", "x", 1)).await.unwrap();
    assert!(transaction.insert(row("a", "x", 2)).await.unwrap_err().is_key_exists());
    assert_eq!(transaction.get("a").await.unwrap_err().kind(), ErrorKind::TransactionAborted);
    assert_eq!(transaction.commit().await.unwrap_err().kind(), ErrorKind::TransactionAborted);
    assert!(rows.get("b").await.unwrap().is_none());
    drop_it(&client, rows).await;
}

pub async fn many_sessions_on_one_connection(client: Client) {
    let rows = four_column_collection(&client).await;
    let connections = client.stats().connections;
    let tasks: Vec<_> = (0..32i64)
        .map(|task| {
            let rows = rows.clone();
            tokio::spawn(async move {
                let key = format!("key{task}");
                for _ in 0..5 {
                    let raise = |found: Option<&Row>| {
                        let number = found.map_or(task, |row| row.get::<i64>("n").unwrap());
                        Change::Put((key.clone(), None::<&str>, number + 1, None::<griddb_rs::Timestamp>))
                    };
                    assert!(rows.update(&key, raise).await.unwrap());
                }
                assert_eq!(rows.get(&key).await.unwrap().unwrap().get::<i64>("n").unwrap(), task + 5);
            })
        })
        .collect();
    for task in tasks {
        timeout(Duration::from_secs(60), task).await.unwrap().unwrap();
    }
    assert_eq!(client.stats().connections, connections);
    drop_it(&client, rows).await;
}

pub async fn a_wait_for_a_lock_ends_before_the_call_does(client: Client) {
    let rows = four_column_collection(&client).await;
    rows.put(row("n", "x", 1)).await.unwrap();
    let mut holder = rows.transaction();
    holder.lock("n").await.unwrap();
    // One second for the lock, three until the server's next check, and some margin.
    let patient = rows.within(Duration::from_millis(4900));
    let waited = patient.remove("n").await.unwrap_err();
    assert!(waited.is_lock_timeout() && !waited.is_outcome_unknown(), "{waited}");
    drop(holder);
    assert!(rows.remove("n").await.unwrap());
    drop_it(&client, rows).await;
}

/// Too little time for the server to wait: the calls poll instead.
pub async fn callers_with_little_time_share_a_row(client: Client) {
    let rows = four_column_collection(&client).await;
    rows.put(row("n", "x", 0)).await.unwrap();
    let mut holder = rows.transaction();
    holder.lock("n").await.unwrap();
    let hurried = rows.within(Duration::from_millis(2900));
    let tasks: Vec<_> = (0..6)
        .map(|_| {
            let rows = hurried.clone();
            tokio::spawn(async move { rows.update("n", raise).await })
        })
        .collect();
    let other = tokio::spawn({
        let rows = hurried.clone();
        async move { rows.put(row("n", "x", 100)).await }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    holder.commit().await.unwrap();
    for task in tasks {
        assert!(task.await.unwrap().unwrap());
    }
    assert!(other.await.unwrap().unwrap());
    assert!(number(&rows).await.unwrap() >= 6);
    drop_it(&client, rows).await;
}

pub async fn a_transaction_lives_long_enough_even_if_calls_have_little_time(client: Client) {
    let rows = four_column_collection(&client).await;
    rows.put(row("n", "x", 1)).await.unwrap();
    let hurried = rows.within(Duration::from_millis(2900));
    for _ in 0..5 {
        let mut transaction = hurried.transaction();
        let found = transaction.lock("n").await.unwrap().unwrap();
        tokio::time::sleep(Duration::from_millis(60)).await;
        transaction.put(row("n", "x", found.get::<i64>("n").unwrap() + 1)).await.unwrap();
        transaction.commit().await.unwrap();
    }
    assert_eq!(number(&rows).await, Some(6));
    drop_it(&client, rows).await;
}
