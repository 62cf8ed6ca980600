//! TQL queries: rows, pages, a count, and a query plan.
//!
//! ```text
//! cargo run --example query -- griddb://admin:admin@127.0.0.1:10001/gridauth
//! ```

#![allow(clippy::print_stdout, unreachable_pub, reason = "an example")]

use griddb_rs::{Client, ColumnType, Error, Schema, Timestamp, tql};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("give a griddb:// URL")?;
    Ok(run(&url).await?)
}

/// The example itself, also run by the tests.
pub async fn run(url: &str) -> Result<(), Error> {
    let client = Client::connect(url).await?;
    let schema = Schema::new()
        .key("id", ColumnType::Long)
        .column("user", ColumnType::String)
        .column("at", ColumnType::Timestamp)
        .index("user")
        .index("at");
    let events = client.open_or_create("EXAMPLE_EVENTS", &schema).await?;
    let many: Vec<_> = (0..1000i64)
        .map(|id| (id, format!("o'user{}", id % 10), Timestamp::from_millis(id * 1000)))
        .collect();
    events.put_many(&many).await?;

    // A bound value is always read as a value.
    let of_user =
        tql::bind("select * where user = ? and at < ?", &[&"o'user7", &Timestamp::from_millis(100_000)])?;
    let rows: Vec<(i64, String, Timestamp)> = events.query(of_user.clone()).rows_as().await?;
    println!("{} events of the user, the first at {:?}", rows.len(), rows.first().map(|row| row.2));

    println!("{:?} events in all", events.query("select count(*)").value().await?);

    // For many rows: the server keeps the result, and every page is one round trip.
    let all = events.query("select * order by at desc");
    let mut pages = all.pages(300).await?;
    while let Some(page) = pages.next().await? {
        println!("a page of {} events", page.len());
    }

    for line in events.query(format!("explain {of_user}")).explain().await? {
        println!(
            "{:indent$}{} {}",
            "",
            line.kind,
            line.value,
            indent = usize::try_from(line.depth).unwrap_or(0) * 2
        );
    }

    client.drop_collection("EXAMPLE_EVENTS").await?;
    client.close().await;
    Ok(())
}
