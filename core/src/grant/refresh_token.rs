use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::issue::{idle_lifetime, new_access_token};
use super::{Grant, Issued, TokenRequest, TokenResponse, TokenSide};
use crate::env::Timestamp;
use crate::model::{AuthMethod, GrantRecord, PreviousRefresh, RefreshState};
use crate::protocol::OAuthError;
use crate::store::{Change, Record};
use crate::token::{NewToken, PresentedToken, Sealed, Secret, TokenKind, family_digest, new_token_secret};

/// The refresh token grant (RFC 6749 section 6).
///
/// [`rotating`](Self::rotating) gives a new refresh token each time and ends the grant when an old one comes back (RFC
/// 9700 section 4.14.2). A client whose answer was lost may repeat its request within the grace window: it gets the
/// very same successor, which was kept sealed under the old token.
#[derive(Clone, Debug)]
pub struct RefreshToken {
    methods: Vec<AuthMethod>,
    rotate: bool,
    grace: Duration,
}

impl RefreshToken {
    /// A new refresh token each time, with a grace window of 10 seconds.
    pub fn rotating() -> Self {
        Self { methods: vec![AuthMethod::Basic], rotate: true, grace: Duration::from_secs(10) }
    }

    /// The same refresh token is used until it expires, and no new one is issued. For confidential clients only: those of
    /// public ones rotate all the same (RFC 9700 section 2.2.2).
    pub fn reusable() -> Self {
        Self { rotate: false, ..Self::rotating() }
    }

    /// How long a token just rotated may be presented again. Zero turns it off.
    #[must_use]
    pub fn grace(mut self, window: Duration) -> Self {
        self.grace = window;
        self
    }

    /// For clients that authenticate with one of these methods, instead of `client_secret_basic`.
    #[must_use]
    pub fn client_authentication(mut self, methods: impl IntoIterator<Item = AuthMethod>) -> Self {
        self.methods = methods.into_iter().collect();
        self
    }
}

impl Grant for RefreshToken {
    fn token_side(&self) -> Option<&dyn TokenSide> {
        Some(self)
    }
}

/// What the grace window keeps: the answer whose loss it mends.
#[derive(Serialize, Deserialize)]
struct Successor<'a> {
    #[serde(borrow)]
    access_token: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    refresh_token: std::borrow::Cow<'a, str>,
    expires: Timestamp,
    #[serde(borrow)]
    scope: std::borrow::Cow<'a, str>,
}

/// Where a presented refresh token stands in its chain.
enum Standing {
    /// The current token.
    Current,
    /// The one before, and its successor has not been used.
    Repeated(Sealed),
    /// A real one from further back: somebody else has it too.
    Reused,
    /// Not good, and nothing follows from it.
    Refused(&'static str),
}

fn standing(token: &PresentedToken, record: &GrantRecord, client_id: &str, now: Timestamp) -> Standing {
    let Some(refresh) = record.refresh.as_ref().filter(|_| record.client_id == client_id) else {
        return Standing::Refused("the refresh token is not good");
    };
    // Without the family it was never a token of this grant, whatever grant id it names.
    if !refresh.family.matches(&family_digest(&token.family())) {
        return Standing::Refused("the refresh token is not good");
    }
    if refresh.digest.matches(token.digest()) {
        return if now < refresh.expires && now < refresh.chain_expires {
            Standing::Current
        } else {
            Standing::Refused("the refresh token has expired")
        };
    }
    match &refresh.previous {
        Some(previous) if previous.digest.matches(token.digest()) && now < previous.until => {
            Standing::Repeated(previous.successor.clone())
        }
        _ => Standing::Reused,
    }
}

#[async_trait]
impl TokenSide for RefreshToken {
    fn grant_type(&self) -> &str {
        "refresh_token"
    }

    fn client_authentication(&self) -> &[AuthMethod] {
        &self.methods
    }

