//! The device authorization grant where time passes, users go, and stores fail. What a browser and a device see is in the
//! conformance suite.

use gridauth::grant::DeviceCode;
use gridauth::store::Kind;
use gridauth::store::memory::MemoryStore;
use gridauth::{Client, Response, Store};
use gridauth_test_stores::{Call, Failing, Failure};
use serde_json::Value;

use crate::support::*;

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";

async fn server_for_devices() -> (Server, Failing<MemoryStore>) {
    let store = Failing::new(MemoryStore::new());
    let server =
        server_with(|builder| builder.store(Store::new(store.clone())).grant(DeviceCode::new())).await;
    let client = Client::public("tv").name("Television").scope("notes.read notes.write offline_access");
    let client = client.grant_types([GRANT_TYPE, "refresh_token"]).response_types([""; 0]);
    server.auth.put_client_unchecked(client.build().unwrap()).await.unwrap();
    (server, store)
}

impl Server {
    async fn device(&self, scope: &str) -> Value {
        let form = [("client_id", "tv"), ("scope", scope)];
        let (status, started) = answer(self.post("/oauth/device_authorization", &[], &form).await);
        assert_eq!(status, 200, "{started}");
        started
    }

    async fn poll(&self, started: &Value) -> (u16, Value) {
        let code = string(started, "device_code");
        let form = [("client_id", "tv"), ("grant_type", GRANT_TYPE), ("device_code", &code)];
        answer(self.post("/oauth/token", &[], &form).await)
    }

    async fn expect_error(&self, started: &Value, error: &str) {
        let (status, answer) = self.poll(started).await;
        assert_eq!((status, answer["error"].as_str()), (400, Some(error)), "{answer}");
    }

    /// The question about a device, in a browser in which israel signs in.
    async fn question(&self, started: &Value) -> Browser {
        let link = string(started, "verification_uri_complete");
        let page = self.get(link.strip_prefix(ISSUER).unwrap(), None).await;
        let form_cookie = cookie(&page).unwrap();
        let fields = [("username", "israel"), ("password", "imru")];
        let page = self.send_device_form(&page, &form_cookie, &fields).await;
        assert_eq!(page.status(), 200, "{}", text(&page));
        let cookie = format!("{form_cookie}; {}", crate::support::cookie(&page).unwrap());
        Browser { cookie, page }
    }

    async fn send_device_form(&self, page: &Response, cookie: &str, fields: &[(&str, &str)]) -> Response {
        let (csrf, carried) = (hidden(page, "csrf"), hidden(page, "device_request"));
        let mut form = vec![("csrf", csrf.as_str()), ("device_request", carried.as_str())];
        form.extend(fields);
        self.post("/oauth/device", &[("cookie", cookie)], &form).await
    }

    async fn decide_device(&self, browser: &Browser, decision: &str) -> Response {
        self.send_device_form(&browser.page, &browser.cookie, &[("decision", decision)]).await
    }

    async fn allow_device(&self, started: &Value) {
        let browser = self.question(started).await;
        assert_eq!(self.decide_device(&browser, "allow").await.status(), 200);
    }
}

#[tokio::test]
async fn a_code_that_has_expired_says_so_until_its_row_goes() {
    let (server, _) = server_for_devices().await;
    let started = server.device("notes.read").await;
    let browser = server.question(&started).await;
    server.expect_error(&started, "authorization_pending").await;
    server.advance(599);
    server.expect_error(&started, "authorization_pending").await;
    server.advance(1);
    server.expect_error(&started, "expired_token").await;
    // It is too late to allow it.
    assert_eq!(server.decide_device(&browser, "allow").await.status(), 400);
    server.expect_error(&started, "expired_token").await;
    server.auth.sweep().await.unwrap();
    server.expect_error(&started, "expired_token").await;
    server.advance(600);
    server.auth.sweep().await.unwrap();
    assert!(ids(server.auth.store(), Kind::DeviceCode).await.is_empty());
    server.expect_error(&started, "invalid_grant").await;
}

#[tokio::test]
async fn an_allowed_device_has_to_come_in_time() {
    let (server, _) = server_for_devices().await;
    let started = server.device("notes.read").await;
    server.allow_device(&started).await;
    server.advance(600);
    server.expect_error(&started, "expired_token").await;
}

