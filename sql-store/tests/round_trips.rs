//! Round trips to PostgreSQL, counted on the wire.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gridauth::Store;
use gridauth::env::Timestamp;
use gridauth::store::{Backend, Change, Key, Kind, Row, Updated};
use gridauth_test_stores::Postgres;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A proxy that counts the statements which pass: each is one round trip once it is prepared.
async fn proxy(server: &str) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (server, count) = (server.to_owned(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(&server).await.unwrap();
            let (mut from_server, mut to_server) = server.into_split();
            let (mut from_client, mut to_client) = client.into_split();
            tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
            let counted = Arc::clone(&counted);
            tokio::spawn(async move {
                // The start of a connection has no type.
                let mut has_type = false;
                loop {
                    let mut head = vec![0; if has_type { 5 } else { 4 }];
                    if from_client.read_exact(&mut head).await.is_err() {
                        return;
                    }
                    let length: [u8; 4] = head[head.len() - 4..].try_into().unwrap();
                    let mut body = vec![0; u32::from_be_bytes(length) as usize - 4];
                    from_client.read_exact(&mut body).await.unwrap();
                    // Execute, and a simple query.
                    if has_type && matches!(head[0], b'E' | b'Q') {
                        counted.fetch_add(1, Ordering::SeqCst);
                    }
                    has_type = true;
                    head.extend(body);
                    if to_server.write_all(&head).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (port, count)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_operation_takes_as_few_as_it_can() {
    let Some(server) = Postgres::start() else { return };
    let address = server.url().split(['@', '/']).nth(3).unwrap().to_owned();
    let (port, count) = proxy(&address).await;
    let url = format!("{}&sslmode=disable", server.fresh()).replace(&address, &format!("127.0.0.1:{port}"));
    gridauth_sqlx::register().unwrap();
    let store = Store::open(&url).await.unwrap();
    // Without the notice of an ended grant that a `Store` sends to other processes in the background.
    let store: &dyn Backend = &*store;
    let row = |number: i64| Row::new(Timestamp::from_millis(number), "{}").with_user(Some("israel"));
    let grant = Key::new(Kind::Grant, "one");
    let since = |what: &str, expected: usize| {
        let seen = count.swap(0, Ordering::SeqCst);
        assert_eq!(seen, expected, "{what}");
    };
    since("the start", count.load(Ordering::SeqCst));

    store.insert(grant, row(1)).await.unwrap();
    since("a token that is issued", 1);
    store.get(grant).await.unwrap();
    since("a guard", 1);
    let updated = store.update(grant, &mut |_| Change::Replace(row(2))).await.unwrap();
    assert_eq!(updated, Updated::Replaced);
    since("a code that is redeemed, a token that is rotated", 2);
    store.update(grant, &mut |_| Change::Keep).await.unwrap();
    since("a row that stays as it is", 1);
    store.remove(grant).await.unwrap();
    since("a grant that is revoked", 1);
    let client = Key::new(Kind::Client, "web");
    store.put(client, row(3)).await.unwrap();
    since("a client that is stored", 1);
    store.get(client).await.unwrap();
    store.get(client).await.unwrap();
    since("a client that is read twice", 1);
    store.remove_expired(Kind::Grant, Timestamp::from_millis(1), 100).await.unwrap();
    since("a sweep", 1);
    store.ping().await.unwrap();
    since("a ping", 1);
}
