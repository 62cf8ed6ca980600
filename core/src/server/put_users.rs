//! Users that the application puts into the server's store.

use serde_json::{Map, Value};

use super::{GridAuth, ListOptions, Listing};
use crate::identity::{PutUsersError, SignUpError, UsersError};
use crate::model::{StoredUser, User};
use crate::store::{By, StoreError};
use crate::token::Secret;

impl GridAuth {
    /// Creates a user in the server's store, or replaces the one of that name.
    ///
    /// If that changes the password or the subject, the sessions and grants of the user who had the name end, as by
    /// [`set_password`](Self::set_password). If it changes nothing, nothing is written. The
    /// [`PasswordPolicy`](crate::identity::PasswordPolicy) is not asked.
    ///
    /// # Errors
    /// [`SignUpError`] says what is wrong; [`SignUpError::Taken`] if the subject is another user's, [`SignUpError::ClientId`] if it
    /// is a client's id. After [`SignUpError::Failed`] the user may be unable to sign in until another call succeeds.
    pub async fn put_user(
        &self,
        username: &str,
        password: &Secret,
        subject: &str,
        claims: Map<String, Value>,
    ) -> Result<User, SignUpError> {
        let user = self.users().prepare(username, password, subject, claims).await?;
        match self.put_users(std::slice::from_ref(&user)).await {
            Ok(()) => Ok(user.user()),
            Err(PutUsersError::SubjectTaken { .. }) => Err(SignUpError::Taken),
            Err(PutUsersError::SubjectOfClient { .. }) => Err(SignUpError::ClientId),
            Err(PutUsersError::Store(error)) => Err(UsersError::from(error).into()),
        }
    }

    /// Creates users that were [prepared](crate::identity::StoredUsers::prepare), or replaces the users with those usernames. All
    /// of them are checked before the first is written. A subject may move from one of them to another.
    ///
    /// Sessions and grants end as by [`put_user`](Self::put_user). First the passwords of the users concerned are removed, then
    /// their sessions and grants, and then the new users are stored. So whatever fails in between, an old password never comes back,
    /// and another call continues. A sign-in that has passed the check of the old password and has stored nothing yet may still
    /// succeed; [`revoke_user`](Self::revoke_user), called a little later with the subject, ends what came of it.
    ///
    /// # Errors
    /// [`PutUsersError::SubjectTaken`] if two of these users have the same subject, or one has the subject of a user who is not
    /// among them, [`PutUsersError::SubjectOfClient`] if one has the id of a client; nothing is written then.
    /// [`PutUsersError::Store`] if the store fails. Some of the users may be unable to sign in then, until another call succeeds.
    pub async fn put_users(&self, users: &[StoredUser]) -> Result<(), PutUsersError> {
        let stored = self.users();
        let mut changed = stored.check_all(users).await?;
        while !changed.is_empty() {
            let mut subjects = Vec::new();
            for user in &changed {
                subjects.extend(stored.begin_replacement(user).await?);
            }
            for subject in &subjects {
                self.revoke_user(subject).await.map_err(|error| error.0)?;
            }
            let mut left = Vec::new();
            for user in changed {
                // Somebody may have signed up under the name, or may have got a password, in the meantime.
                if !stored.finish_replacement(user).await? {
                    left.push(user);
                }
            }
            changed = left;
        }
        Ok(())
    }

    /// The users in the server's store, page by page.
    ///
    /// # Errors
    /// [`StoreError`] if the store fails.
    pub async fn list_users(&self, options: ListOptions) -> Result<Listing<StoredUser>, StoreError> {
        self.listing(By::Any, options, |user: &StoredUser| Some(user.clone())).await
    }
}
