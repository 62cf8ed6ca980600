//! Ending what speaks for a user or for a client.

use super::GridAuth;
use crate::identity::{SignUpError, UsersError};
use crate::model::{Consent, SessionId};
use crate::store::{By, Entry, Key, Kind, Query, Record, Row, StoreError};
use crate::token::Secret;

/// Grants could not be revoked. Called again, it goes on where it stopped.
#[derive(Debug, thiserror::Error)]
#[error("not everything was revoked")]
pub struct RevokeError(#[from] StoreError);

/// How many removals in a row may fail before the rest of a page is left, and how many pages before the rest of a listing: it is
/// hardly the rows then, and a store may take all its time for each.
const MOST_FAILURES: usize = 3;

impl GridAuth {
    /// Takes back what a user allowed a client: it has to ask again, and all its tokens for that user end now.
    ///
    /// # Errors
    /// [`RevokeError`] where the store fails on the way; what it reached is revoked. One row that cannot be removed does not
    /// keep it from the others, nor does one part of a store that cannot be reached.
    pub async fn withdraw_consent(&self, subject: &str, client_id: &str) -> Result<(), RevokeError> {
        // The consent goes first, so that hardly a new grant comes of it while the old ones go; one whose approval has read
        // the consent already may still come.
        let is_of_client = |row: &Row| row.client() == Some(client_id);
        let consent = self.remove_listed(Kind::Consent, By::User(subject), is_of_client).await;
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
        let Some(subject) = self.0.engine.stored_users.begin_removal(username).await? else {
            return Ok(false);
        };
        let revoked = self.revoke_user(&subject).await;
        let consents = self.remove_listed(Kind::Consent, By::User(&subject), |_| true).await;
        // By the user's row alone a repeat knows that there is something left to do.
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
