//! [`HttpFetch`](super::HttpFetch) and hosts on loopback that answer byte by byte.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::connect::Connector;
use super::{Fetch, FetchError, FetchRequest, FetchResponse, HttpFetch, NoFetch, PlainHttp, Reach};

/// A host that takes one connection, reads the request, and answers with `respond`. Its task returns the request.
async fn host<F>(respond: impl FnOnce(TcpStream) -> F + Send + 'static) -> (SocketAddr, JoinHandle<String>)
where
    F: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let request = read_request(&mut stream).await;
        respond(stream).await;
        request
    });
    (address, task)
}

/// A host that answers with these bytes and hangs up.
async fn host_saying(bytes: impl Into<Vec<u8>>) -> (SocketAddr, JoinHandle<String>) {
    let bytes = bytes.into();
    host(move |mut stream| async move {
        // It fails where the client has read enough and hung up.
        let _ = stream.write_all(&bytes).await;
    })
    .await
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return text;
            }
        }
        assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0, "the request ends: {text}");
    }
}

fn to(address: SocketAddr) -> FetchRequest {
    let url = format!("http://{address}/path?query#fragment");
    FetchRequest::get(&url, PlainHttp::Loopback, Reach::PublicOrLoopback).unwrap()
}

/// What comes of a response in these bytes.
async fn response_of(bytes: impl Into<Vec<u8>>) -> Result<FetchResponse, FetchError> {
    let (address, _) = host_saying(bytes).await;
    HttpFetch::new().fetch(to(address).at_most(10)).await
}

#[tokio::test]
async fn a_get_request_has_nothing_but_what_it_needs() {
    let (address, host) =
        host_saying("HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nCache-Control: max-age=9\r\nContent-Length: 2\r\n\r\nhi").await;
    let response = HttpFetch::new().fetch(to(address).accepting("text/plain")).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.media_type(), Some("text/plain"));
    assert_eq!(response.fresh_for(), Some(Duration::from_secs(9)));
    assert_eq!(response.into_body(), "hi");
    assert_eq!(
        host.await.unwrap(),
        format!(
            "GET /path?query HTTP/1.1\r\nhost: {address}\r\nuser-agent: gridauth\r\naccept: text/plain\r\n\
             accept-encoding: identity\r\nconnection: close\r\n\r\n"
        )
    );
}

