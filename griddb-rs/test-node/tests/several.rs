//! Statements about several containers of one partition.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test")]

mod common;

use common::server::{Server, on_every_server};
use common::{Answer, Bytes, Client, QUERY_TQL, Table, container_key};
use griddb_test_node::Options;

const EXECUTE_MULTIPLE_QUERIES: i32 = 147;
const GET_MULTIPLE_CONTAINER_ROWS: i32 = 148;
const PUT_MULTIPLE_CONTAINER_ROWS: i32 = 149;

/// Two containers of one partition.
async fn pair(server: &Server) -> (Client, [Table; 2]) {
    let mut client = server.client().await;
    let tables = [server.table(&mut client, "x@3").await, server.table(&mut client, "y@3").await];
    (client, tables)
}

/// Option 7.
fn put_mode(mode: u8) -> Bytes {
    Bytes::new().i32(3).i16(7).u8(mode)
}

/// Option 2.
fn for_update() -> Bytes {
    Bytes::new().i32(3).i16(2).u8(1)
}

fn no_options() -> Bytes {
    Bytes::new().i32(0)
}

/// The columns of a container, and of another one whose number is a text.
fn columns(number: u8) -> Bytes {
    let columns = Bytes::new().i32(3).string("k").u8(0).u8(4).string("v").u8(0).u8(0);
    columns.string("n").u8(number).u8(0).i16(1).i16(0)
}

const LONG: u8 = 5;
const INTEGER: u8 = 4;

/// Two rows for each of the containers.
fn put(client: &Client, tables: &[Table], options: &Bytes, of_entries: &Bytes, columns: &Bytes) -> Bytes {
    let body = Bytes::new().raw(&client.uuid).raw(&options.0).i32(1).u8(0).raw(&columns.0);
    let mut body = body.i32(tables.len() as i32);
    for (table, statement) in tables.iter().zip(1..) {
        let rows = Bytes::new().i64(2).i64(0).u8(0).i64(1).i64(4).u8(0).i64(2);
        let rows = rows.varsize(2).sized(b"a").sized(b"").varsize(2).sized(b"b").sized(b"");
        body = body.i64(statement).i64(table.id).i64(0).u8(0).u8(0).raw(&of_entries.0);
        body = body.i32(0).i32(rows.0.len() as i32).raw(&rows.0);
    }
    body
}

async fn put_in_modes(client: &mut Client, tables: &[Table], options: Bytes, of_entries: Bytes) -> Answer {
    let body = put(client, tables, &options, &of_entries, &columns(LONG));
    client.call(PUT_MULTIPLE_CONTAINER_ROWS, tables[0].partition, body).await
}

async fn one_statement_puts_rows_into_several_containers(server: &Server) {
    let (mut client, tables) = pair(server).await;
    let answer = put_in_modes(&mut client, &tables, no_options(), no_options()).await;
    assert_eq!((answer.status, answer.body.len()), (0, 0), "{:?}", answer.error());
    for table in tables {
        assert_eq!(client.query(table, "select * order by n").await, Ok(vec![1, 2]));
    }
    // again: existing rows are replaced
    assert_eq!(put_in_modes(&mut client, &tables, no_options(), no_options()).await.code(), 0);
}

async fn the_put_mode_of_a_multi_put_is_the_statements(server: &Server) {
    let (mut client, tables) = pair(server).await;
    client.put(tables[1], "b", 9).await;
    // an entry has no put mode of its own
    assert_eq!(put_in_modes(&mut client, &tables[1..], no_options(), put_mode(1)).await.code(), 0);
    assert_eq!(client.get(tables[1], "b").await, Some(2));
    // rows before the existing one stay
    client.remove(tables[1], "a").await;
    let refused = put_in_modes(&mut client, &tables, put_mode(1), no_options()).await;
    assert_eq!(refused.status, 1);
    let mut there = Vec::new();
    for (table, key) in [(tables[0], "a"), (tables[0], "b"), (tables[1], "a")] {
        there.push(client.get(table, key).await);
    }
    assert_eq!(there, [Some(1), Some(2), Some(1)]);
}

