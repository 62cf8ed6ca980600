//! The client authentication methods that each grant accepts (RFC 6749 section 2.3): Authlib's defaults, and what an
//! application configures instead.

use gridauth::client_auth::{ClientAuthentication, ClientRequest, PresentedCredentials as Credentials};
use gridauth::grant::{
    ApprovedAuthorization, AuthorizationCode, AuthorizationResponse, AuthorizationSide, ClientCredentials,
    Grant, Implicit, Password, RefreshToken, TokenIssuer,
};
use gridauth::identity::HashingSettings;
use gridauth::model::AuthMethod;
use gridauth::protocol::OAuthError;
use gridauth::{Builder, Client, GridAuth, Store};
use serde_json::Value;

use crate::support::*;

const ALL_GRANTS: [&str; 5] =
    ["authorization_code", "refresh_token", "client_credentials", "password", "implicit"];

/// A server with these grants, and one client per method, named after the method, that may use all grants.
async fn server_of(configure: impl FnOnce(Builder) -> Builder) -> Server {
    let clock = server().await.clock;
    let cheap = HashingSettings::default().memory_kib(8).passes(1);
    let builder = GridAuth::builder(ISSUER).store(Store::memory()).clock(clock.clone()).hashing(cheap);
    let auth = configure(builder).build().await.unwrap();
    auth.put_user("israel", &"imru".into(), "israel", Default::default()).await.unwrap();
    for (id, method) in [
        ("basic", AuthMethod::Basic),
        ("post", AuthMethod::Post),
        ("none", AuthMethod::None),
        ("unknown", AuthMethod::Other("example_unknown".to_owned())),
    ] {
        let begun = match method {
            AuthMethod::Basic | AuthMethod::Post => auth.confidential_client(id, "secret").await.unwrap(),
            _ => Client::public(id),
        };
        let client = begun.auth_method(method).redirect_uri(REDIRECT).scope("notes.read");
        let client = client.grant_types(ALL_GRANTS).response_types(["code", "token", "badge"]);
        auth.put_client_unchecked(client.build().unwrap()).await.unwrap();
    }
    Server { auth, clock }
}

async fn with_defaults() -> Server {
    server_of(|builder| {
        builder
            .grant(AuthorizationCode::new())
            .grant(RefreshToken::rotating())
            .grant(ClientCredentials::new())
            .grant(Password::new())
            .grant(Implicit::new())
    })
    .await
}

/// Sends a token request of the client with this name, authenticated by its method.
async fn token_by(server: &Server, client: &str, form: &[(&str, &str)]) -> (u16, Value) {
    let mut form = form.to_vec();
    let authorization = basic(client, "secret");
    let headers = [("authorization", authorization.as_str())];
    let headers = if client == "basic" { &headers[..] } else { &[] };
    match client {
        "basic" => {}
        "post" => form.extend([("client_id", client), ("client_secret", "secret")]),
        _ => form.push(("client_id", client)),
    }
    answer(server.post("/oauth/token", headers, &form).await)
}

fn authorize(client: &str, response_type: &str) -> String {
    let mut more = vec![("client_id", client), ("response_type", response_type)];
    if response_type != "code" {
        more.extend([("code_challenge", ""), ("code_challenge_method", "")]);
    }
    authorize_uri(&more)
}

/// The response when israel signs in and allows the request.
async fn allowed(server: &Server, client: &str, response_type: &str) -> gridauth::Response {
    server.sign_in(&authorize(client, response_type)).await.allow(server).await
}

/// The client gets the error at once; no user is asked to sign in.
async fn refused(server: &Server, client: &str, response_type: &str) {
    let back = server.get(&authorize(client, response_type), None).await;
    assert_eq!(back.status(), 303, "{client}, {response_type}: {}", text(&back));
    let error = location_parameter(&back, "error");
    assert_eq!(error.as_deref(), Some("unauthorized_client"), "{client}, {response_type}");
}

/// Authlib: `TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post", "none"]`.
#[tokio::test]
async fn the_code_grant_takes_all_three() {
    let server = with_defaults().await;
    for client in ["basic", "post", "none"] {
        let code = location_parameter(&allowed(&server, client, "code").await, "code").unwrap();
        let (status, tokens) = token_by(&server, client, &redeem(&code)).await;
        assert_eq!(status, 200, "{client}: {tokens}");
        // Whoever redeems a code can refresh.
        let (status, tokens) = token_by(&server, client, &refresh(&string(&tokens, "refresh_token"))).await;
        assert_eq!(status, 200, "{client}: {tokens}");
    }
}

#[tokio::test]
async fn password_and_client_credentials_take_neither_post_nor_none() {
    let server = with_defaults().await;
    let password = [("grant_type", "password"), ("username", "israel"), ("password", "imru")];
    let client_credentials = [("grant_type", "client_credentials")];
    for form in [&password[..], &client_credentials] {
        for client in ["post", "none"] {
            let (status, error) = token_by(&server, client, form).await;
            assert_eq!(
                (status, error["error"].as_str()),
                (401, Some("invalid_client")),
                "{client}: {form:?}"
            );
        }
        let (status, tokens) = token_by(&server, "basic", form).await;
        assert_eq!(status, 200, "{form:?}: {tokens}");
    }
}

