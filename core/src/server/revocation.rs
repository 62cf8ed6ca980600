//! Revocation of grants, sessions and consents; removal of users.

use super::GridAuth;
use crate::identity::{SignUpError, UsersError};
use crate::model::Consent;
use crate::store::{By, Key, Kind, Query, Record, Row, StoreError};
use crate::token::Secret;

/// Not everything could be revoked. Another call continues where this one stopped.
#[derive(Debug, thiserror::Error)]
#[error("not everything could be revoked")]
pub struct RevokeError(#[from] StoreError);

/// After this many failed removals in a row the rest of a page is skipped, and after this many failed pages the rest of a listing:
/// then the rows are hardly the reason, and each further call may use up the store's whole deadline.
const MOST_FAILURES: usize = 3;

impl GridAuth {
    /// Withdraws a user's consent to a client and revokes all the client's grants for that user. The client has to ask for consent
    /// again.
    ///
    /// # Errors
    /// [`RevokeError`] if the store fails. Everything else is revoked nevertheless, even if single rows cannot be removed or a part
    /// of the store is unavailable.
    pub async fn withdraw_consent(&self, subject: &str, client_id: &str) -> Result<(), RevokeError> {
        // The consent is removed first, so that it leads to no new grant. Only an approval that has already read it still may.
        let is_of_client = |row: &Row| row.client() == Some(client_id);
        let consent = self.remove_listed(Kind::Consent, By::User(subject), is_of_client).await;
        let grants = self.remove_listed(Kind::Grant, By::User(subject), is_of_client).await;
        consent?;
        grants
    }

    /// Ends all sessions of a user, then revokes all the user's grants, with their codes and tokens.
    ///
    /// # Errors
    /// [`RevokeError`] as for [`withdraw_consent`](Self::withdraw_consent).
    pub async fn revoke_user(&self, subject: &str) -> Result<(), RevokeError> {
        let sessions = self.end_sessions(subject).await;
        let grants = self.remove_listed(Kind::Grant, By::User(subject), |_| true).await;
        sessions.and(grants)
    }

    /// Signs a user out in every browser. The user's tokens stay valid.
    ///
    /// # Errors
    /// [`RevokeError`] as for [`withdraw_consent`](Self::withdraw_consent).
    pub async fn end_sessions(&self, subject: &str) -> Result<(), RevokeError> {
        self.remove_listed(Kind::Session, By::User(subject), |_| true).await
    }

    /// Removes a user from the server's store, with all the user's sessions, grants and consents. Returns `false` if there is no
    /// user with this username.
    ///
    /// First the password is removed, then sessions, grants and consents, and the user last: until then nobody can sign up under
    /// the name. A concurrent sign-in may still succeed. To revoke what it led to, call [`revoke_user`](Self::revoke_user) with the
    /// subject later.
    ///
    /// # Errors
    /// [`RevokeError`] as for [`withdraw_consent`](Self::withdraw_consent). Another call continues where this one stopped.
    pub async fn remove_user(&self, username: &str) -> Result<bool, RevokeError> {
        let Some(subject) = self.0.engine.stored_users.begin_removal(username).await? else {
            return Ok(false);
        };
        let revoked = self.revoke_user(&subject).await;
        let consents = self.remove_listed(Kind::Consent, By::User(&subject), |_| true).await;
        // The user's row stays until everything else is removed: without it, another call would not know the subject.
        revoked.and(consents)?;
        Ok(self.0.engine.stored_users.finish_removal(username).await?)
    }

    /// Sets the password of a user in the server's store, and signs the user out in every browser. Returns `false` if there is no
    /// user with this username.
    ///
    /// A concurrent sign-in with the old password may still succeed. To end its session, call
    /// [`end_sessions`](Self::end_sessions) with the subject a little later; [`revoke_user`](Self::revoke_user) also revokes tokens
    /// that the password grant issued.
    ///
    /// # Errors
    /// [`SignUpError::Password`] if the password is not allowed; [`SignUpError::Failed`] if the store or the hashing failed.
    pub async fn set_password(&self, username: &str, password: &Secret) -> Result<bool, SignUpError> {
        let Some(subject) = self.0.engine.stored_users.set_password(username, password).await? else {
            return Ok(false);
        };
        match self.end_sessions(&subject).await {
            Ok(()) => Ok(true),
            Err(RevokeError(error)) => Err(UsersError::from(error).into()),
        }
    }

    /// Revokes all grants of a client.
    ///
    /// # Errors
    /// [`RevokeError`] as for [`withdraw_consent`](Self::withdraw_consent).
    pub async fn revoke_client(&self, client_id: &str) -> Result<(), RevokeError> {
        self.remove_listed(Kind::Grant, By::Client(client_id), |_| true).await
    }

    /// The consents of a user.
    ///
    /// # Errors
    /// [`StoreError`] if the store fails.
    pub async fn consents(&self, subject: &str) -> Result<Vec<Consent>, StoreError> {
        let mut consents = Vec::new();
        let mut query = Query::new(Kind::Consent, By::User(subject));
        loop {
            let page = self.0.engine.store.list(query.clone()).await?;
            for entry in page.entries {
                consents.push(Consent::from_row(&entry.row)?);
            }
            match page.next {
                Some(next) => query = query.after(next),
                None => return Ok(consents),
            }
        }
    }

    /// Removes the wanted rows, page by page. It skips rows that cannot be removed and parts of the store that cannot be listed, and
    /// returns the first error at the end.
    pub(super) async fn remove_listed(
        &self,
        kind: Kind,
        by: By<'_>,
        is_wanted: impl Fn(&Row) -> bool,
    ) -> Result<(), RevokeError> {
        let mut outcome = Ok(());
        let mut query = Query::new(kind, by);
        let mut failed_pages = 0;
        loop {
            let page = match self.0.engine.store.list(query.clone()).await {
                Ok(page) => page,
                Err(error) => {
                    outcome = outcome.and(Err(error.into()));
                    failed_pages += 1;
                    match self
                        .0
                        .engine
                        .store
                        .cursor_after_failure(&query)
                        .filter(|_| failed_pages < MOST_FAILURES)
                    {
                        Some(next) => query = query.after(next),
                        None => return outcome,
                    }
                    continue;
                }
            };
            failed_pages = 0;
            let mut in_a_row = 0;
            for entry in page.entries.iter().filter(|entry| is_wanted(&entry.row)) {
                match self.0.engine.store.remove(Key::new(kind, &entry.id)).await {
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
}
