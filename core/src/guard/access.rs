use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::about::About;
use super::{AccessClaims, Guard, GuardId, Rejection};
use crate::env::Timestamp;
use crate::events::TokenRefusal;
use crate::model::{
    AUTHORIZATION_DETAILS, AccessState, AuthenticationState, AuthorizationDetail, GrantRecord, read_detail,
};
use crate::protocol::{Scope, TokenType};
use crate::token::{Binding, Digest, GrantId};

/// The result of checking a valid access token: its user, its client and its scope.
///
/// A guarded handler receives one. It is cheap to clone, and only a guard can make one.
///
/// It is not what a handler takes as an argument: that is the type of the same name in the adapter (`gridauth_tower::Access`,
/// `gridauth_actix::Access`, `gridauth_rocket::Access`), which dereferences to this one.
#[derive(Clone)]
pub struct Access {
    pub(super) facts: Facts,
    /// The guard that made it.
    pub(super) guard: Guard,
}

/// What is known about the token.
#[derive(Clone)]
pub(super) enum Facts {
    /// The grant's row, and the index of the access token in it.
    Row { record: Arc<GrantRecord>, at: usize },
    /// The token's claims.
    Claims(Arc<AccessClaims>),
}

/// A token that is not valid, and what is known about it nevertheless.
pub(super) struct Refused {
    cause: TokenRefusal,
    facts: Facts,
}

impl From<Refused> for Rejection {
    fn from(refused: Refused) -> Self {
        let (grant, client, subject) = match &refused.facts {
            Facts::Row { record, .. } => (Some(record.id), &*record.client_id, record.subject.as_deref()),
            Facts::Claims(claims) => (None, &*claims.client_id, claims.user.as_deref()),
        };
        Self::invalid_token(refused.cause).about(About::of(grant, client, subject))
    }
}

