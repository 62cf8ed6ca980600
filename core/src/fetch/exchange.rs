//! One request and its response on a connection of their own.

use std::future::{Future, poll_fn};
use std::pin::pin;

use bytes::{Bytes, BytesMut};
use http::{Request, header};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use url::Position;

use super::{FetchError, FetchRequest, FetchResponse};

/// How many header lines a response may have.
const MAX_HEADERS: usize = 100;

/// The maximum length of a response's head, and of what is read ahead of a body.
const MAX_HEAD: usize = 16 * 1024;

/// Sends a request and reads the response. Nothing is left running when this future is dropped.
pub(super) async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    request: &FetchRequest,
) -> Result<FetchResponse, FetchError> {
    let message = message(request)?;
    let (mut sender, connection) = http1::Builder::new()
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(no_response)?;
    let response = async {
        let response = sender.send_request(message).await.map_err(no_response)?;
        let (head, body) = response.into_parts();
        if head.status.is_redirection() {
            return Err(FetchError::Redirect(head.status));
        }
        let is_encoded = |value: &http::HeaderValue| !value.as_bytes().eq_ignore_ascii_case(b"identity");
        if head.headers.get_all(header::CONTENT_ENCODING).iter().any(is_encoded) {
            return Err(FetchError::Response("its content is compressed, which was not asked for".into()));
        }
        let body = read(body, request.max_body()).await?;
        Ok(FetchResponse::new(head.status, &head.headers, body))
    };
    beside(connection, response).await
}

fn message(request: &FetchRequest) -> Result<Request<Full<Bytes>>, FetchError> {
    let url = request.url();
    let form = request.form().map(|form| Bytes::copy_from_slice(form.as_bytes()));
    let mut message = Request::builder()
        .method(request.method())
        .uri(&url[Position::BeforePath..Position::AfterQuery])
        .header(header::HOST, &url[Position::BeforeHost..Position::AfterPort])
        .header(header::USER_AGENT, "gridauth")
        .header(header::ACCEPT, request.accept())
        .header(header::ACCEPT_ENCODING, "identity")
        .header(header::CONNECTION, "close");
    if let Some(authorization) = request.authorization() {
        message = message.header(header::AUTHORIZATION, authorization);
    }
    if form.is_some() {
        message = message.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    }
    let message = message.body(Full::new(form.unwrap_or_default()));
    message.map_err(|_| FetchError::Url("its path and query do not fit into a request"))
}

/// Reads a body of at most `max` bytes, and no further than is needed to know that it is longer.
async fn read(mut body: Incoming, max: usize) -> Result<Bytes, FetchError> {
    let declared = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if declared > max {
        return Err(FetchError::TooLarge);
    }
    let mut whole = BytesMut::with_capacity(declared);
    while let Some(frame) = body.frame().await {
        // Anything but data is a trailer, which says nothing here.
        let Ok(data) = frame.map_err(no_response)?.into_data() else { continue };
        if data.len() > max - whole.len() {
            return Err(FetchError::TooLarge);
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}

fn no_response(error: hyper::Error) -> FetchError {
    FetchError::Response(error.into())
}

/// Drives `connection` until `work` is done. How the connection ends does not matter here: `work` gets its error.
async fn beside<T>(connection: impl Future, work: impl Future<Output = T>) -> T {
    let (mut connection, mut work) = (pin!(connection), pin!(work));
    let mut has_ended = false;
    poll_fn(|context| {
        if !has_ended {
            has_ended = connection.as_mut().poll(context).is_ready();
        }
        work.as_mut().poll(context)
    })
    .await
}
