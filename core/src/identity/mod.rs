//! People: their passwords, their sessions, and how failed tries slow down.

pub mod password;

pub mod throttle;

mod sessions;
mod users;

pub use password::{HashingError, HashingSettings, PasswordHash, PasswordHasher};
pub use sessions::OwnSession;
pub use throttle::{RetryAfter, Throttle, ThrottleSettings, Throttled};
pub use users::{PutAllError, SignUpError, StoredUsers, Users, UsersError};

pub(crate) use sessions::{BrowserSecret, CookieKind, Sessions};
