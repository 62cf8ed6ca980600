use std::sync::Arc;

use super::draft::TokenDraft;
use super::issue::{FreshTokens, Unstored};
use super::prepared::Prepared;
use super::{ApprovedAuthorization, Extension, GrantedScope, Issued, NewGrant, TokenRequest, jwt};
use crate::engine::Engine;
use crate::env::Timestamp;
use crate::model::{Client, GrantData, GrantRecord};
use crate::protocol::{OAuthError, Parameters};
use crate::token::GrantId;

/// Issues tokens for one request, with the extensions of its grant. Only the server can make one.
pub struct TokenIssuer<'a> {
    engine: &'a Engine,
    client: &'a Client,
    grant_type: &'a str,
    parameters: &'a Parameters,
    extensions: &'a [Arc<dyn Extension>],
    occasion: Occasion<'a>,
    now: Timestamp,
}

/// Why tokens are issued.
#[derive(Clone, Copy)]
enum Occasion<'a> {
    /// For a token request.
    Request(&'a TokenRequest<'a>),
    /// For an approved authorization request, whose response contains them.
    Approval(&'a ApprovedAuthorization<'a>),
}

/// What extensions have prepared for the next tokens of a stored grant.
pub(crate) enum Preparation {
    /// No extension prepares tokens.
    NotNeeded(Prepared),
    /// This, for tokens of this scope.
    Done(GrantedScope, Prepared),
    /// Nothing: the request was not valid for the row as it was read.
    Missing,
}

impl Preparation {
    /// What is prepared, for whatever scope.
    pub(crate) fn tokens(&self) -> Option<&Prepared> {
        match self {
            Self::NotNeeded(prepared) | Self::Done(_, prepared) => Some(prepared),
            Self::Missing => None,
        }
    }

    /// What is prepared for tokens of this scope.
    ///
    /// # Errors
    /// 503 where nothing is: a token that should be bound is never issued unbound because its row has changed since it was read.
    pub(crate) fn for_scope(&self, scope: &GrantedScope) -> Result<&Prepared, OAuthError> {
        match self {
            Self::NotNeeded(prepared) => Ok(prepared),
            Self::Done(prepared_for, prepared) if prepared_for == scope => Ok(prepared),
            Self::Done(..) | Self::Missing => Err(OAuthError::unavailable(1)),
        }
    }
}

impl<'a> TokenIssuer<'a> {
    pub(crate) fn for_request(request: &'a TokenRequest<'a>, extensions: &'a [Arc<dyn Extension>]) -> Self {
        Self {
            engine: request.engine,
            client: request.client,
            grant_type: request.grant_type,
            parameters: request.parameters,
            extensions,
            occasion: Occasion::Request(request),
            now: request.now,
        }
    }

    pub(crate) fn for_approval(
        approved: &'a ApprovedAuthorization<'a>,
        extensions: &'a [Arc<dyn Extension>],
    ) -> Self {
        Self {
            engine: approved.engine,
            client: &approved.request.client,
            grant_type: approved.grant_type,
            parameters: &approved.request.parameters,
            extensions,
            occasion: Occasion::Approval(approved),
            now: approved.now,
        }
    }

    /// Stores a new grant and its tokens. What extensions keep of an authorization request is kept with the grant, and where the
    /// grant names no resources, it is for those that they ask for.
    ///
    /// # Errors
    /// The error of an extension that rejects the request, or a server error if the grant could not be stored. Then no token is
    /// issued.
    pub async fn issue(&self, grant: NewGrant) -> Result<Issued, OAuthError> {
        let unstored = self.begin(grant)?;
        let prepared = self.prepare_new(&unstored).await?;
        unstored.store(self.engine, self.client, &prepared, self.now).await
    }

    /// Issues as [`issue`](Self::issue) does, and does `last` when nothing can fail any more but the store: what can be done only once.
    pub(super) async fn issue_after(
        &self,
        grant: NewGrant,
        last: impl Future<Output = Result<(), OAuthError>> + Send,
    ) -> Result<Issued, OAuthError> {
        let unstored = self.begin(grant)?;
        let prepared = self.prepare_new(&unstored).await?;
        last.await?;
        unstored.store(self.engine, self.client, &prepared, self.now).await
    }

