use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use super::Extension;
use crate::endpoint::Metadata;
use crate::grant::{AuthorizationPlan, AuthorizationRequest, TokenDraft, TokenRequest};
use crate::model::{
    AUTHORIZATION_DETAILS, AuthorizationDetail, Client, GrantData, User, read_detail, write_detail,
};
use crate::protocol::{ErrorCode, OAuthError};

/// The longest value of the parameter, in bytes.
const LONGEST: usize = 8 * 1024;

/// How many details a request may have.
const MOST: usize = 32;

/// Rich authorization requests (RFC 9396): clients ask for details of registered types with `authorization_details`, beside or in place of
/// a scope. The user always has to consent to them.
///
/// Without a registered type, every request with details is refused, and the metadata says nothing about them.
///
/// Details are in token responses, in introspection, in JWT access tokens, and at guards ([`Access::details`](crate::Access::details)). A token
/// request may ask for fewer, and a client that acts for itself may ask for details too.
///
/// Register it for all grants, with [`Builder::extension`](crate::Builder::extension).
#[derive(Clone, Default)]
pub struct AuthorizationDetails {
    types: Vec<Arc<dyn DetailType>>,
}

impl AuthorizationDetails {
    /// Without any type.
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers a type.
    #[must_use]
    pub fn with<D: AuthorizationDetail>(mut self) -> Self {
        self.types.push(Arc::new(Typed::<D>(PhantomData)));
        self
    }

    /// Reads and checks what a client asks for.
    fn read(&self, text: &str, client: &Client) -> Result<Vec<Value>, OAuthError> {
        if text.len() > LONGEST {
            return Err(invalid("authorization_details is too long"));
        }
        let Ok(Value::Array(wanted)) = serde_json::from_str(text) else {
            return Err(invalid("authorization_details is not a JSON array"));
        };
        if wanted.len() > MOST {
            return Err(invalid("there are too many authorization_details"));
        }
        wanted.iter().map(|wanted| self.type_of(wanted, client)?.check(wanted, client)).collect()
    }

    fn type_of(&self, wanted: &Value, client: &Client) -> Result<&dyn DetailType, OAuthError> {
        let named = wanted.get("type").and_then(Value::as_str);
        let known = named.and_then(|named| self.types.iter().find(|known| known.name() == named));
        let known =
            known.ok_or_else(|| invalid("the server does not know this type of authorization_details"))?;
        // RFC 9396 section 10: the types that a client has registered are those that it uses.
        match client.metadata_value("authorization_details_types").and_then(Value::as_array) {
            Some(own) if !own.iter().any(|own| own == known.name()) => {
                Err(invalid("the client is not registered for this type of authorization_details"))
            }
            _ => Ok(&**known),
        }
    }

    /// What a token request may have of what was granted.
    fn narrow(&self, granted: &[Value], text: &str, client: &Client) -> Result<Vec<Value>, OAuthError> {
        let wanted = self.read(text, client)?;
        for wanted in &wanted {
            let known = self.type_of(wanted, client)?;
            if !granted.iter().any(|granted| known.covers(granted, wanted)) {
                return Err(invalid("authorization_details are more than was granted"));
            }
        }
        Ok(wanted)
    }

    fn find(&self, value: &Value) -> Option<&dyn DetailType> {
        let named = value.get("type")?.as_str()?;
        self.types.iter().find(|known| known.name() == named).map(|known| &**known)
    }

    /// Notes what a client asks for, so that the user is asked and the grant keeps it.
    fn plan(
        &self,
        text: Option<&str>,
        client: &Client,
        plan: &mut AuthorizationPlan,
    ) -> Result<(), OAuthError> {
        let wanted = text.map(|text| self.read(text, client)).transpose()?.unwrap_or_default();
        if !wanted.is_empty() {
            plan.keep(AUTHORIZATION_DETAILS, Value::Array(wanted));
            plan.ask_consent();
        }
        Ok(())
    }
}

fn invalid(why: &'static str) -> OAuthError {
    OAuthError::new(ErrorCode::Custom("invalid_authorization_details"), why)
}

