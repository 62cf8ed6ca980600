use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::usernames::is_username;
use super::{
    HashingError, PasswordHash, PasswordHasher, PasswordPolicy, PasswordPolicyError, RetryAfter,
    UsernameComparison, Users, UsersError,
};
use crate::env::{Clock, Entropy};
use crate::events::{Event, Events};
use crate::model::{Client, StoredUser, User};
use crate::store::{By, Change, Entry, Key, Kind, Query, Record, Row, Store, StoreError, Updated, deadline};
use crate::token::Secret;

/// Why a user cannot sign up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignUpError {
    /// The username is taken, or the subject belongs to another user.
    #[error("there is a user of that name")]
    Taken,
    /// The name, or the subject, is the id of a client: in a token one could be taken for the other (RFC 9700 section 4.15).
    #[error("that name is the id of a client")]
    ClientId,
    /// The name is not allowed ([`UsernameComparison`]).
    #[error("a username has 1 to 255 characters, none of them a control, ignorable or formatting character")]
    Username,
    /// The password does not have 1 to 1024 bytes.
    #[error("a password has 1 to 1024 bytes")]
    Password,
    /// There were too many sign-ups from this source: [`GridAuth::sign_up`](crate::GridAuth::sign_up).
    #[error("too many sign-ups; try again in {} s", .0.seconds)]
    TooMany(RetryAfter),
    /// The server's [`PasswordPolicy`] refuses the password.
    #[error(transparent)]
    PasswordPolicy(#[from] PasswordPolicyError),
    /// It could not be done now.
    #[error(transparent)]
    Failed(#[from] UsersError),
}

/// Why [`GridAuth::put_users`](crate::GridAuth::put_users) failed.
#[derive(Debug, thiserror::Error)]
pub enum PutUsersError {
    /// Two users would have the same subject.
    #[error("{username:?} and {other:?} would have the same subject")]
    SubjectTaken {
        /// The user that was to be stored.
        username: String,
        /// The user that has the subject.
        other: String,
    },
    /// A user would have a client's id as the subject.
    #[error("the subject of {username:?} is the id of a client")]
    SubjectOfClient {
        /// The user that cannot have it.
        username: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whether a text may be a user's subject.
fn is_subject(text: &str) -> bool {
    (1..=255).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

/// The users that the server keeps in its store, their passwords hashed with argon2id.
///
/// A user's row has the name as its id, in the form in which names are compared ([`UsernameComparison`]).
#[derive(Clone)]
pub struct StoredUsers {
    store: Store,
    hasher: PasswordHasher,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    events: Events,
    comparison: UsernameComparison,
    policy: PasswordPolicy,
}

impl StoredUsers {
    pub(crate) fn new(
        store: Store,
        hasher: PasswordHasher,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        events: Events,
    ) -> Self {
        let (comparison, policy) = (UsernameComparison::default(), PasswordPolicy::default());
        Self { store, hasher, clock, entropy, events, comparison, policy }
    }

    /// With the rules for names and new passwords.
    pub(crate) fn with_rules(mut self, comparison: UsernameComparison, policy: PasswordPolicy) -> Self {
        (self.comparison, self.policy) = (comparison, policy);
        self
    }

    /// Creates a user with a random subject, which nobody else ever gets. Of two sign-ups with one name exactly one succeeds. For a
    /// form that anybody can send, [`GridAuth::sign_up`](crate::GridAuth::sign_up) also limits the sign-ups from one source.
    ///
    /// # Errors
    /// [`SignUpError`] says why the user was not created.
    pub async fn sign_up(&self, username: &str, password: &Secret) -> Result<User, SignUpError> {
        deadline::shared(self.create(username, password)).await
    }

    async fn create(&self, username: &str, password: &Secret) -> Result<User, SignUpError> {
        let key = self.check_new(username, password)?;
        // Spares a hash where the name is taken; the insert decides.
        if self.store.read::<StoredUser>(&key).await.map_err(UsersError::from)?.is_some() {
            return Err(SignUpError::Taken);
        }
        self.refuse_subject_of_another(username, &key).await?;
        for name in [username, &*key] {
            self.refuse_id_of_client(name).await?;
        }
        let subject = self.new_subject()?;
        let hash = self.hasher.hash_for_sign_up(password.expose()).await.map_err(UsersError::from)?;
        let new = self.user(username, hash, &subject, Map::new());
        let created =
            self.store.insert(Key::new(Kind::User, &key), new.to_row()).await.map_err(UsersError::from)?;
        if !created {
            return Err(SignUpError::Taken);
        }
        self.events.emit(Event::SignedUp.of_subject(&subject));
        Ok(new.user())
    }

    /// 128 random bits: no subject comes twice, and none is a name or the id of a client.
    fn new_subject(&self) -> Result<String, SignUpError> {
        let mut bytes = [0; 16];
        self.entropy.fill(&mut bytes).map_err(|error| UsersError::from(HashingError::from(error)))?;
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The id of a user's row.
    pub(crate) fn key_of(&self, user: &StoredUser) -> String {
        self.comparison.key(&user.username).map_or_else(|| user.username.clone(), Cow::into_owned)
    }

    /// Checks users to be put, and returns those that change something. A user whom nothing changes is not looked up by subject,
    /// which a store cannot do as long as it cannot write.
    pub(crate) async fn check_all<'a>(
        &self,
        users: &'a [StoredUser],
    ) -> Result<Vec<&'a StoredUser>, PutUsersError> {
        let taken = |user: &StoredUser, other: &str| {
            Err(PutUsersError::SubjectTaken { username: user.username.clone(), other: other.to_owned() })
        };
        let keys: HashSet<String> = users.iter().map(|user| self.key_of(user)).collect();
        let mut by_subject: HashMap<&str, &str> = HashMap::new();
        let mut changed = Vec::new();
        for user in users {
            if let Some(other) = by_subject.insert(&user.subject, &user.username) {
                return taken(user, other);
            }
            if self.readable(&self.key_of(user)).await?.is_some_and(|current| current.is_like(user)) {
                continue;
            }
            let stays = |key: &str| !keys.contains(key);
            if let Some(other) = self.find_by_subject(&user.subject, stays).await? {
                return match other.row.decoded::<StoredUser>() {
                    Ok(other) => taken(user, &other.username),
                    Err(_) => taken(user, &other.id),
                };
            }
            if self.has_client(&user.subject).await? {
                return Err(PutUsersError::SubjectOfClient { username: user.username.clone() });
            }
            changed.push(user);
        }
        Ok(changed)
    }

    /// The user in a row; `None` if there is none, or it cannot be decoded.
    async fn readable(&self, key: &str) -> Result<Option<Arc<StoredUser>>, StoreError> {
        let row = self.store.get(Key::new(Kind::User, key)).await?;
        Ok(row.and_then(|row| row.decoded::<StoredUser>().ok()))
    }

    /// If `user` gets another password or subject than the one of that name has, removes that one's password, so that nobody can
    /// sign in, and returns the subject.
    pub(crate) async fn begin_replacement(&self, user: &StoredUser) -> Result<Option<String>, StoreError> {
        let mut subject = None;
        let mut refuse = |row: &Row| {
            subject = row.user().map(str::to_owned);
            match row.decoded::<StoredUser>() {
                Ok(current) if current.signs_in_like(user) => {
                    subject = None;
                    Change::Keep
                }
                Ok(current) if current.password.is_some() => {
                    Change::Replace(StoredUser { password: None, ..(*current).clone() }.to_row())
                }
                // Nobody can sign in with a row that cannot be decoded.
                _ => Change::Keep,
            }
        };
        let updated = self.store.update(Key::new(Kind::User, &self.key_of(user)), &mut refuse).await?;
        Ok(subject.filter(|_| updated != Updated::Missing))
    }

    /// Stores a user after [`begin_replacement`](Self::begin_replacement). Returns `false` if by now somebody else can sign in with
    /// that name, or with another password.
    pub(crate) async fn finish_replacement(&self, user: &StoredUser) -> Result<bool, StoreError> {
        let key = self.key_of(user);
        let key = Key::new(Kind::User, &key);
        loop {
            let mut replaced = false;
            let mut replace = |row: &Row| {
                let current = row.decoded::<StoredUser>().ok();
                let current = current.as_deref();
                replaced =
                    current.is_none_or(|current| current.password.is_none() || current.signs_in_like(user));
                if !replaced {
                    return Change::Keep;
                }
                let same = current.filter(|current| current.subject == user.subject);
                let signed_up = same.map_or(user.signed_up, |same| same.signed_up);
                Change::Replace(StoredUser { signed_up, ..user.clone() }.to_row())
            };
            match self.store.update(key, &mut replace).await? {
                Updated::Missing => {}
                _ => return Ok(replaced),
            }
            if self.store.insert(key, user.to_row()).await? {
                return Ok(true);
            }
        }
    }

    async fn has_client(&self, id: &str) -> Result<bool, StoreError> {
        Ok(Client::is_id(id) && self.store.get(Key::new(Kind::Client, id)).await?.is_some())
    }

    /// A client's token says its id where a person's says the subject (RFC 9700 section 4.15).
    async fn refuse_id_of_client(&self, text: &str) -> Result<(), SignUpError> {
        if self.has_client(text).await.map_err(UsersError::from)? {
            return Err(SignUpError::ClientId);
        }
        Ok(())
    }

    /// Whether a user has this subject.
    pub(crate) async fn has_subject(&self, subject: &str) -> Result<bool, StoreError> {
        Ok(self.find_by_subject(subject, |_| true).await?.is_some())
    }

    /// A subject is one person forever: whoever signs up under a name that is another's subject would be taken for them.
    async fn refuse_subject_of_another(&self, subject: &str, key: &str) -> Result<(), SignUpError> {
        let other = self.find_by_subject(subject, |own| own != key).await.map_err(UsersError::from)?;
        if other.is_some() { Err(SignUpError::Taken) } else { Ok(()) }
    }

    /// A user with this subject, if there is one whose row's id is `wanted`: the row, and its id.
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

    /// Checks the name and the password of a sign-up by the server's rules. Nothing is looked up. Returns the form in which the name
    /// is compared.
    pub(crate) fn check_new<'a>(
        &self,
        username: &'a str,
        password: &Secret,
    ) -> Result<Cow<'a, str>, SignUpError> {
        let key = self.comparison.key(username).ok_or(SignUpError::Username)?;
        Self::check(username, password)?;
        self.policy.check(username, password)?;
        Ok(key)
    }

    /// Checks the form of a username and a password. Nothing is looked up.
    ///
    /// # Errors
    /// [`SignUpError::Username`] or [`SignUpError::Password`].
    pub fn check(username: &str, password: &Secret) -> Result<(), SignUpError> {
        if !is_username(username) {
            return Err(SignUpError::Username);
        }
        Self::check_length(password)
    }

    fn check_length(password: &Secret) -> Result<(), SignUpError> {
        if !(1..=1024).contains(&password.expose().len()) {
            return Err(SignUpError::Password);
        }
        Ok(())
    }

    /// Checks a new password of a user by the server's rules. Nothing is looked up.
    pub(crate) fn check_password_rules(&self, username: &str, password: &Secret) -> Result<(), SignUpError> {
        Self::check_length(password)?;
        Ok(self.policy.check(username, password)?)
    }

    /// Sets a user's password. Returns the user's subject, or `None` if there is no such user.
    pub(crate) async fn set_password(
        &self,
        username: &str,
        password: &Secret,
    ) -> Result<Option<String>, SignUpError> {
        self.check_password_rules(username, password)?;
        let Some(key) = self.comparison.key(username) else { return Ok(None) };
        let hash = self.hasher.hash(password.expose()).await.map_err(UsersError::from)?;
        let replaced = self.store.change::<StoredUser, Option<String>>(&key, |user| {
            // A removal under way is not undone.
            if user.password.is_none() {
                return (Change::Keep, None);
            }
            let changed = StoredUser { password: Some(hash.clone()), ..user.clone() };
            (Change::Replace(changed.to_row()), Some(user.subject.clone()))
        });
        let subject = replaced.await.map_err(UsersError::from)?.and_then(|(_, subject)| subject);
        if let Some(subject) = &subject {
            self.events.emit(Event::PasswordChanged.of_subject(subject));
        }
        Ok(subject)
    }

    /// Removes the user's password, so that nobody can sign in. Returns the user's subject, or `None` if there is no such user.
    pub(crate) async fn begin_removal(&self, username: &str) -> Result<Option<String>, StoreError> {
        let Some(key) = self.comparison.key(username) else { return Ok(None) };
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
        let updated = self.store.update(Key::new(Kind::User, &key), &mut refuse).await?;
        Ok(subject.filter(|_| updated != Updated::Missing))
    }

    /// Removes the user after [`begin_removal`](Self::begin_removal), unless the user has been created again in the meantime.
    /// Returns whether this call removed the user.
    pub(crate) async fn finish_removal(&self, username: &str) -> Result<bool, StoreError> {
        let Some(key) = self.comparison.key(username) else { return Ok(false) };
        let mut remove = |row: &Row| match row.decoded::<StoredUser>() {
            Ok(user) if user.password.is_some() => Change::Keep,
            _ => Change::Remove,
        };
        Ok(self.store.update(Key::new(Kind::User, &key), &mut remove).await? == Updated::Removed)
    }

    /// Rehashes a password with the current settings. A failure does not affect the sign-in, which has succeeded.
    async fn rehash(&self, user: &StoredUser, password: &Secret) {
        let Ok(hash) = self.hasher.hash(password.expose()).await else { return };
        let key = self.key_of(user);
        let replaced = self.store.change::<StoredUser, ()>(&key, |current| {
            // A password changed meanwhile stays.
            if current.password != user.password {
                return (Change::Keep, ());
            }
            (Change::Replace(StoredUser { password: Some(hash.clone()), ..current.clone() }.to_row()), ())
        });
        if let Err(error) = replaced.await {
            tracing::warn!(%error, "a password could not be rehashed with the current settings");
        }
    }

    /// Makes a user for [`GridAuth::put_users`](crate::GridAuth::put_users), and hashes the password. If the user of that name has
    /// this password already, the stored hash is kept.
    ///
    /// # Errors
    /// [`SignUpError`] says what is not valid, or that it cannot be done now; it is never [`SignUpError::Taken`].
    pub async fn prepare(
        &self,
        username: &str,
        password: &Secret,
        subject: &str,
        claims: Map<String, Value>,
    ) -> Result<StoredUser, SignUpError> {
        Self::check(username, password)?;
        let key = self.comparison.key(username).filter(|_| is_subject(subject));
        let key = key.ok_or(SignUpError::Username)?;
        let current = self.readable(&key).await.map_err(UsersError::from)?;
        let hash = self.hash_again(password, current.as_deref()).await.map_err(UsersError::from)?;
        Ok(self.user(username, hash, subject, claims))
    }

    /// The hash of a password: the one that `current` has, if it is of this password.
    async fn hash_again(
        &self,
        password: &Secret,
        current: Option<&StoredUser>,
    ) -> Result<PasswordHash, HashingError> {
        if let Some(hash) = current.and_then(|current| current.password.as_ref())
            && self.hasher.verify(password.expose(), Some(hash)).await?
        {
            return Ok(hash.clone());
        }
        self.hasher.hash(password.expose()).await
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
    fn account<'a>(&self, username: &'a str) -> Cow<'a, str> {
        self.comparison.key(username).unwrap_or(Cow::Borrowed(username))
    }

    async fn find(&self, subject: &str) -> Result<Option<User>, UsersError> {
        let Some(entry) = self.find_by_subject(subject, |_| true).await? else { return Ok(None) };
        let user = entry.row.decoded::<StoredUser>().map_err(StoreError::from)?;
        // Without a password the user is being removed.
        Ok(user.password.is_some().then(|| user.user()))
    }

    async fn subject_of(&self, username: &str) -> Result<Option<String>, UsersError> {
        let Some(key) = self.comparison.key(username) else { return Ok(None) };
        Ok(self.store.read::<StoredUser>(&key).await?.map(|user| user.subject.clone()))
    }

    async fn check_password(&self, username: &str, password: &Secret) -> Result<Option<User>, UsersError> {
        let Some(key) = self.comparison.key(username) else {
            self.hasher.verify(password.expose(), None).await?;
            return Ok(None);
        };
        let mut user = self.store.read::<StoredUser>(&key).await?;
        for _ in 0..MOST_CHANGES {
            let hash = user.as_ref().and_then(|user| user.password.as_ref());
            let right = self.hasher.verify(password.expose(), hash).await?;
            let Some(verified) = user.filter(|_| right) else { return Ok(None) };
            // A hash takes a while. Where the row has another one by then, that one decides.
            let current = self.store.read::<StoredUser>(&key).await?;
            if current.as_ref().is_some_and(|current| current.password == verified.password) {
                if verified.password.as_ref().is_some_and(|hash| self.hasher.needs_rehash(hash)) {
                    self.rehash(&verified, password).await;
                }
                return Ok(Some(verified.user()));
            }
            user = current;
        }
        Ok(None)
    }
}