    /// A new grant with its tokens, which nothing has been prepared for.
    pub(super) fn begin(&self, mut grant: NewGrant) -> Result<Unstored, OAuthError> {
        if let Occasion::Approval(ApprovedAuthorization { plan, authentication, .. }) = self.occasion {
            grant.authentication = grant.authentication.or_else(|| Some(authentication.state()));
            for (name, value) in &plan.keep {
                grant.data.insert(name.clone(), value.clone());
            }
            if grant.resources.is_empty() {
                grant.resources = plan.resources.as_slice().into();
            }
        }
        if let Occasion::Request(request) = self.occasion {
            for extension in self.extensions {
                extension.complete_grant(request, &mut grant)?;
            }
        }
        self.check(&grant.data)?;
        Unstored::make(self.engine, self.client, self.grant_type, grant, self.now)
    }

    /// Lets the extensions prepare the tokens of a new grant.
    pub(super) async fn prepare_new(&self, unstored: &Unstored) -> Result<Prepared, OAuthError> {
        match self.prepares() {
            true => self.prepare(&unstored.record, &unstored.scope, &unstored.fresh, self.unprepared()).await,
            false => Ok(self.unprepared()),
        }
    }

    /// Lets the extensions prepare a token of this grant about which something is settled already.
    pub(super) async fn prepare_further(
        &self,
        record: &GrantRecord,
        scope: &GrantedScope,
        fresh: &FreshTokens,
        settled: Prepared,
    ) -> Result<Prepared, OAuthError> {
        let settled = Prepared { binding: settled.binding.or(self.unprepared().binding), ..settled };
        match self.prepares() {
            true => self.prepare(record, scope, fresh, settled).await,
            false => Ok(settled),
        }
    }

    /// Runs the extensions' checks of a token request.
    pub(crate) fn check(&self, kept: &GrantData) -> Result<(), OAuthError> {
        match self.occasion {
            Occasion::Request(request) => {
                self.extensions.iter().try_for_each(|extension| extension.check_token(request, kept))
            }
            Occasion::Approval(_) => Ok(()),
        }
    }

    /// Lets the extensions prepare the next tokens of a stored grant. This only reads the row. `check` says whether the request is
    /// valid for the grant, and for which scope. If it is not valid, the update that follows rejects the request.
    pub(crate) async fn prepare_stored(
        &self,
        grant: GrantId,
        fresh: &FreshTokens,
        check: impl Fn(&GrantRecord) -> Result<GrantedScope, OAuthError>,
    ) -> Result<Preparation, OAuthError> {
        if !self.prepares() {
            return Ok(Preparation::NotNeeded(self.unprepared()));
        }
        let mut buffer = [0; 36];
        let record = self.engine.store.read::<GrantRecord>(grant.row_id(&mut buffer)).await?;
        let checked = record.and_then(|record| Some((check(&record).ok()?, record)));
        let Some((scope, record)) = checked else { return Ok(Preparation::Missing) };
        let prepared = self.prepare(&record, &scope, fresh, self.unprepared()).await?;
        Ok(Preparation::Done(scope, prepared))
    }

    /// What is known of the tokens before anybody prepares them: what they are bound to.
    fn unprepared(&self) -> Prepared {
        let binding = match self.occasion {
            Occasion::Request(request) => request.binding().cloned().map(Box::new),
            Occasion::Approval(_) => None,
        };
        Prepared { binding, ..Prepared::default() }
    }

    /// Whether something has to be prepared. Mostly it has not, which saves the read.
    fn prepares(&self) -> bool {
        self.engine.is_jwt(self.client) || self.preparing().next().is_some()
    }

    fn preparing(&self) -> impl Iterator<Item = &Arc<dyn Extension>> {
        self.extensions.iter().filter(|extension| extension.prepares_request(self.client, self.parameters))
    }

    async fn prepare(
        &self,
        record: &GrantRecord,
        scope: &GrantedScope,
        fresh: &FreshTokens,
        settled: Prepared,
    ) -> Result<Prepared, OAuthError> {
        let mut draft = TokenDraft {
            engine: self.engine,
            client: self.client,
            grant_type: self.grant_type,
            parameters: self.parameters,
            record,
            scope,
            fresh,
            is_front_channel: matches!(self.occasion, Occasion::Approval(_)),
            now: self.now,
            prepared: settled,
        };
        for extension in self.preparing() {
            extension.prepare_token(&mut draft).await?;
        }
        if self.engine.is_jwt(self.client) {
            let access =
                jwt::sign(self.engine, self.client, record, scope, &draft.prepared, self.now).await?;
            draft.prepared.access = Some(access);
        }
        for extension in self.preparing() {
            extension.prepare_response(&mut draft).await?;
        }
        Ok(draft.prepared)
    }
}
