//! The `Authorization` headers of a request, one per line, for the guard and for the token endpoint.
#![no_main]

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use gridauth_fuzz::answer;
use gridauth_fuzz::server::{Server, filled, run, secret};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| run(async {
    let filled = filled(data).await;
    let mut headers = HeaderMap::new();
    for line in filled.split(|byte| *byte == b'\n').take(3) {
        let Ok(value) = HeaderValue::from_bytes(line) else { return };
        headers.append(AUTHORIZATION, value);
    }
    // A header that is not UTF-8 counts as absent.
    let readable: Vec<_> = headers
        .get_all(AUTHORIZATION)
        .iter()
        .filter(|value| std::str::from_utf8(value.as_bytes()).is_ok())
        .collect();
    let server = Server::new().await;
    match server.auth.authenticate(&headers).await {
        Ok(_) => assert!(readable.len() == 1 && is_bearer(readable[0], secret("{access}").await)),
        Err(rejection) => {
            let answered = server.auth.reject(rejection);
            answer::check(&answered);
            assert!(matches!(answered.status().as_u16(), 400 | 401));
            assert!(answered.headers().contains_key("www-authenticate"));
        }
    }
    let mut request = http::Request::post("/oauth/token")
        .header("content-type", "application/x-www-form-urlencoded")
        .body("grant_type=client_credentials".into())
        .expect("a request");
    request.headers_mut().extend(headers.clone());
    let answered = server.auth.handle(request).await;
    answer::check(&answered);
    if answered.status() == 200 {
        assert!(readable.len() == 1 && is_basic(readable[0], "web", secret("{secret}").await));
    }
}));

fn is_bearer(header: &HeaderValue, token: &str) -> bool {
    let header = header.to_str().expect("the server accepted it");
    let (scheme, credentials) = header.split_once(' ').expect("the server accepted it");
    scheme.eq_ignore_ascii_case("bearer") && credentials.trim_start_matches(' ') == token
}

/// Whether these are the credentials, by a lenient parser: it must accept whatever the server accepts.
fn is_basic(header: &HeaderValue, id: &str, secret: &str) -> bool {
    let lenient = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let (scheme, credentials) =
        header.to_str().expect("the server accepted it").split_once(' ').expect("the server accepted it");
    let bytes = GeneralPurpose::new(&alphabet::STANDARD, lenient).decode(credentials.trim_matches(' '));
    let bytes = bytes.expect("the server accepted it");
    let colon = bytes.iter().position(|byte| *byte == b':').expect("the server accepted it");
    let plain = |half: &[u8]| {
        let pair = [b"x=", half].concat();
        form_urlencoded::parse(&pair).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
    };
    scheme.eq_ignore_ascii_case("basic")
        && !bytes.contains(&b'&')
        && plain(&bytes[..colon]) == id
        && plain(&bytes[colon + 1..]) == secret
}
