use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Method};
use url::{Host, Url};

use super::{FetchError, Reach};

/// Whether a URL may be plain `http`, which anyone on the way can read and change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PlainHttp {
    /// Only `https`.
    Refused,
    /// `http` where the host is `localhost`, an address in 127.0.0.0/8, or `[::1]`. Such a request connects to loopback addresses
    /// only, whatever `localhost` resolves to.
    Loopback,
    /// `http` to every host.
    Allowed,
}

/// An outgoing request: `GET`, or `POST` with a form.
///
/// Its `Debug` representation has neither the path and query of the URL nor the form, which may hold secrets.
#[derive(Clone)]
pub struct FetchRequest {
    url: Url,
    reach: Reach,
    is_loopback_only: bool,
    form: Option<String>,
    authorization: Option<HeaderValue>,
    accept: &'static str,
    max_body: usize,
    time_limit: Duration,
}

impl FetchRequest {
    /// The maximum length of a response's body, by default.
    pub const MAX_BODY: usize = 64 * 1024;
    /// How long a request may take, by default.
    pub const TIME_LIMIT: Duration = Duration::from_secs(5);

    /// A `GET` request. A fragment of the URL is not sent.
    ///
    /// # Errors
    /// [`FetchError::Url`] if the URL is not an absolute `https` URL, or an `http` URL that `plain_http` allows; or if it has user
    /// information.
    pub fn get(url: &str, plain_http: PlainHttp, reach: Reach) -> Result<Self, FetchError> {
        let url = parse(url)?;
        let is_plain = url.scheme() == "http";
        match plain_http {
            PlainHttp::Refused if is_plain => return Err(FetchError::Url("it must begin with https://")),
            PlainHttp::Loopback if is_plain && !is_loopback(&url) => {
                return Err(FetchError::Url("it must begin with https://, unless its host is on loopback"));
            }
            _ => {}
        }
        Ok(Self {
            is_loopback_only: is_plain && plain_http == PlainHttp::Loopback,
            url,
            reach,
            form: None,
            authorization: None,
            accept: "*/*",
            max_body: Self::MAX_BODY,
            time_limit: Self::TIME_LIMIT,
        })
    }

    /// A `POST` request whose body is a form.
    ///
    /// # Errors
    /// [`FetchError::Url`], as [`FetchRequest::get`].
    pub fn post_form<'a>(
        url: &str,
        plain_http: PlainHttp,
        reach: Reach,
        fields: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, FetchError> {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        Ok(Self { form: Some(form), ..Self::get(url, plain_http, reach)? })
    }

    /// Authenticates as this client, with its secret in the header (RFC 6749 section 2.3.1).
    #[must_use]
    pub fn basic(self, client_id: &str, client_secret: &str) -> Self {
        let half = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let credentials = STANDARD.encode(format!("{}:{}", half(client_id), half(client_secret)));
        let value = HeaderValue::try_from(format!("Basic {credentials}")).ok();
        let authorization = value.map(|mut value| {
            value.set_sensitive(true);
            value
        });
        Self { authorization, ..self }
    }

    /// Sets the media types that are asked for, as in an `Accept` header. By default, every type.
    #[must_use]
    pub fn accepting(self, media_types: &'static str) -> Self {
        Self { accept: media_types, ..self }
    }

    /// Sets the maximum length of the response's body, in bytes: [`FetchRequest::MAX_BODY`] by default.
    #[must_use]
    pub fn at_most(self, bytes: usize) -> Self {
        Self { max_body: bytes, ..self }
    }

    /// Sets how long everything may take, from the lookup of the host to the last byte: [`FetchRequest::TIME_LIMIT`] by default.
    #[must_use]
    pub fn within(self, time_limit: Duration) -> Self {
        Self { time_limit, ..self }
    }

    /// Where the request goes. The scheme is `https` or `http`, there is a host, and no user information.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// `POST` if there is a form, otherwise `GET`.
    pub fn method(&self) -> Method {
        if self.form.is_some() { Method::POST } else { Method::GET }
    }

    /// The body: an encoded form (`application/x-www-form-urlencoded`).
    pub fn form(&self) -> Option<&str> {
        self.form.as_deref()
    }

    /// The `Authorization` header, if the request authenticates.
    pub fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }

    /// The value of the `Accept` header.
    pub fn accept(&self) -> &'static str {
        self.accept
    }

    /// The maximum length of the response's body, in bytes.
    pub fn max_body(&self) -> usize {
        self.max_body
    }

    /// How long everything may take.
    pub fn time_limit(&self) -> Duration {
        self.time_limit
    }

    /// How far the request may go.
    pub fn reach(&self) -> Reach {
        self.reach
    }

    /// Whether the request may connect to `address`, which the URL's host resolved to: [`Reach`] and [`PlainHttp::Loopback`].
    pub fn allows(&self, address: IpAddr) -> bool {
        self.reach.allows(address) && (!self.is_loopback_only || address.is_loopback())
    }
}