async fn other_columns_are_refused(server: &Server) {
    let (mut client, tables) = pair(server).await;
    let body = put(&client, &tables, &no_options(), &no_options(), &columns(INTEGER));
    let refused = client.call(PUT_MULTIPLE_CONTAINER_ROWS, tables[0].partition, body).await;
    assert_eq!(refused.status, 1);
    assert_eq!(client.query(tables[0], "select *").await, Ok(vec![]));
}

/// A query with its options.
fn query(client: &Client, tables: [Table; 2], options: &Bytes, texts: [&str; 2]) -> Bytes {
    let mut body = Bytes::new().raw(&client.uuid).i32(0).i32(2);
    for (table, text) in tables.into_iter().zip(texts) {
        body = body.i32(QUERY_TQL).i64(1).i64(table.id).i64(0).i32(0).u8(0).u8(0).raw(&options.0);
        body = body.i64(i64::MAX).i64(i64::MAX).u8(0).i32(0).string(text);
    }
    body
}

async fn one_statement_runs_several_queries(server: &Server) {
    let (mut client, tables) = pair(server).await;
    put_in_modes(&mut client, &tables, no_options(), no_options()).await;
    let body = query(&client, tables, &no_options(), ["select * where n > 1", "select count(*)"]);
    let answer = client.call(EXECUTE_MULTIPLE_QUERIES, tables[0].partition, body).await;
    assert_eq!(answer.status, 0, "{:?}", answer.error());
    // each with its size: a row set of one row, and an aggregate
    let first = i64::from_le_bytes(answer.body[4..12].try_into().unwrap()) as usize;
    assert_eq!(answer.body[..4], 2_i32.to_le_bytes());
    assert_eq!(answer.body[12..17], [1, 0, 0, 0, 0]);
    assert_eq!(answer.body[21..29], 1_i64.to_le_bytes());
    let second = &answer.body[12 + first + 8..];
    let count = Bytes::new().i32(1).u8(1).i32(17).i64(1).u8(5).i64(2).0;
    assert_eq!(second, count);
}

async fn several_queries_lock_nothing(server: &Server) {
    let (mut client, tables) = pair(server).await;
    let body = query(&client, tables, &for_update(), ["select *", "select *"]);
    let refused = client.call(EXECUTE_MULTIPLE_QUERIES, tables[0].partition, body).await;
    assert_eq!(refused.error(), Some((10012, "TXN_STATEMENT_TYPE_NOT_EXECUTABLE".into())));
}

async fn one_statement_reads_keys_of_several_containers(server: &Server) {
    let (mut client, tables) = pair(server).await;
    client.put(tables[0], "a", 1).await;
    client.put(tables[0], "b", 2).await;
    client.put(tables[1], "a", 3).await;
    let mut body = Bytes::new().raw(&client.uuid).i32(0).i32(1);
    body = body.u8(0).u8(1).i32(3).sized(b"a").sized(b"b").sized(b"missing").i32(3);
    for name in ["x@3", "nosuch@3", "y@3"] {
        body = body.i32(0).raw(&container_key(&server.name(name)).0).i32(0);
    }
    let answer = client.call(GET_MULTIPLE_CONTAINER_ROWS, tables[0].partition, body).await;
    assert_eq!(answer.status, 0, "{:?}", answer.error());
    // both share one schema
    let schema = Bytes::new().u8(0).raw(&columns(LONG).0).0;
    assert_eq!(answer.body[..4], 1_i32.to_le_bytes());
    assert_eq!(answer.body[4..4 + schema.len()], schema);
    // rows of both, and nothing of the missing one
    let holds = |number: i64| answer.body.windows(8).any(|bytes| bytes == number.to_le_bytes());
    assert!((1..=3).all(holds));
    let missing = server.name("nosuch");
    assert!(!answer.body.windows(missing.len()).any(|bytes| bytes == missing.as_bytes()));
}

on_every_server! { super::Options::new();
    one_statement_puts_rows_into_several_containers,
    the_put_mode_of_a_multi_put_is_the_statements,
    other_columns_are_refused,
    one_statement_runs_several_queries,
    several_queries_lock_nothing,
    one_statement_reads_keys_of_several_containers,
}
