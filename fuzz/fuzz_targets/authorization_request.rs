//! A request to the authorization endpoint, by GET or POST, in a browser that is signed in or not. Every page that follows is
//! answered with yes. The browser is never redirected to a URI that no client has registered.
#![no_main]

use bytes::Bytes;
use gridauth::{Request, Response};
use gridauth_fuzz::page::Page;
use gridauth_fuzz::server::{Server, cookies, filled, run};
use gridauth_fuzz::{answer, input};
use http::{Method, Uri};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| run(async {
    let Some(request) = request(&filled(data).await) else { return };
    let server = Server::new().await;
    let cookie = request.headers().get("cookie").and_then(|value| value.to_str().ok());
    let mut jar = cookie.unwrap_or_default().to_owned();
    let mut answered = server.auth.handle(request).await;
    // Sign-in and consent; after a third page there must not be another.
    for page in 0.. {
        answer::check(&answered);
        jar = cookies(&jar, &answered);
        let Some(form) = form(&answered) else { break };
        assert!(page < 3, "the pages never end");
        let form = form.filled_in("israel", "imru", "allow");
        let form: Vec<_> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        answered = server.post("/oauth/authorize", &[("cookie", &jar)], &form).await;
    }
}));

/// Takes the method, GET or POST, and the query from the input; the path is that of the endpoint.
fn request(text: &[u8]) -> Option<Request> {
    let mut request = input::request(text)?;
    if request.method() != Method::POST {
        *request.method_mut() = Method::GET;
        *request.body_mut() = Bytes::new();
    }
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    *request.uri_mut() = Uri::try_from(format!("/oauth/authorize{query}")).ok()?;
    Some(request)
}

/// The form of a page that asks the user something.
fn form(answered: &Response) -> Option<gridauth_fuzz::page::Form> {
    let is_page = answered.headers()["content-type"].as_bytes().starts_with(b"text/html");
    let form = is_page.then(|| Page::read(answered.body()).form)??;
    (form.action == "/oauth/authorize").then_some(form)
}
