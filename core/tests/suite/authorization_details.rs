//! Rich authorization requests (RFC 9396): details that an application registers.

use gridauth::grant::extension::AuthorizationDetails;
use gridauth::grant::{DeviceCode, TokenExchange};
use gridauth::http::BearerToken;
use gridauth::model::{AccessTokenFormat, AuthorizationDetail};
use gridauth::token::Secret;
use gridauth::{Access, Builder, Client, User};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::support::*;

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// One payment. The account that it is paid from is known once the user is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Payment {
    cents: u64,
    to: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<String>,
}

impl AuthorizationDetail for Payment {
    const TYPE: &'static str = "payment";

    fn check(&self, _client: &Client) -> Result<(), &'static str> {
        match (self.cents, &self.from) {
            (1..=100_000, _) => Ok(()),
            _ => Err("a payment is of at most 1000.00"),
        }
    }

    fn describe(&self, language: &str) -> String {
        let verb = if language == "de" { "Zahlen" } else { "Pay" };
        format!("{verb} {}.{:02} to {}", self.cents / 100, self.cents % 100, self.to)
    }

    fn enriched(self, user: &User) -> Self {
        Self { from: Some(format!("account of {}", user.username())), ..self }
    }

    fn covers(&self, wanted: &Self) -> bool {
        wanted.cents <= self.cents
            && wanted.to == self.to
            && (wanted.from.is_none() || wanted.from == self.from)
    }
}

/// Compared as a whole.
#[derive(Clone, Serialize, Deserialize)]
struct Read {
    folder: String,
}

impl AuthorizationDetail for Read {
    const TYPE: &'static str = "read";

    fn describe(&self, _language: &str) -> String {
        format!("Read the folder <{}>", self.folder)
    }
}

async fn server_for(configure: impl FnOnce(Builder) -> Builder) -> Server {
    let server = server_with(|builder| {
        let details = AuthorizationDetails::new().with::<Payment>().with::<Read>();
        configure(builder.grant(TokenExchange::new()).grant(DeviceCode::new()).extension(details))
    })
    .await;
    let grant_types =
        ["authorization_code", "refresh_token", "client_credentials", "password", EXCHANGE, DEVICE];
    for (id, types) in [("web", None), ("reader", Some(json!(["read"])))] {
        let client = server.auth.confidential_client(id, "web-secret").await.unwrap();
        let mut client =
            client.redirect_uri(REDIRECT).grant_types(grant_types).scope("notes.read").first_party(true);
        if let Some(types) = types {
            client = client.metadata("authorization_details_types", types);
        }
        server.auth.put_client_unchecked(client.build().unwrap()).await.unwrap();
    }
    server
}

fn pay(cents: u64) -> Value {
    json!({"type": "payment", "cents": cents, "to": "Merchant A"})
}

fn asking(details: &Value) -> String {
    authorize_uri(&[("authorization_details", &details.to_string())])
}

impl Server {
    async fn tokens_for(&self, details: &Value) -> Value {
        let browser = self.sign_in(&asking(details)).await;
        let code = location_parameter(&browser.allow(self).await, "code").unwrap();
        let (status, tokens) = self.token(&redeem(&code)).await;
        assert_eq!(status, 200, "{tokens}");
        tokens
    }

    async fn access_of(&self, tokens: &Value) -> Access {
        let token = string(tokens, "access_token");
        self.auth.authenticate(&BearerToken::new(&token)).await.unwrap()
    }

    async fn introspected(&self, tokens: &Value) -> Value {
        let token = string(tokens, "access_token");
        let headers = [("authorization", &*basic("web", "web-secret"))];
        answer(self.post("/oauth/introspect", &headers, &[("token", &token)]).await).1
    }

    async fn refused(&self, details: &str) {
        let page = self.get(&authorize_uri(&[("authorization_details", details)]), None).await;
        let error = location_parameter(&page, "error");
        assert_eq!(error.as_deref(), Some("invalid_authorization_details"), "{details}");
    }
}

#[track_caller]
fn is_refused((status, error): (u16, Value)) {
    assert_eq!((status, error["error"].as_str()), (400, Some("invalid_authorization_details")), "{error}");
}

