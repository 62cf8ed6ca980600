//! Codes and tokens: generated, parsed, digested, sealed.

mod binding;
mod device_code;
mod digest;
mod grant_id;
mod opaque;
mod seal;
mod secret;
mod user_code;

pub use binding::Binding;
pub(crate) use device_code::DeviceCode;
pub use digest::Digest;
pub use grant_id::{GrantId, GrantIdError};
pub(crate) use opaque::{
    Family, TokenSecret, commitment, family_digest, family_of_code, new_family, new_jwt_id, new_token_secret,
};
pub use opaque::{NewToken, PresentedToken, TokenKind};
pub use seal::Sealed;
pub use secret::Secret;
pub(crate) use user_code::UserCode;
