//! Building a server logs a warning for what is allowed but risky.

use gridauth::grant::extension::OpenId;
use gridauth::grant::{AuthorizationCode, ClientCredentials, Implicit, Password, RefreshToken};
use gridauth::identity::{OwnSession, UsersError, WantedSignIn};
use gridauth::model::Authentication;
use gridauth::token::Secret;
use gridauth::{Builder, GridAuth, Store, User};

use crate::log::Warnings;

async fn warnings_of(issuer: &str, configure: impl FnOnce(Builder) -> Builder) -> Vec<String> {
    let warnings = Warnings::default();
    let _keeping = warnings.keep();
    configure(GridAuth::builder(issuer).store(Store::memory())).build().await.unwrap();
    warnings.kept()
}

const HTTPS: &str = "https://id.example.com";

/// RFC 9700 sections 2.4 and 2.1.2.
#[tokio::test]
async fn the_password_and_implicit_grants_log_a_warning_that_cites_rfc_9700() {
    let password = warnings_of(HTTPS, |builder| builder.grant(Password::new())).await;
    assert_eq!(password.len(), 1, "{password:?}");
    assert!(password[0].contains("password grant") && password[0].contains("RFC 9700 section 2.4"));

    let implicit = warnings_of(HTTPS, |builder| builder.grant(Implicit::new())).await;
    assert_eq!(implicit.len(), 1, "{implicit:?}");
    assert!(implicit[0].contains("implicit grant") && implicit[0].contains("RFC 9700 section 2.1.2"));

    let both = warnings_of(HTTPS, |builder| builder.grant(Implicit::new()).grant(Password::new())).await;
    assert_eq!(both.len(), 2, "{both:?}");
}

/// Nobody is signed in.
struct Nobody;

#[gridauth::async_trait]
impl OwnSession for Nobody {
    async fn authentication(&self, _: &http::request::Parts) -> Result<Option<Authentication>, UsersError> {
        Ok(None)
    }

    fn sign_in_uri(&self, _: &WantedSignIn<'_>) -> String {
        "/login".to_owned()
    }
}

#[tokio::test]
async fn id_tokens_for_users_whom_nobody_finds_are_warned_of() {
    let openid = |builder: Builder| builder.grant(AuthorizationCode::new()).openid(OpenId::new());
    let warned = warnings_of(HTTPS, |builder| openid(builder).own_session(Nobody)).await;
    let told = |warnings: &[String]| warnings.iter().filter(|warning| warning.contains(".users(")).count();
    assert_eq!(told(&warned), 1, "{warned:?}");
    let users = |username: String, _: Secret| async move { Ok(Some(User::new(username))) };
    let silent = warnings_of(HTTPS, |builder| openid(builder).own_session(Nobody).users(users)).await;
    assert_eq!(told(&silent), 0, "{silent:?}");
}

#[tokio::test]
async fn a_safe_configuration_logs_no_warning() {
    let silent = warnings_of(HTTPS, |builder| {
        let builder = builder.grant(AuthorizationCode::new()).grant(RefreshToken::rotating());
        builder.grant(ClientCredentials::new())
    });
    assert_eq!(silent.await, [""; 0]);
    for loopback in ["http://127.0.0.1:8080", "http://localhost:8080", "http://[::1]:8080"] {
        let silent = warnings_of(loopback, |builder| builder.grant(ClientCredentials::new())).await;
        assert_eq!(silent, [""; 0], "{loopback}");
    }
}

#[tokio::test]
async fn plain_http_on_another_host_logs_a_warning() {
    let warned =
        warnings_of("http://id.example.com", |builder| builder.grant(ClientCredentials::new())).await;
    assert_eq!(warned.len(), 1, "{warned:?}");
    assert!(warned[0].contains("http://id.example.com") && warned[0].contains("plain http"), "{warned:?}");
}
