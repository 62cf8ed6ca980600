use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value};

use super::{PasswordHash, PasswordHasher, RetryAfter, Users, UsersError};
use crate::env::Clock;
use crate::model::{StoredUser, User};
use crate::store::{By, Change, Entry, Key, Kind, Query, Record, Row, Store, StoreError, Updated, deadline};
use crate::token::Secret;

/// Why a user cannot sign up.
#[derive(Debug, thiserror::Error)]
pub enum SignUpError {
    /// The username is taken, or the subject belongs to another user.
    #[error("there is a user of that name")]
    Taken,
    /// The username does not have 1 to 255 characters, or has control characters.
    #[error("a username has 1 to 255 characters and no control characters")]
    Username,
    /// The password does not have 1 to 1024 bytes.
    #[error("a password has 1 to 1024 bytes")]
    Password,
    /// There were too many sign-ups from this source: [`GridAuth::sign_up`](crate::GridAuth::sign_up).
    #[error("too many sign-ups; try again in {} s", .0.seconds)]
    TooMany(RetryAfter),
    /// It could not be done now.
    #[error(transparent)]
    Failed(#[from] UsersError),
}

/// Why [`StoredUsers::put_all`] failed.
#[derive(Debug, thiserror::Error)]
pub enum PutAllError {
    /// Two users would have the same subject.
    #[error("{username:?} and {other:?} would have the same subject")]
    SubjectTaken {
        /// The user that was to be stored.
        username: String,
        /// The user that has the subject.
        other: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whether a string can be a username.
fn is_username(name: &str) -> bool {
    (1..=255).contains(&name.chars().count()) && !name.chars().any(char::is_control)
}

/// The users in the server's store, with passwords hashed with argon2id.
#[derive(Clone)]
pub struct StoredUsers {
    store: Store,
    hasher: PasswordHasher,
    clock: Arc<dyn Clock>,
}

impl StoredUsers {
    pub(crate) fn new(store: Store, hasher: PasswordHasher, clock: Arc<dyn Clock>) -> Self {
        Self { store, hasher, clock }
    }

    /// Creates a user whose subject is the username. Of two sign-ups with one name exactly one succeeds. For a form that anybody
    /// can send, [`GridAuth::sign_up`](crate::GridAuth::sign_up) also limits the sign-ups from one source.
    ///
    /// # Errors
    /// [`SignUpError`] says why the user was not created.
    pub async fn sign_up(&self, username: &str, password: &Secret) -> Result<User, SignUpError> {
        deadline::shared(self.create(username, password)).await
    }

    async fn create(&self, username: &str, password: &Secret) -> Result<User, SignUpError> {
        Self::check(username, password)?;
        // Spares a hash where the name is taken; the insert decides.
        if self.store.read::<StoredUser>(username).await.map_err(UsersError::from)?.is_some() {
            return Err(SignUpError::Taken);
        }
        self.refuse_subject_of_another(username, username).await?;
        let hash = self.hasher.hash_for_sign_up(password.expose()).await.map_err(UsersError::from)?;
        let new = self.user(username, hash, username, Map::new());
        let created = self
            .store
            .insert(Key::new(Kind::User, username), new.to_row())
            .await
            .map_err(UsersError::from)?;
        if created { Ok(new.user()) } else { Err(SignUpError::Taken) }
    }

    /// Creates a user, or replaces the one with that username.
    ///
    /// # Errors
    /// [`SignUpError`] says why the user was not stored; it is [`SignUpError::Taken`] if the subject belongs to another user.
    pub async fn put(
        &self,
        username: &str,
        password: &Secret,
        subject: &str,
        claims: Map<String, Value>,
    ) -> Result<User, SignUpError> {
        self.refuse_subject_of_another(subject, username).await?;
        let new = self.prepare(username, password, subject, claims).await?;
        self.store.put(Key::new(Kind::User, username), new.to_row()).await.map_err(UsersError::from)?;
        Ok(new.user())
    }

    /// Creates users that were [prepared](Self::prepare), or replaces the users with those usernames. All of them are checked
    /// before the first is written. A subject may move from one of them to another.
    ///
    /// # Errors
    /// [`PutAllError::SubjectTaken`] if two of these users have the same subject, or one has the subject of a user who is not
    /// among them; then nothing is written. [`PutAllError::Store`] if the store fails.
    pub async fn put_all(&self, users: &[StoredUser]) -> Result<(), PutAllError> {
        let taken = |user: &StoredUser, other: &str| {
            Err(PutAllError::SubjectTaken { username: user.username.clone(), other: other.to_owned() })
        };
        let names: HashSet<&str> = users.iter().map(|user| user.username.as_str()).collect();
        let mut by_subject: HashMap<&str, &str> = HashMap::new();
        for user in users {
            if let Some(other) = by_subject.insert(&user.subject, &user.username) {
                return taken(user, other);
            }
            let stays = |username: &str| !names.contains(username);
            if let Some(other) = self.find_by_subject(&user.subject, stays).await? {
                return taken(user, &other.id);
            }
        }
        for user in users {
            self.store.put(Key::new(Kind::User, &user.username), user.to_row()).await?;
        }
        Ok(())
    }

    /// A subject always stands for the same person: a user who signed up under a name that is another user's subject would be
    /// taken for that user.
    async fn refuse_subject_of_another(&self, subject: &str, username: &str) -> Result<(), SignUpError> {
        let other = self.find_by_subject(subject, |own| own != username).await.map_err(UsersError::from)?;
        if other.is_some() { Err(SignUpError::Taken) } else { Ok(()) }
    }

    /// A user with this subject whose username is `wanted`: the row and its id.
    async fn find_by_subject(
        &self,
        subject: &str,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Option<Entry>, StoreError> {
        let mut query = Query::new(Kind::User, By::User(subject));
        loop {
            let page = self.store.list(query.clone()).await?;
            if let Some(entry) = page.entries.into_iter().find(|entry| wanted(&entry.id)) {
                return Ok(Some(entry));
            }
            match page.next {
                Some(next) => query = query.after(next),
                None => return Ok(None),
            }
        }
    }

    /// Checks the form of a username and a password. Nothing is looked up.
    ///
    /// # Errors
    /// [`SignUpError::Username`] or [`SignUpError::Password`].
    pub fn check(username: &str, password: &Secret) -> Result<(), SignUpError> {
        if !is_username(username) {
            return Err(SignUpError::Username);
        }
        if !(1..=1024).contains(&password.expose().len()) {
            return Err(SignUpError::Password);
        }
        Ok(())
    }

    /// Sets a user's password. Returns the user's subject, or `None` if there is no such user.
    pub(crate) async fn set_password(
        &self,
        username: &str,
        password: &Secret,
    ) -> Result<Option<String>, SignUpError> {
        if !(1..=1024).contains(&password.expose().len()) {
            return Err(SignUpError::Password);
        }
        let hash = self.hasher.hash(password.expose()).await.map_err(UsersError::from)?;
        let replaced = self.store.change::<StoredUser, Option<String>>(username, |user| {
            // A removal that has begun is not undone.
            if user.password.is_none() {
                return (Change::Keep, None);
            }
            let changed = StoredUser { password: Some(hash.clone()), ..user.clone() };
            (Change::Replace(changed.to_row()), Some(user.subject.clone()))
        });
        Ok(replaced.await.map_err(UsersError::from)?.and_then(|(_, subject)| subject))
    }

    /// Removes the user's password, so that nobody can sign in. Returns the user's subject, or `None` if there is no such user.
    pub(crate) async fn begin_removal(&self, username: &str) -> Result<Option<String>, StoreError> {
        if !is_username(username) {
            return Ok(None);
        }
        let mut subject = None;
        let mut refuse = |row: &Row| {
            subject = Some(row.user().unwrap_or(username).to_owned());
            match row.decoded::<StoredUser>() {
                Ok(user) if user.password.is_some() => {
                    Change::Replace(StoredUser { password: None, ..(*user).clone() }.to_row())
                }
                // Nobody can sign in with a row that cannot be decoded.
                _ => Change::Keep,
            }
        };
        let updated = self.store.update(Key::new(Kind::User, username), &mut refuse).await?;
        Ok(subject.filter(|_| updated != Updated::Missing))
    }

    /// Removes the user after [`begin_removal`](Self::begin_removal), unless the user has been created again in the meantime.
    /// Returns whether this call removed the user.
    pub(crate) async fn finish_removal(&self, username: &str) -> Result<bool, StoreError> {
        let mut remove = |row: &Row| match row.decoded::<StoredUser>() {
            Ok(user) if user.password.is_some() => Change::Keep,
            _ => Change::Remove,
        };
        Ok(self.store.update(Key::new(Kind::User, username), &mut remove).await? == Updated::Removed)
    }

    /// Rehashes a password with the current settings. A failure does not affect the sign-in, which has succeeded.
    async fn rehash(&self, user: &StoredUser, password: &Secret) {
        let Ok(hash) = self.hasher.hash(password.expose()).await else { return };
        let replaced = self.store.change::<StoredUser, ()>(&user.username, |current| {
            // A password that was changed in the meantime stays.
            if current.password != user.password {
                return (Change::Keep, ());
            }
            (Change::Replace(StoredUser { password: Some(hash.clone()), ..current.clone() }.to_row()), ())
        });
        if let Err(error) = replaced.await {
            tracing::warn!(%error, "a password could not be rehashed with the current settings");
        }
    }

    /// Hashes the password and makes a user for [`put_all`](Self::put_all). Nothing is looked up.
    ///
    /// # Errors
    /// [`SignUpError`] says what is not valid; it is never [`SignUpError::Taken`].
    pub async fn prepare(
        &self,
        username: &str,
        password: &Secret,
        subject: &str,
        claims: Map<String, Value>,
    ) -> Result<StoredUser, SignUpError> {
        Self::check(username, password)?;
        if !is_username(subject) {
            return Err(SignUpError::Username);
        }
        let hash = self.hasher.hash(password.expose()).await.map_err(UsersError::from)?;
        Ok(self.user(username, hash, subject, claims))
    }

    fn user(
        &self,
        username: &str,
        password: PasswordHash,
        subject: &str,
        claims: Map<String, Value>,
    ) -> StoredUser {
        StoredUser {
            username: username.to_owned(),
            subject: subject.to_owned(),
            signed_up: self.clock.now(),
            password: Some(password),
            claims,
        }
    }
}

#[async_trait]
impl Users for StoredUsers {
    /// Usernames are compared exactly.
    fn account<'a>(&self, username: &'a str) -> Cow<'a, str> {
        Cow::Borrowed(username)
    }

    async fn find(&self, subject: &str) -> Result<Option<User>, UsersError> {
        let Some(entry) = self.find_by_subject(subject, |_| true).await? else { return Ok(None) };
        let user = entry.row.decoded::<StoredUser>().map_err(StoreError::from)?;
        // Without a password the user is being removed.
        Ok(user.password.is_some().then(|| user.user()))
    }

    async fn check_password(&self, username: &str, password: &Secret) -> Result<Option<User>, UsersError> {
        let user = if is_username(username) { self.store.read::<StoredUser>(username).await? } else { None };
        let hash = user.as_ref().and_then(|user| user.password.as_ref());
        let right = self.hasher.verify(password.expose(), hash).await?;
        let Some(user) = user.filter(|_| right) else { return Ok(None) };
        if user.password.as_ref().is_some_and(|hash| self.hasher.needs_rehash(hash)) {
            self.rehash(&user, password).await;
        }
        Ok(Some(user.user()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::GridAuth;
    use crate::identity::HashingSettings;

    async fn users() -> StoredUsers {
        let cheap = HashingSettings { memory_kib: 8, passes: 1, ..HashingSettings::default() };
        let auth = GridAuth::builder("https://id.example.com").store(Store::memory()).hashing(cheap);
        auth.build().await.unwrap().users().clone()
    }

    #[tokio::test]
    async fn nobody_signs_up_with_the_subject_of_another_user() {
        let (users, password) = (users().await, Secret::from("imru"));
        users.put("israel", &password, "248289761001", Map::new()).await.unwrap();
        let refused = users.sign_up("248289761001", &password).await;
        assert!(matches!(refused, Err(SignUpError::Taken)), "{refused:?}");
        let refused = users.put("miriam", &password, "248289761001", Map::new()).await;
        assert!(matches!(refused, Err(SignUpError::Taken)), "{refused:?}");
        users.put("israel", &password, "248289761001", Map::new()).await.unwrap();
        users.sign_up("miriam", &password).await.unwrap();
    }

    #[tokio::test]
    async fn users_are_stored_together_or_not_at_all() {
        let (users, password) = (users().await, Secret::from("imru"));
        let of = async |names: &[(&str, &str)]| {
            let mut prepared = Vec::new();
            for (username, subject) in names {
                prepared.push(users.prepare(username, &password, subject, Map::new()).await.unwrap());
            }
            users.put_all(&prepared).await
        };
        let subject = async |username: &str| {
            users.store.read::<StoredUser>(username).await.unwrap().map(|user| user.subject.clone())
        };
        of(&[("israel", "1"), ("miriam", "2")]).await.unwrap();
        // They may exchange their subjects.
        of(&[("israel", "2"), ("miriam", "1")]).await.unwrap();
        assert_eq!((subject("israel").await, subject("miriam").await), (Some("2".into()), Some("1".into())));
        of(&[("israel", "1"), ("miriam", "3"), ("moses", "2")]).await.unwrap();
        let refused = of(&[("aaron", "4"), ("israel", "3"), ("moses", "5")]).await;
        assert!(
            matches!(&refused, Err(PutAllError::SubjectTaken { username, other }) if username == "israel" && other == "miriam"),
            "{refused:?}"
        );
        assert!(of(&[("aaron", "4"), ("zipporah", "4")]).await.is_err());
        assert_eq!((subject("aaron").await, subject("moses").await), (None, Some("2".into())));
    }

    #[tokio::test]
    async fn a_removal_does_not_remove_a_user_who_was_created_again() {
        let (users, password) = (users().await, Secret::from("imru"));
        let put = || users.put("israel", &password, "1", Map::new());
        let signs_in = async || users.check_password("israel", &password).await.unwrap().is_some();
        put().await.unwrap();
        for _ in 0..2 {
            assert_eq!(users.begin_removal("israel").await.unwrap().as_deref(), Some("1"));
            assert!(!signs_in().await);
        }
        // Created again between the two steps.
        put().await.unwrap();
        assert!(!users.finish_removal("israel").await.unwrap());
        assert!(signs_in().await);
        users.begin_removal("israel").await.unwrap();
        assert!(users.finish_removal("israel").await.unwrap());
        assert_eq!(users.begin_removal("israel").await.unwrap(), None);
        assert_eq!(users.begin_removal("").await.unwrap(), None);
    }

    #[tokio::test]
    async fn the_length_of_usernames_and_passwords_is_limited() {
        let users = users().await;
        for name in ["", "a\0b", "a\nb", &"é".repeat(256)] {
            let refused = users.sign_up(name, &Secret::from("imru")).await;
            assert!(matches!(refused, Err(SignUpError::Username)), "{name:?}: {refused:?}");
        }
        for password in ["", &"x".repeat(1025)] {
            let refused = users.sign_up("israel", &Secret::from(password)).await;
            assert!(matches!(refused, Err(SignUpError::Password)), "{refused:?}");
        }
        users.sign_up(&"é".repeat(255), &Secret::from("x".repeat(1024))).await.unwrap();
    }
}