#[tokio::test]
async fn details_are_shown_granted_and_told() {
    let server = server_for(|builder| builder).await;
    let wanted = json!([pay(12_345), {"type": "read", "folder": "<b>"}]);
    let browser = server.sign_in(&asking(&wanted)).await;
    // A first-party client asks no consent otherwise.
    let page = text(&browser.page);
    assert!(
        page.contains("Pay 123.45 to Merchant A") && page.contains("Read the folder &lt;&lt;b&gt;&gt;"),
        "{page}"
    );
    let code = location_parameter(&browser.allow(&server).await, "code").unwrap();
    let (_, tokens) = server.token(&redeem(&code)).await;
    let mut granted = wanted.clone();
    granted[0]["from"] = json!("account of israel");
    assert_eq!(tokens["authorization_details"], granted);
    let access = server.access_of(&tokens).await;
    let payments: Vec<Payment> = access.details().collect();
    let expected = Payment { cents: 12_345, to: "Merchant A".into(), from: Some("account of israel".into()) };
    assert_eq!(payments, [expected]);
    assert_eq!(access.details::<Read>().map(|read| read.folder).collect::<Vec<_>>(), ["<b>"]);
    assert_eq!(server.introspected(&tokens).await["authorization_details"], granted);
    // Nothing is remembered: the next payment asks again.
    let page = server.get(&asking(&wanted), Some(&browser.cookie)).await;
    assert_eq!(page.status(), 200, "{}", text(&page));
    let german = format!("{}&ui_locales=de", asking(&wanted));
    assert!(text(&server.get(&german, Some(&browser.cookie)).await).contains("Zahlen 123.45"));
    // Without details nothing is asked of a first-party client, and nothing is told.
    let back = server.get(&authorize_uri(&[]), Some(&browser.cookie)).await;
    let (_, tokens) = server.token(&redeem(&location_parameter(&back, "code").unwrap())).await;
    assert_eq!(tokens.get("authorization_details"), None);
    let none = authorize_uri(&[("authorization_details", "[]")]);
    assert_eq!(server.get(&none, Some(&browser.cookie)).await.status(), 303);
}

#[tokio::test]
async fn a_token_request_may_ask_for_less_and_not_for_more() {
    let server = server_for(|builder| builder).await;
    let tokens = server.tokens_for(&json!([pay(1_000), pay(50)])).await;
    let renew = |tokens: &Value, details: Value| {
        let (token, details) = (string(tokens, "refresh_token"), details.to_string());
        let server = &server;
        async move {
            let form = [&refresh(&token)[..], &[("authorization_details", &details)]].concat();
            server.token(&form).await
        }
    };
    for more in [
        json!([pay(1_001)]),
        json!([{"type": "payment", "cents": 10, "to": "Merchant B"}]),
        json!([{"type": "read", "folder": "a"}]),
        json!([pay(10), pay(2_000)]),
        json!([{"type": "payment", "cents": 10, "to": "Merchant A", "from": "account of miriam"}]),
        json!("x"),
        json!([{"type": "unknown"}]),
    ] {
        is_refused(renew(&tokens, more).await);
    }
    let (status, less) = renew(&tokens, json!([pay(10)])).await;
    assert_eq!((status, &less["authorization_details"]), (200, &json!([pay(10)])), "{less}");
    let access = server.access_of(&less).await;
    assert_eq!(access.details::<Payment>().map(|payment| payment.cents).collect::<Vec<_>>(), [10]);
    assert_eq!(server.introspected(&less).await["authorization_details"], json!([pay(10)]));
    // The grant has them all still, and the first token too.
    let (_, all) = server.token(&refresh(&string(&less, "refresh_token"))).await;
    assert_eq!(all["authorization_details"], tokens["authorization_details"]);
    assert_eq!(server.access_of(&tokens).await.details::<Payment>().count(), 2);
}

#[tokio::test]
async fn an_exchange_takes_over_no_more_than_the_subject_token_has() {
    let server = server_for(|builder| builder).await;
    let tokens = server.tokens_for(&json!([pay(1_000)])).await;
    let exchange = |token: &Value, details: Option<Value>| {
        let (token, details) = (string(token, "access_token"), details.map(|details| details.to_string()));
        let server = &server;
        async move {
            let kind = "urn:ietf:params:oauth:token-type:access_token";
            let mut form =
                vec![("grant_type", EXCHANGE), ("subject_token", &token), ("subject_token_type", kind)];
            form.extend(details.as_deref().map(|details| ("authorization_details", details)));
            server.token(&form).await
        }
    };
    let (_, same) = exchange(&tokens, None).await;
    assert_eq!(same["authorization_details"], tokens["authorization_details"]);
    let (_, less) = exchange(&tokens, Some(json!([pay(10)]))).await;
    assert_eq!(less["authorization_details"], json!([pay(10)]));
    let (_, again) = exchange(&less, None).await;
    assert_eq!(server.access_of(&again).await.authorization_details(), [pay(10)]);
    is_refused(exchange(&less, Some(json!([pay(11)]))).await);
}

#[tokio::test]
async fn bad_details_are_refused() {
    let server = server_for(|builder| builder).await;
    for details in [
        "x",
        "{}",
        "\"payment\"",
        "null",
        "[1]",
        "[{}]",
        "[[]]",
        r#"[{"type": 1}]"#,
        r#"[{"type": "unknown"}]"#,
        r#"[{"type": "Payment", "cents": 1, "to": "A"}]"#,
        r#"[{"type": "payment"}]"#,
        r#"[{"type": "payment", "cents": "1", "to": "A"}]"#,
        r#"[{"type": "payment", "cents": 1, "to": "A", "note": "x"}]"#,
        r#"[{"type": "payment", "cents": 0, "to": "A"}]"#,
        r#"[{"type": "payment", "cents": 1, "to": "A"}, {"type": "unknown"}]"#,
        "[",
    ] {
        server.refused(details).await;
    }
    server.refused(&json!(vec![pay(1); 33]).to_string()).await;
    server.refused(&json!([{"type": "read", "folder": "x".repeat(9_000)}]).to_string()).await;
    server.refused(&format!("{}{}", "[".repeat(200), "]".repeat(200))).await;
}

