//! The token of a request (RFC 6750 section 2.1, RFC 9449 section 7.1).

use http::header::AUTHORIZATION;

use super::Rejection;
use crate::events::TokenRefusal;
use crate::http::{AuthorizationHeader, RequestHead, authorization_in};
use crate::protocol::TokenType;
use crate::token::{PresentedToken, TokenKind};

/// The access token in the `Authorization` header, and the scheme that it is shown with. Tokens in the body or the query are ignored,
/// since those end up in logs.
#[inline]
pub(super) fn own_token(head: &impl RequestHead) -> Result<(TokenType, PresentedToken), Rejection> {
    presented(head.header_values(&AUTHORIZATION))
}

/// The token of a request, in any format, and its scheme.
pub(super) fn any_token(head: &impl RequestHead) -> Result<(TokenType, &str), Rejection> {
    credentials(head.header_values(&AUTHORIZATION))
}

fn presented<'h>(
    values: impl IntoIterator<Item = &'h [u8]>,
) -> Result<(TokenType, PresentedToken), Rejection> {
    let mut values = values.into_iter();
    let (first, second) = (values.next(), values.next());
    match (first, second) {
        (Some(only), None) => {
            usual(only).map_or_else(|| unusual([only]), |token| Ok((TokenType::Bearer, token)))
        }
        _ => unusual(first.into_iter().chain(second).chain(values)),
    }
}

/// Fast path for a value in the usual form: the scheme `Bearer`, one space, a token. The server's own tokens are ASCII, so this need
/// not be checked separately.
#[inline]
fn usual(value: &[u8]) -> Option<PresentedToken> {
    let (scheme, token) = value.split_first_chunk::<7>()?;
    if scheme.eq_ignore_ascii_case(b"bearer ") { parse(token) } else { None }
}

fn unusual<'h>(values: impl IntoIterator<Item = &'h [u8]>) -> Result<(TokenType, PresentedToken), Rejection> {
    let (scheme, token) = credentials(values)?;
    let invalid = || Rejection::invalid_token(TokenRefusal::Malformed).under(scheme);
    Ok((scheme, parse(token.as_bytes()).ok_or_else(invalid)?))
}

fn credentials<'h>(values: impl IntoIterator<Item = &'h [u8]>) -> Result<(TokenType, &'h str), Rejection> {
    match authorization_in(values) {
        AuthorizationHeader::Scheme { name, credentials } => match scheme(name) {
            Some(scheme) => Ok((scheme, credentials)),
            None => Err(Rejection::no_credentials(TokenRefusal::OtherScheme)),
        },
        AuthorizationHeader::Malformed => Err(Rejection::malformed_request()),
        AuthorizationHeader::Absent => Err(Rejection::no_credentials(TokenRefusal::NoToken)),
    }
}

/// The type of the tokens that are shown with this scheme; `None` if the guard takes none with it.
fn scheme(name: &str) -> Option<TokenType> {
    let known = [
        TokenType::Bearer,
        #[cfg(feature = "jose")]
        TokenType::DPoP,
    ];
    known.into_iter().find(|scheme| name.eq_ignore_ascii_case(scheme.as_str()))
}

#[inline]
fn parse(text: &[u8]) -> Option<PresentedToken> {
    PresentedToken::parse_bytes(TokenKind::Access, text).or_else(|| PresentedToken::parse_jwt(text))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::env::{SystemEntropy, Timestamp};
    use crate::token::{GrantId, NewToken, new_token_secret};

    fn token() -> String {
        let grant = GrantId::new(Timestamp::from_millis(1_700_000_000_000), &[7; 10]);
        let secret = new_token_secret(&SystemEntropy).unwrap();
        NewToken::make(TokenKind::Access, grant, &secret).text.expose().to_owned()
    }

    #[test]
    fn the_fast_path_reads_only_the_usual_form() {
        let token = token();
        for good in [format!("Bearer {token}"), format!("bEARER {token}")] {
            assert!(usual(good.as_bytes()).is_some(), "{good}");
        }
        for other in [
            format!("Bearer  {token}"),
            format!("Bearer {token} "),
            format!("Basic  {token}"),
            format!("DPoP {token}"),
            token.clone(),
        ] {
            assert!(usual(other.as_bytes()).is_none(), "{other}");
        }
    }

    proptest! {
        #[test]
        fn the_fast_path_agrees_with_the_slow_path(
            before in "(Bearer|bearer|BEARER|DPoP|dpop|Basic|)[ \t]{0,2}",
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
                match (presented(values()), unusual(values())) {
                    (Ok((scheme, one)), Ok((other_scheme, other))) => {
                        prop_assert_eq!(scheme, other_scheme);
                        prop_assert!(one.grant_id() == other.grant_id() && one.digest().matches(other.digest()));
                    }
                    (one, other) => prop_assert_eq!(one.err(), other.err()),
                }
            }
        }
    }
}
