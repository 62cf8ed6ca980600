//! Sessions, transactions, row locks, and the order of a session's statements.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test")]

mod common;

use common::server::{Server, on_every_server};
use common::{ABORT, CLOSE_SESSION, COMMIT, Client, GET_ROW, Mode, REMOVE_ROW, Table, number};
use griddb_test_node::Options;
use std::time::Duration;

/// Transaction timeouts are a hundredth of their nominal value.
fn options() -> Options {
    Options::new().second(Duration::from_millis(10)).check_interval(Duration::from_millis(10))
}

/// Two clients and a container.
async fn pair(server: &Server) -> (Client, Client, Table) {
    let (mut one, mut other) = (server.client().await, server.client().await);
    let table = server.table(&mut one, "t").await;
    server.table(&mut other, "t").await;
    (one, other, table)
}

fn auto(timeout: i32) -> Mode {
    Mode::AUTO.timeout(timeout)
}

/// Locks a row as the first statement of a session.
async fn lock(client: &mut Client, table: Table, key: &str, session: i64) -> Option<i64> {
    let body = client.row_head(table, Mode::begin(session).for_update()).sized(key.as_bytes());
    number(&client.call_with(GET_ROW, table.partition, 1, body).await)
}

async fn put_in(client: &mut Client, table: Table, key: &str, value: i64, mode: Mode, id: i64) -> i32 {
    let body = client.put_body(table, key, value, mode);
    client.call_with(common::PUT_ROW, table.partition, id, body).await.code()
}

async fn a_lock_blocks_writers_and_lockers_but_not_readers(server: &Server) {
    let (mut one, mut other, table) = pair(server).await;
    one.put(table, "a", 1).await;
    one.put(table, "b", 1).await;
    assert_eq!(lock(&mut one, table, "a", 1).await, Some(1));
    assert_eq!(other.get(table, "a").await, Some(1));
    assert_eq!(
        other.try_put(table, "a", 2, auto(0)).await.error(),
        Some((60166, "DS_CON_LOCK_CONFLICT".into()))
    );
    assert_eq!(other.try_remove(table, "a", auto(0)).await.code(), 60166);
    assert_eq!(other.try_get(table, "a", Mode::begin(1).for_update().timeout(0)).await.code(), 60166);
    assert!(other.put(table, "b", 2).await);
    assert_eq!(one.end(ABORT, table, 1, 2).await.status, 0);
    assert!(other.put(table, "a", 2).await);
}

async fn a_waiting_statement_is_overtaken_and_runs_after_the_lock_is_released(server: &Server) {
    let (mut one, mut other, table) = pair(server).await;
    one.put(table, "a", 1).await;
    lock(&mut one, table, "a", 1).await;
    let put = other.put_body(table, "a", 2, auto(100));
    let waits = other.send(common::PUT_ROW, table.partition, put).await;
    let get = other.row_head(table, Mode::AUTO).sized(b"a");
    let overtakes = other.send(GET_ROW, table.partition, get).await;
    assert_eq!(other.receive().await.id, overtakes);
    assert!(other.is_silent().await);
    one.end(COMMIT, table, 1, 2).await;
    assert_eq!(other.receive().await.id, waits);
    assert_eq!(one.get(table, "a").await, Some(2));
}

async fn a_wait_ends_with_60166_at_its_own_timeout(server: &Server) {
    let (mut one, mut other, table) = pair(server).await;
    one.put(table, "a", 1).await;
    lock(&mut one, table, "a", 1).await;
    assert_eq!(other.try_remove(table, "a", auto(3)).await.code(), 60166);
    assert_eq!(other.get(table, "a").await, Some(1));
}

async fn a_waiting_statement_runs_even_if_its_connection_is_closed(server: &Server) {
    let (mut one, mut other, table) = pair(server).await;
    one.put(table, "a", 1).await;
    lock(&mut one, table, "a", 1).await;
    let body = other.row_head(table, auto(100)).sized(b"a");
    other.send(REMOVE_ROW, table.partition, body).await;
    assert!(other.is_silent().await);
    drop(other);
    server.waits_until_clients_are_gone(1).await;
    one.end(COMMIT, table, 1, 2).await;
    assert_eq!(one.get(table, "a").await, None);
}

