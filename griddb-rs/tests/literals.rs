//! Values in queries, next to every kind of neighbour: a bound value is found and changes nothing else. Runs on
//! the simulator and on the server named by `GRIDAUTH_TEST_GRIDDB`.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use griddb_rs::{Client, Collection, ColumnType, Schema, Timestamp, ToValue, tql};
use griddb_test_node::{Options, TestNode};

async fn node() -> (TestNode, Client) {
    let node = TestNode::start(Options::new()).await.unwrap();
    let client = Client::connect(&format!("griddb://admin:admin@{}/gridauth", node.address())).await.unwrap();
    (node, client)
}

/// If there is none, `real_server.rs` reports it.
async fn real_server() -> Option<Client> {
    let url = std::env::var("GRIDAUTH_TEST_GRIDDB").ok()?;
    Some(Client::connect(&url).await.unwrap())
}

fn schema() -> Schema {
    Schema::new()
        .key("k", ColumnType::String)
        .column("b", ColumnType::Byte)
        .column("s", ColumnType::Short)
        .column("i", ColumnType::Integer)
        .column("n", ColumnType::Long)
        .column("f", ColumnType::Float)
        .column("d", ColumnType::Double)
        .column("t", ColumnType::Timestamp)
        .column("u", ColumnType::TimestampMicros)
        .column("v", ColumnType::TimestampNanos)
}

async fn collection(client: &Client) -> Collection {
    #[allow(clippy::disallowed_methods, reason = "a name that no other run has")]
    let time = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    client.open_or_create(&format!("Literals_{time:x}"), &schema()).await.unwrap()
}

async fn drop_it(client: &Client, rows: Collection) {
    client.drop_collection(&rows.name().to_string()).await.unwrap();
}

fn time() -> Timestamp {
    Timestamp::from_seconds(1_700_000_000, 123_456_789)
}

/// Runs a query template in which `X` is a column and each `V` is the same value.
async fn found(rows: &Collection, template: &str, column: &str, value: &dyn ToValue) -> Vec<String> {
    let values = vec![value; template.matches('V').count()];
    let bound = tql::bind(&template.replace('X', column).replace('V', "?"), &values).unwrap();
    let answer = rows.query(bound.clone()).rows().await;
    answer
        .map_err(|error| format!("{bound}: {error}"))
        .unwrap()
        .iter()
        .map(|row| row.get("k").unwrap())
        .collect()
}

async fn numbers_next_to_anything(client: Client) {
    let rows = collection(&client).await;
    rows.put(("low", i8::MIN, i16::MIN, i32::MIN, i64::MIN, -1.5f32, -1.0e300, time(), time(), time()))
        .await
        .unwrap();
    rows.put(("mid", -5i8, -5i16, -5i32, -5i64, 0.25f32, -1.0e-300, time(), time(), time())).await.unwrap();
    rows.put(("high", i8::MAX, i16::MAX, i32::MAX, i64::MAX, 1e30f32, f64::MAX, time(), time(), time()))
        .await
        .unwrap();
    let values: [(&str, [&dyn ToValue; 3]); 6] = [
        ("b", [&i8::MIN, &-5i8, &i8::MAX]),
        ("s", [&i16::MIN, &-5i16, &i16::MAX]),
        ("i", [&i32::MIN, &-5i32, &i32::MAX]),
        ("n", [&i64::MIN, &-5i64, &i64::MAX]),
        ("f", [&-1.5f32, &0.25f32, &1e30f32]),
        ("d", [&-1.0e300, &-1.0e-300, &f64::MAX]),
    ];
    for (column, values) in values {
        for (value, key) in values.into_iter().zip(["low", "mid", "high"]) {
            for template in [
                "select * where X=V",
                "select * where (X=V)",
                "select * where V=X",
                "select * where X-V=0",
                "select * where X=Vand X=V",
                "select * where X=V--?",
                "select * where X=V -- isn't ?\nand X=V",
                "select * where X=V and k<>'?'",
            ] {
                assert_eq!(found(&rows, template, column, value).await, [key], "{template} {column}");
            }
        }
    }
    drop_it(&client, rows).await;
}

