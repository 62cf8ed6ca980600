//! Parses form bodies in either encoding.

use bytes::Bytes;
use futures_util::stream;
use gridauth::Request;
use gridauth::protocol::{OAuthError, Parameters};
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};

/// The fields of a form, `application/x-www-form-urlencoded` or `multipart/form-data`. If `wanted` is given, only the
/// fields of these names; the others may contain anything.
///
/// # Errors
/// `invalid_request` if the body is neither, or is malformed, or a field is repeated or a file.
pub(crate) async fn fields(request: &Request, wanted: Option<&[&str]>) -> Result<Parameters, OAuthError> {
    let is_wanted = |name: &str| wanted.is_none_or(|wanted| wanted.contains(&name));
    let mut content_types = request.headers().get_all(CONTENT_TYPE).iter();
    let content_type = content_types.next().and_then(|value| value.to_str().ok()).unwrap_or_default();
    if content_types.next().is_some() {
        return Err(OAuthError::invalid_request("there is more than one Content-Type"));
    }
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let fields = if essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        urlencoded(request.body(), is_wanted)?
    } else if essence.eq_ignore_ascii_case("multipart/form-data") {
        multipart(content_type, request.body().clone(), is_wanted).await?
    } else {
        return Err(OAuthError::invalid_request(
            "the body must be application/x-www-form-urlencoded or multipart/form-data",
        ));
    };
    match fields.repeated() {
        Some(_) => Err(OAuthError::invalid_request("a parameter is repeated")),
        None => Ok(fields),
    }
}

fn urlencoded(body: &[u8], is_wanted: impl Fn(&str) -> bool) -> Result<Parameters, OAuthError> {
    let kept = body.split(|b| *b == b'&').filter(|pair| {
        let name = pair.split(|b| *b == b'=').next().unwrap_or_default();
        is_wanted(&form_urlencoded::parse(name).next().unwrap_or_default().0)
    });
    Ok(Parameters::parse(&kept.collect::<Vec<_>>().join(&b'&'))?)
}