async fn statements_behind_a_waiting_locking_read_fail_and_the_lock_stays(server: &Server) {
    let (mut one, mut other, table) = pair(server).await;
    one.put(table, "a", 1).await;
    lock(&mut one, table, "a", 1).await;
    let read = other.row_head(table, Mode::begin(5).for_update().timeout(200)).sized(b"a");
    other.send_with(GET_ROW, table.partition, 1, read).await;
    let remove = other.row_head(table, Mode::go_on(5)).sized(b"a");
    other.send_with(REMOVE_ROW, table.partition, 2, remove).await;
    let commit = other.session_body(table, 5);
    other.send_with(COMMIT, table.partition, 3, commit).await;
    assert_eq!([other.receive().await.code(), other.receive().await.code()], [110003, 110003]);
    one.end(ABORT, table, 1, 2).await;
    let late = other.receive().await;
    assert_eq!((late.statement, late.status), (GET_ROW, 0));
    assert_eq!(one.try_put(table, "a", 2, auto(0)).await.code(), 60166);
}

async fn changes_are_visible_only_in_their_session_until_commit(server: &Server) {
    let (mut one, mut other, table) = pair(server).await;
    assert_eq!(put_in(&mut one, table, "new", 1, Mode::begin(1), 1).await, 0);
    let own = one.row_head(table, Mode::go_on(1)).sized(b"new");
    assert_eq!(number(&one.call_with(GET_ROW, table.partition, 2, own).await), Some(1));
    assert_eq!((one.get(table, "new").await, other.get(table, "new").await), (None, None));
    // another client's insert fails at once because the key exists, though it may yet be rolled back
    assert_eq!(other.try_put(table, "new", 2, auto(0).insert_only()).await.code(), 60154);
    assert_eq!(other.try_remove(table, "new", auto(0)).await.code(), 60166);
    let locking = other.try_get(table, "new", Mode::begin(2).for_update().timeout(0)).await;
    assert_eq!(number(&locking), None);
    one.end(COMMIT, table, 1, 3).await;
    assert_eq!(other.get(table, "new").await, Some(1));
}

async fn an_uncommitted_removal_is_visible_only_in_its_session_and_can_be_rolled_back(server: &Server) {
    let (mut one, mut other, table) = pair(server).await;
    one.put(table, "a", 1).await;
    let remove = one.row_head(table, Mode::begin(1)).sized(b"a");
    assert!(one.call_with(REMOVE_ROW, table.partition, 1, remove).await.flag());
    assert_eq!(other.get(table, "a").await, Some(1));
    assert_eq!(other.try_put(table, "a", 2, auto(0).insert_only()).await.code(), 60154);
    assert_eq!(other.try_put(table, "a", 2, auto(0)).await.code(), 60166);
    // a transaction can put again what it has removed; others see the old row meanwhile
    assert_eq!(put_in(&mut one, table, "a", 7, Mode::go_on(1).insert_only(), 2).await, 0);
    assert_eq!(other.get(table, "a").await, Some(1));
    one.end(ABORT, table, 1, 3).await;
    assert_eq!(other.get(table, "a").await, Some(1));
    assert_eq!(other.query(table, "select * where k = 'a'").await, Ok(vec![1]));
}

async fn a_row_removed_and_put_again_in_one_transaction_is_one_row(server: &Server) {
    let (mut one, mut other, table) = pair(server).await;
    one.put(table, "a", 1).await;
    for (id, session) in [(1, Mode::begin(1)), (3, Mode::go_on(1))] {
        let remove = one.row_head(table, session).sized(b"a");
        assert!(one.call_with(REMOVE_ROW, table.partition, id, remove).await.flag());
        assert_eq!(put_in(&mut one, table, "a", 10 + id, Mode::go_on(1), id + 1).await, 0);
    }
    assert_eq!(other.get(table, "a").await, Some(1));
    one.end(COMMIT, table, 1, 5).await;
    assert_eq!(other.get(table, "a").await, Some(13));
    assert_eq!(other.query(table, "select *").await, Ok(vec![13]));
    assert!(other.remove(table, "a").await);
    assert_eq!(other.get(table, "a").await, None);
    assert!(!other.put(table, "a", 2).await);
}

