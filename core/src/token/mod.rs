//! Codes and tokens: generated, parsed, digested, sealed.

mod digest;
mod opaque;
mod seal;
mod secret;

pub use digest::Digest;
pub(crate) use opaque::{
    Family, TokenSecret, commitment, family_digest, family_of_code, new_family, new_token_secret,
};
pub use opaque::{NewToken, PresentedToken, TokenKind};
pub use seal::Sealed;
pub use secret::Secret;
