use std::collections::HashMap;
use std::ffi::OsString;

use gridauth::Response;
use gridauth::store::{By, Kind, Query};
use http::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use serde_json::json;

use super::*;
use crate::Seed;

/// Sends a request as a browser with these cookies does, with the form if there is one.
async fn ask(
    app: &App,
    target: &str,
    cookies: &mut HashMap<String, String>,
    form: Option<String>,
) -> Response {
    let cookie: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let request = http::Request::builder()
        .method(if form.is_some() { "POST" } else { "GET" })
        .uri(target)
        .header(COOKIE, cookie.join("; "))
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(form.unwrap_or_default().into());
    let response = app.auth().handle(request.unwrap()).await;
    for cookie in response.headers().get_all(SET_COOKIE) {
        let (name, value) = cookie.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
        cookies.insert(name.to_owned(), value.to_owned());
    }
    response
}

/// The hidden inputs of the form on a page and these inputs, as a form body.
fn filled(page: &Response, inputs: &[(&str, &str)]) -> String {
    let html = String::from_utf8(page.body().to_vec()).unwrap();
    let mut form = form_urlencoded::Serializer::new(String::new());
    for input in html.split("<input type=\"hidden\" name=\"").skip(1) {
        let mut parts = input.split('"');
        let (name, value) = (parts.next().unwrap(), parts.nth(1).unwrap());
        form.append_pair(name, &value.replace("&amp;", "&"));
    }
    form.extend_pairs(inputs).finish()
}

#[tokio::test]
async fn the_lifetimes_of_the_settings_apply_to_what_is_issued() {
    let seed = json!({
        "users": [{"username": "israel", "password": "imru"}],
        "clients": [{"client_id": "spa", "token_endpoint_auth_method": "none", "redirect_uris": ["http://127.0.0.1/cb"]}],
    });
    let mut settings = Settings::read(|name| match name {
        "GRIDAUTH_STORE" => Some(OsString::from("memory:")),
        "GRIDAUTH_CODE_TTL" => Some("7".into()),
        _ => None,
    })
    .unwrap();
    settings.seed = Some(Seed::parse(seed.to_string().as_bytes()).unwrap());
    let app = App::start(&settings, "127.0.0.1:8080".parse().unwrap()).await.unwrap();
    let target = "/oauth/authorize?response_type=code&client_id=spa&redirect_uri=http://127.0.0.1/cb\
                  &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";
    let mut cookies = HashMap::new();
    let page = ask(&app, target, &mut cookies, None).await;
    let form = filled(&page, &[("username", "israel"), ("password", "imru")]);
    let page = ask(&app, "/oauth/authorize", &mut cookies, Some(form)).await;
    let form = filled(&page, &[("decision", "allow")]);
    let redirect = ask(&app, "/oauth/authorize", &mut cookies, Some(form)).await;
    assert!(redirect.headers()[LOCATION].to_str().unwrap().contains("code="), "{redirect:?}");
    let grants = app.auth().store().list(Query::new(Kind::Grant, By::Client("spa"))).await.unwrap();
    let grant = &grants.entries[0].row;
    assert_eq!(grant.expires().unwrap().since(grant.issued()), Duration::from_secs(7));
}
