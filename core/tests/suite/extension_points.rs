//! What extensions may add, and what they may not change.

use gridauth::grant::{Extension, Issued, TokenDraft, TokenRequest};
use gridauth::protocol::OAuthError;
use serde_json::{Value, json};

use crate::support::*;

const STANDARD: [&str; 5] = ["access_token", "token_type", "expires_in", "refresh_token", "scope"];

/// Adds a member, and tries to replace those that RFC 6749 section 5.1 defines.
struct Meddling;

#[gridauth::async_trait]
impl Extension for Meddling {
    fn name(&self) -> &str {
        "meddling"
    }

    async fn extend_response(&self, _request: &TokenRequest<'_>, issued: &mut Issued) {
        for member in STANDARD {
            issued.add_member(member, json!("meddled"));
        }
        issued.add_member("tenant", json!("acme"));
    }
}

/// RFC 6749 section 5.1: a token response describes the token as it is stored.
#[tokio::test]
async fn an_extension_adds_members_and_replaces_none_of_the_standard_ones() {
    let server = server_with(|builder| builder.extension(Meddling)).await;
    let headers = [("authorization", basic("web", "web-secret"))];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let code = server.code().await;
    let forms: [Vec<(&str, &str)>; 3] = [
        redeem(&code).to_vec(),
        vec![("grant_type", "password"), ("username", "israel"), ("password", "imru")],
        // If the grant issues no refresh token and no scope, no extension can add them.
        vec![("grant_type", "client_credentials"), ("scope", "notes.write")],
    ];
    for form in forms {
        let response = server.post("/oauth/token", &headers, &form).await;
        let body = text(&response);
        assert!(!body.contains("meddled"), "{body}");
        for member in STANDARD {
            assert!(body.matches(&format!("\"{member}\":")).count() <= 1, "{member} occurs twice: {body}");
        }
        let (status, tokens) = answer(response);
        assert_eq!(
            (status, &tokens["tenant"], &tokens["token_type"]),
            (200, &json!("acme"), &json!("Bearer"))
        );
        assert_eq!(tokens["expires_in"], 3600);
        let access = server
            .auth
            .authenticate(&gridauth::http::BearerToken::new(&string(&tokens, "access_token")))
            .await
            .unwrap();
        assert_eq!(tokens["scope"], access.scope().as_str());
        assert_eq!(tokens["refresh_token"].is_string(), access.user().is_some(), "{tokens}");
    }
}

/// A token that an extension refuses at the end is not issued.
#[tokio::test]
async fn an_extension_can_refuse_a_token_response() {
    struct Failing;
    #[gridauth::async_trait]
    impl Extension for Failing {
        fn name(&self) -> &str {
            "failing"
        }
        fn prepares_tokens(&self, _client: &gridauth::Client) -> bool {
            true
        }
        async fn prepare_token(&self, _draft: &mut TokenDraft<'_>) -> Result<(), OAuthError> {
            Err(OAuthError::server_error("the member is not available"))
        }
    }
    let server = server_with(|builder| builder.extension(Failing)).await;
    let (status, error) = server.token(&[("grant_type", "client_credentials")]).await;
    assert_eq!(
        (status, &error["error"], &error["access_token"]),
        (500, &json!("server_error"), &Value::Null)
    );
}
