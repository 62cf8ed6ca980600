use std::fmt;

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::token::Secret;

/// A client secret that the server has to be able to read, as `client_secret_jwt` needs it: server and client both compute a MAC
/// under it. [`GridAuth::put_client`](crate::GridAuth::put_client) seals it; a secret for any other method is hashed.
///
/// ```
/// use gridauth::Client;
/// use gridauth::model::{AuthMethod, SharedSecret};
///
/// let secret = SharedSecret::chosen("a secret of at least 32 bytes, best random");
/// let client = Client::with_shared_secret("robot", secret).build()?;
/// assert_eq!(*client.auth_method(), AuthMethod::SecretJwt);
/// # Ok::<(), gridauth::model::ClientError>(())
/// ```
#[derive(Clone)]
pub struct SharedSecret {
    text: Secret,
    is_generated: bool,
}

impl SharedSecret {
    /// A secret that a person chose, or that comes from a configuration. It can be guessed, so wrong ones count for throttling.
    pub fn chosen(secret: impl Into<Secret>) -> Self {
        Self { text: secret.into(), is_generated: false }
    }

    /// A secret of 256 random bits.
    pub(crate) fn generated(secret: &str) -> Self {
        Self { text: secret.into(), is_generated: true }
    }

    /// The secret itself.
    pub(crate) fn expose(&self) -> &str {
        self.text.expose()
    }

    /// Whether nobody can guess it.
    pub(crate) fn is_generated(&self) -> bool {
        self.is_generated
    }
}

/// In constant time.
impl PartialEq for SharedSecret {
    fn eq(&self, other: &Self) -> bool {
        let is_same: bool = self.expose().as_bytes().ct_eq(other.expose().as_bytes()).into();
        is_same && self.is_generated == other.is_generated
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret(..)")
    }
}

/// A shared secret as it is stored: sealed by the server's vault.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SealedSecret {
    pub(crate) sealed: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) generated: bool,
}

impl fmt::Debug for SealedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedSecret(..)")
    }
}
