//! Users and their passwords, browser sessions, and throttling of failed attempts.

pub mod password;

pub mod throttle;

mod own_session;
mod sessions;
mod stored_users;
mod users;

pub use own_session::OwnSession;
pub use password::{HashingError, HashingSettings, PasswordHash, PasswordHasher};
pub use stored_users::{PutAllError, SignUpError, StoredUsers};
pub use throttle::{Attempt, RetryAfter, Source, Throttle, ThrottleSettings, Throttled};
pub use users::{Users, UsersError};

pub(crate) use sessions::{BrowserSecret, CookieKind, Sessions};
