//! Creating and altering containers, and the limits of names.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test")]

mod common;

use common::server::{Server, on_every_server};
use common::{
    Answer, Bytes, COMMIT, Client, Mode, PUT_CONTAINER, PUT_ROW, Table, container_key, partition_of,
};
use griddb_test_node::Options;
use std::time::Duration;

const STRING: u8 = 0;
const LONG: u8 = 5;
const NOT_NULL: u8 = 4;

/// A container with the key `k` and these other columns.
async fn put_container(
    client: &mut Client,
    server: &Server,
    name: &str,
    columns: &[(&str, u8, u8)],
    modifiable: bool,
) -> Answer {
    put_with(client, server, name, columns, modifiable, Bytes::new().i32(0)).await
}

async fn put_with(
    client: &mut Client,
    server: &Server,
    name: &str,
    columns: &[(&str, u8, u8)],
    modifiable: bool,
    options: Bytes,
) -> Answer {
    let partition = partition_of(name, server.partitions);
    let body = options.raw(&container_key(name).0).u8(0).u8(u8::from(modifiable));
    let mut body = body.i32(1 + columns.len() as i32).string("k").u8(STRING).u8(NOT_NULL);
    for (name, kind, flags) in columns {
        body = body.string(name).u8(*kind).u8(*flags);
    }
    client.call(PUT_CONTAINER, partition, body.i16(1).i16(0).string("")).await
}

/// Version, id and number of columns.
fn made(answer: &Answer) -> (i32, i64, i32) {
    assert_eq!(answer.status, 0, "{:?}", answer.error());
    let body = &answer.body;
    let int = |at: usize| i32::from_le_bytes(body[at..at + 4].try_into().unwrap());
    let id = i64::from_le_bytes(body[4..12].try_into().unwrap());
    // the key with its size, in one byte or in four
    let key = if body[12] & 1 == 1 { 1 + usize::from(body[12] >> 1) } else { 4 + (int(12) as usize >> 2) };
    (int(0), id, int(12 + key))
}

const V_AND_N: &[(&str, u8, u8)] = &[("v", STRING, 0), ("n", LONG, 0)];
const ONE_MORE: &[(&str, u8, u8)] = &[("v", STRING, 0), ("n", LONG, 0), ("x", LONG, 0)];

async fn a_container_is_altered_only_on_request(server: &Server) {
    let mut client = server.client().await;
    let table = server.table(&mut client, "t").await;
    let name = server.name("t");
    client.put(table, "a", 7).await;
    let same = made(&put_container(&mut client, server, &name, V_AND_N, false).await);
    assert_eq!(same, (0, table.id, 3));
    assert_eq!(put_container(&mut client, server, &name, ONE_MORE, false).await.code(), 60016);
    let more = made(&put_container(&mut client, server, &name, ONE_MORE, true).await);
    assert_eq!(more, (1, table.id, 4));
    // a client that knows the old columns must open it again
    assert_eq!(client.try_get(table, "a", Mode::AUTO).await.code(), 10017);
    assert_eq!(client.try_put(table, "a", 1, Mode::AUTO).await.code(), 10017);
    let other_type = &[("v", LONG, 0), ("n", LONG, 0)];
    assert_eq!(put_container(&mut client, server, &name, other_type, true).await.code(), 60149);
    // a column that is not named is dropped
    let less = made(&put_container(&mut client, server, &name, &V_AND_N[..1], true).await);
    assert_eq!(less, (2, table.id, 2));
}

async fn altering_a_container_waits_for_its_transactions(server: &Server) {
    let (mut client, mut other) = (server.client().await, server.client().await);
    let table = server.table(&mut client, "t").await;
    let name = server.name("t");
    let put = client.put_body(table, "a", 1, Mode::begin(1));
    assert_eq!(client.call_with(PUT_ROW, table.partition, 1, put).await.code(), 0);
    let at_once = || Bytes::new().i32(6).i16(1).i32(0);
    let refused = put_with(&mut other, server, &name, ONE_MORE, true, at_once()).await;
    assert_eq!(refused.code(), 60166);
    assert_eq!(client.end(COMMIT, table, 1, 2).await.code(), 0);
    made(&put_with(&mut other, server, &name, ONE_MORE, true, at_once()).await);
}

/// A name for this case with this many bytes.
fn long_name(server: &Server, base: &str, length: usize) -> String {
    let name = server.name(base);
    format!("{name}{}", "z".repeat(length - name.len()))
}

