use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};

/// A complete response.
///
/// Its `Debug` representation has the length of the body and not its content.
#[derive(Clone)]
pub struct FetchResponse {
    status: StatusCode,
    media_type: Option<String>,
    fresh_for: Option<Duration>,
    body: Bytes,
}

impl FetchResponse {
    /// A response with what its headers say of media type and caching.
    pub fn new(status: StatusCode, headers: &HeaderMap, body: Bytes) -> Self {
        Self { status, media_type: media_type(headers), fresh_for: fresh_for(headers), body }
    }

    /// The status, which may be one of failure. It is no redirect.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The media type in lower case and without its parameters, as `application/json`; `None` if there is none, or more than one.
    pub fn media_type(&self) -> Option<&str> {
        self.media_type.as_deref()
    }

    /// How long the response may be used again without asking (RFC 9111): `max-age` without the age that it already has, zero for
    /// `no-store` and `no-cache`, and `None` if the host does not say.
    pub fn fresh_for(&self) -> Option<Duration> {
        self.fresh_for
    }

    /// The body.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The body, without a copy.
    pub fn into_body(self) -> Bytes {
        self.body
    }
}

fn media_type(headers: &HeaderMap) -> Option<String> {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    let essence = value.to_str().ok()?.split(';').next()?.trim().to_ascii_lowercase();
    essence.split_once('/').filter(|(kind, subtype)| !kind.is_empty() && !subtype.is_empty())?;
    Some(essence)
}

/// Where directives contradict each other, the shortest time counts (RFC 9111 section 4.2.1).
fn fresh_for(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let directives = values.flat_map(|value| value.split(','));
    let seconds = directives.filter_map(|directive| {
        let (name, argument) = directive.split_once('=').unwrap_or((directive, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            "no-store" | "no-cache" => Some(0),
            "max-age" => Some(delta_seconds(argument.trim().trim_matches('"')).unwrap_or(0)),
            _ => None,
        }
    });
    let age = headers.get(header::AGE).and_then(|value| delta_seconds(value.to_str().ok()?));
    Some(Duration::from_secs(seconds.min()?.saturating_sub(age.unwrap_or(0))))
}

/// Seconds; a number that is too large counts as 2^31 (RFC 9111 section 1.2.2).
fn delta_seconds(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(1 << 31).min(1 << 31))
}

impl fmt::Debug for FetchResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchResponse")
            .field("status", &self.status)
            .field("media_type", &self.media_type)
            .field("fresh_for", &self.fresh_for)
            .field("length", &self.body.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn with(headers: &[(HeaderName, &str)]) -> FetchResponse {
        let headers =
            headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()));
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, value);
        }
        FetchResponse::new(StatusCode::OK, &map, Bytes::from_static(b"secret"))
    }

    #[test]
    fn the_media_type_has_no_parameters() {
        for (value, media_type) in [
            ("application/json", Some("application/json")),
            ("Application/JSON; charset=utf-8", Some("application/json")),
            (" application/jwk-set+json ;x", Some("application/jwk-set+json")),
            ("json", None),
            ("/json", None),
            ("application/", None),
            ("", None),
        ] {
            assert_eq!(with(&[(header::CONTENT_TYPE, value)]).media_type(), media_type, "{value}");
        }
        let twice = [(header::CONTENT_TYPE, "text/html"), (header::CONTENT_TYPE, "application/json")];
        assert_eq!(with(&twice).media_type(), None);
        assert_eq!(with(&[]).media_type(), None);
    }

    #[test]
    fn freshness_is_max_age_without_age() {
        for (cache_control, age, seconds) in [
            ("max-age=300", "", Some(300)),
            ("public, Max-Age=300", "", Some(300)),
            ("max-age=\"300\"", "", Some(300)),
            ("max-age = 300", "", Some(300)),
            ("max-age=300", "100", Some(200)),
            ("max-age=300", "400", Some(0)),
            ("max-age=300", "-1", Some(300)),
            ("max-age=300, max-age=60", "", Some(60)),
            ("max-age=300, no-cache", "", Some(0)),
            ("no-store", "", Some(0)),
            ("no-cache=\"set-cookie\"", "", Some(0)),
            ("max-age=", "", Some(0)),
            ("max-age", "", Some(0)),
            ("max-age=-1", "", Some(0)),
            ("max-age=1.5", "", Some(0)),
            ("max-age=99999999999999999999999", "", Some(1 << 31)),
            ("s-maxage=300", "", None),
            ("public", "", None),
            ("", "", None),
        ] {
            let response = with(&[(header::CACHE_CONTROL, cache_control), (header::AGE, age)]);
            assert_eq!(response.fresh_for(), seconds.map(Duration::from_secs), "{cache_control} {age}");
        }
        let twice = [(header::CACHE_CONTROL, "max-age=300"), (header::CACHE_CONTROL, "no-store")];
        assert_eq!(with(&twice).fresh_for(), Some(Duration::ZERO));
        assert_eq!(with(&[]).fresh_for(), None);
    }

    #[test]
    fn debug_shows_no_body() {
        let shown = format!("{:?}", with(&[]));
        assert!(shown.contains("length: 6") && !shown.contains("secret"), "{shown}");
    }
}