async fn a_commit_can_be_repeated_on_another_connection(server: &Server) {
    let (mut one, mut other, table) = pair(server).await;
    put_in(&mut one, table, "a", 1, Mode::begin(1), 1).await;
    assert_eq!(one.end(COMMIT, table, 1, 2).await.status, 0);
    let mut again = server.client().await;
    again.uuid = one.uuid;
    assert_eq!(again.end(COMMIT, table, 1, 2).await.status, 0);
    assert_eq!(other.get(table, "a").await, Some(1));
    // aborted, closed, unknown
    put_in(&mut one, table, "b", 1, Mode { session_mode: 2, ..Mode::begin(1) }, 3).await;
    one.end(ABORT, table, 1, 4).await;
    assert_eq!(again.end(COMMIT, table, 1, 5).await.code(), 110005);
    assert_eq!(again.end(CLOSE_SESSION, table, 1, 6).await.status, 0);
    assert_eq!(again.end(COMMIT, table, 1, 2).await.error(), Some((110003, "TM_SESSION_NOT_FOUND".into())));
    assert_eq!(again.end(CLOSE_SESSION, table, 1, 7).await.status, 0);
}

async fn statement_ids_execute_once_and_must_not_have_gaps(server: &Server) {
    let (mut one, mut other, table) = pair(server).await;
    assert_eq!(put_in(&mut one, table, "a", 1, Mode::begin(1), 1).await, 0);
    // again: done already, and not executed twice
    assert_eq!(put_in(&mut one, table, "a", 2, Mode::go_on(1), 1).await, 0);
    let own = one.row_head(table, Mode::go_on(1)).sized(b"a");
    assert_eq!(number(&one.call_with(GET_ROW, table.partition, 2, own).await), Some(1));
    assert_eq!(put_in(&mut one, table, "a", 3, Mode::go_on(1), 9).await, 110033);
    assert_eq!(other.get(table, "a").await, None);
    assert_eq!(one.end(COMMIT, table, 1, 3).await.code(), 110005);
}

async fn any_error_aborts_the_transaction(server: &Server) {
    let (mut one, mut other, table) = pair(server).await;
    other.put(table, "held", 1).await;
    lock(&mut other, table, "held", 1).await;
    put_in(&mut one, table, "a", 1, Mode::begin(1), 1).await;
    assert_eq!(put_in(&mut one, table, "held", 2, Mode::go_on(1).timeout(0), 2).await, 60166);
    assert_eq!(one.end(COMMIT, table, 1, 3).await.code(), 110033);
    assert_eq!(other.get(table, "a").await, None);
    put_in(&mut one, table, "b", 1, Mode::begin(2), 1).await;
    assert_eq!(put_in(&mut one, table, "held", 2, Mode::go_on(2).insert_only(), 2).await, 60154);
    assert_eq!(other.get(table, "b").await, None);
}

async fn a_transaction_past_its_timeout_is_aborted(server: &Server) {
    let (mut one, mut other, table) = pair(server).await;
    one.put(table, "a", 1).await;
    assert_eq!(put_in(&mut one, table, "a", 2, Mode::begin(1).timeout(1), 1).await, 0);
    // waits until the lock is released
    assert!(other.try_put(table, "a", 3, auto(300)).await.flag());
    assert_eq!(one.end(COMMIT, table, 1, 2).await.code(), 110005);
    assert_eq!(one.get(table, "a").await, Some(3));
}

async fn duplicate_sessions_and_mismatched_modes_are_refused(server: &Server) {
    let (mut one, mut other, table) = pair(server).await;
    put_in(&mut one, table, "a", 1, Mode::begin(1), 1).await;
    assert_eq!(put_in(&mut one, table, "b", 1, Mode::begin(1), 2).await, 110016);
    // the error aborted it
    assert_eq!(other.get(table, "a").await, None);
    let unknown = put_in(&mut one, table, "a", 1, Mode::go_on(77), 1).await;
    let no_session = put_in(&mut one, table, "a", 1, Mode { transaction_mode: 1, ..Mode::AUTO }, 1).await;
    assert_eq!((unknown, no_session), (110003, 110031));
    put_in(&mut one, table, "c", 1, Mode::begin(3), 1).await;
    let auto_in_open = Mode { session: 3, session_mode: 2, ..Mode::AUTO };
    assert_eq!(put_in(&mut one, table, "d", 1, auto_in_open, 2).await, 110010);
}