async fn names_have_limits(server: &Server) {
    let mut client = server.client().await;
    let longest = long_name(server, "long", 16_384);
    server.is_made(&longest, partition_of(&longest, server.partitions));
    made(&put_container(&mut client, server, &longest, V_AND_N, false).await);
    assert_eq!(put_container(&mut client, server, &format!("{longest}z"), V_AND_N, false).await.code(), 1008);
    for name in ["a b", "a:b", "a$b", "a'b", "a#b", "\u{e4}"] {
        assert_eq!(put_container(&mut client, server, name, V_AND_N, false).await.code(), 1008, "{name}");
    }
    let column = "c".repeat(256);
    let name = server.name("column");
    server.is_made(&name, partition_of(&name, server.partitions));
    made(&put_container(&mut client, server, &name, &[(&column, LONG, 0)], false).await);
    let longer = format!("{column}c");
    let refused =
        put_container(&mut client, server, &server.name("longer"), &[(&longer, LONG, 0)], false).await;
    assert_eq!(refused.code(), 1008);
}

async fn a_container_has_at_most_1024_columns(server: &Server) {
    let mut client = server.client().await;
    let names: Vec<String> = (0..1024).map(|number| format!("c{number}")).collect();
    let columns: Vec<(&str, u8, u8)> = names.iter().map(|name| (name.as_str(), LONG, 0)).collect();
    let name = server.name("many");
    server.is_made(&name, partition_of(&name, server.partitions));
    assert_eq!(put_container(&mut client, server, &name, &columns, false).await.code(), 60015);
    assert_eq!(made(&put_container(&mut client, server, &name, &columns[1..], false).await).2, 1024);
}

/// Puts a row with that key as a statement of a session.
async fn put_in(client: &mut Client, table: Table, key: &str, session: Mode, id: i64) -> i32 {
    let body = client.put_body(table, key, 1, session);
    client.call_with(PUT_ROW, table.partition, id, body).await.code()
}

/// The timeout of the statement that created the session counts, whatever later ones say.
async fn a_transaction_lives_for_the_timeout_that_created_its_session(server: &Server) {
    let (mut long, mut short) = (server.client().await, server.client().await);
    let table = server.table(&mut long, "t").await;
    assert_eq!(put_in(&mut long, table, "long", Mode::begin(1).timeout(60), 1).await, 0);
    assert_eq!(put_in(&mut long, table, "long", Mode::go_on(1).timeout(1), 2).await, 0);
    assert_eq!(put_in(&mut short, table, "short", Mode::begin(1).timeout(1), 1).await, 0);
    assert_eq!(short.end(COMMIT, table, 1, 2).await.code(), 0);
    let next = Mode { session_mode: 2, ..Mode::begin(1) };
    assert_eq!(put_in(&mut short, table, "short", next.timeout(60), 3).await, 0);
    // past the short timeout and the check after it
    let seconds = if server.is_a_node() { Duration::from_millis(300) } else { Duration::from_millis(4500) };
    tokio::time::sleep(seconds).await;
    assert_eq!(short.end(COMMIT, table, 1, 4).await.code(), 110005);
    assert_eq!(long.end(COMMIT, table, 1, 3).await.code(), 0);
}

/// A second of this node is a tenth of a second.
fn options() -> Options {
    Options::new().second(Duration::from_millis(100)).check_interval(Duration::from_millis(10))
}

#[tokio::test]
async fn an_unused_session_expires_after_300_seconds() {
    let second = Duration::from_millis(2);
    let server = Server::on_a_node(Options::new().second(second).check_interval(second)).await;
    let mut client = server.client().await;
    let table = server.table(&mut client, "t").await;
    assert_eq!(put_in(&mut client, table, "a", Mode::begin(1).timeout(0), 1).await, 0);
    tokio::time::sleep(100 * second).await;
    // the transaction is aborted, and the session still exists
    assert_eq!(client.end(COMMIT, table, 1, 2).await.code(), 110005);
    tokio::time::sleep(350 * second).await;
    assert_eq!(client.end(COMMIT, table, 1, 2).await.code(), 110003);
}

on_every_server! { super::options();
    a_container_is_altered_only_on_request,
    altering_a_container_waits_for_its_transactions,
    names_have_limits,
    a_container_has_at_most_1024_columns,
    a_transaction_lives_for_the_timeout_that_created_its_session,
}