#[tokio::test]
async fn a_form_is_posted() {
    let (address, host) = host_saying("HTTP/1.1 204 No Content\r\n\r\n").await;
    let url = format!("http://{address}/logout");
    let fields = [("logout_token", "a.b&c")];
    let request = FetchRequest::post_form(&url, PlainHttp::Loopback, Reach::Anywhere, fields).unwrap();
    let response = HttpFetch::new().fetch(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    assert_eq!((response.media_type(), response.fresh_for(), response.body().len()), (None, None, 0));
    assert_eq!(
        host.await.unwrap(),
        format!(
            "POST /logout HTTP/1.1\r\nhost: {address}\r\nuser-agent: gridauth\r\naccept: */*\r\n\
             accept-encoding: identity\r\nconnection: close\r\ncontent-type: application/x-www-form-urlencoded\r\n\
             content-length: 20\r\n\r\nlogout_token=a.b%26c"
        )
    );
}

#[tokio::test]
async fn statuses_of_failure_are_responses() {
    for status in [400_u16, 404, 410, 429, 500, 503] {
        let response =
            response_of(format!("HTTP/1.1 {status} X\r\nContent-Length: 2\r\n\r\nno")).await.unwrap();
        assert_eq!((response.status().as_u16(), &response.body()[..]), (status, &b"no"[..]));
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let (elsewhere, asked) = host_saying("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").await;
    for status in [300_u16, 301, 302, 303, 304, 307, 308] {
        let bytes =
            format!("HTTP/1.1 {status} X\r\nLocation: http://{elsewhere}/\r\nContent-Length: 0\r\n\r\n");
        let redirect = response_of(bytes).await;
        assert!(matches!(redirect, Err(FetchError::Redirect(seen)) if seen == status), "{redirect:?}");
    }
    assert!(!asked.is_finished());
    asked.abort();
}

#[tokio::test]
async fn a_body_may_be_as_long_as_the_limit() {
    for bytes in [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n0123\r\n6\r\n456789\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x\r\n\r\n4\r\n0123\r\n6\r\n456789\r\n0\r\nx: y\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\n0123456789",
        "HTTP/1.0 200 OK\r\n\r\n0123456789",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\n0123456789",
    ] {
        let response = response_of(bytes).await.unwrap_or_else(|error| panic!("{error}: {bytes}"));
        assert_eq!(response.body(), "0123456789", "{bytes}");
    }
}

#[tokio::test]
async fn a_longer_body_is_refused() {
    for bytes in [
        "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n0123456789a",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\n0",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n0123\r\n7\r\n456789a\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\n0123456789a",
        "HTTP/1.1 500 X\r\n\r\n0123456789a",
    ] {
        let refused = response_of(bytes).await;
        assert!(matches!(refused, Err(FetchError::TooLarge)), "{bytes}: {refused:?}");
    }
}

/// The host would send until it is stopped: it is stopped, and soon.
#[tokio::test]
async fn a_body_without_an_end_is_not_read_to_the_end() {
    let (address, host) = host(|mut stream| async move {
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        while stream.write_all(&[b' '; 4096]).await.is_ok() {}
    })
    .await;
    let refused = HttpFetch::new().fetch(to(address).at_most(100_000).within(Duration::from_secs(60))).await;
    assert!(matches!(refused, Err(FetchError::TooLarge)), "{refused:?}");
    tokio::time::timeout(Duration::from_secs(30), host).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_head_has_a_limit() {
    let many: String = (0..200).map(|n| format!("X-{n}: y\r\n")).collect();
    let long = format!("X: {}\r\n", "y".repeat(100_000));
    let folded = "X: y\r\n".repeat(20_000);
    for headers in [many, long, folded, "y".repeat(1_000_000)] {
        let refused = response_of(format!("HTTP/1.1 200 OK\r\n{headers}\r\n")).await;
        assert!(matches!(refused, Err(FetchError::Response(_))), "{refused:?}");
    }
}

#[tokio::test]
async fn what_is_no_complete_response_is_an_error() {
    for bytes in [
        "",
        "\0",
        "hello\r\n\r\n",
        "SSH-2.0-OpenSSH_9.9\r\n",
        "HTTP/1.1\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/2 200\r\n\r\n",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\nNo colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n0123",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n01",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n01",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n01",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n01",
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\n0",
    ] {
        let failed = response_of(bytes).await;
        assert!(matches!(failed, Err(FetchError::Response(_))), "{bytes}: {failed:?}");
    }
}

#[tokio::test]
async fn a_slow_response_times_out() {
    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n";
    for quick in [0, 5, HEAD.len()] {
        let (address, host) = host(move |mut stream| async move {
            stream.write_all(&HEAD[..quick]).await.unwrap();
            // Each byte is in time, all of them are not.
            for byte in HEAD[quick..].iter().chain(std::iter::repeat(&b' ')) {
                tokio::time::sleep(Duration::from_millis(20)).await;
                if stream.write_all(&[*byte]).await.is_err() {
                    return;
                }
            }
        })
        .await;
        let slow = HttpFetch::new().fetch(to(address).at_most(9999).within(Duration::from_millis(200))).await;
        assert!(matches!(slow, Err(FetchError::TimedOut)), "{quick}: {slow:?}");
        // Nothing goes on behind: the connection is closed.
        tokio::time::timeout(Duration::from_secs(30), host).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_slow_lookup_and_a_silent_host_time_out() {
    let (release, released) = std::sync::mpsc::channel::<()>();
    let released = std::sync::Mutex::new(released);
    let fetch = HttpFetch::with_connector(Connector::with_lookup(move |_, port| {
        let _ = released.lock().unwrap().recv();
        Ok(vec![SocketAddr::from(([127, 0, 0, 1], port))])
    }));
    let limit = Duration::from_millis(50);
    let request = FetchRequest::get("https://client.example/", PlainHttp::Refused, Reach::Public).unwrap();
    let slow = fetch.fetch(request.within(limit)).await;
    assert!(matches!(slow, Err(FetchError::TimedOut)), "{slow:?}");
    drop(release);

    // It accepts, in the kernel, and says nothing: neither to a request nor to a TLS handshake.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    for scheme in ["http", "https"] {
        let url = format!("{scheme}://127.0.0.1:{port}/");
        let request = FetchRequest::get(&url, PlainHttp::Loopback, Reach::PublicOrLoopback).unwrap();
        let slow = HttpFetch::new().fetch(request.within(limit)).await;
        // Where the machine has no certificates, that is what is wrong.
        let is_expected = matches!(slow, Err(FetchError::TimedOut))
            || scheme == "https" && matches!(slow, Err(FetchError::Certificates(_)));
        assert!(is_expected, "{scheme}: {slow:?}");
    }
}

#[tokio::test]
async fn nothing_connects_to_loopback_for_strangers() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    for host in [
        "localhost",
        "LocalHost",
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.1",
        "0",
        "[::1]",
        "[::ffff:127.0.0.1]",
    ] {
        for scheme in ["http", "https"] {
            let url = format!("{scheme}://{host}:{port}/");
            let request = FetchRequest::get(&url, PlainHttp::Allowed, Reach::Public).unwrap();
            let refused = HttpFetch::new().fetch(request).await;
            assert!(matches!(refused, Err(FetchError::Forbidden)), "{url}: {refused:?}");
        }
    }
    let connected = tokio::time::timeout(Duration::from_millis(20), listener.accept()).await;
    assert!(connected.is_err(), "{connected:?}");
}

#[tokio::test]
async fn a_name_of_loopback_is_reached_where_it_may_be() {
    for reach in [Reach::PublicOrLoopback, Reach::Anywhere] {
        let (address, host) = host_saying("HTTP/1.1 200 OK\r\n\r\nhi").await;
        let url = format!("http://localhost:{}/", address.port());
        let request = FetchRequest::get(&url, PlainHttp::Loopback, reach).unwrap();
        assert_eq!(HttpFetch::new().fetch(request).await.unwrap().body(), "hi");
        assert!(host.await.unwrap().contains(&format!("\r\nhost: localhost:{}\r\n", address.port())));
    }
}

/// A name that an attacker pointed at the issuer's own network, next to an address of their own.
#[tokio::test]
async fn of_two_addresses_the_allowed_one_is_connected_to() {
    let (address, host) = host_saying("HTTP/1.1 200 OK\r\n\r\nhi").await;
    let fetch = HttpFetch::with_connector(Connector::with_lookup(move |_, _| {
        Ok(vec![SocketAddr::from(([10, 0, 0, 1], 1)), SocketAddr::from(([169, 254, 169, 254], 80)), address])
    }));
    let request =
        FetchRequest::get("http://client.example/", PlainHttp::Allowed, Reach::PublicOrLoopback).unwrap();
    assert_eq!(fetch.fetch(request).await.unwrap().body(), "hi");
    assert!(host.await.unwrap().contains("\r\nhost: client.example\r\n"));
}

#[tokio::test]
async fn a_closed_port_and_an_unknown_name_are_unreachable() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let refused = HttpFetch::new().fetch(to(closed).within(Duration::MAX)).await;
    assert!(matches!(refused, Err(FetchError::Unreachable(_))), "{refused:?}");

    let fetch =
        HttpFetch::with_connector(Connector::with_lookup(|_, _| Err(std::io::Error::other("no such name"))));
    let request = FetchRequest::get("https://client.example/", PlainHttp::Refused, Reach::Public).unwrap();
    let unknown = fetch.fetch(request).await;
    assert!(matches!(unknown, Err(FetchError::Unreachable(_))), "{unknown:?}");
}

#[tokio::test]
async fn without_fetch_there_is_no_request() {
    let closed = SocketAddr::from(([127, 0, 0, 1], 1));
    assert!(matches!(NoFetch.fetch(to(closed)).await, Err(FetchError::Off)));
}
