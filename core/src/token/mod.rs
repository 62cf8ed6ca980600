//! Codes and tokens: how they are made, read and kept.

mod digest;
mod opaque;
mod seal;
mod secret;

pub use digest::Digest;
pub use opaque::{NewToken, PresentedToken, TokenKind};
pub(crate) use opaque::{family_digest, new_family};
pub use seal::Sealed;
pub use secret::Secret;
