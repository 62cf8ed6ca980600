//! Creates a collection; writes, reads and removes rows.
//!
//! ```text
//! cargo run --example rows -- griddb://admin:admin@127.0.0.1:10001/gridauth
//! ```

#![allow(clippy::print_stdout, unreachable_pub, reason = "an example")]

use std::time::SystemTime;

use griddb_rs::{
    Client, ColumnType, Durability, Error, FromRow, Row, Schema, Timestamp, ToRow, ToValue, Value,
};

/// The program's own row type, with its conversions.
#[derive(Debug)]
struct Book {
    isbn: String,
    title: String,
    pages: i32,
    lent_at: Option<Timestamp>,
}

impl Book {
    fn schema() -> Schema {
        Schema::new()
            .key("isbn", ColumnType::String)
            .column("title", ColumnType::String)
            .column("pages", ColumnType::Integer)
            .nullable("lent_at", ColumnType::Timestamp)
            .index("lent_at")
    }
}

impl ToRow for Book {
    fn with_values<R>(&self, write: impl FnOnce(&[Value<'_>]) -> R) -> R {
        write(&[self.isbn.to_value(), self.title.to_value(), self.pages.to_value(), self.lent_at.to_value()])
    }
}

impl FromRow for Book {
    fn from_row(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            isbn: row.get("isbn")?,
            title: row.get("title")?,
            pages: row.get("pages")?,
            lent_at: row.get("lent_at")?,
        })
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("give a griddb:// URL")?;
    Ok(run(&url).await?)
}

/// The example itself, also run by the tests.
pub async fn run(url: &str) -> Result<(), Error> {
    let client = Client::connect(url).await?;
    let books = client.open_or_create("EXAMPLE_BOOKS", &Book::schema()).await?;

    let book = Book {
        isbn: "0-201-03801-3".into(),
        title: "Fundamental Algorithms".into(),
        pages: 650,
        lent_at: None,
    };
    match books.insert(&book).await {
        Ok(()) => println!("added"),
        Err(error) if error.is_key_exists() => println!("it was there already"),
        Err(error) => return Err(error),
    }

    // On disk before the call returns, however the server is configured.
    let durable = books.durability(Durability::Flush);
    let lent = Timestamp::from(SystemTime::UNIX_EPOCH);
    durable.put(&Book { lent_at: Some(lent), ..book }).await?;

    // A tuple works as a row too, and columns can be read one by one.
    durable.put(("1-55558-041-5", "VMS Internals", 1200i32, None::<Timestamp>)).await?;
    if let Some(row) = books.get("1-55558-041-5").await? {
        println!("{} has {} pages", row.get::<&str>("title")?, row.get::<i32>("pages")?);
    }
    let both: Vec<Option<Row>> = books.get_many(&["0-201-03801-3", "1-55558-041-5"]).await?;
    for row in both.into_iter().flatten() {
        let book: Book = row.read()?;
        println!("{} ({}): {}", book.title, book.isbn, if book.lent_at.is_some() { "lent" } else { "here" });
    }

    // Of several concurrent callers one gets `true`.
    println!("removed: {}", books.remove("1-55558-041-5").await?);
    client.drop_collection("EXAMPLE_BOOKS").await?;
    client.close().await;
    Ok(())
}
