//! A small HTTP client that can also send what no real client sends.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (own, value) = line.split_once(':')?;
            own.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream
}

/// Sends a request with these header lines and this body, on a new connection.
pub(crate) fn send(address: SocketAddr, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Answer {
    let mut stream = connect(address);
    let mut request = format!("{method} {path} HTTP/1.1\r\nhost: app\r\nconnection: close\r\n").into_bytes();
    for header in headers {
        request.extend(format!("{header}\r\n").into_bytes());
    }
    request.extend(format!("content-length: {}\r\n\r\n", body.len()).into_bytes());
    request.extend(body);
    // A server that answers before it has read everything may have closed the connection.
    let _ = stream.write_all(&request);
    read_answer(&mut stream)
}

/// Posts a form.
pub(crate) fn post_form(address: SocketAddr, path: &str, form: &str) -> Answer {
    send(address, "POST", path, &["content-type: application/x-www-form-urlencoded"], form.as_bytes())
}

/// Reads one response, up to its length or to the end of the connection.
pub(crate) fn read_answer(stream: &mut TcpStream) -> Answer {
    let mut read = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some(end) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            let head = String::from_utf8(read[..end].to_vec()).unwrap();
            let status = head.split(' ').nth(1).unwrap().parse().unwrap();
            let mut answer = Answer { status, head, body: String::new() };
            let length: Option<usize> = answer.header("content-length").map(|length| length.parse().unwrap());
            let body = read[end + 4..].to_vec();
            if length.is_some_and(|length| body.len() >= length) {
                answer.body = String::from_utf8(body).unwrap();
                return answer;
            }
        }
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => read.extend(&buffer[..count]),
            // The server resets the connection if it has not read everything. What came before counts.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&read)),
        }
    }
    let text = String::from_utf8(read).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer but {text:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}
