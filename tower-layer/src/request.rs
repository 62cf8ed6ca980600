use axum::body::{Body, HttpBody};
use axum::extract::{FromRef, FromRequest, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use gridauth::{GridAuth, Unread};
use http::request::Parts;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::timeout;

use crate::head::peer;

/// A request with its whole body, of at most [`GridAuth::MAX_BODY`] within [`GridAuth::BODY_TIMEOUT`], and with the
/// [`Peer`](gridauth::Peer) it came from. It is for the application's own routes that call [`GridAuth::handle`].
///
/// ```
/// use axum::body::Body;
/// use axum::extract::State;
/// use axum::response::Response;
/// use gridauth::GridAuth;
/// use gridauth_tower::WholeRequest;
///
/// /// The token endpoint at another path.
/// async fn token(State(auth): State<GridAuth>, WholeRequest(mut request): WholeRequest) -> Response {
///     *request.uri_mut() = http::Uri::from_static("/oauth/token");
///     auth.handle(request).await.map(Body::from)
/// }
/// # let _: axum::Router<GridAuth> = axum::Router::new().route("/token", axum::routing::post(token));
/// ```
#[derive(Debug)]
pub struct WholeRequest(pub gridauth::Request);

/// The rejection of the extractor [`WholeRequest`]: the request could not be read.
#[derive(Debug)]
pub struct WholeRequestRejection(Response);

impl IntoResponse for WholeRequestRejection {
    fn into_response(self) -> Response {
        self.0
    }
}

impl<St> FromRequest<St> for WholeRequest
where
    St: Sync,
    GridAuth: FromRef<St>,
{
    type Rejection = WholeRequestRejection;

    async fn from_request(request: Request, state: &St) -> Result<Self, Self::Rejection> {
        let (mut parts, body) = request.into_parts();
        add_peer(&mut parts);
        match read(body).await {
            Ok(body) => Ok(Self(http::Request::from_parts(parts, body))),
            Err(why) => {
                let auth = GridAuth::from_ref(state);
                Err(WholeRequestRejection(auth.refuse_unread(&parts, why).map(Body::from)))
            }
        }
    }
}

/// Adds the address that a request came from, if it is known.
fn add_peer(parts: &mut Parts) {
    if let Some(peer) = peer(&parts.extensions) {
        parts.extensions.insert(peer);
    }
}

async fn read(body: Body) -> Result<Bytes, Unread> {
    // A body whose declared length is too long is not read at all.
    if body.size_hint().lower() > GridAuth::MAX_BODY as u64 {
        return Err(Unread::TooLong);
    }
    let whole = Limited::new(body, GridAuth::MAX_BODY).collect();
    let Ok(whole) = timeout(GridAuth::BODY_TIMEOUT, whole).await else { return Err(Unread::TooSlow) };
    match whole {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Unread::TooLong),
        Err(_) => Err(Unread::Broken),
    }
}
