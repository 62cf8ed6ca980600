//! A finished page and the headers that it goes out with.

use std::fmt;

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use http::{HeaderName, HeaderValue, Response, StatusCode};

use super::policy::{ContentSecurityPolicy, Source};

/// What is sent about this page to where its links and forms lead (Referrer Policy, section 3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReferrerPolicy {
    /// Nothing is told to another origin. A form that posts there does so with `Origin: null`.
    #[default]
    SameOrigin,
    /// Another origin is told this page's origin, never its path or query, and nothing at all where the page came by
    /// https and the other does not.
    StrictOrigin,
}

impl ReferrerPolicy {
    fn header_value(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::SameOrigin => "same-origin",
            Self::StrictOrigin => "strict-origin",
        })
    }
}

/// A page, ready to be sent.
///
/// An application's own page starts as its text; style sheets, images and fonts may come from its own origin and
/// scripts do not run, unless [`with_policy`](Self::with_policy) says otherwise.
///
/// ```
/// use gridauth::pages::Html;
/// use http::StatusCode;
///
/// let page = Html::new("<!DOCTYPE html><html lang=\"en\"><title>Hello</title><link rel=\"stylesheet\" href=\"/own.css\">");
/// let response = page.into_response(StatusCode::OK);
/// assert_eq!(response.headers()["cache-control"], "no-store");
/// assert_eq!(response.headers()["x-frame-options"], "DENY");
/// ```
#[derive(Clone)]
#[must_use]
pub struct Html {
    body: String,
    policy: HeaderValue,
    referrer: ReferrerPolicy,
}

impl Html {
    /// A page of the application's own.
    pub fn new(body: impl Into<String>) -> Self {
        let policy = ContentSecurityPolicy::nothing()
            .styles_from(Source::own_origin())
            .images_from(Source::own_origin())
            .fonts_from(Source::own_origin());
        Self::with_header(body.into(), policy_header(&policy))
    }

    pub(super) fn with_header(body: String, policy: HeaderValue) -> Self {
        Self { body, policy, referrer: ReferrerPolicy::default() }
    }

    /// Sets what the page may load and run.
    pub fn with_policy(mut self, policy: &ContentSecurityPolicy) -> Self {
        self.policy = policy_header(policy);
        self
    }

    /// Sets what is told to where the page's links and forms lead.
    pub fn with_referrer_policy(mut self, referrer: ReferrerPolicy) -> Self {
        self.referrer = referrer;
        self
    }

    /// The page's text.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.body
    }

    /// The headers that belong to the page, whatever its status is.
    #[must_use]
    pub fn headers(&self) -> [(HeaderName, HeaderValue); 6] {
        [
            (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
            (CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (CONTENT_SECURITY_POLICY, self.policy.clone()),
            (REFERRER_POLICY, self.referrer.header_value()),
            (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            // For browsers that do not know `frame-ancestors`.
            (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        ]
    }

    /// The page as an answer.
    #[must_use]
    pub fn into_response(self, status: StatusCode) -> Response<Bytes> {
        let headers = self.headers();
        let mut response = Response::new(Bytes::from(self.body));
        *response.status_mut() = status;
        response.headers_mut().extend(headers);
        response
    }
}

/// Tells the length only: a page may hold a CSRF token or an authorization code.
impl fmt::Debug for Html {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Html")
            .field("bytes", &self.body.len())
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// A policy is ASCII by its construction; were it not, the strictest one would take its place.
pub(super) fn policy_header(policy: &ContentSecurityPolicy) -> HeaderValue {
    HeaderValue::try_from(policy.to_string())
        .unwrap_or(HeaderValue::from_static("default-src 'none'; base-uri 'none'; frame-ancestors 'none'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_goes_out_with_its_headers() {
        let response = Html::new("<p>").into_response(StatusCode::BAD_REQUEST);
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        let mut headers: Vec<_> =
            response.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        headers.sort_unstable();
        assert_eq!(
            headers,
            [
                ("cache-control", "no-store"),
                (
                    "content-security-policy",
                    "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; base-uri 'none'; \
                     frame-ancestors 'none'"
                ),
                ("content-type", "text/html; charset=utf-8"),
                ("referrer-policy", "same-origin"),
                ("x-content-type-options", "nosniff"),
                ("x-frame-options", "DENY"),
            ]
        );
        assert_eq!(response.into_body(), "<p>");
    }

    #[test]
    fn a_page_in_a_log_shows_nothing_of_its_text() {
        assert!(!format!("{:?}", Html::new("csrf-secret")).contains("secret"));
    }
}
