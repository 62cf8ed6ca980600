//! Queries.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test")]

mod common;

use common::server::{Server, on_every_server};
use common::{Bytes, Client, Mode, QUERY_TQL, Table};
use griddb_test_node::{Options, TestNode};

/// Ten rows `k0` to `k9` with the numbers 0 to 9, and one with an awkward key and the number 100.
async fn filled(server: &Server) -> (Client, Table) {
    let mut client = server.client().await;
    let table = server.table(&mut client, "filled").await;
    for number in 0..10 {
        client.put(table, &format!("k{number}"), number).await;
    }
    client.put(table, "it's \\ \"%_", 100).await;
    (client, table)
}

async fn conditions_match_the_right_rows(server: &Server) {
    let (mut client, table) = filled(server).await;
    let cases: &[(&str, &[i64])] = &[
        ("select * where n >= 3 and n < 5 or n = 9", &[3, 4, 9]),
        ("select * where not n > 1", &[0, 1]),
        ("select * where not (n < 8 or n = 100)", &[8, 9]),
        ("SELECT * FROM filled WHERE k = 'k3'", &[3]),
        ("select * from \"filled\" where 3 = n", &[3]),
        ("select * where k = 'it''s \\ \"%_'", &[100]),
        ("select * where k like 'k%' and n < 2", &[0, 1]),
        ("select * where k like '%\\ _\\%%'", &[]),
        ("select * where k like '%!%!_' escape '!'", &[100]),
        ("select * where n is null", &[]),
        ("select * where n is not null and n > 50", &[100]),
        ("select * where n <> 1 and n != 2 and n <= 3", &[0, 3]),
        ("select * where n + 1 = 4 or n * 2 = 10 or n % 7 = 6", &[3, 5, 6]),
        ("select * where n = -1 + 3", &[2]),
        ("select * where upper(k) = 'K4'", &[4]),
        ("select * where n = 5 -- and nothing else", &[5]),
        ("select * order by n desc limit 3", &[100, 9, 8]),
        ("select * order by v, n desc limit 2 offset 1;", &[9, 8]),
        ("select * limit 0", &[]),
        ("select * where n > 2.5 and n < 4.5", &[3, 4]),
        ("select * where n = 99999999999999999999", &[]),
        ("select * where timestamp('2023-11-14T22:13:20Z') = to_timestamp_ms(1700000000000) and n = 1", &[1]),
        ("select * where n = null", &[]),
    ];
    for (tql, expected) in cases {
        let tql = tql.replace("filled", &server.name("filled"));
        assert_eq!(client.query(table, &tql).await.as_deref(), Ok(*expected), "{tql}");
    }
}

#[tokio::test]
async fn now_is_the_configured_clock() {
    let node = TestNode::start(Options::new().clock(|| 1_700_000_000_000)).await.unwrap();
    let mut client = Client::open(node.address()).await;
    let table = client.table("t", 128).await;
    client.put(table, "k", 1).await;
    for (tql, count) in [
        ("select * where now() = to_timestamp_ms(1700000000000)", 1),
        ("select * where timestamp('2023-11-14T22:13:20Z') < now()", 0),
    ] {
        assert_eq!(client.query(table, tql).await.unwrap().len(), count, "{tql}");
    }
}

async fn refused_queries_have_the_servers_code(server: &Server) {
    let (mut client, table) = filled(server).await;
    let cases = [
        (150010, "select * from other"),
        (150010, "select * from \"FILLED\""),
        (150012, "select * where zz = 1"),
        (150012, "select * where \"K\" = 'k1'"),
        (150012, "select * where k = \"k1\""),
        (150014, "select * where abs(n) = 1"),
        (150018, "select * where n = '1'"),
        (150018, "select * where k < 'a'"),
        (150018, "select * where n = now()"),
        (150019, "select * where n"),
        (150020, "select max(k)"),
        (151001, "select k, n"),
        (151001, "select * where n in (1, 2)"),
        (151001, "select * where n between 1 and 2"),
        (151001, "select * where k || 'x' = 'a'"),
        (151001, "select * where k = 'a\\'b'"),
        (151001, "select * limit 1, 2"),
        (151001, "select * limit -1"),
        (151001, "select * where n = 1; select *"),
        (151002, "select * where n ="),
        (151002, "select * where k = 'open"),
        (151002, "select * where n = ?"),
        (151005, "select count(*) order by n"),
        (152010, "select * where now() = timestamp('junk')"),
        (152012, "select * where now() = to_timestamp_ms(-1)"),
        (1041, "select * where k = 'a\0b'"),
    ];
    for (code, tql) in cases {
        let tql = tql.replace("FILLED", &server.name("filled").to_uppercase());
        assert_eq!(client.query(table, &tql).await, Err(code), "{tql}");
    }
}

