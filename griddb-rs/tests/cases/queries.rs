use griddb_rs::{Client, ErrorKind, Timestamp, Value, tql};

use super::*;

async fn numbered(client: &Client, count: i64) -> Collection {
    let rows = client.open_or_create(&unique("Numbered"), &four_columns().index("n")).await.unwrap();
    let many: Vec<_> = (0..count)
        .map(|n| (format!("key{n:05}"), format!("text {n}"), n, Timestamp::from_millis(n * 1000)))
        .collect();
    for some in many.chunks(500) {
        rows.put_many(some).await.unwrap();
    }
    rows
}

pub async fn rows_and_limits(client: Client) {
    let rows = numbered(&client, 20).await;
    let found = rows.query("select * where n >= 15 order by n").rows().await.unwrap();
    let numbers: Vec<i64> = found.iter().map(|row| row.get("n").unwrap()).collect();
    assert_eq!(numbers, [15, 16, 17, 18, 19]);
    assert_eq!(found[0].get::<&str>("k").unwrap(), "key00015");
    assert_eq!(rows.query("select * where n > 100").rows().await.unwrap(), []);
    assert_eq!(rows.query("select * order by n").limit(3).rows().await.unwrap().len(), 3);
    let before = Timestamp::from_millis(5000);
    let tql = tql::bind("select * where t < ? order by n desc", &[&before]).unwrap();
    let read: Vec<(String, String, i64, Timestamp)> = rows.query(tql).rows_as().await.unwrap();
    assert_eq!(read[0], ("key00004".into(), "text 4".into(), 4, Timestamp::from_millis(4000)));
    drop_it(&client, rows).await;
}

pub async fn aggregates_and_plans(client: Client) {
    let rows = numbered(&client, 10).await;
    let ask = async |tql: &str| rows.query(tql).value().await.unwrap();
    assert_eq!(ask("select count(*)").await, Some(Value::Long(10)));
    assert_eq!(ask("select max(n)").await, Some(Value::Long(9)));
    assert_eq!(ask("select avg(n)").await, Some(Value::Double(4.5)));
    assert_eq!(ask("select max(n) where n > 100").await, None);
    assert_eq!(rows.query("select *").value().await.unwrap_err().kind(), ErrorKind::Query);
    drop_it(&client, rows).await;
}

pub async fn pages(client: Client) {
    let rows = numbered(&client, 25).await;
    let query = rows.query("select * order by n");
    let mut pages = query.pages(10).await.unwrap();
    let mut sizes = Vec::new();
    let mut next = 0;
    while let Some(page) = pages.next().await.unwrap() {
        sizes.push(page.len());
        for row in page {
            assert_eq!(row.get::<i64>("n").unwrap(), next);
            assert_eq!(row.get::<String>("v").unwrap(), format!("text {next}"));
            next += 1;
        }
    }
    assert_eq!(sizes, [10, 10, 5]);
    assert!(pages.next().await.unwrap().is_none());
    let mut short = query.pages(100).await.unwrap();
    assert_eq!(short.next().await.unwrap().unwrap().len(), 25);
    assert!(short.next().await.unwrap().is_none());
    let none = rows.query("select * where n > 100").pages(10).await.unwrap().next().await.unwrap();
    assert!(none.unwrap().is_empty());
    let mut left = query.pages(10).await.unwrap();
    left.next().await.unwrap();
    drop(left);
    assert!(rows.get("key00001").await.unwrap().is_some());
    drop_it(&client, rows).await;
}

pub async fn steps(client: Client) {
    let rows = numbered(&client, 3000).await;
    let mut steps = rows.query("select *").steps(20_000).await.unwrap();
    let mut numbers = Vec::new();
    let mut parts = 0;
    while let Some(part) = steps.next().await.unwrap() {
        parts += 1;
        numbers.extend(part.iter().map(|row| row.get::<i64>("n").unwrap()));
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (0..3000).collect::<Vec<_>>());
    assert!(parts > 1, "{parts}");
    drop_it(&client, rows).await;
}

pub async fn literals_stay_literals(client: Client) {
    let rows = four_column_collection(&client).await;
    let texts =
        ["it's", "'", "''", "\\'", "\"", "x' or 'a' = 'a", "--", "%", "line\nbreak", "\u{1f600} \u{e4}", "?"];
    for (text, number) in texts.iter().zip(0i64..) {
        rows.put((format!("k{number}"), text, number, None::<Timestamp>)).await.unwrap();
    }
    for (text, number) in texts.iter().zip(0i64..) {
        let tql = tql::bind("select * where v = ?", &[text]).unwrap();
        let found = rows.query(tql).rows().await.unwrap();
        assert_eq!(found.len(), 1, "{text}");
        assert_eq!(found[0].get::<i64>("n").unwrap(), number);
    }
    drop_it(&client, rows).await;
}

pub async fn refused_queries(client: Client) {
    let rows = four_column_collection(&client).await;
    for tql in ["select", "select * where nosuch = 1", "select * where k =", "select * where n = 'x'"] {
        let refused = rows.query(tql).rows().await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Query, "{tql}: {refused}");
        assert!(!refused.to_string().contains("nosuch"));
    }
    assert_eq!(rows.query("select * where k = '\0'").rows().await.unwrap_err().kind(), ErrorKind::Input);
    drop_it(&client, rows).await;
}
