//! The guard: a bearer token in, an [`Access`] out (RFC 6750).

mod access;
mod rejection;
mod scopes;

pub use access::{Access, Owner};
pub use rejection::{Rejection, RejectionBody};
pub use scopes::{AnyScope, RequiredScope, ScopeDescription};

use std::sync::Arc;

use http::HeaderMap;

use crate::http_io::{AuthorizationHeader, authorization};
use crate::model::GrantRecord;
use crate::server::Inner;
use crate::token::{PresentedToken, TokenKind};

/// Finds the access that the `Authorization` header of a request gives (RFC 6750 section 2.1). The body and the query
/// are never looked at: what is there ends up in logs.
pub(crate) async fn authenticate(server: &Inner, headers: &HeaderMap) -> Result<Access, Rejection> {
    let token = match authorization(headers) {
        AuthorizationHeader::Scheme { name, credentials } if name.eq_ignore_ascii_case("bearer") => {
            credentials
        }
        AuthorizationHeader::Malformed => return Err(Rejection::malformed_request()),
        AuthorizationHeader::Absent | AuthorizationHeader::Scheme { .. } => {
            return Err(Rejection::no_credentials());
        }
    };
    access(server, token).await
}

/// The access that a token gives.
pub(crate) async fn access(server: &Inner, token: &str) -> Result<Access, Rejection> {
    let token = PresentedToken::parse_kind(TokenKind::Access, token).ok_or_else(Rejection::invalid_token)?;
    let mut buffer = [0; 36];
    let id = token.grant_id();
    let record: Arc<GrantRecord> = match server.store.read(id.row_id(&mut buffer)).await {
        Ok(Some(record)) => record,
        Ok(None) => return Err(Rejection::invalid_token()),
        Err(error) => return Err(Rejection::store(&error)),
    };
    Access::of(record, token.digest(), server.clock.now()).ok_or_else(Rejection::invalid_token)
}
