//! Asking a notification provider for the nodes: an HTTP GET that returns a JSON list (protocol 3.1).

use std::{borrow::Cow, net::SocketAddr};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, timeout_at},
};

use super::{
    discovery::next,
    listing::{Listing, resolve},
};
use crate::{
    config::ProviderUrl,
    error::{Error, ErrorKind},
};

/// Longer than any list of nodes.
const LONGEST_ANSWER: u64 = 1 << 20;

/// The nodes that the provider at this `http://` URL lists. Host names that do not resolve are skipped.
///
/// # Errors
/// The provider does not return a list, or no host name in it resolves.
pub(super) async fn nodes(url: &str, deadline: Instant) -> Result<Vec<SocketAddr>, Error> {
    let Some(parts) = ProviderUrl::parse(url) else {
        return Err(Error::with_message(ErrorKind::Config, "`provider` must be http://HOST[:PORT]/PATH"));
    };
    let answer = timeout_at(deadline, get(&parts, deadline))
        .await
        .map_err(|_| unavailable("did not answer in time"))?;
    let listed = members(&answer?)?;
    let mut pending: Vec<Listing<'_>> = Vec::with_capacity(listed.len());
    for (host, port) in &listed {
        pending.push(Box::pin(resolve(host, *port, deadline)));
    }
    let (mut addresses, mut error) = (Vec::with_capacity(listed.len()), None);
    while !pending.is_empty() {
        match next(&mut pending).await {
            Ok(found) => addresses.extend(found),
            Err(failed) => error = Some(failed),
        }
    }
    match error {
        Some(error) if addresses.is_empty() => Err(error),
        _ => Ok(addresses),
    }
}

fn unavailable(what: &str) -> Error {
    Error::with_message(ErrorKind::Unavailable, format!("the notification provider {what}"))
}

/// Sends the request and reads the whole answer.
async fn get(url: &ProviderUrl<'_>, deadline: Instant) -> Result<Vec<u8>, Error> {
    let message = "the notification provider cannot be reached";
    let broken = |error| Error::with_both(ErrorKind::Unavailable, message, error);
    let addresses = resolve(url.host, url.port, deadline).await?;
    let mut stream = TcpStream::connect(&addresses[..]).await.map_err(broken)?;
    // HTTP/1.0 has no chunked bodies and no keep-alive: without a length, the body ends with the connection.
    let request = format!(
        "GET {} HTTP/1.0\r\nHost: {}\r\nAccept: application/json\r\nConnection: close\r\n\r\n",
        url.path, url.authority
    );
    stream.write_all(request.as_bytes()).await.map_err(broken)?;
    let mut answer = Vec::new();
    let mut stream = stream.take(LONGEST_ANSWER);
    while !is_whole(&answer) && stream.read_buf(&mut answer).await.map_err(broken)? > 0 {}
    Ok(answer)
}

/// Head and body of an answer, and the `Content-Length`. `None` until the head is complete.
fn parts(answer: &[u8]) -> Option<(Cow<'_, str>, &[u8], Option<usize>)> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&answer[..end]);
    let length = head.split("\r\n").skip(1).find_map(|line| {
        let (name, value) = line.split_once(':')?;
        if name.eq_ignore_ascii_case("content-length") { value.trim().parse::<usize>().ok() } else { None }
    });
    Some((head, &answer[end + 4..], length))
}

/// Whether the body is complete, even if the connection stays open.
fn is_whole(answer: &[u8]) -> bool {
    parts(answer).is_some_and(|(_, body, length)| length.is_some_and(|length| length <= body.len()))
}

/// The hosts and ports in a complete HTTP answer.
fn members(answer: &[u8]) -> Result<Vec<(String, u16)>, Error> {
    let (head, body, length) = parts(answer).ok_or_else(|| unavailable("did not answer with HTTP"))?;
    if !head.starts_with("HTTP/1.") || head.split([' ', '\r']).nth(1) != Some("200") {
        return Err(unavailable("did not answer with status 200"));
    }
    let body = match length {
        Some(length) if length <= body.len() => &body[..length],
        Some(_) => return Err(unavailable("cut its answer short")),
        None => body,
    };
    let list: Value = serde_json::from_slice(body).map_err(|_| unavailable("did not answer with JSON"))?;
    let nodes = list.as_array().ok_or_else(|| unavailable("did not answer with a list"))?;
    nodes
        .iter()
        .map(|node| {
            let transaction = &node["transaction"];
            let port = transaction["port"].as_u64().and_then(|port| u16::try_from(port).ok());
            let host = transaction["address"].as_str().filter(|host| !host.is_empty());
            host.zip(port).map(|(host, port)| (host.to_owned(), port))
        })
        .collect::<Option<_>>()
        .ok_or_else(|| unavailable("lists a node without a `transaction` address"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answer(body: &str) -> Vec<u8> {
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    }

    #[test]
    fn a_list_of_nodes() {
        let body = r#"[{"transaction":{"address":"10.0.0.1","port":10001},"sql":{"address":"x","port":1}},
                       {"transaction":{"address":"db2","port":10002}}]"#;
        assert_eq!(members(&answer(body)).unwrap(), [("10.0.0.1".into(), 10001), ("db2".into(), 10002)]);
        for body in ["{}", "[{}]", "[1]", "x", "[{\"transaction\":{\"address\":\"\",\"port\":1}}]"] {
            assert!(members(&answer(body)).is_err(), "{body}");
        }
        assert!(members(b"HTTP/1.1 404 Not Found\r\n\r\n[]").is_err());
        assert!(is_whole(&answer("[]")) && is_whole(&[answer("[]"), b"more".to_vec()].concat()));
        assert!(!is_whole(b"HTTP/1.0 200 OK\r\n\r\n[]"));
        let mut cut = answer("[]");
        cut.pop();
        assert!(!is_whole(&cut));
        assert!(members(&cut).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_list_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = members(&bytes);
        }
    }
}
