//! A minimal HTTP/1.1 client, so that the server is measured and not the client. Requests are bytes made beforehand, sent one
//! at a time on a connection that stays open.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Result;

/// The maximum length of a response.
const MOST: usize = 64 * 1024;

/// A connection to a server.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    host: String,
}

/// A complete response.
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) headers: &'a str,
    pub(crate) body: &'a [u8],
}

impl Connection {
    pub(crate) async fn open(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(4096), host: address.to_owned() })
    }

    /// Sends a request and reads the response.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let (head, length) = loop {
            if let Some(found) = head(&self.buffer)? {
                break found;
            }
            self.fill().await?;
        };
        while self.buffer.len() < head + length {
            self.fill().await?;
        }
        let headers = std::str::from_utf8(&self.buffer[..head])?;
        let status = headers.get(9..12).ok_or("not HTTP")?.parse()?;
        Ok(Answer { status, headers, body: &self.buffer[head..head + length] })
    }

    async fn fill(&mut self) -> Result<()> {
        if self.buffer.len() > MOST || self.stream.read_buf(&mut self.buffer).await? == 0 {
            return Err("the server closed the connection, or its response is too long".into());
        }
        Ok(())
    }

    /// A GET request.
    pub(crate) fn get(&self, path: &str, authorization: &str) -> Vec<u8> {
        let authorization = if authorization.is_empty() {
            String::new()
        } else {
            format!("authorization: {authorization}\r\n")
        };
        format!("GET {path} HTTP/1.1\r\nhost: {}\r\n{authorization}\r\n", self.host).into_bytes()
    }

    /// A POST request with a form.
    pub(crate) fn post(&self, path: &str, authorization: &str, form: &[(&str, &str)]) -> Vec<u8> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\nauthorization: {authorization}\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
            self.host,
            body.len()
        )
        .into_bytes()
    }
}

impl Answer<'_> {
    /// Fails unless the response has this status.
    pub(crate) fn expect(&self, status: u16) -> Result<()> {
        if self.status == status {
            return Ok(());
        }
        Err(format!("expected {status}: {}{}", self.headers, String::from_utf8_lossy(self.body)).into())
    }

    /// A string member of the JSON body.
    pub(crate) fn member(&self, name: &str) -> Result<String> {
        let object: serde_json::Value = serde_json::from_slice(self.body)?;
        Ok(object[name].as_str().ok_or("a member is missing")?.to_owned())
    }
}

/// The lengths of head and body, once the head is complete.
fn head(buffer: &[u8]) -> Result<Option<(usize, usize)>> {
    let Some(end) = memchr::memmem::find(buffer, b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&buffer[..end])?;
    let length = head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse())
    });
    Ok(Some((end + 4, length.ok_or("a response without a length")??)))
}
