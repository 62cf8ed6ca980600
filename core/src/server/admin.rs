//! What the application does itself: clients, users, consents, tokens without HTTP.

use super::GridAuth;
use crate::client_auth::ClientSecretHash;
use crate::grant::{GrantedScope, NewGrant, TokenResponse};
use crate::identity::{HashingError, SignUpError, UsersError};
use crate::model::{Client, ClientBuilder, Consent};
use crate::protocol::{OAuthError, Scope};
use crate::store::{By, Key, Kind, Query, Record, Row, StoreError};
use crate::token::Secret;

/// Grants could not be revoked. Asked again, it goes on where it stopped.
#[derive(Debug, thiserror::Error)]
#[error("not everything was revoked")]
pub struct RevokeError(#[from] StoreError);

/// A token to be made without a client that asks for it: for tests, and for tools of the application's own.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use gridauth::{GridAuth, MintRequest, Store};
///
/// let auth = GridAuth::builder("https://id.example.com").store(Store::memory()).build().await?;
/// let token = auth.mint(MintRequest::for_user("israel").client("web").scope("notes.read")).await?;
/// let access = auth.authenticate_token(token.access_token.expose()).await?;
/// assert_eq!(access.user(), Some("israel"));
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct MintRequest {
    subject: Option<String>,
    client_id: String,
    scope: String,
}

impl MintRequest {
    /// A token that speaks for the user with this subject.
    pub fn for_user(subject: impl Into<String>) -> Self {
        Self { subject: Some(subject.into()), client_id: "minted".to_owned(), scope: String::new() }
    }

    /// A token of a client that acts for itself.
    pub fn for_client(client_id: impl Into<String>) -> Self {
        Self { subject: None, client_id: client_id.into(), scope: String::new() }
    }

    /// Issued to this client, which need not be registered.
    #[must_use]
    pub fn client(mut self, client_id: impl Into<String>) -> Self {
        self.client_id = client_id.into();
        self
    }

    /// With this scope, its tokens parted by spaces.
    #[must_use]
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = scope.into();
        self
    }
}

/// How many removals in a row may fail before the rest of a page is left, and how many pages before the rest of a listing: it is
/// hardly the rows then, and a store may take all its time for each.
const MOST_FAILURES: usize = 3;

impl GridAuth {
    /// Keeps a client, in the place of one with the same id.
    ///
    /// # Errors
    /// [`StoreError`] where the store fails.
    pub async fn put_client(&self, mut client: Client) -> Result<(), StoreError> {
        client.registered = self.0.clock.now();
        self.0.store.put(Key::new(Kind::Client, client.id()), client.to_row()).await
    }

    /// Keeps a client where there is none with its id. False where there is one, which stays as it is.
    ///
    /// # Errors
    /// [`StoreError`] where the store fails.
    pub async fn insert_client(&self, mut client: Client) -> Result<bool, StoreError> {
        client.registered = self.0.clock.now();
        self.0.store.insert(Key::new(Kind::Client, client.id()), client.to_row()).await
    }

    /// Begins a confidential client with a secret that somebody chose; it is kept hashed with argon2id.
    ///
    /// # Errors
    /// [`HashingError`] where it cannot be hashed now.
    pub async fn confidential_client(
        &self,
        client_id: impl Into<String>,
        secret: &str,
    ) -> Result<ClientBuilder, HashingError> {
        let hash = ClientSecretHash::of_chosen(secret, &self.0.hasher).await?;
        Ok(Client::confidential(client_id, hash))
    }

    /// The client with this id.
    ///
    /// # Errors
    /// [`StoreError`] where the store fails.
    pub async fn client(&self, client_id: &str) -> Result<Option<Client>, StoreError> {
        Ok(self.0.client(client_id).await?.map(|client| (*client).clone()))
    }

