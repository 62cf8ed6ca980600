use crate::env::EntropyError;
use crate::jose::KeyFailure;
use crate::protocol::OAuthError;
use crate::store::StoreError;

/// Why a signer does not sign.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignerError {
    /// It cannot be reached now.
    #[error("the signer cannot be reached: {0}")]
    Unavailable(Box<dyn std::error::Error + Send + Sync>),
    /// It has no key for this algorithm.
    #[error("the signer has no key for this algorithm")]
    NoKey,
    /// It failed.
    #[error("the signer failed: {0}")]
    Failed(Box<dyn std::error::Error + Send + Sync>),
}

impl From<StoreError> for SignerError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(Box::new(error))
    }
}

impl From<KeyFailure> for SignerError {
    fn from(error: KeyFailure) -> Self {
        Self::Failed(Box::new(error))
    }
}

impl From<EntropyError> for SignerError {
    fn from(error: EntropyError) -> Self {
        Self::Unavailable(Box::new(error))
    }
}

/// A signature that cannot be had is no fault of the client: 503, and nothing was stored or redeemed.
impl From<SignerError> for OAuthError {
    fn from(error: SignerError) -> Self {
        Self::unavailable(1).with_cause(error)
    }
}

/// Why the keys in the store cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyStoreError {
    /// They are sealed under another secret.
    #[error(
        "the signing keys in the store are sealed under another secret: set the one that they were sealed under, or, if it \
         was replaced, give it as the previous one"
    )]
    OtherSecret,
    /// The store failed.
    #[error("the store: {0}")]
    Store(#[from] StoreError),
    /// A key cannot be made or read.
    #[error(transparent)]
    Key(#[from] KeyFailure),
    /// There is no randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// A background thread failed.
    #[error("the making of a key did not finish")]
    Unfinished,
}

impl From<KeyStoreError> for SignerError {
    fn from(error: KeyStoreError) -> Self {
        match error {
            KeyStoreError::Store(error) => error.into(),
            error => Self::Failed(Box::new(error)),
        }
    }
}
