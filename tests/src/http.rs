//! A small HTTP/1.1 client that sends any bytes, well-formed or not.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::{audit, record, rules};

const PATIENCE: Duration = Duration::from_secs(60);

/// A request, as bytes: nothing about it is checked.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The request target.
    pub target: String,
    /// The header fields in order; a name may come twice.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body; `None` also leaves out `Content-Length`.
    pub body: Option<Vec<u8>>,
    /// Whether the case expects that the response may be a 5xx.
    pub may_fail: bool,
}

impl Request {
    /// A request without a body.
    pub fn new(method: &str, target: impl Into<String>) -> Self {
        Self {
            method: method.to_owned(),
            target: target.into(),
            headers: Vec::new(),
            body: None,
            may_fail: false,
        }
    }

    /// A GET.
    pub fn get(target: impl Into<String>) -> Self {
        Self::new("GET", target)
    }

    /// A GET with these parameters in its query.
    pub fn query(path: &str, parameters: &[(&str, &str)]) -> Self {
        Self::get(format!("{path}?{}", encode(parameters)))
    }

    /// A POST without a body yet.
    pub fn post(target: impl Into<String>) -> Self {
        Self::new("POST", target)
    }

    /// A POST of these parameters as a form.
    pub fn form(target: impl Into<String>, parameters: &[(&str, &str)]) -> Self {
        Self::post(target).body("application/x-www-form-urlencoded", encode(parameters))
    }

    /// A POST of these bytes, with the content type of a form.
    pub fn raw_form(target: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self::post(target).body("application/x-www-form-urlencoded", bytes)
    }

    /// A POST of these parameters as `multipart/form-data`.
    pub fn multipart(target: impl Into<String>, parameters: &[(&str, &str)]) -> Self {
        let boundary = "----conformance7MA4YWxkTrZu0gW";
        let mut body = String::new();
        for (name, value) in parameters {
            audit::parameter(name, value);
            body.push_str(&format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            ));
        }
        body.push_str(&format!("--{boundary}--\r\n"));
        Self::post(target).body(&format!("multipart/form-data; boundary={boundary}"), body)
    }

    /// A POST of this JSON.
    pub fn json(target: impl Into<String>, value: &Value) -> Self {
        Self::post(target).body("application/json", value.to_string())
    }

    /// With a body.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.headers.push(("Content-Type".to_owned(), content_type.into()));
        self.body = Some(body.into());
        self
    }

    /// With one more header field.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// With `Authorization: Basic`, both halves form-url-encoded (RFC 6749 section 2.3.1).
    #[must_use]
    pub fn basic(self, client_id: &str, secret: &str) -> Self {
        audit::secret(secret);
        let half = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let credentials = STANDARD.encode(format!("{}:{}", half(client_id), half(secret)));
        self.header("Authorization", format!("Basic {credentials}"))
    }

    /// With `Authorization: Bearer`.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("Authorization", format!("Bearer {token}"))
    }

    /// The response may be a 5xx.
    #[must_use]
    pub fn may_fail(mut self) -> Self {
        self.may_fail = true;
        self
    }

    /// The path, without the query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The bytes on the wire.
    fn to_bytes(&self, host: &str) -> Vec<u8> {
        let mut bytes =
            format!("{} {} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n", self.method, self.target)
                .into_bytes();
        for (name, value) in &self.headers {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        }
        if let Some(body) = &self.body {
            bytes.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        bytes
    }
}

/// Parameters as `application/x-www-form-urlencoded`.
pub fn encode(parameters: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish()
}

/// The parameters of a query, a fragment or a form.
pub fn decode(encoded: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(encoded.as_bytes()).into_owned().collect()
}

/// A response with its whole body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The header fields in order, their names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// The value of a header field that may occur at most once.
    ///
    /// # Panics
    /// If it occurs more than once.
    #[track_caller]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers_named(name);
        assert!(found.len() < 2, "{name} occurs {} times: {found:?}", found.len());
        found.first().copied()
    }

    /// The first challenge in `WWW-Authenticate`: that of the scheme `Bearer`, or of the only scheme.
    pub fn challenge(&self) -> Option<&str> {
        self.headers_named("www-authenticate").first().copied()
    }

    /// The values of a header field.
    pub fn headers_named(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(own, _)| own == name).map(|(_, value)| value.as_str()).collect()
    }

    /// The body as text.
    ///
    /// # Panics
    /// If it is not UTF-8.
    #[track_caller]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a body is UTF-8")
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If it is not JSON, or does not have that content type.
    #[track_caller]
    pub fn json(&self) -> Value {
        let content_type = self.header("content-type").unwrap_or_default();
        assert!(content_type.starts_with("application/json"), "not JSON but {content_type:?}: {self:#}");
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:#}"))
    }

    /// A string member of the JSON body.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn member(&self, name: &str) -> String {
        let json = self.json();
        json[name].as_str().unwrap_or_else(|| panic!("no string {name:?} in {self:#}")).to_owned()
    }

    /// The response, which must have this status.
    ///
    /// # Panics
    /// If it has another.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:#}");
        self
    }

    /// The response, which must be an error of RFC 6749 section 5.2 with this name.
    ///
    /// # Panics
    /// If it is anything else.
    #[track_caller]
    pub fn expect_error(self, status: u16, error: &str) -> Self {
        assert_eq!(self.status, status, "{self:#}");
        assert_eq!(self.member("error"), error, "{self:#}");
        self
    }
}

