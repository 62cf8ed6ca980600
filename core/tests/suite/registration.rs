//! Configuration of the server and registration of clients: what is refused, and what it allows.

use gridauth::grant::extension::Pkce;
use gridauth::grant::{AuthorizationCode, ClientCredentials, GrantExt, RefreshToken};
use gridauth::guard::ScopeDescription;
use gridauth::model::{AuthMethod, ClientError};
use gridauth::{Client, GridAuth, Store};
use serde_json::Value;

use crate::support::*;

#[tokio::test]
async fn a_build_error_lists_everything_that_is_wrong() {
    let error = GridAuth::builder("https://u:hunter2@id.example.com/")
        .mount("oauth/")
        .realm("a\"b")
        .grant(ClientCredentials::new().client_authentication([AuthMethod::None]))
        .grant(ClientCredentials::new())
        .access_token_lifetime(std::time::Duration::ZERO)
        .build()
        .await
        .unwrap_err();
    let text = error.to_string();
    for part in ["issuer", "store", "mount", "realm", "none", "twice", "lifetime"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert!(!text.contains("hunter2"));
}

/// A path that routers would treat differently is refused.
#[tokio::test]
async fn a_mount_path_is_made_of_plain_segments() {
    let build = |mount: &'static str| {
        let builder = GridAuth::builder(ISSUER).store(Store::memory()).mount(mount);
        builder.grant(ClientCredentials::new()).build()
    };
    for good in ["", "/login", "/a/b-1/c.d_e~"] {
        assert!(build(good).await.unwrap().paths().contains(&format!("{good}/token")), "{good}");
    }
    for bad in
        ["/", "a", "/a/", "//", "/a//b", "/.", "/a/../b", "/:a", "/*a", "/{a}", "/<a>", "/a%20b", "/\u{e9}"]
    {
        let error = build(bad).await.unwrap_err();
        assert!(error.to_string().contains("mount"), "{bad}: {error}");
    }
}

#[test]
fn a_client_and_its_secret_go_together() {
    let hash = || {
        gridauth::clients::ClientSecretHash::of_generated(
            &gridauth::clients::generate_client_secret(&gridauth::env::SystemEntropy).unwrap(),
        )
    };
    let public = Client::confidential("a", hash()).auth_method(AuthMethod::None).build();
    assert!(matches!(public, Err(ClientError::PublicWithSecret)));
    let confidential = Client::public("a").auth_method(AuthMethod::Post).build();
    assert!(matches!(confidential, Err(ClientError::SecretMissing)));
}

#[tokio::test]
async fn a_refresh_token_that_could_not_be_used_is_not_issued() {
    let clock = server().await.clock;
    let server = {
        let auth = GridAuth::builder(ISSUER).store(Store::memory()).clock(clock.clone());
        let refresh = RefreshToken::rotating().client_authentication([AuthMethod::Basic]);
        let auth = auth.grant(AuthorizationCode::new()).grant(refresh).build().await.unwrap();
        Server { auth, clock }
    };
    server.auth.put_user("israel", &"imru".into(), "israel", Default::default()).await.unwrap();
    let spa = Client::public("web").redirect_uri(REDIRECT).scope("notes.read");
    let spa = spa.grant_types(["authorization_code", "refresh_token"]).build().unwrap();
    server.auth.put_client_unchecked(spa).await.unwrap();
    let code = server.code().await;
    let mut form = redeem(&code).to_vec();
    form.push(("client_id", "web"));
    let (status, tokens) = answer(server.post("/oauth/token", &[], &form).await);
    assert_eq!((status, &tokens["refresh_token"]), (200, &Value::Null));
}

#[tokio::test]
async fn pkce_for_all_grants_does_not_affect_refreshing() {
    let server = server_with(|builder| builder.extension(Pkce::required())).await;
    let (_, tokens) = server.token(&redeem(&server.code().await)).await;
    assert_eq!(server.token(&refresh(&string(&tokens, "refresh_token"))).await.0, 200);
}

#[tokio::test]
async fn reusable_refresh_tokens_are_for_confidential_clients() {
    let clock = server().await.clock;
    let any = [AuthMethod::Basic, AuthMethod::None];
    let auth =
        GridAuth::builder(ISSUER).store(Store::memory()).clock(clock.clone()).grant(AuthorizationCode::new());
    let auth = auth.grant(RefreshToken::reusable().client_authentication(any)).build().await.unwrap();
    let server = Server { auth, clock };
    server.auth.put_user("israel", &"imru".into(), "israel", Default::default()).await.unwrap();
    let both = ["authorization_code", "refresh_token"];
    let spa = Client::public("web").redirect_uri(REDIRECT).scope("notes.read").grant_types(both);
    server.auth.put_client(spa.build().unwrap()).await.unwrap();
    let code = server.code().await;
    let mut form = redeem(&code).to_vec();
    form.push(("client_id", "web"));
    let (_, tokens) = answer(server.post("/oauth/token", &[], &form).await);
    let token = string(&tokens, "refresh_token");
    let mut form = refresh(&token).to_vec();
    form.push(("client_id", "web"));
    let (_, next) = answer(server.post("/oauth/token", &[], &form).await);
    assert_ne!(next["refresh_token"], tokens["refresh_token"]);

    let web = server.auth.confidential_client("web", "web-secret").await.unwrap();
    let web = web.redirect_uri(REDIRECT).scope("notes.read").grant_types(both);
    server.auth.put_client(web.build().unwrap()).await.unwrap();
    let (_, tokens) = server.token(&redeem(&server.code().await)).await;
    let token = string(&tokens, "refresh_token");
    for _ in 0..2 {
        let (status, next) = server.token(&refresh(&token)).await;
        assert_eq!((status, &next["refresh_token"]), (200, &Value::Null));
    }
}

