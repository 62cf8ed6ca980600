use bytes::Bytes;
use gridauth::{GridAuth, Unread, whole_request};
use rocket::data::{FromData, Outcome, ToByteUnit};
use rocket::http::Method;
use rocket::response::{self, Responder};
use rocket::tokio::time::timeout;
use rocket::{Data, Request};

use crate::convert;
use crate::refusal::{self, Refusal};

/// A request with its whole body, of at most [`GridAuth::MAX_BODY`] within [`GridAuth::BODY_TIMEOUT`], and with the
/// [`Peer`](gridauth::Peer) it came from. It is for the application's own routes that call [`GridAuth::handle`].
///
/// If the request cannot be read, the catchers of the fairing respond.
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

/// How many bytes of a body Rocket reads first, looking for `_method`. If the body breaks off there, Rocket treats what it has as
/// the whole body. But then `peek_complete` is false.
const PEEKED: usize = "_method=delete".len();

/// Reads a request with at most `MAX_BODY` of its body.
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

/// The request in gridauth's type. The body is not copied.
pub(crate) fn whole(request: &Request<'_>, body: Bytes) -> Result<gridauth::Request, Unread> {
    let headers = request.headers().iter();
    let headers = headers.map(|header| (header.name.into_string(), header.value.into_owned()));
    let method = sent_method(request, &body);
    let uri = request.uri().to_string();
    let mut whole = whole_request(method.as_str(), &uri, headers, body, convert::peer(request))?;
    if let Some(certificate) = convert::certificate(request) {
        whole.extensions_mut().insert(certificate);
    }
    Ok(whole)
}

/// The method that the request was sent with. Rocket treats a form that starts with `_method=put` as a PUT. For an endpoint,
/// `_method` is an unknown parameter, which it ignores (RFC 6749 section 3.2).
fn sent_method(request: &Request<'_>, body: &[u8]) -> Method {
    let is_form = request.content_type().is_some_and(|content_type| content_type.is_form());
    let renamed = body.strip_prefix(b"_method=".as_slice()).filter(|_| is_form).and_then(|rest| {
        let value = rest.split(|&byte| byte == b'&').next().unwrap_or_default();
        std::str::from_utf8(value).ok()?.parse().ok()
    });
    if renamed == Some(request.method()) { Method::Post } else { request.method() }
}

/// A response of [`GridAuth::handle`], as a [`Responder`].
#[derive(Debug)]
pub struct Answer(pub gridauth::Response);

impl<'r> Responder<'r, 'static> for Answer {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        Ok(convert::response(self.0))
    }
}