    async fn respond(&self, request: &TokenRequest<'_>) -> Result<Issued, OAuthError> {
        let token = PresentedToken::parse_kind(TokenKind::Refresh, request.required("refresh_token")?)
            .ok_or_else(|| OAuthError::invalid_grant("the refresh token is not good"))?;
        let mut buffer = [0; 36];
        let id = token.grant_id();
        let decide = |record: &GrantRecord| match standing(
            &token,
            record,
            request.client().id(),
            request.now(),
        ) {
            Standing::Current => match self.renew(request, record, &token) {
                Ok(issued) => (Change::Replace(issued.record.to_row()), Ok(issued)),
                Err(error) => (Change::Keep, Err(error)),
            },
            Standing::Repeated(sealed) => (Change::Keep, repeat(request, record, &token, &sealed)),
            Standing::Reused => {
                tracing::warn!(grant = %record.id, client = %record.client_id, "a rotated refresh token came back: the grant is revoked");
                (Change::Remove, Err(OAuthError::invalid_grant("the refresh token is not good")))
            }
            Standing::Refused(why) => (Change::Keep, Err(OAuthError::invalid_grant(why))),
        };
        match request.server.store.change(id.row_id(&mut buffer), decide).await? {
            Some((_, outcome)) => outcome,
            None => Err(OAuthError::invalid_grant("the refresh token is not good")),
        }
    }
}

impl RefreshToken {
    /// The record with a new access token and, where tokens rotate, a new refresh token.
    fn renew(
        &self,
        request: &TokenRequest<'_>,
        record: &GrantRecord,
        presented: &PresentedToken,
    ) -> Result<Issued, OAuthError> {
        let (server, client, now) = (request.server, request.client(), request.now());
        let scope = request.scope_within(&record.scope)?;
        request.check_extensions(&record.data)?;
        let secret = new_token_secret(&*server.entropy)?;
        let (access_token, access) =
            new_access_token(server, client, (record.id, &secret), &scope, &record.scope, now);
        let expires = access.expires;
        let mut renewed = record.clone();
        renewed.add_access_token(access, now);
        let refresh_token = match &mut renewed.refresh {
            Some(refresh) => {
                refresh.expires = now.after(idle_lifetime(server, client));
                // RFC 9700 section 2.2.2: always for public clients.
                if self.rotate || client.is_public() {
                    Some(NewToken::make_refresh(record.id, &presented.family(), &*server.entropy)?)
                } else {
                    None
                }
            }
            None => None,
        };
        let response = TokenResponse {
            access_token,
            expires_in: expires.since(now).as_secs(),
            refresh_token: refresh_token.as_ref().map(|token| token.text.clone()),
            scope: scope.into_scope().as_str().to_owned(),
            extra: Map::new(),
        };
        if let (Some(token), Some(refresh)) = (refresh_token, &mut renewed.refresh) {
            self.rotate(refresh, presented, &token, &response, expires, request)?;
        }
        Ok(Issued { record: renewed, response })
    }

    fn rotate(
        &self,
        refresh: &mut RefreshState,
        old: &PresentedToken,
        new: &NewToken,
        response: &TokenResponse,
        expires: Timestamp,
        request: &TokenRequest<'_>,
    ) -> Result<(), OAuthError> {
        refresh.digest = new.digest;
        refresh.previous = None;
        if !self.grace.is_zero() {
            let successor = Successor {
                access_token: response.access_token.expose().into(),
                refresh_token: new.text.expose().into(),
                expires,
                scope: (&*response.scope).into(),
            };
            let text =
                zeroize::Zeroizing::new(serde_json::to_vec(&successor).map_err(OAuthError::server_error)?);
            refresh.previous = Some(PreviousRefresh {
                digest: *old.digest(),
                until: request.now().after(self.grace),
                successor: Sealed::seal(old, &text, &*request.server.entropy)?,
            });
        }
        Ok(())
    }
}

/// The answer that the client did not get, once more.
fn repeat(
    request: &TokenRequest<'_>,
    record: &GrantRecord,
    old: &PresentedToken,
    sealed: &Sealed,
) -> Result<Issued, OAuthError> {
    request.check_extensions(&record.data)?;
    let text =
        sealed.open(old).ok_or_else(|| OAuthError::server_error("a sealed successor does not open"))?;
    let successor: Successor<'_> = serde_json::from_slice(&text).map_err(OAuthError::server_error)?;
    let response = TokenResponse {
        access_token: Secret::from(&*successor.access_token),
        expires_in: successor.expires.since(request.now()).as_secs(),
        refresh_token: Some(Secret::from(&*successor.refresh_token)),
        scope: successor.scope.into_owned(),
        extra: Map::new(),
    };
    Ok(Issued { record: record.clone(), response })
}