async fn multipart(
    content_type: &str,
    body: Bytes,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<Parameters, OAuthError> {
    let broken = || OAuthError::invalid_request("the multipart body is broken");
    let boundary = multer::parse_boundary(content_type).map_err(|_| broken())?;
    let whole = stream::iter([Ok::<_, std::convert::Infallible>(body)]);
    let mut parts = multer::Multipart::new(whole, boundary);
    let mut pairs = Vec::new();
    while let Some(part) = parts.next_field().await.map_err(|_| broken())? {
        let name = part.name().unwrap_or_default().to_owned();
        if is_file(part.headers()) && is_wanted(&name) {
            return Err(OAuthError::invalid_request("a parameter is a file"));
        }
        // Also for a part that is not wanted, because it may be malformed.
        let value = part.bytes().await.map_err(|_| broken())?;
        if is_wanted(&name) {
            let value = String::from_utf8(value.into())
                .map_err(|_| OAuthError::invalid_request("a parameter is not UTF-8"))?;
            pairs.push((name, value));
        }
    }
    Ok(Parameters::from_pairs(pairs)?)
}

/// Whether a part has a file name, in any spelling (RFC 7578 section 4.2).
fn is_file(headers: &HeaderMap) -> bool {
    let disposition = headers.get(CONTENT_DISPOSITION).map(HeaderValue::as_bytes).unwrap_or_default();
    let mut parameters = disposition.split(|b| *b == b';').map(<[u8]>::trim_ascii_start);
    parameters.any(|parameter| parameter.get(..8).is_some_and(|name| name.eq_ignore_ascii_case(b"filename")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(content_type: &str, body: impl Into<Bytes>) -> Request {
        let request = http::Request::post("/").header(CONTENT_TYPE, content_type);
        request.body(body.into()).unwrap()
    }

    fn part(name: &str, value: &str) -> String {
        format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    }

    const FORM: &str = "application/x-www-form-urlencoded";
    const MULTIPART: &str = "Multipart/Form-Data; boundary=x";
    const WANTED: Option<&[&str]> = Some(&["username", "password"]);

    async fn get(request: &Request, wanted: Option<&[&str]>) -> Result<String, String> {
        let fields = fields(request, wanted).await.map_err(|error| error.description().to_owned())?;
        Ok(fields.iter().map(|(name, value)| format!("{name}={value};")).collect())
    }

    #[tokio::test]
    async fn both_encodings_give_the_same_fields() {
        let multipart = [part("username", "a b&c"), part("password", "ü\r\nö"), "--x--".to_owned()].concat();
        let multipart = request(MULTIPART, multipart);
        let form = request(
            "APPLICATION/x-www-form-urlencoded ; charset=utf-8",
            "username=a+b%26c&password=%c3%bc%0d%0a%C3%B6",
        );
        for request in [multipart, form] {
            assert_eq!(get(&request, None).await.unwrap(), "username=a b&c;password=ü\r\nö;");
        }
    }

    #[tokio::test]
    async fn fields_that_are_not_wanted_may_contain_anything() {
        let form = request(FORM, &b"bio=%0a%zz&bio=\xff&%zz=1&us%65rname=a&password=b"[..]);
        assert_eq!(get(&form, WANTED).await.unwrap(), "username=a;password=b;");
        assert!(get(&form, None).await.is_err());
        let mut body = Vec::from(part("username", "a"));
        for _ in 0..200 {
            body.extend(
                b"--x\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"f\"\r\n\r\n\xff\0\r\n",
            );
        }
        body.extend(b"--x--\r\n");
        let multipart = request(MULTIPART, body);
        assert_eq!(get(&multipart, WANTED).await.unwrap(), "username=a;");
        assert!(get(&multipart, None).await.is_err());
    }

    #[tokio::test]
    async fn a_file_is_not_a_field() {
        for disposition in
            ["filename=\"f\"", "filename=f", "filename=\"\"", "FileName=\"f\"", "filename*=UTF-8''f"]
        {
            let body = format!(
                "--x\r\nContent-Disposition: form-data; name=\"username\"; {disposition}\r\n\r\nisrael\r\n--x--\r\n"
            );
            let refused = get(&request(MULTIPART, body), WANTED).await;
            assert_eq!(refused.unwrap_err(), "a parameter is a file", "{disposition}");
        }
    }

    #[tokio::test]
    async fn two_content_types_are_rejected() {
        for (first, second) in [(FORM, FORM), (FORM, "text/plain"), ("text/plain", FORM)] {
            let mut twice = request(first, "username=a");
            twice.headers_mut().append(CONTENT_TYPE, second.parse().unwrap());
            let refused = get(&twice, WANTED).await.unwrap_err();
            assert_eq!(refused, "there is more than one Content-Type", "{first}, {second}");
        }
    }

    #[tokio::test]
    async fn wanted_fields_must_be_well_formed_and_unique() {
        let twice = [part("username", "a"), part("username", "b"), "--x--".to_owned()].concat();
        for (content_type, body, wrong) in [
            (FORM, "username=a&username=b", "a parameter is repeated"),
            (MULTIPART, &*twice, "a parameter is repeated"),
            (FORM, "username=%", "a percent-encoding is broken"),
            (FORM, "username=%ff", "a parameter is not UTF-8"),
            (FORM, "username=a%00", "a parameter has a control character"),
            (MULTIPART, &part("username", "a"), "the multipart body is broken"),
            (MULTIPART, "", "the multipart body is broken"),
            (MULTIPART, "--x\r\n\r\n\r\n--y--", "the multipart body is broken"),
            ("multipart/form-data", &twice, "the multipart body is broken"),
        ] {
            assert_eq!(
                get(&request(content_type, body.to_owned()), WANTED).await.unwrap_err(),
                wrong,
                "{body}"
            );
        }
        for content_type in ["", "application/json", "text/plain", "multipart/mixed; boundary=x", "é"] {
            let refused = get(&request(content_type, "username=a"), WANTED).await.unwrap_err();
            assert!(refused.starts_with("the body must be"), "{content_type}: {refused}");
        }
    }

    proptest::proptest! {
        #[test]
        fn parsing_never_panics(body in proptest::collection::vec(proptest::num::u8::ANY, 0..300), tail in "(--x|\r\n|Content-Disposition: form-data; name=\"username\"|-|:|;){0,12}") {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let body = [body, tail.into_bytes()].concat();
            for content_type in [FORM, MULTIPART] {
                for wanted in [None, WANTED] {
                    let _ = runtime.block_on(get(&request(content_type, body.clone()), wanted));
                }
            }
        }
    }
}
