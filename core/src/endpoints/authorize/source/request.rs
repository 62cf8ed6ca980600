use std::sync::Arc;

use super::pushed_reference::PushedReference;
use crate::model::Client;
use crate::protocol::{OAuthError, Parameters};

/// Where the parameters of a request come from.
#[derive(Debug, Default)]
pub(in crate::endpoints) struct Origin {
    /// The pushed request that they are from.
    pub(in crate::endpoints) pushed: Option<PushedReference>,
    /// Whether they are being pushed now.
    pub(in crate::endpoints) is_push: bool,
    /// Whether the client has signed them.
    pub(in crate::endpoints) is_signed: bool,
}

impl Origin {
    /// Whether the client has authenticated to send them.
    pub(in crate::endpoints) fn is_pushed(&self) -> bool {
        self.is_push || self.pushed.is_some()
    }
}

/// An authorization request with the parameters that count. Nothing but the client is checked yet.
pub(in crate::endpoints) struct SourcedRequest {
    pub(in crate::endpoints) client: Arc<Client>,
    pub(in crate::endpoints) parameters: Parameters,
    /// What the forms of the pages carry, if it is not the parameters themselves.
    pub(in crate::endpoints) carried: Option<Parameters>,
    pub(in crate::endpoints) origin: Origin,
}

impl SourcedRequest {
    /// A request whose parameters are as sent.
    pub(in super::super) fn plain(client: Arc<Client>, parameters: Parameters) -> Self {
        Self { client, parameters, carried: None, origin: Origin::default() }
    }

    /// A request whose parameters are those of a request object. The forms carry the object, so that nothing has to be fetched again.
    pub(super) fn signed(
        client: Arc<Client>,
        inside: Parameters,
        object: String,
    ) -> Result<Self, OAuthError> {
        let parameters = with_client_id(inside, &client)?;
        let carried = Parameters::from_pairs([("client_id", client.id()), ("request", &object)])?;
        let origin = Origin { is_signed: true, ..Origin::default() };
        Ok(Self { client, parameters, carried: Some(carried), origin })
    }
}

/// The parameters, with the client whose they are.
pub(super) fn with_client_id(parameters: Parameters, client: &Client) -> Result<Parameters, OAuthError> {
    if parameters.get("client_id").is_some() {
        return Ok(parameters);
    }
    let given = parameters.iter().filter(|(name, _)| *name != "client_id");
    Ok(Parameters::from_pairs([("client_id", client.id())].into_iter().chain(given))?)
}