/// Authlib: `ImplicitGrant.TOKEN_ENDPOINT_AUTH_METHODS = ["none"]`.
#[tokio::test]
async fn implicit_takes_public_clients_only() {
    let server = with_defaults().await;
    for client in ["basic", "post", "unknown"] {
        refused(&server, client, "token").await;
    }
    let back = allowed(&server, "none", "token").await;
    assert!(location_parameter(&back, "access_token").is_some(), "{}", location(&back));
}

#[tokio::test]
async fn implicit_can_be_configured_for_other_methods() {
    let methods = [AuthMethod::Basic];
    let server = server_of(|builder| builder.grant(Implicit::new().client_authentication(methods))).await;
    let back = allowed(&server, "basic", "token").await;
    assert!(location_parameter(&back, "access_token").is_some(), "{}", location(&back));
    refused(&server, "post", "token").await;
    refused(&server, "none", "token").await;
}

/// A grant that answers at the authorization endpoint and has no token request.
struct Badge(Option<&'static [AuthMethod]>);

#[gridauth::async_trait]
impl AuthorizationSide for Badge {
    fn response_type(&self) -> &str {
        "badge"
    }

    fn grant_type(&self) -> &str {
        "implicit"
    }

    fn client_authentication(&self) -> Option<&[AuthMethod]> {
        self.0
    }

    async fn respond(
        &self,
        approved: &ApprovedAuthorization<'_>,
        _issuer: &TokenIssuer<'_>,
    ) -> Result<AuthorizationResponse, OAuthError> {
        Ok(AuthorizationResponse::new().with("badge", approved.user().subject()))
    }
}

impl Grant for Badge {
    fn authorization_side(&self) -> Option<&dyn AuthorizationSide> {
        Some(self)
    }
}

/// DEMO_APP.md, seed file: a method that the server does not support is accepted and stays unusable.
#[tokio::test]
async fn a_client_with_an_unsupported_method_cannot_authenticate() {
    let badge = Badge(None);
    let server = server_of(|builder| builder.grant(AuthorizationCode::new()).grant(badge)).await;
    for response_type in ["code", "badge"] {
        refused(&server, "unknown", response_type).await;
    }
    for client in ["basic", "post", "none"] {
        let back = allowed(&server, client, "badge").await;
        assert_eq!(location_parameter(&back, "badge").as_deref(), Some("israel"), "{client}");
    }
}

#[tokio::test]
async fn unsupported_methods_are_refused_when_the_server_is_built() {
    const LACKED: Option<&[AuthMethod]> = Some(&[]);
    let lacks = AuthMethod::Other("example_unknown".to_owned());
    let error = GridAuth::builder(ISSUER)
        .store(Store::memory())
        .grant(Implicit::new().client_authentication([lacks]))
        .grant(Badge(LACKED))
        .build()
        .await
        .unwrap_err();
    let text = error.to_string();
    for part in ["\"token\" accepts \"example_unknown\"", "\"badge\" accepts no client"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

/// Takes the client that a header names, without a proof, for the client of the request.
struct Gateway {
    says_yes_to_everybody: bool,
}

const GATEWAY: &str = "example_gateway";

#[gridauth::async_trait]
impl ClientAuthentication for Gateway {
    fn method(&self) -> AuthMethod {
        AuthMethod::Other(GATEWAY.to_owned())
    }

    fn read(&self, request: &ClientRequest<'_>) -> Result<Option<Credentials>, OAuthError> {
        let named = request.http().headers().get("x-client").and_then(|value| value.to_str().ok());
        Ok(named.map(Credentials::named))
    }

    async fn verify(
        &self,
        _request: &ClientRequest<'_>,
        _credentials: &Credentials,
        client: Option<&Client>,
    ) -> Result<bool, OAuthError> {
        Ok(self.says_yes_to_everybody || client.is_some())
    }
}

async fn with_gateway(says_yes_to_everybody: bool) -> Server {
    let methods = [AuthMethod::Other(GATEWAY.to_owned())];
    let server = server_of(|builder| {
        builder
            .client_authentication(Gateway { says_yes_to_everybody })
            .grant(ClientCredentials::new().client_authentication(methods.clone()))
    })
    .await;
    for id in ["one", "other"] {
        let client = Client::public(id).auth_method(methods[0].clone()).scope("notes.read");
        let client = client.grant_types(["client_credentials"]).response_types([""; 0]).build().unwrap();
        server.auth.put_client(client).await.unwrap();
    }
    server
}

/// A client is the one that its own method names, whatever the body says.
#[tokio::test]
async fn a_method_proves_the_client_that_it_names_and_no_other() {
    let server = with_gateway(false).await;
    let form = [("grant_type", "client_credentials")];
    let (status, tokens) = answer(server.post("/oauth/token", &[("x-client", "one")], &form).await);
    assert_eq!(status, 200, "{tokens}");
    let form = [("grant_type", "client_credentials"), ("client_id", "other")];
    let (status, refused) = answer(server.post("/oauth/token", &[("x-client", "one")], &form).await);
    assert_eq!((status, &refused["error"]), (401, &Value::from("invalid_client")));
}

#[tokio::test]
async fn a_method_cannot_let_a_client_in_that_is_registered_for_another() {
    let server = with_gateway(true).await;
    let form = [("grant_type", "client_credentials")];
    for client in ["basic", "none", "nobody"] {
        let (status, refused) = answer(server.post("/oauth/token", &[("x-client", client)], &form).await);
        assert_eq!((status, &refused["error"]), (401, &Value::from("invalid_client")), "{client}");
    }
}