/// On whose behalf an access token is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Owner<'a> {
    /// The user with this subject.
    User(&'a str),
    /// The client with this id, which acts for itself.
    Client(&'a str),
}

impl Access {
    /// The access by the row of a grant, for its token with this digest. The guard still has to ask for a proof of possession if the
    /// token is bound.
    pub(super) fn of_row(
        record: Arc<GrantRecord>,
        digest: &Digest,
        now: Timestamp,
        guard: &Guard,
    ) -> Result<Self, Refused> {
        let Some(at) = record.access.iter().position(|access| access.digest.matches(digest)) else {
            return Err(Refused { cause: TokenRefusal::NotOfGrant, facts: Facts::Row { record, at: 0 } });
        };
        let is_valid = now < record.access[at].expires;
        Self::live(Facts::Row { record, at }, is_valid, guard)
    }

    /// The access by the claims of a token. The guard still has to ask for a proof of possession if the token is bound.
    pub(super) fn of_claims(claims: AccessClaims, now: Timestamp, guard: &Guard) -> Result<Self, Refused> {
        let is_valid = now < claims.expires;
        Self::live(Facts::Claims(Arc::new(claims)), is_valid, guard)
    }

    #[inline]
    fn live(facts: Facts, is_valid: bool, guard: &Guard) -> Result<Self, Refused> {
        match is_valid {
            true => Ok(Self { facts, guard: guard.clone() }),
            false => Err(Refused { cause: TokenRefusal::Expired, facts }),
        }
    }

    /// The token is not for this guard.
    pub(super) fn for_another(self) -> Refused {
        Refused { cause: TokenRefusal::OtherAudience, facts: self.facts }
    }

    /// Whether it was made by the guard with this id, or by one that was derived from it
    /// ([`Guard::for_resource`](super::Guard::for_resource)) and that the application put around the handler. A token that one guard accepts means nothing to another.
    ///
    /// ```
    /// use gridauth::http::BearerToken;
    /// use gridauth::{GridAuth, MintRequest, Store};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let build = || GridAuth::builder("https://id.example.com").store(Store::memory()).build();
    /// let (one, other) = (build().await?, build().await?);
    /// let token = one.mint(MintRequest::for_user("israel")).await?;
    /// let access = one.authenticate(&BearerToken::new(token.access_token.expose())).await?;
    /// assert!(access.is_from(one.guard().id()) && !access.is_from(other.guard().id()));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn is_from(&self, guard: GuardId) -> bool {
        self.guard.id().is_of(guard)
    }

    /// The subject of the user; `None` if the client acts for itself.
    pub fn user(&self) -> Option<&str> {
        match &self.facts {
            Facts::Row { record, .. } => record.subject.as_deref(),
            Facts::Claims(claims) => claims.user.as_deref(),
        }
    }

    /// The name that the user signed in with, where the grant's row or the token (`username`) says it; never of a client that acts
    /// for itself.
    pub fn username(&self) -> Option<&str> {
        self.user()?;
        match &self.facts {
            Facts::Row { record, .. } => record.authentication.as_ref()?.username.as_deref(),
            Facts::Claims(claims) => claims.others.get("username")?.as_str(),
        }
    }

    /// The client that the token was issued to.
    pub fn client(&self) -> &str {
        match &self.facts {
            Facts::Row { record, at } => {
                record.access.get(*at).map_or(&*record.client_id, |access| record.client_of(access))
            }
            Facts::Claims(claims) => &claims.client_id,
        }
    }

    /// The client of the grant. Another one may have got the token by an exchange.
    fn granted_to(&self) -> &str {
        match &self.facts {
            Facts::Row { record, .. } => &record.client_id,
            Facts::Claims(claims) => &claims.client_id,
        }
    }

    /// Who acts for the user: the claim `act` of a token that was [exchanged](crate::grant::TokenExchange) (RFC 8693 section 4.1). Its
    /// `sub` is the actor; an `act` within it is the one before, and is for information only.
    pub fn actor(&self) -> Option<&Value> {
        match &self.facts {
            Facts::Row { .. } => self.token()?.act(),
            Facts::Claims(claims) => claims.others.get("act"),
        }
    }

    /// The user, or the client if it acts for itself. Unlike [`subject`](Self::subject), this distinguishes the two.
    pub fn owner(&self) -> Owner<'_> {
        self.user().map_or(Owner::Client(self.granted_to()), Owner::User)
    }

    /// The subject of the user, or the client's id if the client acts for itself: the value of `sub` (RFC 7662 section 2.2). A
    /// user's subject may equal the id of a client (RFC 9700 section 4.15). Use [`owner`](Self::owner) if that matters.
    pub fn subject(&self) -> &str {
        self.user().unwrap_or_else(|| self.granted_to())
    }

    /// The scope of the token.
    pub fn scope(&self) -> &Scope {
        match &self.facts {
            Facts::Row { record, at } => {
                record.access.get(*at).and_then(|access| access.scope.as_ref()).unwrap_or(&record.scope)
            }
            Facts::Claims(claims) => &claims.scope,
        }
    }

    /// When the token expires.
    pub fn expires(&self) -> Timestamp {
        match &self.facts {
            Facts::Row { record, at } => {
                record.access.get(*at).map_or(record.issued, |access| access.expires)
            }
            Facts::Claims(claims) => claims.expires,
        }
    }

    /// The resources that the token is for (RFC 8707); empty means the issuer itself.
    pub fn audience(&self) -> &[String] {
        match &self.facts {
            Facts::Row { .. } => self.token().map(|access| &*access.audience).unwrap_or_default(),
            Facts::Claims(claims) => &claims.audience,
        }
    }

    /// The key or the certificate that the token is bound to, of which the sender has proved possession; `None` for a token that is
    /// not bound.
    #[inline]
    pub fn binding(&self) -> Option<&Binding> {
        match &self.facts {
            Facts::Row { record, at } => record.access.get(*at)?.binding.as_deref(),
            Facts::Claims(claims) => claims.binding.as_ref(),
        }
    }

    /// The grant of the token; `None` if the guard has only the token's claims.
    pub fn grant_id(&self) -> Option<GrantId> {
        self.record().map(|record| record.id)
    }

    /// The grant type by which the token was obtained; `None` if the guard has only the token's claims.
    pub fn grant_type(&self) -> Option<&str> {
        self.record().map(|record| &*record.grant_type)
    }

    /// When and how the user signed in, if the grant's row contains it.
    pub fn authentication(&self) -> Option<&AuthenticationState> {
        self.record()?.authentication.as_deref()
    }

    /// When the user signed in, where the grant's row or the token (`auth_time`) says it.
    pub fn auth_time(&self) -> Option<Timestamp> {
        match &self.facts {
            Facts::Row { record, .. } => record.authentication.as_ref()?.auth_time,
            Facts::Claims(claims) => {
                let seconds = claims.others.get("auth_time")?.as_i64()?;
                Some(Timestamp::from_millis(seconds.saturating_mul(1000)))
            }
        }
    }

    /// The authentication context class of the sign-in, where the grant's row or the token (`acr`) says it.
    pub fn acr(&self) -> Option<&str> {
        match &self.facts {
            Facts::Row { record, .. } => record.authentication.as_ref()?.acr.as_deref(),
            Facts::Claims(claims) => claims.others.get("acr")?.as_str(),
        }
    }

    /// The data that an extension stored with the grant under this name, or the token's claim with this name.
    pub fn data(&self, name: &str) -> Option<&Value> {
        match &self.facts {
            Facts::Row { record, .. } => record.data.get(name),
            Facts::Claims(claims) => claims.others.get(name),
        }
    }

    /// Checks that the token has every scope in the space-separated list `needed`.
    ///
    /// # Errors
    /// `insufficient_scope` (RFC 6750 section 3.1) if it lacks one.
    pub fn require(&self, needed: &str) -> Result<(), Rejection> {
        if self.scope().covers_list(needed) {
            return Ok(());
        }
        Err(Rejection::insufficient_scope(needed).under(self.scheme()).about(self.about()))
    }

    /// Whose token it is.
    pub(super) fn about(&self) -> About {
        About::of(self.grant_id(), self.client(), self.user())
    }

    /// The scheme that the token is shown with.
    pub(super) fn scheme(&self) -> TokenType {
        self.binding().map(Binding::token_type).unwrap_or_default()
    }

    /// The authorization details of the token (RFC 9396), of whatever type.
    pub fn authorization_details(&self) -> &[Value] {
        match &self.facts {
            Facts::Row { record, at } => {
                record.access.get(*at).map_or(&[], |access| record.details_of(access))
            }
            Facts::Claims(claims) => {
                let details = claims.others.get(AUTHORIZATION_DETAILS).and_then(Value::as_array);
                details.map_or(&[], Vec::as_slice)
            }
        }
    }

    /// The authorization details of this type. Those that cannot be read as one are left out.
    pub fn details<D: AuthorizationDetail>(&self) -> impl Iterator<Item = D> {
        self.authorization_details().iter().filter_map(read_detail)
    }

    pub(super) fn record(&self) -> Option<&GrantRecord> {
        match &self.facts {
            Facts::Row { record, .. } => Some(record),
            Facts::Claims(_) => None,
        }
    }

    pub(super) fn token(&self) -> Option<&AccessState> {
        match &self.facts {
            Facts::Row { record, at } => record.access.get(*at),
            Facts::Claims(_) => None,
        }
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("user", &self.user())
            .field("client", &self.client())
            .field("scope", self.scope())
            .finish_non_exhaustive()
    }
}
