use std::time::Duration;

use griddb_rs::{Array, Client, ColumnType, Durability, ErrorKind, Schema, Timestamp, Value};

use super::*;

pub async fn put_get_remove(client: Client) {
    let rows = four_column_collection(&client).await;
    let time = Timestamp::from_millis(1_700_000_000_123);
    assert!(!rows.put(("a", "one", 1i64, time)).await.unwrap());
    assert!(rows.put(("a", None::<&str>, Some(-1i64), None::<Timestamp>)).await.unwrap());
    let row = rows.get("a").await.unwrap().unwrap();
    assert_eq!(
        row.read::<(String, Option<String>, i64, Option<Timestamp>)>().unwrap(),
        ("a".into(), None, -1, None)
    );
    rows.put(("b", "", 2i64, time)).await.unwrap();
    let (_, text, number, read): (String, String, i64, Timestamp) = rows.get_as("b").await.unwrap().unwrap();
    assert_eq!((text.as_str(), number, read), ("", 2, time));
    assert!(rows.get("c").await.unwrap().is_none());
    assert!(rows.remove("a").await.unwrap());
    assert!(!rows.remove("a").await.unwrap());
    assert!(rows.get("a").await.unwrap().is_none());
    let written = rows.remove_at("b").await.unwrap();
    assert!(written.existed());
    assert_eq!(rows.owner().await.unwrap(), Some(written.node()));
    drop_it(&client, rows).await;
}