/// How often a password may change while one sign-in is checked.
const MOST_CHANGES: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::GridAuth;
    use crate::identity::HashingSettings;

    async fn server() -> GridAuth {
        let cheap =
            HashingSettings { memory_kib: 8, passes: 1, max_concurrent: 1, ..HashingSettings::default() };
        let auth = GridAuth::builder("https://id.example.com").store(Store::memory()).hashing(cheap);
        auth.build().await.unwrap()
    }

    async fn users() -> StoredUsers {
        server().await.users().clone()
    }

    #[tokio::test]
    async fn nobody_signs_up_with_the_subject_of_another_user() {
        let (auth, password) = (server().await, Secret::from("imru"));
        let users = auth.users();
        auth.put_user("israel", &password, "248289761001", Map::new()).await.unwrap();
        let long = Secret::from("imru and more");
        let refused = users.sign_up("248289761001", &long).await;
        assert!(matches!(refused, Err(SignUpError::Taken)), "{refused:?}");
        let refused = auth.put_user("miriam", &password, "248289761001", Map::new()).await;
        assert!(matches!(refused, Err(SignUpError::Taken)), "{refused:?}");
        auth.put_user("israel", &password, "248289761001", Map::new()).await.unwrap();
        let miriam = users.sign_up("miriam", &long).await.unwrap();
        assert_eq!((miriam.username(), miriam.subject().len()), ("miriam", 22));
    }

    #[tokio::test]
    async fn a_subject_is_never_given_again() {
        let (users, password) = (users().await, Secret::from("a good password"));
        let first = users.sign_up("israel", &password).await.unwrap();
        users.begin_removal("israel").await.unwrap();
        users.finish_removal("israel").await.unwrap();
        let second = users.sign_up("israel", &password).await.unwrap();
        assert_ne!(first.subject(), second.subject());
    }

    #[tokio::test]
    async fn spellings_of_a_name_are_one_user() {
        let (users, password) = (users().await, Secret::from("a good password"));
        let bob = users.sign_up("Bob", &password).await.unwrap();
        for spelling in [" bob", "BOB", "\u{ff22}ob"] {
            let refused = users.sign_up(spelling, &password).await;
            assert!(matches!(refused, Err(SignUpError::Taken)), "{spelling:?}: {refused:?}");
            assert_eq!(users.check_password(spelling, &password).await.unwrap().as_ref(), Some(&bob));
            assert_eq!(users.account(spelling), "bob");
        }
        let new = Secret::from("another good password");
        assert_eq!(users.set_password("bOb ", &new).await.unwrap().as_deref(), Some(bob.subject()));
        let exact = users.clone().with_rules(UsernameComparison::Exact, PasswordPolicy::default());
        assert_ne!(exact.sign_up("BOB", &password).await.unwrap().subject(), bob.subject());
    }

    #[tokio::test]
    async fn the_policy_is_for_new_passwords() {
        let auth = server().await;
        let users = auth.users().clone();
        let refused = users.sign_up("israel", &Secret::from("eleven char")).await.unwrap_err();
        assert_eq!(refused.to_string(), "a password has at least 12 characters");
        let policy = PasswordPolicy::default().min_characters(4).rule(|username, password| {
            if password.expose().contains(username) { Err("too close".to_owned()) } else { Ok(()) }
        });
        let users = users.with_rules(UsernameComparison::default(), policy);
        users.sign_up("israel", &Secret::from("imru")).await.unwrap();
        for (password, words) in [("\u{e9}\u{e9}\u{e9}", "at least 4"), ("israel-1", "too close")] {
            let refused = users.sign_up("miriam israel", &Secret::from(password)).await;
            let changed = users.set_password("israel", &Secret::from(password)).await.unwrap_err();
            assert!(changed.to_string().contains(words), "{changed}");
            assert_eq!(refused.is_err(), words.starts_with("at least"), "{refused:?}");
        }
        // Whoever puts users into the store answers for their passwords.
        auth.put_user("moses", &Secret::from("x"), "3", Map::new()).await.unwrap();
    }

    /// A changed password is wrong for whoever is being checked with it.
    #[tokio::test]
    async fn a_verification_under_way_does_not_sign_in_with_the_old_password() {
        let (auth, old) = (server().await, Secret::from("the old password"));
        let users = auth.users();
        let subject = users.sign_up("israel", &old).await.unwrap().subject().to_owned();
        let new = Secret::from("the new password");
        let changed = users.prepare("israel", &new, &subject, Map::new()).await.unwrap();
        // While another hash runs, the check has read the row and waits.
        let only_permit = users.hasher.permit().await.unwrap();
        let mut checked = std::pin::pin!(users.check_password("israel", &old));
        let polled = std::future::poll_fn(|context| {
            std::task::Poll::Ready(checked.as_mut().poll(context).is_pending())
        });
        assert!(polled.await);
        auth.put_users(&[changed]).await.unwrap();
        drop(only_permit);
        assert_eq!(checked.await.unwrap(), None);
    }

    #[tokio::test]
    async fn users_are_stored_together_or_not_at_all() {
        let (auth, password) = (server().await, Secret::from("imru"));
        let users = auth.users();
        let of = async |names: &[(&str, &str)]| {
            let mut prepared = Vec::new();
            for (username, subject) in names {
                prepared.push(users.prepare(username, &password, subject, Map::new()).await.unwrap());
            }
            auth.put_users(&prepared).await
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
            matches!(&refused, Err(PutUsersError::SubjectTaken { username, other }) if username == "israel" && other == "miriam"),
            "{refused:?}"
        );
        assert!(of(&[("aaron", "4"), ("zipporah", "4")]).await.is_err());
        assert_eq!((subject("aaron").await, subject("moses").await), (None, Some("2".into())));
    }

    #[tokio::test]
    async fn a_removal_does_not_remove_a_user_who_was_created_again() {
        let (auth, password) = (server().await, Secret::from("imru"));
        let users = auth.users();
        let put = || auth.put_user("israel", &password, "1", Map::new());
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
            let refused = users.sign_up(name, &Secret::from("a good password")).await;
            assert!(matches!(refused, Err(SignUpError::Username)), "{name:?}: {refused:?}");
        }
        for password in ["", &"x".repeat(1025)] {
            let refused = users.sign_up("israel", &Secret::from(password)).await;
            assert!(matches!(refused, Err(SignUpError::Password)), "{refused:?}");
        }
        users.sign_up(&"é".repeat(255), &Secret::from("x".repeat(1024))).await.unwrap();
    }
}
