//! Users and their passwords, browser sessions, and throttling of failed attempts.

pub mod password;

pub mod throttle;

mod ended_grants;
mod first_party;
mod own_session;
mod pairwise;
mod password_policy;
mod sessions;
mod stored_users;
mod usernames;
mod users;

pub use ended_grants::EndedGrants;
pub use first_party::{FirstPartySignIn, SecondStep};
pub use own_session::{OwnSession, WantedSignIn};
pub use password::{HashingError, HashingSettings, PasswordHash, PasswordHasher};
pub use password_policy::{PasswordPolicy, PasswordPolicyError};
pub use stored_users::{PutUsersError, SignUpError, StoredUsers};
pub use throttle::{Attempt, RetryAfter, Source, Throttle, ThrottleSettings, Throttled};
pub use usernames::UsernameComparison;
pub use users::{Users, UsersError};

pub(crate) use pairwise::PairwiseSalt;
pub(crate) use password::on_behalf_of;
pub(crate) use sessions::{BrowserSecret, Candidates, CookieKind, Sessions};
