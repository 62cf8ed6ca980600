//! The guard: a bearer token in, an [`Access`] out (RFC 6750).

mod access;
mod checked;
mod rejection;
mod scopes;

pub use access::{Access, Owner};
pub use checked::Checked;
pub use rejection::{Rejection, RejectionBody};
pub use scopes::{AnyScope, RequiredScope, ScopeDescription};

use std::sync::Arc;

use crate::http_io::AuthorizationHeader;
use crate::model::GrantRecord;
use crate::server::Inner;
use crate::store::{Key, Kind, Row, StoreError};
use crate::token::{PresentedToken, TokenKind};

/// The token that the `Authorization` header of a request presents (RFC 6750 section 2.1). The body and the query are
/// never looked at: what is there ends up in logs.
pub(crate) fn bearer(header: AuthorizationHeader<'_>) -> Result<&str, Rejection> {
    match header {
        AuthorizationHeader::Scheme { name, credentials } if name.eq_ignore_ascii_case("bearer") => {
            Ok(credentials)
        }
        AuthorizationHeader::Malformed => Err(Rejection::malformed_request()),
        AuthorizationHeader::Absent | AuthorizationHeader::Scheme { .. } => Err(Rejection::no_credentials()),
    }
}

/// The access that a token gives.
pub(crate) async fn access(server: &Inner, token: &str) -> Result<Access, Rejection> {
    let token = presented(token)?;
    let mut buffer = [0; 36];
    let found = server.store.get(Key::new(Kind::Grant, token.grant_id().row_id(&mut buffer))).await;
    judge(server, &token, found)
}

/// As [`access`], where the store answers without waiting.
pub(crate) fn access_now(server: &Inner, token: &str) -> Option<Result<Access, Rejection>> {
    let token = match presented(token) {
        Ok(token) => token,
        Err(rejection) => return Some(Err(rejection)),
    };
    let mut buffer = [0; 36];
    let found = server.store.get(Key::new(Kind::Grant, token.grant_id().row_id(&mut buffer))).now()?;
    Some(judge(server, &token, found))
}

fn presented(token: &str) -> Result<PresentedToken, Rejection> {
    PresentedToken::parse_kind(TokenKind::Access, token).ok_or_else(Rejection::invalid_token)
}

/// What a token is worth, by the row that it names.
fn judge(
    server: &Inner,
    token: &PresentedToken,
    found: Result<Option<Arc<Row>>, StoreError>,
) -> Result<Access, Rejection> {
    let row = found.map_err(|error| Rejection::store(&error))?.ok_or_else(Rejection::invalid_token)?;
    let record = row.decoded::<GrantRecord>().map_err(|corrupt| Rejection::store(&corrupt.into()))?;
    Access::of(record, token.digest(), server.clock.now()).ok_or_else(Rejection::invalid_token)
}
