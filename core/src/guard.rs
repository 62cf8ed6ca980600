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

use crate::http::{AuthorizationHeader, authorization_in};
use crate::model::GrantRecord;
use crate::server::Inner;
use crate::store::{Key, Kind, Row, StoreError};
use crate::token::{PresentedToken, TokenKind};

/// The token that a request presents in the values of its `Authorization` headers (RFC 6750 section 2.1). The body and the
/// query are never looked at: what is there ends up in logs.
pub(crate) fn presented<'h>(values: impl IntoIterator<Item = &'h [u8]>) -> Result<PresentedToken, Rejection> {
    let mut values = values.into_iter();
    let (first, second) = (values.next(), values.next());
    match (first, second) {
        (Some(only), None) => usual(only).map_or_else(|| bearer([only]), Ok),
        _ => bearer(first.into_iter().chain(second).chain(values)),
    }
}

/// The token of a value as nearly all requests have it: the scheme, one space, a token. What is a token of ours is text, and
/// so the value need not be looked at once more.
#[inline]
fn usual(value: &[u8]) -> Option<PresentedToken> {
    let (scheme, token) = value.split_first_chunk::<7>()?;
    if scheme.eq_ignore_ascii_case(b"bearer ") { parse(token) } else { None }
}

fn bearer<'h>(values: impl IntoIterator<Item = &'h [u8]>) -> Result<PresentedToken, Rejection> {
    match authorization_in(values) {
        AuthorizationHeader::Scheme { name, credentials } if name.eq_ignore_ascii_case("bearer") => {
            of_text(credentials)
        }
        AuthorizationHeader::Malformed => Err(Rejection::malformed_request()),
        AuthorizationHeader::Absent | AuthorizationHeader::Scheme { .. } => Err(Rejection::no_credentials()),
    }
}

/// The token that a text is.
pub(crate) fn of_text(text: &str) -> Result<PresentedToken, Rejection> {
    parse(text.as_bytes()).ok_or_else(Rejection::invalid_token)
}

#[inline]
fn parse(text: &[u8]) -> Option<PresentedToken> {
    PresentedToken::parse_bytes(TokenKind::Access, text)
}

/// The access that a token gives.
pub(crate) async fn access(server: &Inner, token: &PresentedToken) -> Result<Access, Rejection> {
    let mut buffer = [0; 36];
    let found = server.store.get(Key::new(Kind::Grant, token.grant_id().row_id(&mut buffer))).await;
    judge(server, token, found)
}

/// As [`access`], where the store answers without waiting.
pub(crate) fn access_now(server: &Inner, token: &PresentedToken) -> Option<Result<Access, Rejection>> {
    let mut buffer = [0; 36];
    let found = server.store.get(Key::new(Kind::Grant, token.grant_id().row_id(&mut buffer))).now()?;
    Some(judge(server, token, found))
}

/// What a token is worth, by the row that it names.
fn judge(
    server: &Inner,
    token: &PresentedToken,
    found: Result<Option<Arc<Row>>, StoreError>,
) -> Result<Access, Rejection> {
    let row = found.map_err(|error| Rejection::store(&error))?.ok_or_else(Rejection::invalid_token)?;
    let record = row.decoded::<GrantRecord>().map_err(|corrupt| Rejection::store(&corrupt.into()))?;
    Access::of(server, record, token.digest()).ok_or_else(Rejection::invalid_token)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::env::{SystemEntropy, Timestamp};
    use crate::model::GrantId;
    use crate::token::{NewToken, new_token_secret};

    fn token() -> String {
        let grant = GrantId::new(Timestamp::from_millis(1_700_000_000_000), &[7; 10]);
        let secret = new_token_secret(&SystemEntropy).unwrap();
        NewToken::make(TokenKind::Access, grant, &secret).text.expose().to_owned()
    }

    #[test]
    fn the_usual_value_is_read_in_any_case_and_no_other_one() {
        let token = token();
        for good in [format!("Bearer {token}"), format!("bEARER {token}")] {
            assert!(usual(good.as_bytes()).is_some(), "{good}");
        }
        for other in
            [format!("Bearer  {token}"), format!("Bearer {token} "), format!("Basic  {token}"), token.clone()]
        {
            assert!(usual(other.as_bytes()).is_none(), "{other}");
        }
    }

    proptest! {
        /// The short way finds what the long way finds.
        #[test]
        fn what_is_presented_does_not_hang_on_the_way_it_is_read(
            before in "(Bearer|bearer|BEARER|Basic|)[ \t]{0,2}",
            after in "[ -~]{0,2}",
            keep in 0_usize..80,
            others in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..9), 0..2),
        ) {
            let token = token();
            let value = format!("{before}{}{after}", &token[..keep.min(token.len())]);
            for values in [
                [std::slice::from_ref(&value.clone().into_bytes()), &others].concat(),
                [&others, std::slice::from_ref(&value.into_bytes())].concat(),
            ] {
                let values = || values.iter().map(Vec::as_slice);
                match (presented(values()), bearer(values())) {
                    (Ok(one), Ok(other)) => {
                        prop_assert!(one.grant_id() == other.grant_id() && one.digest().matches(other.digest()));
                    }
                    (one, other) => prop_assert_eq!(one.err(), other.err()),
                }
            }
        }
    }
}