#[tokio::test]
async fn a_client_asks_only_for_the_types_that_it_has_registered() {
    let server = server_for(|builder| builder).await;
    let ask = |details: Value| {
        authorize_uri(&[("client_id", "reader"), ("authorization_details", &details.to_string())])
    };
    let page = server.get(&ask(json!([pay(1)])), None).await;
    assert_eq!(location_parameter(&page, "error").as_deref(), Some("invalid_authorization_details"));
    assert_eq!(server.get(&ask(json!([{"type": "read", "folder": "a"}])), None).await.status(), 200);
    let details = json!([pay(1)]).to_string();
    let form = [("authorization_details", &*details)];
    let headers = [("authorization", &*basic("reader", "web-secret"))];
    is_refused(answer(server.post("/oauth/device_authorization", &headers, &form).await));
}

#[tokio::test]
async fn a_client_may_have_details_of_its_own_and_a_user_is_always_asked() {
    let server = server_for(|builder| builder).await;
    let details = json!([{"type": "read", "folder": "a"}]);
    let text = details.to_string();
    let form = [("grant_type", "client_credentials"), ("authorization_details", &*text)];
    let (status, tokens) = server.token(&form).await;
    assert_eq!((status, &tokens["authorization_details"]), (200, &details), "{tokens}");
    assert_eq!(server.access_of(&tokens).await.details::<Read>().count(), 1);
    // Nobody has asked the user.
    let password = [
        ("grant_type", "password"),
        ("username", "israel"),
        ("password", "imru"),
        ("authorization_details", &*text),
    ];
    is_refused(server.token(&password).await);
    let code = server.tokens_for(&json!([pay(1)])).await;
    is_refused(
        server
            .token(
                &[&refresh(&string(&code, "refresh_token"))[..], &[("authorization_details", &text)]]
                    .concat(),
            )
            .await,
    );
}

#[tokio::test]
async fn a_device_asks_for_details() {
    let server = server_for(|builder| builder).await;
    server.auth.put_user("miriam", &Secret::from("ship"), "miriam", Default::default()).await.unwrap();
    let headers = [("authorization", &*basic("web", "web-secret"))];
    let details = json!([pay(700)]).to_string();
    let (status, started) = answer(
        server.post("/oauth/device_authorization", &headers, &[("authorization_details", &details)]).await,
    );
    assert_eq!(status, 200, "{started}");
    let link = string(&started, "verification_uri_complete");
    let page = server.get(link.strip_prefix(ISSUER).unwrap(), None).await;
    let form_cookie = cookie(&page).unwrap();
    let send = |page: &gridauth::Response, cookie: &str, fields: &[(&str, &str)]| {
        let (csrf, carried) = (hidden(page, "csrf"), hidden(page, "device_request"));
        let mut form = vec![("csrf".to_owned(), csrf), ("device_request".to_owned(), carried)];
        form.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let (server, cookie) = (&server, cookie.to_owned());
        async move {
            let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (&**name, &**value)).collect();
            server.post("/oauth/device", &[("cookie", &cookie)], &form).await
        }
    };
    let question = send(&page, &form_cookie, &[("username", "miriam"), ("password", "ship")]).await;
    assert!(text(&question).contains("Pay 7.00 to Merchant A"), "{}", text(&question));
    let session = format!("{form_cookie}; {}", cookie(&question).unwrap());
    assert_eq!(send(&question, &session, &[("decision", "allow")]).await.status(), 200);
    let code = string(&started, "device_code");
    let (status, tokens) = server.token(&[("grant_type", DEVICE), ("device_code", &code)]).await;
    assert_eq!(
        (status, &tokens["authorization_details"][0]["from"]),
        (200, &json!("account of miriam")),
        "{tokens}"
    );
}

#[tokio::test]
async fn details_are_claims_of_a_jwt_and_types_are_in_the_metadata() {
    let signer = super::provider::TestSigner::new();
    let server =
        server_for(|builder| builder.signer(signer).access_token_format(AccessTokenFormat::Jwt)).await;
    let tokens = server.tokens_for(&json!([pay(5)])).await;
    let token = string(&tokens, "access_token");
    let claims = token.split('.').nth(1).unwrap();
    let claims = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, claims).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["authorization_details"], tokens["authorization_details"]);
    let (_, metadata) = answer(server.get("/.well-known/oauth-authorization-server", None).await);
    assert_eq!(metadata["authorization_details_types_supported"], json!(["payment", "read"]));
    // A server with no type refuses all of them, and says nothing about it.
    let server = server_with(|builder| builder.extension(AuthorizationDetails::new())).await;
    server.refused(&json!([pay(1)]).to_string()).await;
    let details = json!([pay(1)]).to_string();
    is_refused(
        server.token(&[("grant_type", "client_credentials"), ("authorization_details", &details)]).await,
    );
    let (_, metadata) = answer(server.get("/.well-known/oauth-authorization-server", None).await);
    assert_eq!(metadata.get("authorization_details_types_supported"), None);
}
