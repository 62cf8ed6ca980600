use serde_json::{Map, Value};

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
}
