use bytes::Bytes;
use gridauth::{GridAuth, Unread, whole_request};
use rocket::data::{FromData, Outcome, ToByteUnit};
use rocket::http::Method;
use rocket::response::{self, Responder};
use rocket::tokio::time::timeout;
use rocket::{Data, Request};

use crate::convert;
use crate::refusal::{self, Refusal};

/// A request with its whole body, at most [`GridAuth::MAX_BODY`] of it within [`GridAuth::BODY_TIMEOUT`], and the [`Peer`](gridauth::Peer) it came from:
/// what [`GridAuth::handle`] takes, for routes of the application's own that end there.
///
/// Where it cannot be read the catchers of the fairing answer.
///
/// ```
/// use gridauth::GridAuth;
/// use gridauth_rocket::{Answer, WholeRequest};
/// use rocket::{State, post};
///
/// /// The token endpoint at another path.
/// #[post("/token", data = "<request>")]
/// async fn token(auth: &State<GridAuth>, request: WholeRequest) -> Answer {
///     let WholeRequest(mut request) = request;
///     *request.uri_mut() = http::Uri::from_static("/oauth/token");
///     Answer(auth.handle(request).await)
/// }
/// ```
#[derive(Debug)]
pub struct WholeRequest(pub gridauth::Request);

#[rocket::async_trait]
impl<'r> FromData<'r> for WholeRequest {
    type Error = Unread;

    async fn from_data(request: &'r Request<'_>, data: Data<'r>) -> Outcome<'r, Self> {
        match read(request, data).await {
            Ok(whole) => Outcome::Success(Self(whole)),
            Err(why) => Outcome::Error((refusal::leave(request, Refusal::Unread(why)), why)),
        }
    }
}

/// What Rocket reads of every body for itself, looking for `_method`, in bytes. If the body breaks off there Rocket takes
/// what it has for the whole; a body that has really ended is known to have.
const PEEKED: usize = "_method=delete".len();

/// Reads a request, to the bound of its body and no further.
pub(crate) async fn read(request: &Request<'_>, data: Data<'_>) -> Result<gridauth::Request, Unread> {
    let ended_in_peek = data.peek_complete();
    let body = timeout(GridAuth::BODY_TIMEOUT, data.open(GridAuth::MAX_BODY.bytes()).into_bytes());
    let body = body.await.map_err(|_| Unread::TooSlow)?.map_err(|_| Unread::Broken)?;
    if body.len() < PEEKED && !ended_in_peek {
        return Err(Unread::Broken);
    }
    if !body.is_complete() {
        return Err(Unread::TooLong);
    }
    whole(request, Bytes::from(body.into_inner()))
}

/// The request as the server reads it. The body is handed on, not copied.
pub(crate) fn whole(request: &Request<'_>, body: Bytes) -> Result<gridauth::Request, Unread> {
    let headers = request.headers().iter();
    let headers = headers.map(|header| (header.name.into_string(), header.value.into_owned()));
    let method = sent_method(request, &body);
    whole_request(method.as_str(), &request.uri().to_string(), headers, body, convert::peer(request))
}

/// The method that the request was sent with. Rocket takes a form that begins with `_method=put` for a PUT; to an
/// endpoint that is a parameter that it does not know, and ignores (RFC 6749 section 3.2).
fn sent_method(request: &Request<'_>, body: &[u8]) -> Method {
    let is_form = request.content_type().is_some_and(|content_type| content_type.is_form());
    let renamed = body.strip_prefix(b"_method=".as_slice()).filter(|_| is_form).and_then(|rest| {
        let value = rest.split(|&byte| byte == b'&').next().unwrap_or_default();
        std::str::from_utf8(value).ok()?.parse().ok()
    });
    if renamed == Some(request.method()) { Method::Post } else { request.method() }
}

/// What the engine answers, as a [`Responder`].
#[derive(Debug)]
pub struct Answer(pub gridauth::Response);

impl<'r> Responder<'r, 'static> for Answer {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        Ok(convert::response(self.0))
    }
}
