//! The rules that every response must follow, whatever the request.

use gridauth::Response;
use gridauth::protocol::RedirectUri;
use url::Url;

use crate::page::Page;
use crate::server::{ISSUER, REDIRECT_URIS};

/// Checks a response.
pub fn check(answer: &Response) {
    let (status, headers, body) = (answer.status(), answer.headers(), answer.body());
    assert!(!status.is_server_error(), "{status}: {}", String::from_utf8_lossy(body));
    let content_type = headers.get("content-type").map(|value| value.to_str().expect("text"));
    let content_type = content_type.unwrap_or_else(|| {
        assert!(body.is_empty(), "a body without a type");
        ""
    });
    if content_type.starts_with("text/html") {
        let page = Page::read(body);
        page.check();
        if let Some(form) = &page.form
            && form.action != "/oauth/authorize"
        {
            leads_to_a_client(&form.action);
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
        check_redirect(location.to_str().expect("text"));
    }
}

/// A redirect leads to a registered URI, which it does not change, and has one `iss` (RFC 9207).
fn check_redirect(location: &str) {
    let (uri, parameters) = match location.split_once('#') {
        Some((uri, fragment)) => (uri, fragment),
        None => {
            let after = |uri: &str| location.strip_prefix(uri).map(str::len);
            let query = location.split_once('?').expect("a response has parameters").1;
            // The query of a registered URI comes first.
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
    leads_to_a_client(uri);
    let pairs: Vec<_> = form_urlencoded::parse(parameters.as_bytes()).collect();
    let values = |name: &str| {
        pairs.iter().filter(|(own, _)| own == name).map(|(_, value)| &**value).collect::<Vec<_>>()
    };
    assert_eq!(values("iss"), [ISSUER], "{location}");
    assert_eq!(values("error").len() + values("code").len() + values("access_token").len(), 1, "{location}");
    assert!(values("state").len() <= 1, "{location}");
}

/// The browser ends up at a URI that a client has registered. Checked twice: by the comparison that the server uses, and by
/// how a browser parses the URI.
fn leads_to_a_client(uri: &str) {
    let registered =
        REDIRECT_URIS.iter().find(|own| RedirectUri::parse(own).expect("it is registered").matches(uri));
    let registered = registered.unwrap_or_else(|| panic!("no client has registered {uri}"));
    same_target(registered, uri);
}

/// A browser goes to the same target for both, apart from the port of a loopback address.
pub fn same_target(registered: &str, requested: &str) {
    let (own, other) = (Url::parse(registered).expect("a URL"), Url::parse(requested).expect("a URL"));
    assert_eq!((own.scheme(), own.host_str()), (other.scheme(), other.host_str()), "{requested}");
    assert_eq!((own.path(), own.query()), (other.path(), other.query()), "{requested}");
    assert_eq!((other.username(), other.password(), other.fragment()), ("", None, None), "{requested}");
    if own.port() != other.port() {
        assert_eq!(own.scheme(), "http");
        assert!(matches!(own.host_str(), Some("127.0.0.1" | "[::1]" | "localhost")), "{requested}");
    }
}
