//! Cross-Origin Resource Sharing (Fetch standard, section 3.3): scripts of which origins may read an answer.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderValue, Method, StatusCode};
use url::Url;

use super::{Request, RequestHead, Response};

/// The origins whose scripts may call the endpoints that are made for scripts. Cookies are never part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum AllowedOrigins {
    #[default]
    Any,
    Only(Vec<String>),
}

impl AllowedOrigins {
    /// What is wrong with the list, if anything.
    pub(crate) fn problems(&self) -> impl Iterator<Item = String> {
        let origins = match self {
            Self::Any => &[][..],
            Self::Only(origins) => origins,
        };
        origins.iter().filter(|origin| !is_origin(origin)).map(|origin| {
            format!("the allowed origin {origin:?} must be a scheme, a host and maybe a port, as https://app.example.com")
        })
    }

    /// Lets scripts of these origins read the answer.
    pub(crate) fn open(&self, request: &impl RequestHead, response: &mut Response) {
        let headers = response.headers_mut();
        let allowed = match self {
            Self::Any => HeaderValue::from_static("*"),
            Self::Only(origins) => {
                headers.append(VARY, HeaderValue::from_static("Origin"));
                let origin = request.header_values(&ORIGIN).next();
                let allowed = origin.and_then(|origin| origins.iter().find(|own| own.as_bytes() == origin));
                match allowed.and_then(|own| HeaderValue::from_str(own).ok()) {
                    Some(own) => own,
                    None => return,
                }
            }
        };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        headers
            .insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("WWW-Authenticate, DPoP-Nonce"));
    }
}

/// The answer to a preflight for an endpoint with these methods; `None` where the request is none.
pub(crate) fn preflight(request: &Request, methods: &str) -> Option<Response> {
    let headers = request.headers();
    let is_preflight = request.method() == Method::OPTIONS
        && headers.contains_key(ORIGIN)
        && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    if !is_preflight {
        return None;
    }
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    let answer = response.headers_mut();
    answer.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::try_from(methods).ok()?);
    // Libraries send headers of their own. Any may come: without cookies, a browser adds no credentials by itself.
    if let Some(asked) = headers.get(ACCESS_CONTROL_REQUEST_HEADERS) {
        answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
        answer.append(VARY, HeaderValue::from_static("Access-Control-Request-Headers"));
    }
    answer.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("7200"));
    Some(response)
}

/// Whether this is an origin as browsers write it.
fn is_origin(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else { return false };
    let origin = url.origin();
    if origin.is_tuple() {
        return origin.ascii_serialization() == text && !text.contains('*');
    }
    // A scheme of the application's own, as web views of phones have.
    text.split_once("://").is_some_and(|(scheme, authority)| {
        scheme == url.scheme()
            && !authority.is_empty()
            && authority.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.:".contains(&b))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        for good in
            ["https://app.example.com", "http://127.0.0.1:3000", "http://[::1]:8080", "capacitor://localhost"]
        {
            assert!(is_origin(good), "{good}");
        }
        for bad in [
            "",
            "*",
            "null",
            "app.example.com",
            "https://app.example.com/",
            "https://app.example.com:443",
            "https://App.example.com",
            "https://*.example.com",
            "https://user@app.example.com",
            "capacitor://localhost/x",
        ] {
            assert!(!is_origin(bad), "{bad}");
        }
    }
}
