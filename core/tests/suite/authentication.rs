//! When and how the user signed in: it is stored with the grant, and extensions can require a more recent sign-in.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use gridauth::User;
use gridauth::env::Timestamp;
use gridauth::grant::{AuthorizationPlan, AuthorizationRequest, Extension};
use gridauth::guard::Guard;
use gridauth::http::BearerToken;
use gridauth::identity::{OwnSession, Users as _, UsersError};
use gridauth::model::Authentication;
use gridauth::protocol::OAuthError;

use crate::support::*;

const SIGNED_IN: i64 = 1_700_000_000_000;

/// Reads what to require from the parameters of the authorization request.
struct Demands;

impl Extension for Demands {
    fn name(&self) -> &str {
        "demands"
    }

    fn check_authorization(
        &self,
        request: &AuthorizationRequest,
        plan: &mut AuthorizationPlan,
    ) -> Result<(), OAuthError> {
        if let Some(seconds) = request.parameter("x_max_age").and_then(|seconds| seconds.parse().ok()) {
            plan.limit_age(Duration::from_secs(seconds));
        }
        match request.parameter("x_ask") {
            Some("sign-in") => plan.ask_sign_in(),
            Some("consent") => plan.ask_consent(),
            _ => {}
        }
        if let Some(resource) = request.parameter("x_resource") {
            plan.add_resource(resource);
        }
        Ok(())
    }
}

async fn demanding_server() -> Server {
    server_with(|builder| builder.extension(Demands)).await
}

fn asks_for_password(response: &gridauth::Response) -> bool {
    text(response).contains("name=\"password\"")
}

#[tokio::test]
async fn the_grant_stores_when_and_how_the_user_signed_in() {
    let server = server().await;
    let browser = server.sign_in(&authorize_uri(&[])).await;
    server.advance(7);
    let code = location_parameter(&browser.allow(&server).await, "code").unwrap();
    server.advance(5);
    let (_, tokens) = server.token(&redeem(&code)).await;
    let access = server.auth.authenticate(&BearerToken::new(&string(&tokens, "access_token"))).await.unwrap();
    let authentication = access.authentication().unwrap();
    assert_eq!(authentication.auth_time, Some(Timestamp::from_millis(SIGNED_IN)));
    assert_eq!(authentication.amr, ["pwd"]);
    let session = authentication.session.clone().unwrap();

    // It survives a refresh, and another grant from the same session has the same session id.
    let (_, renewed) = server.token(&refresh(&string(&tokens, "refresh_token"))).await;
    let access =
        server.auth.authenticate(&BearerToken::new(&string(&renewed, "access_token"))).await.unwrap();
    assert_eq!(access.authentication().and_then(|kept| kept.session.as_ref()), Some(&session));
    let again = server.get(&authorize_uri(&[]), Some(&browser.cookie)).await;
    let (_, others) = server.token(&redeem(&location_parameter(&again, "code").unwrap())).await;
    let access = server.auth.authenticate(&BearerToken::new(&string(&others, "access_token"))).await.unwrap();
    assert_eq!(access.authentication().and_then(|kept| kept.session.as_ref()), Some(&session));
    assert!(!browser.cookie.contains(session.as_str()), "the session's id is not its secret");
}

#[tokio::test]
async fn the_password_grant_stores_the_sign_in() {
    let server = server().await;
    let form = [("grant_type", "password"), ("username", "israel"), ("password", "imru")];
    let (_, tokens) = server.token(&form).await;
    let access = server.auth.authenticate(&BearerToken::new(&string(&tokens, "access_token"))).await.unwrap();
    let authentication = access.authentication().unwrap();
    assert_eq!(authentication.auth_time, Some(Timestamp::from_millis(SIGNED_IN)));
    assert_eq!(authentication.session, None);
}

#[tokio::test]
async fn a_user_whose_sign_in_is_too_old_must_sign_in_again() {
    let server = demanding_server().await;
    let browser = server.sign_in(&authorize_uri(&[])).await;
    browser.allow(&server).await;
    let recent = authorize_uri(&[("x_max_age", "60")]);
    server.advance(60);
    assert_eq!(server.get(&recent, Some(&browser.cookie)).await.status(), 303);
    server.advance(1);
    assert!(asks_for_password(&server.get(&recent, Some(&browser.cookie)).await));
    assert_eq!(server.get(&authorize_uri(&[]), Some(&browser.cookie)).await.status(), 303);
    // After a new sign-in the request succeeds.
    let page = server.get(&recent, Some(&browser.cookie)).await;
    let back = server.submit_sign_in(&page, &browser.cookie, "israel", "imru").await;
    assert!(location_parameter(&back, "code").is_some());
}