pub async fn insert_has_one_winner(client: Client) {
    let rows = four_column_collection(&client).await;
    let tries = (0..32i64).map(|n| {
        let rows = rows.clone();
        tokio::spawn(async move { (n, rows.insert(("k", None::<&str>, n, None::<Timestamp>)).await) })
    });
    let mut winners = Vec::new();
    for tried in tries.collect::<Vec<_>>() {
        match tried.await.unwrap() {
            (n, Ok(())) => winners.push(n),
            (_, Err(error)) => assert!(error.is_key_exists() && !error.is_outcome_unknown(), "{error}"),
        }
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(rows.get("k").await.unwrap().unwrap().get::<i64>("n").unwrap(), winners[0]);
    rows.insert_distinct(row("own", "x", 1)).await.unwrap();
    assert!(rows.insert_distinct(row("own", "x", 1)).await.unwrap_err().is_key_exists());
    drop_it(&client, rows).await;
}

pub async fn update_existing_requires_a_row(client: Client) {
    let rows = four_column_collection(&client).await;
    let missing = rows.update_existing(row("k", "x", 1)).await.unwrap_err();
    assert!(missing.is_key_missing(), "{missing}");
    rows.put(row("k", "x", 1)).await.unwrap();
    rows.update_existing(row("k", "y", 2)).await.unwrap();
    assert_eq!(rows.get("k").await.unwrap().unwrap().get::<&str>("v").unwrap(), "y");
    drop_it(&client, rows).await;
}

pub async fn take_returns_the_row_to_one_caller(client: Client) {
    let rows = four_column_collection(&client).await;
    rows.put(row("k", "x", 7)).await.unwrap();
    let before = client.stats().round_trips;
    let taken = rows.take("k").await.unwrap().unwrap();
    assert_eq!(client.stats().round_trips - before, 1);
    assert_eq!(taken.get::<i64>("n").unwrap(), 7);
    assert!(rows.take("k").await.unwrap().is_none());
    rows.put(row("k", "x", 7)).await.unwrap();
    let takes: Vec<_> = (0..32)
        .map(|_| {
            let rows = rows.durability(Durability::Flush);
            tokio::spawn(async move { rows.take("k").await.unwrap().is_some() })
        })
        .collect();
    let mut winners = 0;
    for taken in takes {
        winners += u32::from(taken.await.unwrap());
    }
    assert_eq!(winners, 1);
    drop_it(&client, rows).await;
}

pub async fn many_at_once(client: Client) {
    let rows = four_column_collection(&client).await;
    let keys: Vec<String> = (0..500).map(|n| format!("key{n:04}")).collect();
    let many: Vec<_> =
        keys.iter().zip(0i64..).map(|(key, n)| (key, None::<&str>, n, None::<Timestamp>)).collect();
    let before = client.stats().round_trips;
    rows.put_many(&many).await.unwrap();
    let mut asked = keys.clone();
    asked.insert(250, "missing".into());
    let read = rows.get_many(&asked).await.unwrap();
    assert_eq!(client.stats().round_trips - before, 2);
    assert!(read[250].is_none());
    for (position, row) in read.iter().flatten().enumerate() {
        assert_eq!(row.get::<i64>("n").unwrap(), position as i64);
    }
    let removed = rows.durability(Durability::Flush).remove_many(&asked).await.unwrap();
    assert_eq!(removed.iter().filter(|removed| **removed).count(), 500);
    assert!(!removed[250]);
    assert_eq!(rows.query("select count(*)").value().await.unwrap(), Some(Value::Long(0)));
    drop_it(&client, rows).await;
}

pub async fn every_column_type(client: Client) {
    use ColumnType as T;
    let mut schema = Schema::new().key("id", T::Long);
    for (name, column_type) in [
        ("s", T::String),
        ("b", T::Bool),
        ("y", T::Byte),
        ("h", T::Short),
        ("i", T::Integer),
        ("f", T::Float),
        ("d", T::Double),
        ("t", T::Timestamp),
        ("bl", T::Blob),
        ("tu", T::TimestampMicros),
        ("tn", T::TimestampNanos),
    ] {
        schema = schema.nullable(name, column_type);
    }
    schema = schema
        .nullable_array("al", T::Long)
        .nullable_array("ab", T::Bool)
        .nullable_array("at", T::Timestamp)
        .nullable_array("as", T::String);
    let rows = client.open_or_create(&unique("Types"), &schema).await.unwrap();
    let time = Timestamp::from_millis(1_700_000_000_123);
    let full = vec![
        Value::from(1i64),
        "h\u{e9}llo".into(),
        true.into(),
        i8::MIN.into(),
        i16::MIN.into(),
        i32::MIN.into(),
        1.5f32.into(),
        f64::MIN_POSITIVE.into(),
        time.into(),
        Value::Blob(vec![0u8, 1, 255].into()),
        Timestamp::from_micros(1_700_000_000_123_456).into(),
        Timestamp::from_seconds(1_700_000_000, 123_456_789).into(),
        Value::Array(Array::Long(vec![i64::MIN, 0, i64::MAX].into())),
        Value::Array(Array::Bool(vec![true, false].into())),
        Value::Array(Array::Timestamp(vec![time].into())),
        Value::Array(Array::String(vec!["".into(), "x".into()])),
    ];
    let mut nulls = vec![Value::Null; full.len()];
    nulls[0] = 2i64.into();
    let mut empties = nulls.clone();
    empties[0] = 3i64.into();
    empties[1] = "".into();
    empties[9] = Value::Blob(Vec::new().into());
    empties[12] = Value::Array(Array::Long(Vec::new().into()));
    for row in [&full, &nulls, &empties] {
        rows.put(row).await.unwrap();
    }
    for (key, row) in [(1i64, &full), (2, &nulls), (3, &empties)] {
        assert_eq!(&rows.get(key).await.unwrap().unwrap().values().unwrap(), row);
    }
    let opened = client.open(&rows.name().to_string()).await.unwrap();
    assert_eq!(opened.schema(), rows.schema());
    drop_it(&client, rows).await;
}

pub async fn composite_keys(client: Client) {
    let schema = Schema::new()
        .key("a", ColumnType::String)
        .key("b", ColumnType::Long)
        .nullable("v", ColumnType::String);
    let rows = client.open_or_create(&unique("Pairs"), &schema).await.unwrap();
    rows.insert(("x", 7i64, "seven")).await.unwrap();
    rows.insert(("x", 8i64, "eight")).await.unwrap();
    assert_eq!(rows.get(("x", 7i64)).await.unwrap().unwrap().get::<&str>("v").unwrap(), "seven");
    assert_eq!(rows.get(("x", 7i32)).await.unwrap_err().kind(), ErrorKind::Input);
    assert_eq!(rows.get("x").await.unwrap_err().kind(), ErrorKind::Input);
    assert!(rows.remove(("x", 7i64)).await.unwrap());
    assert!(rows.get(("x", 7i64)).await.unwrap().is_none());
    assert!(rows.get(("x", 8i64)).await.unwrap().is_some());
    drop_it(&client, rows).await;
}

pub async fn columns_in_another_order(client: Client) {
    let name = unique("Order");
    let one = Schema::new()
        .key("k", ColumnType::String)
        .column("a", ColumnType::Long)
        .column("b", ColumnType::String)
        .column("c", ColumnType::String)
        .column("d", ColumnType::Integer);
    let two = Schema::new()
        .key("K", ColumnType::String)
        .column("d", ColumnType::Integer)
        .column("c", ColumnType::String)
        .column("b", ColumnType::String)
        .column("a", ColumnType::Long);
    let first = client.open_or_create(&name, &one).await.unwrap();
    let second = client.open_or_create(&name, &two).await.unwrap();
    first.put(("x", 1i64, "b", "c", 4i32)).await.unwrap();
    let row = second.get("x").await.unwrap().unwrap();
    assert_eq!(
        row.read::<(String, i32, String, String, i64)>().unwrap(),
        ("x".into(), 4, "c".into(), "b".into(), 1)
    );
    second.put(("y", 40i32, "cc", "bb", 10i64)).await.unwrap();
    let row = first.get("y").await.unwrap().unwrap();
    assert_eq!(row.get::<i64>("a").unwrap(), 10);
    assert_eq!((row.get::<&str>("b").unwrap(), row.get::<&str>("c").unwrap()), ("bb", "cc"));
    let rows = second.query("select * where a = 1").rows().await.unwrap();
    assert_eq!(rows[0].get::<i32>("d").unwrap(), 4);
    drop_it(&client, first).await;
}

pub async fn containers_with_the_same_affinity_share_a_partition(client: Client) {
    let base = unique("Spread");
    let mut spread = Vec::new();
    for number in 0..4u32 {
        let rows =
            client.open_or_create(&format!("{base}_{number:02}@{number}"), &four_columns()).await.unwrap();
        assert_eq!(rows.partition(), number % client.partitions());
        rows.put(row("k", "x", i64::from(number))).await.unwrap();
        spread.push(rows);
    }
    for (number, rows) in spread.into_iter().enumerate() {
        assert_eq!(rows.get("k").await.unwrap().unwrap().get::<i64>("n").unwrap(), number as i64);
        drop_it(&client, rows).await;
    }
}

pub async fn several_clients_open_a_container_at_once(client: Client) {
    let name = unique("Together");
    let schema = four_columns().index("t").index_on("by_v_n", &["v", "n"]);
    let opens: Vec<_> = (0..8)
        .map(|_| {
            let (client, name, schema) = (client.clone(), name.clone(), schema.clone());
            tokio::spawn(async move { client.open_or_create(&name, &schema).await.unwrap() })
        })
        .collect();
    for (opened, number) in opens.into_iter().zip(0i64..) {
        let rows = opened.await.unwrap();
        rows.put(row(&number.to_string(), "x", number)).await.unwrap();
    }
    let rows = client.open(&name.to_ascii_uppercase()).await.unwrap();
    assert_eq!(rows.query("select count(*)").value().await.unwrap(), Some(Value::Long(8)));
    drop_it(&client, rows).await;
}

pub async fn a_dropped_container_is_created_again(client: Client) {
    let rows = four_column_collection(&client).await;
    let name = rows.name().to_string();
    rows.put(row("k", "x", 1)).await.unwrap();
    let opened = client.open(&name).await.unwrap();
    client.drop_collection(&name).await.unwrap();
    assert_eq!(opened.get("k").await.unwrap_err().kind(), ErrorKind::ContainerMissing);
    assert!(rows.get("k").await.unwrap().is_none());
    rows.put(row("k", "x", 2)).await.unwrap();
    assert_eq!(opened.get("k").await.unwrap().unwrap().get::<i64>("n").unwrap(), 2);
    client.drop_collection(&name).await.unwrap();
    client.drop_collection(&name).await.unwrap();
    assert_eq!(client.open(&name).await.unwrap_err().kind(), ErrorKind::ContainerMissing);
}

pub async fn another_schema_is_refused(client: Client) {
    let rows = four_column_collection(&client).await;
    let name = rows.name().to_string();
    for other in [
        Schema::new().key("k", ColumnType::String),
        four_columns().nullable("more", ColumnType::Long),
        Schema::new()
            .key("k", ColumnType::String)
            .nullable("v", ColumnType::String)
            .nullable("n", ColumnType::Integer)
            .nullable("t", ColumnType::Timestamp),
    ] {
        let refused = client.open_or_create(&name, &other).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::SchemaMismatch, "{refused}");
    }
    assert_eq!(client.open_or_create("no good", &four_columns()).await.unwrap_err().kind(), ErrorKind::Input);
    assert_eq!(client.open_or_create("x", &Schema::new()).await.unwrap_err().kind(), ErrorKind::Input);
    drop_it(&client, rows).await;
}

