//! Requests as readable text: a request line, headers, an empty line, the body. Line ends are single `\n`.

use bytes::Bytes;
use gridauth::Request;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

/// A complete request. `None` if no HTTP server would accept it.
pub fn request(text: &[u8]) -> Option<Request> {
    let (line, rest) = cut(text, b'\n');
    let (method, target) = cut(line, b' ');
    let mut request = Request::new(Bytes::new());
    *request.method_mut() = Method::from_bytes(method).ok()?;
    *request.uri_mut() = Uri::try_from(target).ok()?;
    let (headers, body) = headers_and_body(rest)?;
    *request.headers_mut() = headers;
    *request.body_mut() = body;
    Some(request)
}

/// The headers up to an empty line, and what follows it.
pub fn headers_and_body(mut text: &[u8]) -> Option<(HeaderMap, Bytes)> {
    let mut headers = HeaderMap::new();
    while !text.is_empty() {
        let (line, rest) = cut(text, b'\n');
        text = rest;
        if line.is_empty() {
            break;
        }
        let (name, value) = cut(line, b':');
        let value = value.strip_prefix(b" ").unwrap_or(value);
        headers.append(HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?);
    }
    Some((headers, Bytes::copy_from_slice(text)))
}

/// The parts before and after the first `at`.
pub fn cut(text: &[u8], at: u8) -> (&[u8], &[u8]) {
    match text.iter().position(|byte| *byte == at) {
        Some(found) => (&text[..found], &text[found + 1..]),
        None => (text, &[]),
    }
}