#[tokio::test]
async fn a_request_can_require_a_new_sign_in() {
    let server = demanding_server().await;
    let browser = server.sign_in(&authorize_uri(&[])).await;
    browser.allow(&server).await;
    let asking = authorize_uri(&[("x_ask", "sign-in")]);
    for _ in 0..2 {
        let page = server.get(&asking, Some(&browser.cookie)).await;
        assert!(asks_for_password(&page));
        let back = server.submit_sign_in(&page, &browser.cookie, "israel", "imru").await;
        assert!(location_parameter(&back, "code").is_some());
    }
}

/// Reading the consent page takes time, and a sign-in for a request is one of no age.
#[tokio::test]
async fn whoever_signed_in_for_a_request_has_time_to_allow_it() {
    let server = demanding_server().await;
    for asking in [[("x_max_age", "0"), ("x_ask", "")], [("x_max_age", "0"), ("x_ask", "consent")]] {
        let browser = server.sign_in(&authorize_uri(&asking)).await;
        server.advance(60);
        let back = browser.allow(&server).await;
        assert_eq!(back.status(), 303, "{}", text(&back));
        assert!(location_parameter(&back, "code").is_some());
        server.auth.withdraw_consent("israel", "web").await.unwrap();
    }
}

#[tokio::test]
async fn a_consent_page_from_long_ago_stands_for_no_sign_in() {
    let server = demanding_server().await;
    let browser = server.sign_in(&authorize_uri(&[("x_ask", "sign-in")])).await;
    server.advance(60 * 60);
    let page = browser.allow(&server).await;
    assert!(asks_for_password(&page));
    let back = server.submit_sign_in(&page, &browser.cookie, "israel", "imru").await;
    assert!(location_parameter(&back, "code").is_some());
}

#[tokio::test]
async fn a_request_can_require_new_consent() {
    let server = demanding_server().await;
    let browser = server.sign_in(&authorize_uri(&[])).await;
    browser.allow(&server).await;
    let asking = authorize_uri(&[("x_ask", "consent")]);
    let page = server.get(&asking, Some(&browser.cookie)).await;
    assert_eq!(page.status(), 200);
    assert!(text(&page).contains("name=\"decision\""));
    let back = Browser { cookie: browser.cookie, page }.allow(&server).await;
    assert!(location_parameter(&back, "code").is_some());
}

#[tokio::test]
async fn the_resources_of_a_request_become_the_audience_of_its_tokens() {
    let server = demanding_server().await;
    let resource = "https://api.example.com";
    let browser = server.sign_in(&authorize_uri(&[("x_resource", resource)])).await;
    let code = location_parameter(&browser.allow(&server).await, "code").unwrap();
    let (_, tokens) = server.token(&redeem(&code)).await;
    let token = string(&tokens, "access_token");
    let guard = |resource: &str| {
        let guard =
            Guard::builder(ISSUER).store(server.auth.store().clone()).clock(Arc::clone(&server.clock));
        guard.resource("https://other.example.com").resource(resource).build().unwrap()
    };
    let access = guard(resource).authenticate(&BearerToken::new(&token)).await.unwrap();
    assert_eq!(access.audience(), [resource]);
    // A token for one resource opens no other (RFC 8707 section 2).
    assert!(server.auth.authenticate(&BearerToken::new(&token)).await.is_err());
    assert!(guard("https://api.example.com/").authenticate(&BearerToken::new(&token)).await.is_err());
    let form = [("token", token.as_str())];
    let headers = [("authorization", basic("web", "web-secret"))];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let (_, introspected) = answer(server.post("/oauth/introspect", &headers, &form).await);
    assert_eq!(introspected["aud"], serde_json::json!([resource]));
    let (_, renewed) = server.token(&refresh(&string(&tokens, "refresh_token"))).await;
    let renewed = BearerToken::new(&string(&renewed, "access_token"));
    assert_eq!(guard(resource).authenticate(&renewed).await.unwrap().audience(), [resource]);
}

/// An application's own session, in which israel signed in at this time.
struct Site(Arc<Mutex<Option<Timestamp>>>);

#[gridauth::async_trait]
impl OwnSession for Site {
    async fn authentication(
        &self,
        _request: &http::request::Parts,
    ) -> Result<Option<Authentication>, UsersError> {
        let user = Authentication::new(User::new("israel"));
        Ok(self.0.lock().unwrap().map(|at| user.with_auth_time(at).with_acr("gold").with_amr(["otp"])))
    }

    fn sign_in_uri(&self, wanted: &gridauth::identity::WantedSignIn<'_>) -> String {
        let return_to = wanted.return_to;
        format!("/login?to={}", form_urlencoded::byte_serialize(return_to.as_bytes()).collect::<String>())
    }
}

/// Checks that the browser is sent to the application's sign-in page. Returns the URI to return to and the cookie that is set.
fn sent_away(response: &gridauth::Response) -> (String, Option<String>) {
    assert_eq!(response.status(), 303);
    assert!(location(response).starts_with("/login?to="), "{}", location(response));
    (location_parameter(response, "to").unwrap(), cookie(response))
}