/// Everything that the message of a failed assertion should show.
impl std::fmt::Display for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "status {}", self.status)?;
        for (name, value) in &self.headers {
            writeln!(f, "  {name}: {value}")?;
        }
        let text = String::from_utf8_lossy(&self.body);
        let shown: String = text.chars().take(1500).collect();
        f.write_str(&shown)
    }
}

/// Where a demo application listens.
#[derive(Clone, Debug)]
pub struct Client {
    /// The address.
    pub address: SocketAddr,
}

impl Client {
    /// Sends a request, reads the response, and checks it against the [`rules`].
    ///
    /// # Panics
    /// If there is no response, or it breaks a rule.
    #[track_caller]
    pub fn send(&self, request: &Request) -> Response {
        match self.try_send(request) {
            Ok(response) => response,
            Err(error) => panic!("{} {}: no response: {error}", request.method, request.target),
        }
    }

    /// Like [`send`](Self::send), but there may be no response.
    ///
    /// # Errors
    /// If the connection ends before the response is complete.
    ///
    /// # Panics
    /// If the response breaks one of the [`rules`].
    #[track_caller]
    pub fn try_send(&self, request: &Request) -> std::io::Result<Response> {
        audit::request(request);
        let bytes = request.to_bytes(&self.address.to_string());
        let response = self.exchange(&bytes, request.method == "HEAD")?;
        audit::response(&response);
        record::answer(request, &response);
        rules::check(request, &response);
        Ok(response)
    }

    /// Sends bytes that need not be a request, and reads a response.
    ///
    /// # Errors
    /// If the connection ends before the response is complete.
    pub fn exchange(&self, bytes: &[u8], head: bool) -> std::io::Result<Response> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut writer = stream.try_clone()?;
        std::thread::scope(|scope| {
            // A server may respond and close before it has read everything, so the response is read meanwhile.
            let writing = scope.spawn(move || writer.write_all(bytes));
            let read = read_response(&mut stream, head);
            let _ = stream.shutdown(Shutdown::Both);
            let _ = writing.join();
            read
        })
    }
}

/// Reads one response. What follows it on the connection is left unread.
///
/// # Errors
/// If the connection ends before the response is complete, or it is not HTTP.
pub fn read_response(stream: &mut impl Read, head: bool) -> std::io::Result<Response> {
    let mut buffer = Vec::new();
    loop {
        if let Some(response) = parse(&buffer, head, false)? {
            return Ok(response);
        }
        let mut chunk = [0; 16 * 1024];
        match stream.read(&mut chunk) {
            Ok(0) => {
                let ended = parse(&buffer, head, true)?;
                return ended
                    .ok_or_else(|| std::io::Error::new(ErrorKind::UnexpectedEof, "connection closed"));
            }
            Ok(read) => buffer.extend_from_slice(&chunk[..read]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn invalid(why: impl std::fmt::Display) -> std::io::Error {
    std::io::Error::new(ErrorKind::InvalidData, why.to_string())
}

/// The response in `buffer`, if it is complete.
fn parse(buffer: &[u8], head: bool, ended: bool) -> std::io::Result<Option<Response>> {
    let mut fields = [httparse::EMPTY_HEADER; 128];
    let mut parsed = httparse::Response::new(&mut fields);
    let httparse::Status::Complete(start) = parsed.parse(buffer).map_err(invalid)? else { return Ok(None) };
    let status = parsed.code.unwrap_or_default();
    let headers: Vec<(String, String)> = parsed
        .headers
        .iter()
        .map(|field| (field.name.to_ascii_lowercase(), String::from_utf8_lossy(field.value).into_owned()))
        .collect();
    let value = |name: &str| headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
    let rest = &buffer[start..];
    let body = if head || matches!(status, 100..=199 | 204 | 304) {
        Some(Vec::new())
    } else if value("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        unchunk(rest)?
    } else if let Some(length) = value("content-length") {
        let length: usize = length.parse().map_err(invalid)?;
        rest.get(..length).map(<[u8]>::to_vec)
    } else {
        ended.then(|| rest.to_vec())
    };
    Ok(body.map(|body| Response { status, headers, body }))
}

/// The content of a chunked body, if it is complete.
fn unchunk(mut rest: &[u8]) -> std::io::Result<Option<Vec<u8>>> {
    let mut body = Vec::new();
    loop {
        let parsed = httparse::parse_chunk_size(rest).map_err(|_| invalid("a chunk size is malformed"))?;
        let httparse::Status::Complete((start, size)) = parsed else { return Ok(None) };
        let size = usize::try_from(size).map_err(invalid)?;
        let Some(chunk) = rest.get(start..start + size) else { return Ok(None) };
        if size == 0 {
            return Ok(Some(body));
        }
        body.extend_from_slice(chunk);
        let Some(next) = rest.get(start + size + 2..) else { return Ok(None) };
        rest = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_are_read_however_they_are_framed() {
        for wire in [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: 1\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: 1\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nX-A: 1\r\n\r\nhello",
        ] {
            let response = read_response(&mut wire.as_bytes(), false).unwrap();
            assert_eq!((response.status, response.text(), response.header("x-a")), (200, "hello", Some("1")));
        }
        let cut = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello";
        assert!(read_response(&mut cut.as_bytes(), false).is_err());
    }

    #[test]
    fn a_request_is_sent_as_it_was_built() {
        let request = Request::get("/a").header("X", "1").header("X", vec![0xff]);
        let wire = request.to_bytes("h");
        assert_eq!(wire, b"GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\nX: 1\r\nX: \xff\r\n\r\n");
    }
}