#[tokio::test]
async fn narrowing_a_registration_narrows_the_next_tokens() {
    let server = server().await;
    let (_, tokens) = server.token(&redeem(&server.code().await)).await;
    let web = server.auth.confidential_client("web", "web-secret").await.unwrap();
    let web = web.redirect_uri(REDIRECT).grant_types(["authorization_code", "refresh_token"]).scope("openid");
    server.auth.put_client(web.build().unwrap()).await.unwrap();
    let (status, next) = server.token(&refresh(&string(&tokens, "refresh_token"))).await;
    assert_eq!((status, &next["scope"]), (200, &Value::Null));
}

#[tokio::test]
async fn form_post_with_a_private_scheme_is_refused_before_sign_in() {
    let server = server().await;
    let app = Client::public("app").redirect_uri("com.example.app:/cb").scope("notes.read").build().unwrap();
    server.auth.put_client(app).await.unwrap();
    let more =
        [("client_id", "app"), ("redirect_uri", "com.example.app:/cb"), ("response_mode", "form_post")];
    let back = server.get(&authorize_uri(&more), None).await;
    assert_eq!(location_parameter(&back, "error").as_deref(), Some("invalid_request"));
    assert!(location(&back).starts_with("com.example.app:/cb?"));
}

#[tokio::test]
async fn an_empty_scope_is_malformed() {
    let server = server().await;
    let form = [("grant_type", "client_credentials"), ("scope", " ")];
    assert_eq!(server.token(&form).await.1["error"], "invalid_scope");
}

#[tokio::test]
async fn metadata_lists_each_scope_once() {
    let scopes = [("x.read", "See x"), ("y.read y.write", "All of y"), ("x.read", "")];
    let scopes = scopes.map(|(token, words)| ScopeDescription { token, words });
    let server = server_with(|builder| builder.scopes(&scopes)).await;
    let (_, metadata) = answer(server.get("/.well-known/oauth-authorization-server", None).await);
    assert_eq!(metadata["scopes_supported"], serde_json::json!(["x.read", "y.read", "y.write"]));
}

#[tokio::test]
async fn an_issuer_with_a_path_has_its_endpoints_below_it() {
    let build = |stripping| {
        let builder = GridAuth::builder("https://id.example.com/a").store(Store::memory());
        builder.grant(ClientCredentials::new()).behind_stripping_proxy(stripping).build()
    };
    let auth = build(false).await.unwrap();
    assert!(
        auth.paths().contains(&"/a/oauth/token".to_owned())
            && !auth.paths().contains(&"/oauth/token".to_owned())
    );
    assert!(auth.paths().contains(&"/.well-known/oauth-authorization-server/a".to_owned()));
    let auth = build(true).await.unwrap();
    assert!(
        auth.paths().contains(&"/a/oauth/token".to_owned())
            && auth.paths().contains(&"/oauth/token".to_owned())
    );
}

#[tokio::test]
async fn an_extension_sees_who_approves() {
    struct OnlyAtHome;
    #[gridauth::async_trait]
    impl gridauth::grant::Extension for OnlyAtHome {
        fn name(&self) -> &str {
            "home"
        }
        async fn check_approval(
            &self,
            approved: &gridauth::grant::ApprovedAuthorization<'_>,
        ) -> Result<(), gridauth::protocol::OAuthError> {
            let allowed = approved.user().subject() != "israel";
            allowed
                .then_some(())
                .ok_or_else(|| gridauth::protocol::OAuthError::access_denied("not for this user"))
        }
    }
    let clock = server().await.clock;
    let auth = GridAuth::builder(ISSUER).store(Store::memory()).clock(clock.clone());
    let auth = auth.grant(AuthorizationCode::new().with(OnlyAtHome)).build().await.unwrap();
    let server = Server { auth, clock };
    server.auth.put_user("israel", &"imru".into(), "israel", Default::default()).await.unwrap();
    let web = Client::public("web").redirect_uri(REDIRECT).scope("notes.read").build().unwrap();
    server.auth.put_client(web).await.unwrap();
    let back = server.sign_in(&authorize_uri(&[])).await.allow(&server).await;
    assert_eq!(location_parameter(&back, "error").as_deref(), Some("access_denied"));
}
