//! A custom grant with both sides, written with the public traits only.

use gridauth::grant::{
    ApprovedAuthorization, AuthorizationPlan, AuthorizationRequest, AuthorizationResponse, AuthorizationSide,
    Extension, Grant, GrantExt, Issued, NewGrant, TokenIssuer, TokenRequest, TokenSide,
};
use gridauth::model::AuthMethod;
use gridauth::protocol::{OAuthError, ResponseMode, Scope};
use gridauth::store::{Change, Key, Kind, Row};
use gridauth::token::Digest;
use serde_json::json;

use crate::support::*;

/// Issues a ticket at the authorization endpoint, and a token for the ticket at the token endpoint.
struct Ticket;

const GRANT_TYPE: &str = "urn:example:ticket";

impl Grant for Ticket {
    fn token_side(&self) -> Option<&dyn TokenSide> {
        Some(self)
    }
    fn authorization_side(&self) -> Option<&dyn AuthorizationSide> {
        Some(self)
    }
}

#[gridauth::async_trait]
impl AuthorizationSide for Ticket {
    fn response_type(&self) -> &str {
        "ticket"
    }
    fn grant_type(&self) -> &str {
        GRANT_TYPE
    }
    async fn respond(
        &self,
        approved: &ApprovedAuthorization<'_>,
        _issuer: &TokenIssuer<'_>,
    ) -> Result<AuthorizationResponse, OAuthError> {
        let (ticket, digest) = approved.new_secret()?;
        let body =
            json!({ "client": approved.request().client().id(), "tenant": approved.data().get("tenant") });
        let row = Row::new(approved.now(), body.to_string())
            .with_user(Some(approved.user().subject()))
            .with_scope(Some(approved.scope().as_scope().as_str()));
        approved.store().insert(Key::new(Kind::Custom, &digest.to_text()), row).await?;
        Ok(AuthorizationResponse::new().with("ticket", ticket.expose()))
    }
}

#[gridauth::async_trait]
impl TokenSide for Ticket {
    fn grant_type(&self) -> &str {
        GRANT_TYPE
    }
    fn client_authentication(&self) -> &[AuthMethod] {
        &[AuthMethod::Basic]
    }
    async fn respond(
        &self,
        request: &TokenRequest<'_>,
        issuer: &TokenIssuer<'_>,
    ) -> Result<Issued, OAuthError> {
        let id = Digest::of_secret(request.required("ticket")?).to_text();
        let mut taken = None;
        let mut take = |row: &Row| {
            taken = Some(row.clone());
            Change::Remove
        };
        request.store().update(Key::new(Kind::Custom, &id), &mut take).await?;
        let row = taken.ok_or_else(|| OAuthError::invalid_grant("the ticket is not valid"))?;
        let body: serde_json::Value = serde_json::from_str(row.body()).map_err(OAuthError::server_error)?;
        if body["client"] != request.client().id() {
            return Err(OAuthError::invalid_grant("the ticket is not valid"));
        }
        let allowed: Scope = row.scope().unwrap_or_default().parse().map_err(OAuthError::server_error)?;
        let grant = NewGrant::for_user(row.user().unwrap_or_default(), request.scope_within(&allowed)?);
        issuer.issue(grant.with_data("tenant", body["tenant"].clone())).await
    }
}

/// Keeps the tenant that an authorization request names.
struct Tenant;

impl Extension for Tenant {
    fn name(&self) -> &str {
        "tenant"
    }
    fn check_authorization(
        &self,
        request: &AuthorizationRequest,
        plan: &mut AuthorizationPlan,
    ) -> Result<(), OAuthError> {
        plan.keep("tenant", json!(request.parameter("tenant")));
        Ok(())
    }
}

async fn server_with_tickets() -> Server {
    let server = server_with(|builder| builder.grant(Ticket.with(Tenant))).await;
    let web = server.auth.confidential_client("web", "web-secret").await.unwrap();
    let web =
        web.redirect_uri(REDIRECT).grant_types([GRANT_TYPE, "refresh_token"]).response_types(["ticket"]);
    server.auth.put_client(web.scope("notes.read notes.write").build().unwrap()).await.unwrap();
    server
}