/// Strict where a URL parser is lenient: tabs, backslashes, missing slashes and a scheme in capitals are refused.
fn parse(text: &str) -> Result<Url, FetchError> {
    if !text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\') {
        return Err(FetchError::Url("it must be in ASCII, without spaces and backslashes"));
    }
    if !text.starts_with("https://") && !text.starts_with("http://") {
        return Err(FetchError::Url("it must begin with https:// or http://"));
    }
    let url = Url::parse(text).map_err(|_| FetchError::Url("it is not an absolute URL"))?;
    if url.host_str().is_none_or(str::is_empty) {
        return Err(FetchError::Url("it has no host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(FetchError::Url("it must have no user information"));
    }
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

impl fmt::Debug for FetchRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchRequest")
            .field("method", &self.method())
            .field("origin", &self.url.origin().ascii_serialization())
            .field("reach", &self.reach)
            .field("max_body", &self.max_body)
            .field("time_limit", &self.time_limit)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn get(url: &str, plain_http: PlainHttp) -> Result<FetchRequest, FetchError> {
        FetchRequest::get(url, plain_http, Reach::Public)
    }

    #[test]
    fn only_complete_web_urls_are_requested() {
        for url in [
            "",
            "client.example",
            "//client.example/",
            "https:",
            "https://",
            "https:///",
            "https:client.example",
            "https:/client.example",
            "https:\\\\client.example",
            "https://client.example\\@internal.example/",
            "HTTPS://client.example/",
            " https://client.example/",
            "https://client.example/ ",
            "https://client.example/a b",
            "https://cli\tent.example/",
            "https://client.example/\u{e9}",
            "https://client.example:0x50/",
            "https://client.example:65536/",
            "https://user@client.example/",
            "https://user:password@client.example/",
            "https://:password@client.example/",
            "https://1.2.3.4.5/",
            "https://256.0.0.1/",
            "https://[::1/",
            "https://[fe80::1%25eth0]/",
            "ftp://client.example/",
            "file:///etc/passwd",
            "gopher://client.example/",
            "data:application/json,{}",
            "unix:///run/docker.sock",
        ] {
            assert!(matches!(get(url, PlainHttp::Allowed), Err(FetchError::Url(_))), "{url:?}");
        }
    }

    #[test]
    fn plain_http_goes_where_the_caller_allows_it() {
        let ways = [PlainHttp::Refused, PlainHttp::Loopback, PlainHttp::Allowed];
        for (url, accepted) in [
            ("https://client.example/jwks", [true, true, true]),
            ("http://client.example/jwks", [false, false, true]),
            ("http://localhost:8080/", [false, true, true]),
            ("http://127.0.0.1/", [false, true, true]),
            ("http://127.8.8.8/", [false, true, true]),
            ("http://[::1]/", [false, true, true]),
            ("http://localhost.client.example/", [false, false, true]),
            ("http://127.0.0.1.client.example/", [false, false, true]),
            ("http://0.0.0.0/", [false, false, true]),
            ("http://[::ffff:127.0.0.1]/", [false, false, true]),
        ] {
            assert_eq!(ways.map(|plain_http| get(url, plain_http).is_ok()), accepted, "{url}");
        }
    }

    #[test]
    fn plain_http_on_loopback_stays_there() {
        let request = FetchRequest::get("http://localhost/", PlainHttp::Loopback, Reach::Anywhere).unwrap();
        assert!(request.allows([127, 0, 0, 1].into()));
        assert!(!request.allows([1, 1, 1, 1].into()));
        let request = FetchRequest::get("https://localhost/", PlainHttp::Loopback, Reach::Anywhere).unwrap();
        assert!(request.allows([1, 1, 1, 1].into()));
    }

    #[test]
    fn a_form_is_encoded_and_makes_a_post() {
        let fields = [("logout_token", "a.b.c"), ("x", "1 + 1=2&")];
        let url = "https://client.example/logout";
        let request = FetchRequest::post_form(url, PlainHttp::Refused, Reach::Public, fields).unwrap();
        assert_eq!(request.method(), Method::POST);
        assert_eq!(request.form(), Some("logout_token=a.b.c&x=1+%2B+1%3D2%26"));
        assert_eq!(get(url, PlainHttp::Refused).unwrap().method(), Method::GET);
    }

    #[test]
    fn debug_shows_no_secret() {
        let url = "https://client.example/secret-path?secret=query#secret";
        let fields = [("logout_token", "secret")];
        let request = FetchRequest::post_form(url, PlainHttp::Refused, Reach::Public, fields).unwrap();
        let shown = format!("{request:?}");
        assert!(shown.contains("https://client.example") && !shown.contains("secret"), "{shown}");
    }

    proptest! {
        /// Whatever a text is, a request for it goes to a web server.
        #[test]
        fn an_accepted_url_is_a_web_url(text in prop_oneof![any::<String>(), "https?:/{0,3}[!-~]{0,24}"]) {
            if let Ok(request) = get(&text, PlainHttp::Allowed) {
                let url = request.url();
                prop_assert!(matches!(url.scheme(), "https" | "http") && url.host().is_some());
                prop_assert!(url.username().is_empty() && url.password().is_none());
                prop_assert_eq!(url.scheme() == "https", get(&text, PlainHttp::Refused).is_ok());
            }
        }
    }
}
