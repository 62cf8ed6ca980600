use serde::{Deserialize, Serialize};

use super::{ClientSecretHash, SealedSecret};
use crate::env::Timestamp;

/// A secret that a client had before its present one, and that stays valid for a while. It has the form that its method needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FormerSecret {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) secret: Option<ClientSecretHash>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sealed_secret: Option<SealedSecret>,
    pub(crate) expires: Timestamp,
}