#[tokio::test]
async fn a_ticket_gives_tokens_for_the_allowed_scope_once() {
    let server = server_with_tickets().await;
    let authorize = authorize_uri(&[("response_type", "ticket"), ("tenant", "acme")]);
    let back = server.sign_in(&authorize).await.allow(&server).await;
    let ticket = location_parameter(&back, "ticket").unwrap();
    let form = [("grant_type", GRANT_TYPE), ("ticket", &ticket)];
    let (status, tokens) = server.token(&form).await;
    assert_eq!((status, &tokens["scope"]), (200, &json!("notes.read")));
    let access = server
        .auth
        .authenticate(&gridauth::http::BearerToken::new(&string(&tokens, "access_token")))
        .await
        .unwrap();
    assert_eq!((access.user(), access.grant_type()), (Some("israel"), Some(GRANT_TYPE)));
    assert_eq!(access.data("tenant"), Some(&json!("acme")));
    assert!(tokens["refresh_token"].is_string());
    assert_eq!(server.token(&form).await.1["error"], "invalid_grant");
}

#[tokio::test]
async fn a_custom_grant_is_in_the_metadata_and_needs_registration() {
    let server = server_with_tickets().await;
    let (_, metadata) = answer(server.get("/.well-known/oauth-authorization-server", None).await);
    let has = |member: &str, value: &str| metadata[member].as_array().unwrap().contains(&json!(value));
    assert!(has("grant_types_supported", GRANT_TYPE) && has("response_types_supported", "ticket"));
    let form = [("grant_type", "client_credentials")];
    assert_eq!(server.token(&form).await.1["error"], "unauthorized_client");
}

/// Gives a token in the answer, as the implicit grant does.
struct Direct;

impl Grant for Direct {
    fn authorization_side(&self) -> Option<&dyn AuthorizationSide> {
        Some(self)
    }
}

#[gridauth::async_trait]
impl AuthorizationSide for Direct {
    fn response_type(&self) -> &str {
        "direct"
    }
    fn grant_type(&self) -> &str {
        "implicit"
    }
    fn default_response_mode(&self) -> ResponseMode {
        ResponseMode::Fragment
    }
    async fn respond(
        &self,
        approved: &ApprovedAuthorization<'_>,
        issuer: &TokenIssuer<'_>,
    ) -> Result<AuthorizationResponse, OAuthError> {
        let grant = NewGrant::for_user(approved.user().subject(), approved.scope().clone());
        let issued = issuer.issue(grant).await?;
        Ok(AuthorizationResponse::new().with("access_token", issued.response().access_token.expose()))
    }
}

/// Asks for a resource, and keeps something.
struct Asking;

impl Extension for Asking {
    fn name(&self) -> &str {
        "asking"
    }

    fn check_authorization(
        &self,
        _request: &AuthorizationRequest,
        plan: &mut AuthorizationPlan,
    ) -> Result<(), OAuthError> {
        plan.keep("tenant", json!("acme"));
        plan.add_resource("https://api.example.com");
        Ok(())
    }
}

/// What extensions ask of an authorization binds the tokens that come of it, whether or not the grant thinks of it.
#[tokio::test]
async fn a_grant_that_forgets_what_extensions_ask_is_held_to_it() {
    let server = server_with(|builder| builder.grant(Direct.with(Asking))).await;
    let web = server.auth.client("web").await.unwrap().unwrap();
    let client = gridauth::Client::public("direct").redirect_uri(REDIRECT).first_party(true);
    let client = client.scope(web.scope().as_str()).grant_types(["implicit"]).response_types(["direct"]);
    server.auth.put_client(client.build().unwrap()).await.unwrap();
    let uri = authorize_uri(&[("client_id", "direct"), ("response_type", "direct")]);
    let page = server.get(&uri, None).await;
    let back = server.submit_sign_in(&page, &cookie(&page).unwrap(), "israel", "imru").await;
    let token = location_parameter(&back, "access_token").unwrap();
    let token = gridauth::http::BearerToken::new(&token);
    assert!(server.auth.authenticate(&token).await.is_err(), "the token is for another resource");
    let api = gridauth::Guard::builder(ISSUER).store(server.auth.store().clone());
    let api = api.clock(std::sync::Arc::clone(&server.clock)).resource("https://api.example.com");
    let access = api.build().unwrap().authenticate(&token).await.unwrap();
    assert_eq!(access.data("tenant"), Some(&json!("acme")));
    assert_eq!(access.audience(), ["https://api.example.com"]);
}
