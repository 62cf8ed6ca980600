use std::borrow::Cow;
use std::future::Future;

use async_trait::async_trait;

use super::HashingError;
use crate::model::User;
use crate::protocol::OAuthError;
use crate::store::StoreError;
use crate::token::Secret;

/// Why users could not be looked up or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UsersError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A password could not be hashed or verified.
    #[error(transparent)]
    Hashing(#[from] HashingError),
    /// The application's own users failed.
    #[error("the application's users failed: {0}")]
    Application(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<UsersError> for OAuthError {
    fn from(error: UsersError) -> Self {
        match error {
            UsersError::Store(error) => error.into(),
            UsersError::Hashing(error) => error.into(),
            UsersError::Application(_) => Self::server_error(error),
        }
    }
}

impl From<HashingError> for OAuthError {
    fn from(error: HashingError) -> Self {
        match error {
            HashingError::Busy => Self::unavailable(1).with_cause(error),
            other => Self::server_error(other),
        }
    }
}

/// The users who may sign in.
///
/// A user's subject stands for one person forever, and **is never the id of a client**: a token says either where the other would
/// stand, so a resource server could take a client for the person (RFC 9700 section 4.15). The server sees to that for the users in
/// its store. An implementation has to see to it itself: return ids of another form than those of clients, such as numbers or UUIDs
/// of the users' table, and never a name that a person chose.
///
/// By default the server has its users in its store ([`StoredUsers`](super::StoredUsers)). An application with its own users
/// implements this trait, or passes a closure:
///
/// ```
/// use gridauth::identity::UsersError;
/// use gridauth::token::Secret;
/// use gridauth::{GridAuth, Store, User};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let auth = GridAuth::builder("https://id.example.com")
///     .store(Store::open("memory:").await?)
///     .users(|username: String, password: Secret| async move {
///         let known = username == "israel" && password.expose() == "imru";
///         Ok::<_, UsersError>(known.then(|| User::new("42").named(username)))
///     })
///     .build()
///     .await?;
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[async_trait]
pub trait Users: Send + Sync + 'static {
    /// The user with this username and password; `None` if there is no such user or the password is wrong. Both cases must take
    /// the same time.
    ///
    /// # Errors
    /// [`UsersError`] if this cannot be determined at the moment.
    async fn check_password(&self, username: &str, password: &Secret) -> Result<Option<User>, UsersError>;

    /// The user with this subject, as they are now; `None` where there is none, or they may not sign in.
    ///
    /// It is asked at every refresh: the grant of a user who is not found ends, with all its tokens, and the client is told
    /// `invalid_grant`. A failure ends nothing. To end a user's grants at once, call
    /// [`GridAuth::revoke_user`](crate::GridAuth::revoke_user).
    ///
    /// The default returns a user with this subject and nothing else.
    ///
    /// # Errors
    /// [`UsersError`] if this cannot be determined at the moment.
    async fn find(&self, subject: &str) -> Result<Option<User>, UsersError> {
        Ok(Some(User::new(subject)))
    }

    /// The subject of the user with this name. After a refused sign-in the log and the events tell it, so that an operator sees whose
    /// password was wrong. Nothing of it goes out. The default returns `None`, which means that this is not told.
    ///
    /// # Errors
    /// [`UsersError`] if this cannot be determined at the moment.
    async fn subject_of(&self, username: &str) -> Result<Option<String>, UsersError> {
        let _ = username;
        Ok(None)
    }

    /// The account for which failed sign-ins with this username are counted. Usernames that find the same user must return the
    /// same account. The default ignores case and surrounding spaces.
    fn account<'a>(&self, username: &'a str) -> Cow<'a, str> {
        Cow::Owned(username.trim().to_lowercase())
    }
}

#[async_trait]
impl<F, A> Users for F
where
    F: Fn(String, Secret) -> A + Send + Sync + 'static,
    A: Future<Output = Result<Option<User>, UsersError>> + Send + 'static,
{
    async fn check_password(&self, username: &str, password: &Secret) -> Result<Option<User>, UsersError> {
        self(username.to_owned(), password.clone()).await
    }
}
