//! What every answer has to keep to, whatever was asked.

use gridauth::Response;
use gridauth::protocol::RedirectUri;
use url::Url;

use crate::page::Page;
use crate::world::{ISSUER, REDIRECT_URIS};

/// The checks of every answer.
pub fn check(answer: &Response) {
    let (status, headers, body) = (answer.status(), answer.headers(), answer.body());
    assert!(!status.is_server_error(), "{status}: {}", String::from_utf8_lossy(body));
    let content_type = headers.get("content-type").map(|value| value.to_str().expect("text"));
    let content_type = content_type.unwrap_or_else(|| {
        assert!(body.is_empty(), "a body of no type");
        ""
    });
    if content_type.starts_with("text/html") {
        let page = Page::read(body);
        page.check();
        if let Some(form) = &page.form
            && form.action != "/oauth/authorize"
        {
            goes_to_a_client(&form.action);
        }
    } else if content_type == "application/json" {
        let json: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
        assert!(json.is_object() || body.is_empty());
        if let Some(description) = json.get("error_description") {
            // RFC 6749 section 5.2.
            let description = description.as_str().expect("text");
            assert!(description.bytes().all(|b| matches!(b, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e)));
        }
    }
    if status == 401 {
        assert!(headers.contains_key("www-authenticate"));
    }
    if let Some(location) = headers.get("location") {
        assert_eq!(status, 303);
        answers_a_client(location.to_str().expect("text"));
    }
}

/// A redirect goes to a registered URI, carries whose answer it is (RFC 9207), and nothing that a client's URI has
/// has been changed by it.
fn answers_a_client(location: &str) {
    let (uri, parameters) = match location.split_once('#') {
        Some((uri, fragment)) => (uri, fragment),
        None => {
            let after = |uri: &str| location.strip_prefix(uri).map(str::len);
            let query = location.split_once('?').expect("an answer is never bare").1;
            // A registered query comes first.
            match query.strip_prefix("tenant=1&") {
                Some(rest) => (&location[..location.len() - rest.len() - 1], rest),
                None => {
                    let uri = &location[..location.len() - query.len() - 1];
                    assert!(after(uri).is_some());
                    (uri, query)
                }
            }
        }
    };
    goes_to_a_client(uri);
    let pairs: Vec<_> = form_urlencoded::parse(parameters.as_bytes()).collect();
    let values = |name: &str| {
        pairs.iter().filter(|(own, _)| own == name).map(|(_, value)| &**value).collect::<Vec<_>>()
    };
    assert_eq!(values("iss"), [ISSUER], "{location}");
    assert_eq!(values("error").len() + values("code").len() + values("access_token").len(), 1, "{location}");
    assert!(values("state").len() <= 1, "{location}");
}

/// The browser ends up where a client has registered to be. Asked of two judges: the comparison that the server uses,
/// and what a browser makes of the URI.
fn goes_to_a_client(uri: &str) {
    let registered =
        REDIRECT_URIS.iter().find(|own| RedirectUri::parse(own).expect("it is registered").matches(uri));
    let registered = registered.unwrap_or_else(|| panic!("nobody has registered {uri}"));
    same_place(registered, uri);
}

/// To a browser, both are the same place, ports of the loopback aside.
pub fn same_place(registered: &str, requested: &str) {
    let (own, other) = (Url::parse(registered).expect("a URL"), Url::parse(requested).expect("a URL"));
    assert_eq!((own.scheme(), own.host_str()), (other.scheme(), other.host_str()), "{requested}");
    assert_eq!((own.path(), own.query()), (other.path(), other.query()), "{requested}");
    assert_eq!((other.username(), other.password(), other.fragment()), ("", None, None), "{requested}");
    if own.port() != other.port() {
        assert_eq!(own.scheme(), "http");
        assert!(matches!(own.host_str(), Some("127.0.0.1" | "[::1]" | "localhost")), "{requested}");
    }
}