async fn a_session_stays_with_its_first_container(server: &Server) {
    let mut client = server.client().await;
    let (x, y) = (server.table(&mut client, "x@5").await, server.table(&mut client, "y@5").await);
    put_in(&mut client, x, "k", 1, Mode::begin(1), 1).await;
    put_in(&mut client, y, "k2", 2, Mode::go_on(1), 2).await;
    client.end(COMMIT, x, 1, 3).await;
    assert_eq!(client.query(x, "select *").await, Ok(vec![1, 2]));
    assert_eq!(client.query(y, "select *").await, Ok(vec![]));
}

async fn dropping_a_container_waits_for_its_transactions(server: &Server) {
    let (mut one, mut other, table) = pair(server).await;
    put_in(&mut one, table, "a", 1, Mode::begin(1), 1).await;
    let drop_now = |timeout: i32| {
        let options = common::Bytes::new().i32(6).i16(1).i32(timeout);
        options.raw(&common::container_key(&server.name("t")).0).u8(0xff)
    };
    let now = other.call(common::DROP_CONTAINER, table.partition, drop_now(0)).await;
    assert_eq!(now.code(), 60166);
    let waits = other.send(common::DROP_CONTAINER, table.partition, drop_now(100)).await;
    assert!(other.is_silent().await);
    one.end(COMMIT, table, 1, 2).await;
    assert_eq!(other.receive().await.id, waits);
    assert_eq!(one.try_get(table, "a", Mode::AUTO).await.code(), 60157);
}

async fn a_row_put_and_removed_in_one_transaction_blocks_nobody(server: &Server) {
    let (mut one, mut other, table) = pair(server).await;
    put_in(&mut one, table, "a", 1, Mode::begin(1), 1).await;
    let remove = one.row_head(table, Mode::go_on(1)).sized(b"a");
    assert!(one.call_with(REMOVE_ROW, table.partition, 2, remove).await.flag());
    assert!(!other.try_remove(table, "a", auto(0)).await.flag());
    assert!(!other.try_put(table, "a", 5, auto(0).insert_only()).await.flag());
    one.end(COMMIT, table, 1, 3).await;
    assert_eq!(one.get(table, "a").await, Some(5));
    assert_eq!(one.query(table, "select *").await, Ok(vec![5]));
}

/// Puts two rows with one statement.
async fn put_two(client: &mut Client, table: Table, keys: [&str; 2], mode: Mode, id: i64) -> i32 {
    send_two(client, table, keys, mode, id).await;
    client.receive().await.code()
}

async fn send_two(client: &mut Client, table: Table, keys: [&str; 2], mode: Mode, id: i64) {
    let mut body = client.row_head(table, mode).i64(2);
    let size = |key: &str| 1 + 1 + key.len() as i64 + 1;
    body = body.i64(0).u8(0).i64(1).i64(size(keys[0])).u8(0).i64(2);
    for key in keys {
        body = body.varsize(2).sized(key.as_bytes()).sized(b"");
    }
    client.send_with(125, table.partition, id, body).await;
}

async fn many_rows_are_atomic_only_in_a_transaction(server: &Server) {
    let (mut one, mut other, table) = pair(server).await;
    one.put(table, "there", 0).await;
    let auto = Mode::AUTO.insert_only();
    assert_eq!(put_two(&mut one, table, ["a", "there"], auto, 10).await, 60154);
    assert_eq!(other.get(table, "a").await, Some(1));
    assert_eq!(put_two(&mut one, table, ["b", "there"], Mode::begin(1).insert_only(), 1).await, 60154);
    assert_eq!(other.get(table, "b").await, None);
    // each row uses one id of the session; an id that is not above the last one is a row that was put before
    assert_eq!(put_two(&mut one, table, ["c", "d"], Mode::begin(2), 1).await, 0);
    assert_eq!(put_two(&mut one, table, ["x", "e"], Mode::go_on(2), 2).await, 0);
    assert_eq!(one.end(COMMIT, table, 2, 4).await.status, 0);
    let mut there = Vec::new();
    for key in ["c", "d", "x", "e"] {
        there.push(other.get(table, key).await.is_some());
    }
    assert_eq!(there, [true, true, false, true]);
    assert_eq!(put_two(&mut one, table, ["f", "g"], Mode::go_on(2), 9).await, 110005);
}

