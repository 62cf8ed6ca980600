//! Reads the fields of a form in either encoding.

use bytes::Bytes;
use futures_util::stream;
use gridauth::Request;
use gridauth::protocol::{OAuthError, Parameters};
use http::header::CONTENT_TYPE;

const URLENCODED: &str = "application/x-www-form-urlencoded";

/// The body of a form as `application/x-www-form-urlencoded`, whichever of the two encodings it came in.
///
/// # Errors
/// `invalid_request` where it is neither, or broken.
pub(crate) async fn urlencoded(request: &Request) -> Result<Bytes, OAuthError> {
    let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case(URLENCODED) {
        Ok(request.body().clone())
    } else if essence.eq_ignore_ascii_case("multipart/form-data") {
        multipart(content_type, request.body().clone()).await
    } else {
        Err(OAuthError::invalid_request(
            "the body must be application/x-www-form-urlencoded or multipart/form-data",
        ))
    }
}

async fn multipart(content_type: &str, body: Bytes) -> Result<Bytes, OAuthError> {
    let broken = || OAuthError::invalid_request("the multipart body is broken");
    let boundary = multer::parse_boundary(content_type).map_err(|_| broken())?;
    let whole = stream::iter([Ok::<_, std::convert::Infallible>(body)]);
    let mut parts = multer::Multipart::new(whole, boundary);
    let mut pairs = Vec::new();
    while let Some(part) = parts.next_field().await.map_err(|_| broken())? {
        if pairs.len() == Parameters::MAX {
            return Err(OAuthError::invalid_request("there are too many parameters"));
        }
        let name = part.name().ok_or_else(broken)?.to_owned();
        let value = part.bytes().await.map_err(|_| broken())?;
        let Ok(value) = String::from_utf8(value.into()) else {
            return Err(OAuthError::invalid_request("a parameter is not UTF-8"));
        };
        pairs.push((name, value));
    }
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(pairs);
    Ok(form.finish().into())
}

/// The pairs of an urlencoded form whose names are among `wanted`. The others may hold anything.
///
/// # Errors
/// `invalid_request` where one that is wanted is broken, or there twice.
pub(crate) fn fields(encoded: &[u8], wanted: &[&str]) -> Result<Parameters, OAuthError> {
    let kept: Vec<&[u8]> = encoded
        .split(|b| *b == b'&')
        .filter(|pair| {
            let name = pair.split(|b| *b == b'=').next().unwrap_or_default();
            form_urlencoded::parse(name).next().is_some_and(|(name, _)| wanted.contains(&&*name))
        })
        .collect();
    let parameters = Parameters::parse(&kept.join(&b'&'))?;
    match parameters.repeated() {
        Some(_) => Err(OAuthError::invalid_request("a parameter is repeated")),
        None => Ok(parameters),
    }
}