    /// Takes back what a user allowed a client: it has to ask again, and all its tokens for that user end now.
    ///
    /// # Errors
    /// [`RevokeError`] where the store fails on the way; what it reached is revoked. One row that cannot be removed does not
    /// keep it from the others, nor does one part of a store that cannot be reached.
    pub async fn withdraw_consent(&self, subject: &str, client_id: &str) -> Result<(), RevokeError> {
        // The consent goes first, so that hardly a new grant comes of it while the old ones go; one whose approval has read
        // the consent already may still come.
        let consent =
            self.0.store.remove(Key::new(Kind::Consent, &Consent::row_id(subject, client_id))).await;
        let is_of_client = |row: &Row| row.client() == Some(client_id);
        let grants = self.remove_listed(Kind::Grant, By::User(subject), is_of_client).await;
        consent?;
        grants
    }

    /// Ends all that speaks for a user: their sessions in browsers first, then every code and token.
    ///
    /// # Errors
    /// [`RevokeError`] as [`withdraw_consent`](Self::withdraw_consent).
    pub async fn revoke_user(&self, subject: &str) -> Result<(), RevokeError> {
        let sessions = self.end_sessions(subject).await;
        let grants = self.remove_listed(Kind::Grant, By::User(subject), |_| true).await;
        sessions.and(grants)
    }

    /// Signs a user out in every browser. Their tokens stay good.
    ///
    /// # Errors
    /// [`RevokeError`] as [`withdraw_consent`](Self::withdraw_consent).
    pub async fn end_sessions(&self, subject: &str) -> Result<(), RevokeError> {
        self.remove_listed(Kind::Session, By::User(subject), |_| true).await
    }

    /// Removes a user that the engine keeps, and ends all that speaks for them. False where there is none of that name.
    ///
    /// First no password is right any more, then their sessions, codes, tokens and consents end, and the user goes last: until
    /// then nobody can sign up under the name. A sign-in that was under way meanwhile may still succeed;
    /// [`revoke_user`](Self::revoke_user), called later with the subject, ends what came of it.
    ///
    /// # Errors
    /// [`RevokeError`] as [`withdraw_consent`](Self::withdraw_consent). Asked again, it goes on where it stopped.
    pub async fn remove_user(&self, username: &str) -> Result<bool, RevokeError> {
        let Some(subject) = self.0.stored_users.begin_removal(username).await? else { return Ok(false) };
        let revoked = self.revoke_user(&subject).await;
        let consents = self.remove_listed(Kind::Consent, By::User(&subject), |_| true).await;
        // By the user's row alone a repeat knows that there is something left to do.
        revoked.and(consents)?;
        Ok(self.0.stored_users.finish_removal(username).await?)
    }

    /// Gives a user of the engine's own a new password, and signs them out in every browser. False where there is none
    /// of that name.
    ///
    /// A sign-in with the old password that was under way meanwhile may still succeed; [`end_sessions`](Self::end_sessions),
    /// called a little later with the subject, ends its session, and [`revoke_user`](Self::revoke_user) the tokens of one by the
    /// password grant too.
    ///
    /// # Errors
    /// [`SignUpError::Password`] where the password is not allowed; the others where it cannot be done now.
    pub async fn set_password(&self, username: &str, password: &Secret) -> Result<bool, SignUpError> {
        let Some(subject) = self.0.stored_users.set_password(username, password).await? else {
            return Ok(false);
        };
        match self.end_sessions(&subject).await {
            Ok(()) => Ok(true),
            Err(RevokeError(error)) => Err(UsersError::from(error).into()),
        }
    }

