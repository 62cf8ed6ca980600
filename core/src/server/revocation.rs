//! Revocation of grants, sessions and consents; removal of users.

use super::GridAuth;
use crate::identity::{SignUpError, UsersError};
use crate::model::{Consent, SessionId};
use crate::store::{By, Entry, Key, Kind, Query, Record, Row, StoreError};
use crate::token::Secret;

/// Not everything could be revoked. Another call continues where this one stopped.
#[derive(Debug, thiserror::Error)]
#[error("not everything could be revoked")]
pub struct RevokeError(#[from] pub(super) StoreError);

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

    /// Gives a user of the engine's own a new password, and ends all that speaks for them: sessions in browsers, codes and tokens.
    /// False where there is none of that name.
    ///
    /// A check of the old password that is under way fails. A sign-in that has passed it and has stored nothing yet may still
    /// succeed; [`revoke_user`](Self::revoke_user), called a little later with the subject, ends what came of it.
    ///
    /// # Errors
    /// [`SignUpError::Password`] and [`SignUpError::PasswordPolicy`] where the password is not allowed; the others where it cannot
    /// be done now. The password may have changed then; called again, it goes on.
    pub async fn set_password(&self, username: &str, password: &Secret) -> Result<bool, SignUpError> {
        self.replace_password(username, password, None).await
    }

    /// Changes a password as its user does, in this session: it stays, and all else that speaks for the user ends as by
    /// [`set_password`](Self::set_password). The application has asked for the old password before.
    ///
    /// # Errors
    /// As [`set_password`](Self::set_password).
    pub async fn change_password(
        &self,
        username: &str,
        password: &Secret,
        session: &SessionId,
    ) -> Result<bool, SignUpError> {
        self.replace_password(username, password, Some(session)).await
    }

    async fn replace_password(
        &self,
        username: &str,
        password: &Secret,
        stays: Option<&SessionId>,
    ) -> Result<bool, SignUpError> {
        let Some(subject) = self.0.engine.stored_users.set_password(username, password).await? else {
            return Ok(false);
        };
        let ends = |entry: &Entry| Some(&SessionId::of_row(&entry.id)) != stays;
        let sessions = self.remove_entries(Kind::Session, By::User(&subject), ends).await;
        let grants = self.remove_listed(Kind::Grant, By::User(&subject), |_| true).await;
        match sessions.and(grants) {
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

    /// Removes the rows that are wanted.
    pub(super) async fn remove_listed(
        &self,
        kind: Kind,
        by: By<'_>,
        is_wanted: impl Fn(&Row) -> bool,
    ) -> Result<(), RevokeError> {
        self.remove_entries(kind, by, |entry| is_wanted(&entry.row)).await
    }

    /// Removes the entries that are wanted, page by page, so that what comes before a page that fails is gone. Goes on past a row
    /// that cannot be removed, and past a part of the store that cannot be listed; the first error is told at the end.
    async fn remove_entries(
        &self,
        kind: Kind,
        by: By<'_>,
        is_wanted: impl Fn(&Entry) -> bool,
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
            for entry in page.entries.iter().filter(|entry| is_wanted(entry)) {
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