#[tokio::test]
async fn only_what_the_device_asked_for_is_granted() {
    let (server, _) = server_for_devices().await;
    let started = server.device("notes.read").await;
    let code = string(&started, "device_code");
    server.allow_device(&started).await;
    let form =
        [("client_id", "tv"), ("grant_type", GRANT_TYPE), ("device_code", &code), ("scope", "notes.write")];
    let (status, tokens) = answer(server.post("/oauth/token", &[], &form).await);
    assert_eq!((status, tokens["scope"].as_str()), (200, Some("notes.read")), "{tokens}");
}

#[tokio::test]
async fn what_ends_the_users_grants_ends_devices_that_were_allowed() {
    let (server, _) = server_for_devices().await;
    let allowed = |server: &Server| {
        let server = Server { auth: server.auth.clone(), clock: server.clock.clone() };
        async move {
            let started = server.device("notes.read offline_access").await;
            server.allow_device(&started).await;
            started
        }
    };
    let started = allowed(&server).await;
    server.auth.revoke_user("israel").await.unwrap();
    server.expect_error(&started, "invalid_grant").await;
    let started = allowed(&server).await;
    server.auth.withdraw_consent("israel", "other").await.unwrap();
    server.auth.withdraw_consent("israel", "tv").await.unwrap();
    server.expect_error(&started, "invalid_grant").await;
    let started = allowed(&server).await;
    server.auth.revoke_client("tv").await.unwrap();
    server.expect_error(&started, "invalid_grant").await;
    // The end of the session does not, where the scope says so.
    let started = allowed(&server).await;
    server.auth.end_sessions("israel").await.unwrap();
    assert_eq!(server.poll(&started).await.0, 200);
}

/// Nothing is used up where nothing can be stored.
#[tokio::test]
async fn a_store_that_fails_costs_no_code() {
    let (server, store) = server_for_devices().await;
    let started = server.device("notes.read").await;
    server.allow_device(&started).await;
    for failure in [Failure::Before, Failure::After] {
        store.fail(failure, |call| matches!(call, Call::Insert(key) if key.kind == Kind::Grant));
        assert_eq!(server.poll(&started).await.0, 503);
        store.recover();
        assert!(ids(server.auth.store(), Kind::Grant).await.is_empty(), "{failure:?}");
    }
    store.take_down();
    assert_eq!(server.poll(&started).await.0, 503);
    store.recover();
    // The answer of the update that redeems the code is lost: it is found in the row.
    let mut updates = 0;
    store.fail(Failure::After, move |call| {
        updates += usize::from(matches!(call, Call::Update(_)));
        updates == 2 && matches!(call, Call::Update(_))
    });
    let (status, tokens) = server.poll(&started).await;
    store.recover();
    assert_eq!(status, 200, "{tokens}");
    assert!(server.is_valid(&tokens).await);
    server.expect_error(&started, "invalid_grant").await;
}

#[tokio::test]
async fn no_code_is_stored_in_plaintext() {
    let (server, _) = server_for_devices().await;
    let started = server.device("notes.read").await;
    let (device_code, user_code) = (string(&started, "device_code"), string(&started, "user_code"));
    let ids = ids(server.auth.store(), Kind::DeviceCode).await;
    let key = gridauth::store::Key::new(Kind::DeviceCode, &ids[0]);
    let row = server.auth.store().get(key).await.unwrap().unwrap();
    for secret in [&*device_code, &device_code[47..], &user_code, &user_code.replace('-', "")] {
        assert!(!row.body().contains(secret) && !ids[0].contains(secret), "{}", row.body());
    }
}

#[tokio::test]
async fn a_lifetime_of_nothing_is_a_mistake() {
    let builder = gridauth::GridAuth::builder(ISSUER).store(Store::memory());
    let error =
        builder.grant(DeviceCode::new().lifetime(std::time::Duration::ZERO)).build().await.unwrap_err();
    assert!(error.to_string().contains("device code"), "{error}");
}

#[tokio::test]
async fn without_the_grant_there_is_neither_endpoint_nor_page() {
    let server = server().await;
    assert_eq!(server.post("/oauth/device_authorization", &[], &[("client_id", "spa")]).await.status(), 404);
    assert_eq!(server.get("/oauth/device", None).await.status(), 404);
}
