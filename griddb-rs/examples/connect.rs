//! Connects and prints what it found.
//!
//! ```text
//! cargo run --example connect -- griddb://admin:admin@127.0.0.1:10001/gridauth
//! ```

#![allow(clippy::print_stdout, unreachable_pub, reason = "an example")]

use std::time::Duration;

use griddb_rs::{Client, Config, Error};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("give a griddb:// URL")?;
    Ok(run(&url).await?)
}

/// The example itself, also run by the tests.
pub async fn run(url: &str) -> Result<(), Error> {
    // Settings that the URL leaves open can be set here.
    let config = Config::parse(url)?.connect_timeout(Duration::from_secs(3));
    let client = Client::connect_with(config).await?;
    client.ping().await?;
    println!("{} partitions", client.partitions());
    if let Some(node) = client.owner_of("VISITS").await? {
        println!("a collection VISITS is, or would be, at {node}");
    }
    println!("{:?}", client.stats());
    // Dropping the client closes its connections too; this waits until they are closed.
    client.close().await;
    Ok(())
}