pub async fn flushed_writes_take_one_round_trip(client: Client) {
    let rows = four_column_collection(&client).await;
    let flushed = rows.durability(Durability::Flush);
    let before = client.stats();
    flushed.put(row("a", "x", 1)).await.unwrap();
    flushed.insert(row("b", "x", 1)).await.unwrap();
    assert!(flushed.remove("a").await.unwrap());
    let after = client.stats();
    assert_eq!(after.round_trips - before.round_trips, 3);
    assert_eq!(after.statements - before.statements, 6);
    rows.flush().await.unwrap();
    assert!(flushed.insert(row("b", "x", 1)).await.unwrap_err().is_key_exists());
    drop_it(&client, rows).await;
}

pub async fn long_texts(client: Client) {
    let rows = four_column_collection(&client).await;
    let longest = "x".repeat(31_744);
    rows.put(row("k", &longest, 1)).await.unwrap();
    assert_eq!(rows.get("k").await.unwrap().unwrap().get::<&str>("v").unwrap(), longest);
    let refused = rows.put(row("k", &(longest + "x"), 1)).await.unwrap_err();
    assert_eq!((refused.kind(), refused.is_outcome_unknown()), (ErrorKind::Input, false), "{refused}");
    let refused = rows.put(row("k", "nul\0", 1)).await.unwrap_err();
    assert_eq!(refused.to_string(), "column `v` was given a text with a NUL character");
    drop_it(&client, rows).await;
}

