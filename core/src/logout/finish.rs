//! What is left to do once a session is closed.

use crate::engine::Engine;
use crate::events::RevocationCause;
use crate::identity::EndedGrants;
use crate::model::{
    AuthenticationState, DeviceAuthorization, DeviceDecision, GrantRecord, Session, SessionId,
};
use crate::protocol::Scope;
use crate::store::{By, Entry, Key, Kind, Row, StoreError};

/// Ends what was made in a session that is closed.
pub(super) async fn finish(
    engine: &Engine,
    subject: &str,
    session: &SessionId,
    row_id: &str,
) -> Result<(), StoreError> {
    end_grants(engine, subject, std::slice::from_ref(session)).await?;
    engine.store.remove(Key::new(Kind::Session, row_id)).await.map(drop)
}

/// Finishes the end of a session that was interrupted.
pub(super) async fn resume(engine: &Engine, subject: &str, session: &SessionId) -> Result<(), StoreError> {
    let row_id = engine.sessions.row_of(session);
    let is_closed = engine.store.read::<Session>(&row_id).await?.is_some_and(|row| row.ended);
    // What was interrupted before the session was closed has not happened.
    if is_closed { finish(engine, subject, session, &row_id).await } else { Ok(()) }
}

/// Ends the grants that were made in these sessions of the user.
pub(super) async fn end_grants(
    engine: &Engine,
    subject: &str,
    sessions: &[SessionId],
) -> Result<(), StoreError> {
    if sessions.is_empty() || engine.ended_grants == EndedGrants::None {
        return Ok(());
    }
    let ends = |entry: &Entry| {
        grant_ends_with(engine.ended_grants, &entry.row, sessions)
            || device_ends_with(engine.ended_grants, &entry.row, sessions)
    };
    engine.revoke_grants(By::User(subject), RevocationCause::SignOut, ends).await
}

fn grant_ends_with(ended: EndedGrants, row: &Row, sessions: &[SessionId]) -> bool {
    let Ok(grant) = row.decoded::<GrantRecord>() else { return false };
    ends_with(ended, sessions, grant.authentication.as_deref(), &grant.scope)
}

fn device_ends_with(ended: EndedGrants, row: &Row, sessions: &[SessionId]) -> bool {
    let Ok(device) = row.decoded::<DeviceAuthorization>() else { return false };
    match &device.decision {
        DeviceDecision::Allowed { authentication, .. } => {
            ends_with(ended, sessions, Some(authentication), &device.scope)
        }
        _ => false,
    }
}

fn ends_with(
    ended: EndedGrants,
    sessions: &[SessionId],
    signed_in: Option<&AuthenticationState>,
    scope: &Scope,
) -> bool {
    let session = signed_in.and_then(|signed_in| signed_in.session.as_ref());
    let is_of_session = session.is_some_and(|session| sessions.contains(session));
    is_of_session && (ended == EndedGrants::All || !scope.contains("offline_access"))
}
