use std::sync::Arc;

use async_trait::async_trait;

use super::Extension;
use crate::grant::{AuthorizationPlan, AuthorizationRequest, NewGrant, TokenDraft, TokenRequest};
use crate::model::{Client, GrantData};
use crate::protocol::{OAuthError, Parameters, ResourceId};

/// Resource indicators (RFC 8707): clients name the resources that a token is for. Every grant has this extension.
pub(crate) struct Resources {
    /// The issuer comes first.
    known: Vec<KnownResource>,
}

/// A resource that tokens may be for.
pub(crate) struct KnownResource {
    pub(crate) id: ResourceId,
    /// Whether it takes tokens for the issuer too.
    pub(crate) is_of_issuer: bool,
}

impl Resources {
    pub(crate) fn new(known: Vec<KnownResource>) -> Arc<Self> {
        Arc::new(Self { known })
    }

    /// The resources that a request names, each once, by their identifiers.
    fn named<'a>(&self, values: impl Iterator<Item = &'a str>) -> Result<Vec<&KnownResource>, OAuthError> {
        let mut named: Vec<&KnownResource> = Vec::new();
        for value in values {
            let known =
                self.known.iter().find(|known| known.id.is(value)).ok_or_else(|| {
                    OAuthError::invalid_target("the server issues no tokens for this resource")
                })?;
            if !named.iter().any(|other| other.id == known.id) {
                named.push(known);
            }
        }
        Ok(named)
    }

    /// Whether a grant for these resources is for this one. A grant without resources is for the issuer (RFC 8707 section 2.2).
    fn covers(&self, granted: &[String], resource: &KnownResource) -> bool {
        let is_for_issuer = granted.is_empty()
            || self.known.first().is_some_and(|issuer| granted.iter().any(|own| own == issuer.id.as_str()));
        granted.iter().any(|own| own == resource.id.as_str()) || (is_for_issuer && resource.is_of_issuer)
    }

    fn check_covered(&self, granted: &[String], named: &[&KnownResource]) -> Result<(), OAuthError> {
        match named.iter().all(|resource| self.covers(granted, resource)) {
            true => Ok(()),
            false => Err(OAuthError::invalid_target("the grant is not for this resource")),
        }
    }
}

#[async_trait]
impl Extension for Resources {
    fn name(&self) -> &str {
        "resource"
    }

    fn check_authorization(
        &self,
        request: &AuthorizationRequest,
        plan: &mut AuthorizationPlan,
    ) -> Result<(), OAuthError> {
        for resource in self.named(request.values("resource"))? {
            plan.add_resource(resource.id.as_str());
        }
        Ok(())
    }

    fn prepares_request(&self, _client: &Client, parameters: &Parameters) -> bool {
        parameters.get("resource").is_some()
    }

    fn complete_grant(&self, request: &TokenRequest<'_>, grant: &mut NewGrant) -> Result<(), OAuthError> {
        let named = self.named(request.values("resource"))?;
        if named.is_empty() {
            return Ok(());
        }
        if !grant.resources.is_empty() {
            self.check_covered(&grant.resources, &named)?;
        }
        grant.resources = named.iter().map(|resource| resource.id.as_str().to_owned()).collect();
        Ok(())
    }

    async fn prepare_token(&self, draft: &mut TokenDraft<'_>) -> Result<(), OAuthError> {
        let named = self.named(draft.parameters.values("resource"))?;
        if !named.is_empty() {
            self.check_covered(&draft.grant().resources, &named)?;
            draft.restrict_to(named.iter().map(|resource| resource.id.as_str()));
        }
        Ok(())
    }

    fn check_token(&self, request: &TokenRequest<'_>, _kept: &GrantData) -> Result<(), OAuthError> {
        self.named(request.values("resource")).map(drop)
    }
}
