//! What a new password ends.

use super::ending::end_sessions;
use crate::engine::Engine;
use crate::events::RevocationCause;
use crate::identity::{SignUpError, UsersError};
use crate::model::SessionId;
use crate::store::By;
use crate::token::Secret;

/// Gives a stored user a new password, and ends the user's sessions, but for one that `stays`, and grants. Returns `false` if there is
/// no such user.
pub(crate) async fn replace_password(
    engine: &Engine,
    username: &str,
    password: &Secret,
    stays: Option<&SessionId>,
) -> Result<bool, SignUpError> {
    let Some(subject) = engine.stored_users.set_password(username, password).await? else {
        return Ok(false);
    };
    let sessions = end_sessions(engine, &subject, stays, false).await;
    let grants = engine.revoke_grants(By::User(&subject), RevocationCause::User, |_| true).await;
    sessions.and(grants).map_err(UsersError::from)?;
    Ok(true)
}
