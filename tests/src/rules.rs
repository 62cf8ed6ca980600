//! The rules that every response of a demo application must follow, whatever the case is about.

use crate::audit;
use crate::http::{Request, Response};

/// Checks a response against every rule.
///
/// # Panics
/// If one is broken.
#[track_caller]
pub fn check(request: &Request, response: &Response) {
    if let Err(broken) = verdict(request, response) {
        panic!("{} {}: {broken}\n{response:#}", request.method, request.target);
    }
}

/// The first rule that the response breaks.
fn verdict(request: &Request, response: &Response) -> Result<(), String> {
    if response.status >= 500 && !request.may_fail {
        return Err("a server error".to_owned());
    }
    one_of_each(response)?;
    content(response)?;
    companions(request, response)?;
    caching(response)?;
    if request.path().contains("/oauth/") && is(response, "text/html") {
        page(response)?;
    }
    echoes(request, response)
}

fn value<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
}

fn is(response: &Response, media_type: &str) -> bool {
    value(response, "content-type").is_some_and(|own| own.starts_with(media_type))
}

/// RFC 9110 section 5.3: these fields occur at most once.
fn one_of_each(response: &Response) -> Result<(), String> {
    let single = [
        "cache-control",
        "content-length",
        "content-security-policy",
        "content-type",
        "location",
        "referrer-policy",
        "retry-after",
    ];
    match single.into_iter().find(|name| response.headers_named(name).len() > 1) {
        Some(name) => Err(format!("{name} occurs more than once")),
        None => Ok(()),
    }
}

/// RFC 9110 section 8.3: a body has a content type, and matches it.
fn content(response: &Response) -> Result<(), String> {
    if !response.body.is_empty() && value(response, "content-type").is_none() {
        return Err("a body without a Content-Type".to_owned());
    }
    let json = is(response, "application/json") && !response.body.is_empty();
    if json && serde_json::from_slice::<serde_json::Value>(&response.body).is_err() {
        return Err("the content type is JSON and the body is not".to_owned());
    }
    Ok(())
}

/// The header fields that a status requires.
fn companions(request: &Request, response: &Response) -> Result<(), String> {
    let missing =
        |name: &str, section: &str| Err(format!("a {} without {name} ({section})", response.status));
    match response.status {
        401 if value(response, "www-authenticate").is_none() => {
            missing("WWW-Authenticate", "RFC 9110 section 15.5.2")
        }
        405 => match value(response, "allow") {
            None => missing("Allow", "RFC 9110 section 15.5.6"),
            Some(allow) if allow.split(',').any(|method| method.trim() == request.method) => {
                Err("Allow lists the method that was refused".to_owned())
            }
            Some(_) => Ok(()),
        },
        429 | 503 => match value(response, "retry-after").map(str::parse::<u64>) {
            Some(Ok(1..)) => Ok(()),
            _ => missing("Retry-After in whole seconds", "RFC 9110 section 10.2.3"),
        },
        301..=303 | 307 | 308 if value(response, "location").is_none() => {
            missing("Location", "RFC 9110 section 15.4")
        }
        // RFC 9700 section 4.12: a form with a password in it must not be sent on.
        307 | 308 => Err("a redirect that sends the body on".to_owned()),
        _ => Ok(()),
    }
}

/// RFC 6749 section 5.1: a response with a token is not cached.
fn caching(response: &Response) -> Result<(), String> {
    let text = String::from_utf8_lossy(&response.body);
    let location = value(response, "location").unwrap_or_default();
    let in_body = [
        "\"access_token\":",
        "\"refresh_token\":",
        "name=\"code\"",
        "name=\"access_token\"",
        "name=\"id_token\"",
    ];
    let in_location = ["code=", "access_token=", "id_token="];
    let carries = in_body.iter().any(|mark| text.contains(mark))
        || in_location.iter().any(|mark| location.contains(mark));
    let is_uncached = value(response, "cache-control").is_some_and(|policy| policy.contains("no-store"));
    if carries && !is_uncached {
        return Err("carries a code or token without Cache-Control: no-store".to_owned());
    }
    Ok(())
}

/// DEMO_APP.md, Pages.
fn page(response: &Response) -> Result<(), String> {
    let policy = value(response, "content-security-policy").unwrap_or_default();
    let directives: Vec<&str> = policy.split(';').map(str::trim).collect();
    for needed in ["default-src 'none'", "frame-ancestors 'none'"] {
        if !directives.contains(&needed) {
            return Err(format!("the page's Content-Security-Policy lacks {needed}"));
        }
    }
    if directives.iter().any(|directive| directive.starts_with("form-action")) {
        return Err("form-action would block the redirect to the client".to_owned());
    }
    if policy.contains("unsafe") {
        return Err("an unsafe source in the Content-Security-Policy".to_owned());
    }
    let text = String::from_utf8_lossy(&response.body);
    // The one page that posts to the client sends its origin, so that the client can check it.
    let referrer = if text.contains("<script") { "strict-origin" } else { "same-origin" };
    for (name, wanted) in [
        ("referrer-policy", referrer),
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
        ("content-type", "text/html; charset=utf-8"),
    ] {
        if value(response, name) != Some(wanted) {
            return Err(format!("a page without {name}: {wanted}"));
        }
    }
    Ok(())
}

/// No secret of the request is echoed.
fn echoes(request: &Request, response: &Response) -> Result<(), String> {
    let text = String::from_utf8_lossy(&response.body);
    // RFC 7592 section 3: a client that manages its registration is told its token again.
    let manages = request.path().ends_with("/register/client") && response.status == 200;
    for (name, secret) in audit::presented(request).into_iter().filter(|_| !manages) {
        let in_headers = response.headers.iter().any(|(_, value)| value.contains(&secret));
        if in_headers || text.contains(&secret) {
            return Err(format!("the {name} of the request is echoed"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Response { status, headers, body: body.into() }
    }

    #[test]
    fn each_rule_can_be_broken() {
        let get = Request::get("/oauth/authorize");
        let sign_in = Request::form("/", &[("password", "correct horse battery")]);
        let json = ("content-type", "application/json");
        for (request, broken) in [
            (&get, response(500, &[], "")),
            (&get, response(200, &[("location", "/a"), ("location", "/b")], "")),
            (&get, response(200, &[], "text")),
            (&get, response(200, &[json], "{")),
            (&get, response(401, &[], "")),
            (&get, response(405, &[], "")),
            (&get, response(405, &[("allow", "GET, HEAD")], "")),
            (&get, response(429, &[("retry-after", "soon")], "")),
            (&get, response(303, &[], "")),
            (&get, response(307, &[("location", "/a")], "")),
            (&get, response(303, &[("location", "https://a/?code=1")], "")),
            (&get, response(303, &[("location", "https://a/#id_token=1")], "")),
            (&get, response(200, &[json], "{\"access_token\":\"x\"}")),
            (&get, response(200, &[("content-type", "text/html; charset=utf-8")], "<p>")),
            (&sign_in, response(400, &[("content-type", "text/plain")], "not correct horse battery")),
        ] {
            assert!(verdict(request, &broken).is_err(), "{broken:#}");
        }
        assert_eq!(verdict(&get, &response(200, &[json], "{}")), Ok(()));
    }
}
