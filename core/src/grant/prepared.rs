use serde_json::{Map, Value};

use crate::env::Timestamp;
use crate::model::ExchangeState;
use crate::token::{Binding, NewToken};

/// What was prepared before anything is stored: what the access token is like, and additional members of the response.
#[derive(Debug, Default)]
pub(crate) struct Prepared {
    /// The access token, where it is not the opaque one.
    pub(crate) access: Option<NewToken>,
    /// Claims of an access token that is a JWT.
    pub(crate) claims: Map<String, Value>,
    /// The audience of the access token, if it is narrower than the grant's.
    pub(crate) audience: Option<Box<[String]>>,
    pub(crate) binding: Option<Box<Binding>>,
    pub(crate) members: Map<String, Value>,
    /// The authorization details of the access token, if they are not the grant's.
    pub(crate) details: Option<Value>,
    /// When the access token expires at the latest.
    pub(crate) expires_by: Option<Timestamp>,
    /// What an exchange makes of the access token.
    pub(crate) exchange: Option<Box<ExchangeState>>,
}

impl Prepared {
    /// When an access token expires that would usually expire then.
    pub(crate) fn expiry(&self, usual: Timestamp) -> Timestamp {
        self.expires_by.map_or(usual, |latest| latest.min(usual))
    }
}