async fn many_rows_wait_for_a_lock_as_a_whole(server: &Server) {
    let (mut one, mut other, table) = pair(server).await;
    one.put(table, "held", 0).await;
    lock(&mut one, table, "held", 1).await;
    send_two(&mut other, table, ["new", "held"], Mode::begin(2).timeout(300), 1).await;
    assert!(other.is_silent().await);
    assert_eq!(one.get(table, "new").await, None);
    one.end(ABORT, table, 1, 2).await;
    assert_eq!(other.receive().await.code(), 0);
    assert_eq!(other.end(COMMIT, table, 2, 3).await.code(), 0);
    assert_eq!((one.get(table, "new").await, one.get(table, "held").await), (Some(1), Some(2)));
}

/// Locks, adds one, commits and closes, in two round trips.
async fn increment(client: &mut Client, table: Table, session: i64) {
    let read = client.row_head(table, Mode::begin(session).for_update().timeout(1000)).sized(b"counter");
    let value = number(&client.call_with(GET_ROW, table.partition, 1, read).await).unwrap();
    let put = client.put_body(table, "counter", value + 1, Mode::go_on(session));
    client.send_with(common::PUT_ROW, table.partition, 2, put).await;
    for (statement, id) in [(COMMIT, 3), (CLOSE_SESSION, 4)] {
        let body = client.session_body(table, session);
        client.send_with(statement, table.partition, id, body).await;
    }
    for _ in 0..3 {
        assert_eq!(client.receive().await.code(), 0);
    }
}

async fn four_clients_lose_no_increment(server: &Server) {
    let mut client = server.client().await;
    let table = server.table(&mut client, "t").await;
    client.put(table, "counter", 0).await;
    let mut tasks = Vec::new();
    for _ in 0..4 {
        let mut client = server.client().await;
        tasks.push(tokio::spawn(async move {
            for session in 1..=50 {
                increment(&mut client, table, session).await;
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(client.get(table, "counter").await, Some(200));
}

async fn of_four_racing_clients_one_inserts_and_one_removes(server: &Server) {
    let table = server.table(&mut server.client().await, "t").await;
    let mut tasks = Vec::new();
    for _ in 0..4 {
        let mut client = server.client().await;
        tasks.push(tokio::spawn(async move {
            let (mut inserted, mut removed) = (Vec::new(), Vec::new());
            for key in 0..100 {
                let answer = client.try_put(table, &format!("k{key}"), key, Mode::AUTO.insert_only()).await;
                assert!([0, 60154].contains(&answer.code()));
                inserted.push(answer.status == 0);
            }
            for key in 0..100 {
                removed.push(client.remove(table, &format!("k{key}")).await);
            }
            (inserted, removed)
        }));
    }
    let (mut inserted, mut removed) = (vec![0; 100], vec![0; 100]);
    for task in tasks {
        let won = task.await.unwrap();
        for key in 0..100 {
            inserted[key] += u32::from(won.0[key]);
            removed[key] += u32::from(won.1[key]);
        }
    }
    // a fast client may have removed a key before a slow one inserted it again
    let won = |key: usize| inserted[key] >= 1 && inserted[key] == removed[key];
    assert!((0..100).all(won), "{inserted:?} {removed:?}");
}

on_every_server! { super::options();
    a_lock_blocks_writers_and_lockers_but_not_readers,
    a_waiting_statement_is_overtaken_and_runs_after_the_lock_is_released,
    a_wait_ends_with_60166_at_its_own_timeout,
    a_waiting_statement_runs_even_if_its_connection_is_closed,
    statements_behind_a_waiting_locking_read_fail_and_the_lock_stays,
    changes_are_visible_only_in_their_session_until_commit,
    an_uncommitted_removal_is_visible_only_in_its_session_and_can_be_rolled_back,
    a_row_removed_and_put_again_in_one_transaction_is_one_row,
    a_commit_can_be_repeated_on_another_connection,
    statement_ids_execute_once_and_must_not_have_gaps,
    any_error_aborts_the_transaction,
    a_transaction_past_its_timeout_is_aborted,
    duplicate_sessions_and_mismatched_modes_are_refused,
    a_session_stays_with_its_first_container,
    dropping_a_container_waits_for_its_transactions,
    a_row_put_and_removed_in_one_transaction_blocks_nobody,
    many_rows_are_atomic_only_in_a_transaction,
    many_rows_wait_for_a_lock_as_a_whole,
    four_clients_lose_no_increment,
    of_four_racing_clients_one_inserts_and_one_removes,
}