#[tokio::test]
async fn the_sign_in_of_an_own_session_is_stored() {
    let signed_in = Arc::new(Mutex::new(None));
    let site = Site(Arc::clone(&signed_in));
    let server = server_with(|builder| builder.extension(Demands).own_session(site)).await;
    let web = server.auth.confidential_client("web", "web-secret").await.unwrap();
    let web = web.redirect_uri(REDIRECT).first_party(true).scope("notes.read");
    server.auth.put_client(web.build().unwrap()).await.unwrap();

    let (back, set) = sent_away(&server.get(&authorize_uri(&[]), None).await);
    assert_eq!((back, set), (authorize_uri(&[]), None));
    *signed_in.lock().unwrap() = Some(Timestamp::from_millis(SIGNED_IN));
    let code = location_parameter(&server.get(&authorize_uri(&[]), None).await, "code").unwrap();
    let (_, tokens) = server.token(&redeem(&code)).await;
    let access = server.auth.authenticate(&BearerToken::new(&string(&tokens, "access_token"))).await.unwrap();
    let kept = access.authentication().unwrap();
    assert_eq!((kept.acr.as_deref(), kept.amr.as_slice()), (Some("gold"), &["otp".to_owned()][..]));
    assert_eq!(kept.auth_time, Some(Timestamp::from_millis(SIGNED_IN)));
}

#[tokio::test]
async fn a_user_is_sent_to_an_own_session_only_once() {
    let signed_in = Arc::new(Mutex::new(Some(Timestamp::from_millis(SIGNED_IN))));
    let site = Site(Arc::clone(&signed_in));
    let server = server_with(|builder| builder.extension(Demands).own_session(site)).await;
    let web = server.auth.confidential_client("web", "web-secret").await.unwrap();
    let web = web.redirect_uri(REDIRECT).first_party(true).scope("notes.read");
    server.auth.put_client(web.build().unwrap()).await.unwrap();
    server.advance(10);

    let asking = authorize_uri(&[("x_ask", "sign-in")]);
    let (back, set) = sent_away(&server.get(&asking, None).await);
    let browser = set.unwrap();
    // The application sends the browser back without a new sign-in: there is no endless loop.
    let refused = server.get(&back, Some(&browser)).await;
    assert_eq!(location_parameter(&refused, "error").as_deref(), Some("login_required"));
    // The parameter in the URI is valid only for this browser and this request.
    sent_away(&server.get(&back, None).await);
    sent_away(&server.get(&back.replace("state=xyz", "state=abc"), Some(&browser)).await);
    let later = back.replace(&SIGNED_IN.to_string()[..5], "16999");
    *signed_in.lock().unwrap() = Some(Timestamp::from_millis(SIGNED_IN + 5_000));
    sent_away(&server.get(&later, Some(&browser)).await);

    *signed_in.lock().unwrap() = Some(Timestamp::from_millis(SIGNED_IN + 12_000));
    server.advance(10);
    let answered = server.get(&back, Some(&browser)).await;
    assert!(location_parameter(&answered, "code").is_some(), "{}", location(&answered));
    // The same way back does not stand for a sign-in for ever.
    server.advance(60 * 60);
    let (again, _) = sent_away(&server.get(&back, Some(&browser)).await);
    *signed_in.lock().unwrap() = Some(server.auth.clock().now());
    assert!(location_parameter(&server.get(&again, Some(&browser)).await, "code").is_some());
}

/// `auth_time` is in seconds on the wire, so an application may well keep seconds.
#[tokio::test]
async fn an_own_session_may_count_in_seconds() {
    let signed_in = Arc::new(Mutex::new(Some(Timestamp::from_millis(SIGNED_IN))));
    let site = Site(Arc::clone(&signed_in));
    let server = server_with(|builder| builder.extension(Demands).own_session(site)).await;
    let web = server.auth.confidential_client("web", "web-secret").await.unwrap();
    let web = web.redirect_uri(REDIRECT).first_party(true).scope("notes.read");
    server.auth.put_client(web.build().unwrap()).await.unwrap();
    server.clock.advance(Duration::from_millis(10_200));

    let (back, set) = sent_away(&server.get(&authorize_uri(&[("x_ask", "sign-in")]), None).await);
    server.clock.advance(Duration::from_millis(500));
    *signed_in.lock().unwrap() = Some(Timestamp::from_millis(SIGNED_IN + 10_000));
    let answered = server.get(&back, set.as_deref()).await;
    assert!(location_parameter(&answered, "code").is_some(), "{}", location(&answered));
}

#[tokio::test]
async fn users_are_found_by_their_subject() {
    let server = server().await;
    let users = server.auth.users();
    assert_eq!(
        users.find("israel").await.unwrap().map(|user| user.username().to_owned()),
        Some("israel".into())
    );
    assert_eq!(users.find("nobody").await.unwrap(), None);
    assert!(server.auth.remove_user("israel").await.unwrap());
    assert_eq!(users.find("israel").await.unwrap(), None);
}
