//! A finished page with its response headers.

use std::fmt;

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use http::{HeaderName, HeaderValue, Response, StatusCode};

use super::content_security_policy::{ContentSecurityPolicy, Source};

/// What other origins learn about a page through its links and forms (Referrer Policy, section 3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReferrerPolicy {
    /// Nothing. A form that posts to another origin sends `Origin: null`.
    #[default]
    SameOrigin,
    /// The page's origin, without path and query; nothing if the page is https and the other origin http.
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
/// A page of the application may load style sheets, images and fonts from its own origin, and runs no script.
/// [`with_policy`](Self::with_policy) changes that.
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
    /// A page of the application, from its HTML.
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

    /// Sets what other origins learn about the page.
    pub fn with_referrer_policy(mut self, referrer: ReferrerPolicy) -> Self {
        self.referrer = referrer;
        self
    }

    /// The page's HTML.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.body
    }

    /// The headers of the page. They do not depend on the status.
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

    /// Turns the page into a response with this status.
    #[must_use]
    pub fn into_response(self, status: StatusCode) -> Response<Bytes> {
        let headers = self.headers();
        let mut response = Response::new(Bytes::from(self.body));
        *response.status_mut() = status;
        response.headers_mut().extend(headers);
        response
    }
}

/// Shows the length of the body only: it may contain a CSRF token or an authorization code.
impl fmt::Debug for Html {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Html")
            .field("bytes", &self.body.len())
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// The header value of a policy. A policy is always ASCII; the strictest policy stands in for one that is not.
pub(super) fn policy_header(policy: &ContentSecurityPolicy) -> HeaderValue {
    HeaderValue::try_from(policy.to_string())
        .unwrap_or(HeaderValue::from_static("default-src 'none'; base-uri 'none'; frame-ancestors 'none'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_has_the_headers_of_its_page() {
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
    fn debug_output_does_not_contain_the_body() {
        assert!(!format!("{:?}", Html::new("csrf-secret")).contains("secret"));
    }
}