    /// Removes a client, ends all its grants, and forgets what users allowed it: a client that gets the id later has to ask
    /// them. False where there is none with this id.
    ///
    /// A request that was under way meanwhile may still keep a grant or a consent. Where the store keeps clients for a time
    /// after they were read (GridDB, its option `client_cache`), so may one that begins within that time in another process.
    /// Call this again once that time, and that of a request begun in it, is over: it removes what they kept, though it
    /// answers false, and nothing more can come. Before that nothing with this id should be registered anew.
    ///
    /// # Errors
    /// [`RevokeError`] as [`withdraw_consent`](Self::withdraw_consent). Asked again, it goes on where it stopped, and answers
    /// false where the client itself had gone.
    pub async fn remove_client(&self, client_id: &str) -> Result<bool, RevokeError> {
        let removed = self.0.store.remove(Key::new(Kind::Client, client_id)).await?;
        let grants = self.revoke_client(client_id).await;
        let consents = self.remove_listed(Kind::Consent, By::Client(client_id), |_| true).await;
        grants.and(consents)?;
        Ok(removed)
    }

    /// Ends all grants of a client.
    ///
    /// # Errors
    /// [`RevokeError`] as [`withdraw_consent`](Self::withdraw_consent).
    pub async fn revoke_client(&self, client_id: &str) -> Result<(), RevokeError> {
        self.remove_listed(Kind::Grant, By::Client(client_id), |_| true).await
    }

    /// What a user has allowed, to which clients.
    ///
    /// # Errors
    /// [`StoreError`] where the store fails.
    pub async fn consents(&self, subject: &str) -> Result<Vec<Consent>, StoreError> {
        let mut consents = Vec::new();
        let mut query = Query::new(Kind::Consent, By::User(subject));
        loop {
            let page = self.0.store.list(query.clone()).await?;
            for entry in page.entries {
                consents.push(Consent::from_row(&entry.row)?);
            }
            match page.next {
                Some(next) => query = query.after(next),
                None => return Ok(consents),
            }
        }
    }

    /// Removes the rows that are wanted, page by page, so that what comes before a page that fails is gone. Goes on past a row
    /// that cannot be removed, and past a part of the store that cannot be listed; the first error is told at the end.
    async fn remove_listed(
        &self,
        kind: Kind,
        by: By<'_>,
        is_wanted: impl Fn(&Row) -> bool,
    ) -> Result<(), RevokeError> {
        let mut outcome = Ok(());
        let mut query = Query::new(kind, by);
        let mut failed_pages = 0;
        loop {
            let page = match self.0.store.list(query.clone()).await {
                Ok(page) => page,
                Err(error) => {
                    outcome = outcome.and(Err(error.into()));
                    failed_pages += 1;
                    match self.0.store.cursor_after_failure(&query).filter(|_| failed_pages < MOST_FAILURES) {
                        Some(next) => query = query.after(next),
                        None => return outcome,
                    }
                    continue;
                }
            };
            failed_pages = 0;
            let mut in_a_row = 0;
            for entry in page.entries.iter().filter(|entry| is_wanted(&entry.row)) {
                match self.0.store.remove(Key::new(kind, &entry.id)).await {
                    Ok(_) => in_a_row = 0,
                    Err(error) => {
                        outcome = outcome.and(Err(error.into()));
                        in_a_row += 1;
                    }
                }
                if in_a_row == MOST_FAILURES {
                    break;
                }
            }
            match page.next {
                Some(next) => query = query.after(next),
                None => return outcome,
            }
        }
    }

    /// Makes a token without a request for it. The caller answers for it: no client is authenticated and no scope policy
    /// asked.
    ///
    /// # Errors
    /// `invalid_scope` where the scope is malformed; a server error where the token cannot be stored.
    pub async fn mint(&self, request: MintRequest) -> Result<TokenResponse, OAuthError> {
        let scope: Scope =
            request.scope.parse().map_err(|_| OAuthError::invalid_scope("the scope is malformed"))?;
        let client = Client::public(request.client_id)
            .scope(scope.as_str())
            .build()
            .map_err(|error| OAuthError::invalid_request(error.to_string()))?;
        let scope = GrantedScope::narrow(&scope, None)?;
        let grant = match request.subject {
            Some(subject) => NewGrant::for_user(subject, scope).without_refresh_token(),
            None => NewGrant::for_client(scope),
        };
        let issued = crate::grant::issue_minted(&self.0, &client, grant).await?;
        Ok(issued.into_response())
    }
}