/// The details that a grant keeps.
fn kept(data: &GrantData) -> &[Value] {
    data.get(AUTHORIZATION_DETAILS).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A registered type.
trait DetailType: Send + Sync {
    fn name(&self) -> &'static str;

    fn check(&self, wanted: &Value, client: &Client) -> Result<Value, OAuthError>;

    fn describe(&self, value: &Value, language: &str) -> Option<String>;

    fn enriched(&self, value: &Value, user: &User) -> Option<Value>;

    fn covers(&self, granted: &Value, wanted: &Value) -> bool;
}

struct Typed<D>(PhantomData<fn() -> D>);

impl<D: AuthorizationDetail> DetailType for Typed<D> {
    fn name(&self) -> &'static str {
        D::TYPE
    }

    fn check(&self, wanted: &Value, client: &Client) -> Result<Value, OAuthError> {
        let detail: D = read_detail(wanted)
            .ok_or_else(|| invalid("a member of authorization_details is missing, unknown or malformed"))?;
        detail.check(client).map_err(invalid)?;
        write_detail(&detail)
            .ok_or_else(|| OAuthError::server_error("authorization details are no JSON object"))
    }

    fn describe(&self, value: &Value, language: &str) -> Option<String> {
        read_detail::<D>(value).map(|detail| detail.describe(language))
    }

    fn enriched(&self, value: &Value, user: &User) -> Option<Value> {
        write_detail(&read_detail::<D>(value)?.enriched(user))
    }

    fn covers(&self, granted: &Value, wanted: &Value) -> bool {
        let both = read_detail::<D>(granted).zip(read_detail::<D>(wanted));
        both.is_some_and(|(granted, wanted)| granted.covers(&wanted))
    }
}

#[async_trait]
impl Extension for AuthorizationDetails {
    fn name(&self) -> &str {
        AUTHORIZATION_DETAILS
    }

    fn check_authorization(
        &self,
        request: &AuthorizationRequest,
        plan: &mut AuthorizationPlan,
    ) -> Result<(), OAuthError> {
        self.plan(request.parameter(AUTHORIZATION_DETAILS), request.client(), plan)
    }

    fn check_device_authorization(
        &self,
        request: &TokenRequest<'_>,
        plan: &mut AuthorizationPlan,
    ) -> Result<(), OAuthError> {
        self.plan(request.parameter(AUTHORIZATION_DETAILS), request.client(), plan)
    }

    fn consent_texts(&self, kept_data: &GrantData, language: &str) -> Vec<String> {
        let describe = |value| self.find(value)?.describe(value, language);
        kept(kept_data).iter().filter_map(describe).collect()
    }

    fn enrich_approval(&self, user: &User, data: &mut GrantData) {
        let enrich = |value: &Value| self.find(value)?.enriched(value, user);
        let enriched: Vec<Value> =
            kept(data).iter().map(|value| enrich(value).unwrap_or_else(|| value.clone())).collect();
        if !enriched.is_empty() {
            data.insert(AUTHORIZATION_DETAILS.to_owned(), Value::Array(enriched));
        }
    }

    fn prepares_tokens(&self, _client: &Client) -> bool {
        !self.types.is_empty()
    }

    fn check_token(&self, request: &TokenRequest<'_>, _kept: &GrantData) -> Result<(), OAuthError> {
        match request.parameter(AUTHORIZATION_DETAILS) {
            Some(_) if self.types.is_empty() => {
                Err(invalid("the server does not know this type of authorization_details"))
            }
            _ => Ok(()),
        }
    }

    async fn prepare_token(&self, draft: &mut TokenDraft<'_>) -> Result<(), OAuthError> {
        let record = draft.grant();
        let settled = draft.details().and_then(Value::as_array).cloned();
        let granted = settled.unwrap_or_else(|| kept(&record.data).to_vec());
        // The parameters of an authorization request are in the grant by now.
        let wanted = draft.parameter(AUTHORIZATION_DETAILS).filter(|_| !draft.is_front_channel());
        let details = match wanted {
            None => granted,
            Some(text) => {
                let acts_for_itself = record.subject.is_none() && draft.grant_type() == "client_credentials";
                let details = match acts_for_itself {
                    true => self.read(text, draft.client())?,
                    false => self.narrow(&granted, text, draft.client())?,
                };
                draft.set_details(Value::Array(details.clone()));
                details
            }
        };
        if !details.is_empty() {
            draft.add_member(AUTHORIZATION_DETAILS, Value::Array(details.clone()));
            draft.add_claim(AUTHORIZATION_DETAILS, Value::Array(details));
        }
        Ok(())
    }

    fn describe(&self, metadata: &mut Metadata) {
        if !self.types.is_empty() {
            metadata
                .add("authorization_details_types_supported", self.types.iter().map(|known| known.name()));
        }
    }
}

impl fmt::Debug for AuthorizationDetails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.types.iter().map(|known| known.name())).finish()
    }
}