pub async fn many_statements_in_flight(client: Client) {
    let rows = four_column_collection(&client).await;
    let connections = client.stats().connections;
    let tasks: Vec<_> = (0..64i64)
        .map(|task| {
            let rows = rows.clone();
            tokio::spawn(async move {
                for turn in 0..20 {
                    let key = format!("{task}-{turn}");
                    rows.put(row(&key, "text", task * turn)).await.unwrap();
                    let read = rows.get(&key).await.unwrap().unwrap();
                    assert_eq!(read.get::<i64>("n").unwrap(), task * turn);
                }
            })
        })
        .collect();
    for task in tasks {
        tokio::time::timeout(Duration::from_secs(60), task).await.unwrap().unwrap();
    }
    assert_eq!(rows.query("select count(*)").value().await.unwrap(), Some(Value::Long(64 * 20)));
    assert_eq!(client.stats().connections, connections);
    drop_it(&client, rows).await;
}

pub async fn flushes_are_shared(client: Client) {
    let rows = four_column_collection(&client).await.durability(Durability::Flush);
    let before = client.stats();
    let puts: Vec<_> = (0..200i64)
        .map(|n| {
            let rows = rows.clone();
            tokio::spawn(async move { rows.put(row(&n.to_string(), "x", n)).await })
        })
        .collect();
    for put in puts {
        assert!(!put.await.unwrap().unwrap());
    }
    let after = client.stats();
    let flushes = after.statements - before.statements - 200;
    assert_eq!(after.round_trips - before.round_trips, 200);
    assert!((1..100).contains(&flushes), "{flushes}");
    drop_it(&client, rows).await;
}
