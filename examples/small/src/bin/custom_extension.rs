//! A custom extension: each request names a tenant, and a code can only be redeemed for the tenant that it was issued for.

use std::error::Error;

use axum::Router;
use gridauth::grant::{
    AuthorizationCode, AuthorizationPlan, AuthorizationRequest, ClientCredentials, Extension, Issued,
    TokenRequest,
};
use gridauth::model::GrantData;
use gridauth::protocol::{ErrorCode, OAuthError};
use gridauth::{GridAuth, Store};
use gridauth_tower::GridAuthExt;
use serde_json::json;

/// Checks the parameter `tenant` of authorization and token requests.
struct Tenants(&'static [&'static str]);

impl Tenants {
    fn check(&self, tenant: Option<&str>) -> Result<(), OAuthError> {
        match tenant {
            Some(tenant) if self.0.contains(&tenant) => Ok(()),
            Some(_) => Err(OAuthError::new(ErrorCode::Custom("invalid_tenant"), "there is no such tenant")),
            None => Err(OAuthError::invalid_request("tenant is missing")),
        }
    }
}

#[gridauth::async_trait]
impl Extension for Tenants {
    fn name(&self) -> &str {
        "tenant"
    }

    /// Stores the tenant of the authorization request with the grant.
    fn check_authorization(
        &self,
        request: &AuthorizationRequest,
        plan: &mut AuthorizationPlan,
    ) -> Result<(), OAuthError> {
        self.check(request.parameter("tenant"))?;
        plan.keep(self.name(), json!(request.parameter("tenant")));
        Ok(())
    }

    /// The token request must name the tenant of the authorization request, if there was one.
    fn check_token(&self, request: &TokenRequest<'_>, kept: &GrantData) -> Result<(), OAuthError> {
        self.check(request.parameter("tenant"))?;
        if kept.get(self.name()).is_some_and(|kept| kept.as_str() != request.parameter("tenant")) {
            return Err(OAuthError::invalid_grant("the code is for another tenant"));
        }
        Ok(())
    }

    async fn extend_response(&self, request: &TokenRequest<'_>, issued: &mut Issued) {
        issued.add_member("tenant", json!(request.parameter("tenant")));
    }
}

pub(crate) async fn app() -> Result<Router, Box<dyn Error>> {
    let auth = GridAuth::builder("http://127.0.0.1:8080")
        .store(Store::memory())
        .extension(Tenants(&["red", "blue"]))
        .grant(AuthorizationCode::new())
        .grant(ClientCredentials::new())
        .build()
        .await?;
    let types = ["authorization_code", "client_credentials"];
    let web = auth.confidential_client("web", "web-secret").await?.grant_types(types);
    auth.put_client(web.redirect_uri("https://web.example.com/cb").build()?).await?;
    Ok(auth.routes())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    Ok(gridauth_small::serve(app().await?).await?)
}