async fn conditions_after_a_number_apply(client: Client) {
    let rows = collection(&client).await;
    rows.put(("mine", 0i8, 0i16, 0i32, 7i64, 0f32, 0f64, time(), time(), time())).await.unwrap();
    rows.put(("yours", 0i8, 0i16, 0i32, 7i64, 0f32, 0f64, time(), time(), time())).await.unwrap();
    let bound = tql::bind("select * where n-? > 0 and k = ?", &[&-5i64, &"mine"]).unwrap();
    let found = rows.query(bound).rows().await.unwrap();
    assert_eq!(found.iter().map(|row| row.get("k").unwrap()).collect::<Vec<&str>>(), ["mine"]);
    drop_it(&client, rows).await;
}

async fn texts_next_to_anything(client: Client) {
    let rows = collection(&client).await;
    for text in ["it's", "'", "--", "/*", "?", "\\", "\"", "a' or 'a'='a", "ab"] {
        rows.put((text, 0i8, 0i16, 0i32, 0i64, 0f32, 0f64, time(), time(), time())).await.unwrap();
        for template in [
            "select * where X=V",
            "select * where V=X",
            "select * where X=Vand X=V",
            "select * where X=V--'",
            "select * where X=V -- isn't ?\nand X=V",
            "select * where \"k\"=V",
        ] {
            assert_eq!(found(&rows, template, "k", &text).await, [text], "{template}");
        }
    }
    drop_it(&client, rows).await;
}

/// The simulator supports neither the functions for finer times nor `/* */` comments.
async fn syntax_only_a_real_server_supports(client: Client) {
    let rows = collection(&client).await;
    rows.put(("k", 0i8, 0i16, 0i32, -5i64, 0f32, 0f64, time(), time(), time())).await.unwrap();
    rows.put((
        "z",
        0i8,
        0i16,
        0i32,
        7i64,
        0f32,
        0f64,
        Timestamp::default(),
        Timestamp::default(),
        Timestamp::default(),
    ))
    .await
    .unwrap();
    for (column, time) in [("t", time().floor_to_millis()), ("u", time().floor_to_micros()), ("v", time())] {
        for template in [
            "select * where X=V",
            "select * where V=X",
            "select * where (X=V)and X>=V",
            "select * where X=V/*?'*/",
        ] {
            assert_eq!(found(&rows, template, column, &time).await, ["k"], "{template} {column}");
        }
        let row = rows.get("k").await.unwrap().unwrap();
        assert_eq!(row.get::<Timestamp>(column).unwrap(), time);
    }
    for template in ["select * where n-?/* don't */=0", "select /*?*/* where n=/**/?"] {
        let bound = tql::bind(template, &[&-5i64]).unwrap();
        assert_eq!(rows.query(bound).rows().await.unwrap().len(), 1, "{template}");
    }
    drop_it(&client, rows).await;
}

macro_rules! on_both {
    ($($case:ident $on_the_server:ident;)*) => {$(
        #[tokio::test]
        async fn $case() {
            let (_node, client) = node().await;
            super::$case(client).await;
        }

        #[tokio::test]
        async fn $on_the_server() {
            if let Some(client) = real_server().await {
                super::$case(client.clone()).await;
                client.close().await;
            }
        }
    )*};
}

mod each {
    use super::{node, real_server};

    on_both! {
        numbers_next_to_anything numbers_beside_anything_on_the_server;
        conditions_after_a_number_apply conditions_behind_a_number_count_on_the_server;
        texts_next_to_anything texts_beside_anything_on_the_server;
    }

    #[tokio::test]
    async fn syntax_only_a_real_server_supports() {
        if let Some(client) = real_server().await {
            super::syntax_only_a_real_server_supports(client.clone()).await;
            client.close().await;
        }
    }
}
