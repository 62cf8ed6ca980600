//! Atomic changes: one row with `update`, several rows with a transaction.
//!
//! ```text
//! cargo run --example transaction -- griddb://admin:admin@127.0.0.1:10001/gridauth
//! ```

#![allow(clippy::print_stdout, unreachable_pub, reason = "an example")]

use griddb_rs::{Change, Client, Collection, ColumnType, Error, Row, Schema};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("give a griddb:// URL")?;
    Ok(run(&url).await?)
}

/// The example itself, also run by the tests.
pub async fn run(url: &str) -> Result<(), Error> {
    let client = Client::connect(url).await?;
    let schema = Schema::new().key("name", ColumnType::String).column("balance", ColumnType::Long);
    let accounts = client.open_or_create("EXAMPLE_ACCOUNTS", &schema).await?;
    accounts.put_many(&[("alice", 100i64), ("bob", 0)]).await?;

    println!("alice spends 30: {}", spend(&accounts, "alice", 30).await?);
    println!("bob spends 30: {}", spend(&accounts, "bob", 30).await?);

    transfer(&accounts, "alice", "bob", 50).await?;
    for row in accounts.query("select * order by name").rows().await? {
        println!("{}: {}", row.get::<&str>("name")?, row.get::<i64>("balance")?);
    }

    client.drop_collection("EXAMPLE_ACCOUNTS").await?;
    client.close().await;
    Ok(())
}

/// One row: two round trips, and the outcome is known even if the connection is lost in between.
async fn spend(accounts: &Collection, name: &str, amount: i64) -> Result<bool, Error> {
    let enough =
        |row: Option<&Row>| row.and_then(|row| row.get::<i64>("balance").ok()).filter(|has| *has >= amount);
    accounts
        .update(name, |row| match enough(row) {
            Some(balance) => Change::Put((name, balance - amount)),
            None => Change::Keep,
        })
        .await
}

/// Several rows of one collection.
async fn transfer(accounts: &Collection, from: &str, to: &str, amount: i64) -> Result<(), Error> {
    let mut transaction = accounts.transaction();
    // Always lock in the same order, or two transfers could wait for each other.
    let (first, second) = if from < to { (from, to) } else { (to, from) };
    transaction.lock(first).await?;
    transaction.lock(second).await?;
    for (name, change) in [(from, -amount), (to, amount)] {
        if let Some(row) = transaction.get(name).await? {
            transaction.put((name, row.get::<i64>("balance")? + change)).await?;
        }
    }
    transaction.commit().await
}
