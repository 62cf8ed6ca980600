//! Who is signed in in a browser, for the application's own pages.

use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT_LANGUAGE, AUTHORIZATION, COOKIE};
use http::{HeaderName, HeaderValue, StatusCode};

use super::GridAuth;
use super::grid_auth::Server;
use crate::endpoints::{account_path, own_sign_in};
use crate::http::{Request, RequestHead, Response, json_response, see_other};
use crate::model::Authentication;
use crate::protocol::{OAuthError, ReturnPath};
use crate::store::deadline;

/// A future of [`GridAuth::signed_in`] or [`GridAuth::require_sign_in`].
pub type SignInFuture<T> = Pin<Box<dyn Future<Output = Result<T, Response>> + Send>>;

/// What is read of a request. An [`OwnSession`](crate::identity::OwnSession) sees these headers and no others.
const HEADERS: [HeaderName; 3] = [COOKIE, AUTHORIZATION, ACCEPT_LANGUAGE];

const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

impl GridAuth {
    /// Who is signed in in the browser that sent a request; `None` if nobody is. It is for the application's own pages, which share the
    /// origin with the server. The adapters have the extractor `SignedIn` for it.
    ///
    /// The session's cookie has `SameSite=Lax`: a browser does not send it with a form from another site. Nevertheless a form that
    /// changes something needs a CSRF token of the application's own, or a check of `Sec-Fetch-Site`, if another application on the
    /// same site is not trusted.
    ///
    /// With an [`OwnSession`](crate::identity::OwnSession), that is asked. It gets the method, the URI and the headers `Cookie`,
    /// `Authorization` and `Accept-Language`.
    ///
    /// # Errors
    /// The future returns the response if this cannot be determined: a page with status 503 while the store cannot be reached.
    pub fn signed_in(&self, head: &impl RequestHead) -> SignInFuture<Option<Authentication>> {
        let Some(request) = head_only(head) else { return Box::pin(ready(Ok(None))) };
        let server = Arc::clone(&self.0);
        Box::pin(async move {
            let found = deadline::shared(server.interaction.find(&server.engine, &request)).await;
            found.map_err(|error| server.error_page(&request, &error))
        })
    }

    /// Who is signed in in the browser that sent a request, or the response that lets somebody sign in: a redirect to the sign-in page,
    /// which leads back to the path of the request. A request that a script sent, according to `Sec-Fetch-Mode`, gets 403 and the
    /// error `login_required` as JSON. The adapters have the guard `sign_in_required` for it.
    ///
    /// # Errors
    /// The future returns the response as an error.
    pub fn require_sign_in(&self, head: &impl RequestHead) -> SignInFuture<Authentication> {
        let is_script = head.header_values(&FETCH_MODE).any(|mode| mode != b"navigate");
        let (found, path) = (self.signed_in(head), self.path_of(head));
        let (server, request) = (Arc::clone(&self.0), head_only(head).unwrap_or_default());
        Box::pin(async move {
            if let Some(signed_in) = found.await? {
                return Ok(signed_in);
            }
            if is_script {
                let body = serde_json::json!({
                    "error": "login_required", "error_description": "the user has to sign in",
                });
                return Err(json_response(StatusCode::FORBIDDEN, &body));
            }
            Err(server.ask_sign_in(path).unwrap_or_else(|error| server.error_page(&request, &error)))
        })
    }

    /// Whether users can sign in on a page: the server's [account page](crate::Builder::account_page), or the application's
    /// ([`OwnSession`](crate::identity::OwnSession)).
    pub fn has_sign_in_page(&self) -> bool {
        self.0.interaction.own_session.is_some()
            || self.0.routes.find(&account_path(&self.0.engine)).is_some()
    }

    /// The path of a request as the browser knows it.
    fn path_of(&self, head: &impl RequestHead) -> Option<ReturnPath> {
        let stripped = if self.0.strips_issuer_path { &*self.0.engine.issuer.path } else { "" };
        let query = head.query().map(|query| format!("?{query}")).unwrap_or_default();
        ReturnPath::parse(&format!("{stripped}{}{query}", head.path()))
    }
}

impl Server {
    /// Sends a browser to the sign-in page.
    fn ask_sign_in(&self, path: Option<ReturnPath>) -> Result<Response, OAuthError> {
        let path = path.map_or_else(|| account_path(&self.engine), |path| path.to_string());
        if let Some(own) = &self.interaction.own_session {
            return own_sign_in(&**own, &path, None);
        }
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("return_to", &path).finish();
        see_other(&format!("{}?{query}", account_path(&self.engine)))
    }

    fn error_page(&self, request: &Request, error: &OAuthError) -> Response {
        self.interaction.error_page(self.interaction.language(request, None), error)
    }
}

/// The part of a request that is read. `None` if it is not valid HTTP; then nobody is signed in.
fn head_only(head: &impl RequestHead) -> Option<Request> {
    let query = head.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut request = http::Request::builder().method(head.method()).uri(format!("{}{query}", head.path()));
    for name in &HEADERS {
        for value in head.header_values(name) {
            request = request.header(name, HeaderValue::from_bytes(value).ok()?);
        }
    }
    request.body(Bytes::new()).ok()
}