async fn ask(client: &mut Client, table: Table, tql: &str, page: i64) -> Vec<u8> {
    let body = client.row_head(table, Mode::AUTO).i64(i64::MAX).i64(page).u8(0).i32(0).string(tql);
    let answer = client.call(QUERY_TQL, table.partition, body).await;
    assert_eq!(answer.status, 0, "{:?}", answer.error());
    answer.body
}

async fn aggregates_have_the_right_type(server: &Server) {
    let (mut client, table) = filled(server).await;
    let found = |kind: u8, value: &[u8]| {
        let size = 9 + value.len() as i32;
        Bytes::new().i32(1).u8(1).i32(size).i64(1).u8(kind).raw(value).0
    };
    let nothing = Bytes::new().i32(1).u8(1).i32(8).i64(0).0;
    let cases = [
        ("select count(*)", found(5, &11_i64.to_le_bytes())),
        ("select count(n) where n < 3", found(5, &3_i64.to_le_bytes())),
        ("select max(n)", found(5, &100_i64.to_le_bytes())),
        ("select min(n) where n > 4", found(5, &5_i64.to_le_bytes())),
        ("select sum(n) where n < 5", found(5, &10_i64.to_le_bytes())),
        ("select avg(n) where n < 4", found(7, &1.5_f64.to_le_bytes())),
        ("select max(n) where n > 1000", nothing.clone()),
        ("select avg(n) where n > 1000", nothing),
    ];
    for (tql, expected) in cases {
        assert_eq!(ask(&mut client, table, tql, i64::MAX).await, expected, "{tql}");
    }
}

async fn a_result_is_read_page_by_page(server: &Server) {
    let (mut client, table) = filled(server).await;
    let first = ask(&mut client, table, "select * order by n", 4).await;
    assert_eq!((first[0], first[4]), (2, 3));
    let total = i64::from_le_bytes(first[9..17].try_into().unwrap());
    let set = i64::from_le_bytes(first[17..25].try_into().unwrap());
    assert_eq!(total, 11);
    let mut pages = Vec::new();
    for (from, count) in [(4, 4), (8, 100), (8, 1)] {
        let body = client.row_head(table, Mode::AUTO).i64(set).i64(from).i64(count);
        pages.push(client.call(151, table.partition, body).await);
    }
    // closed, the offset base, the number of rows
    assert_eq!(pages[0].body[..17], Bytes::new().u8(0).i64(0).i64(4).0);
    assert_eq!(pages[1].body[..17], Bytes::new().u8(1).i64(0).i64(3).0);
    assert_eq!(pages[2].error(), Some((60132, "DS_DS_RESULT_ID_INVALID".into())));
    // a result of a single page is not kept
    assert_eq!(ask(&mut client, table, "select *", 11).await[..5], [1, 0, 0, 0, 0]);
}

async fn a_query_in_a_session_locks_the_rows_it_returns_and_no_others(server: &Server) {
    let (mut client, table) = filled(server).await;
    let body = client.row_head(table, Mode::begin(1).for_update()).i64(i64::MAX).i64(i64::MAX).u8(0).i32(0);
    let answer =
        client.call_with(QUERY_TQL, table.partition, 1, body.string("select * where n > 5 limit 2")).await;
    assert_eq!(answer.status, 0);
    let mut other = server.client().await;
    let mut codes = Vec::new();
    for key in ["k5", "k6", "k7", "k8"] {
        codes.push(other.try_put(table, key, 0, Mode::AUTO.timeout(0)).await.code());
    }
    assert_eq!(codes, [0, 60166, 60166, 0]);
}

on_every_server! { super::Options::new();
    conditions_match_the_right_rows,
    refused_queries_have_the_servers_code,
    aggregates_have_the_right_type,
    a_result_is_read_page_by_page,
    a_query_in_a_session_locks_the_rows_it_returns_and_no_others,
}
