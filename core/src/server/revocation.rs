//! Revocation of grants, sessions and consents; removal of users.

use super::GridAuth;
use crate::events::{Event, RevocationCause};
use crate::identity::SignUpError;
use crate::logout::{end_session, end_sessions, replace_password, withdraw};
use crate::model::{Consent, SessionId};
use crate::store::{By, Kind, Query, Record, Row, StoreError};
use crate::token::Secret;

/// Not everything could be revoked. Another call continues where this one stopped.
#[derive(Debug, thiserror::Error)]
#[error("not everything could be revoked")]
pub struct RevokeError(#[from] pub(super) StoreError);

impl GridAuth {
    /// Withdraws a user's consent to a client and revokes all the client's grants for that user. The client has to ask for consent
    /// again.
    ///
    /// # Errors
    /// [`RevokeError`] if the store fails. Everything else is revoked nevertheless, even if single rows cannot be removed or a part
    /// of the store is unavailable.
    pub async fn withdraw_consent(&self, subject: &str, client_id: &str) -> Result<(), RevokeError> {
        Ok(withdraw(&self.0.engine, subject, client_id).await?)
    }

    /// Ends all sessions of a user, then revokes all the user's grants, with their codes and tokens.
    ///
    /// # Errors
    /// [`RevokeError`] as for [`withdraw_consent`](Self::withdraw_consent).
    pub async fn revoke_user(&self, subject: &str) -> Result<(), RevokeError> {
        let sessions = end_sessions(&self.0.engine, subject, None, false).await.map_err(RevokeError);
        let grants = self.revoke_grants(By::User(subject), RevocationCause::User, |_| true).await;
        sessions.and(grants)
    }

    /// Ends one session of a user: the user is signed out in that browser, and grants end that were made in the session
    /// ([`Builder::session_end_revokes`](crate::Builder::session_end_revokes)). Clients that got an ID token in it are told. An
    /// application with [sessions of its own](crate::Builder::own_session) calls this when it ends one of them. Returns `false` if
    /// the server knows nothing of the session, or it has expired; grants end all the same.
    ///
    /// # Errors
    /// [`RevokeError`] as for [`withdraw_consent`](Self::withdraw_consent). Another call continues where this one stopped.
    pub async fn end_session(&self, subject: &str, session: &SessionId) -> Result<bool, RevokeError> {
        Ok(end_session(&self.0.engine, subject, session).await?.is_some())
    }

    /// Signs a user out in every browser: ends all sessions, as [`end_session`](Self::end_session) does. An application with sessions
    /// of its own ends those itself.
    ///
    /// # Errors
    /// [`RevokeError`] as for [`withdraw_consent`](Self::withdraw_consent). Another call continues where this one stopped.
    pub async fn end_sessions(&self, subject: &str) -> Result<(), RevokeError> {
        Ok(end_sessions(&self.0.engine, subject, None, true).await?)
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
        let removed = self.0.engine.stored_users.finish_removal(username).await?;
        if removed {
            self.0.engine.events.emit(Event::UserRemoved.of_subject(&subject));
        }
        Ok(removed)
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
        replace_password(&self.0.engine, username, password, None).await
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
        replace_password(&self.0.engine, username, password, Some(session)).await
    }

    /// Revokes all grants of a client.
    ///
    /// # Errors
    /// [`RevokeError`] as for [`withdraw_consent`](Self::withdraw_consent).
    pub async fn revoke_client(&self, client_id: &str) -> Result<(), RevokeError> {
        self.revoke_grants(By::Client(client_id), RevocationCause::ClientRemoved, |_| true).await
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

    /// Revokes the grants whose rows are wanted.
    async fn revoke_grants(
        &self,
        by: By<'_>,
        why: RevocationCause,
        is_wanted: impl Fn(&Row) -> bool,
    ) -> Result<(), RevokeError> {
        Ok(self.0.engine.revoke_grants(by, why, |entry| is_wanted(&entry.row)).await?)
    }

    /// Removes the rows that are wanted.
    pub(super) async fn remove_listed(
        &self,
        kind: Kind,
        by: By<'_>,
        is_wanted: impl Fn(&Row) -> bool,
    ) -> Result<(), RevokeError> {
        Ok(self.0.engine.remove_entries(kind, by, |entry| is_wanted(&entry.row)).await?)
    }
}
