//! What OpenID Connect adds to the answers: claims about the user, and the ID token (OpenID Connect Core 1.0).

mod claims;
mod claims_request;
mod id_token;
mod id_token_hint;
mod request;
mod scope_claims;
mod subject;

pub(crate) use claims::claims_of;
pub(crate) use claims_request::{ClaimsRequest, Place};
pub(crate) use id_token::{Companions, IdTokenClaims, id_token_algorithm, sign_id_token};
pub(crate) use id_token_hint::IdTokenHint;
pub(crate) use request::{KEPT, Kept, Prompt};
pub(crate) use scope_claims::ScopeClaims;
pub(crate) use subject::{is_pairwise, sector_of, session_for, subject_for};

/// The scope that makes an authorization request one of OpenID Connect (OpenID Connect Core section 3.1.2.1).
pub(crate) const OPENID: &str = "openid";
