//! Ends sessions, with the grants that were made in them.
//!
//! First a notice is written for each client that has to be told, and one for what is to be done here. Then the session is closed: from
//! then on nobody is signed in by it, and no client is named in its row any more. Then its grants end, and at last the row goes. Whoever
//! is interrupted in between can begin again, and nothing is forgotten: a notice is worked off by others too, once the lease of whoever
//! wrote it has passed.

use std::sync::{Mutex, PoisonError};

use super::back_channel;
use super::ended::EndedSession;
use super::finish::{end_grants, finish};
use crate::engine::{Claim, Engine, Work};
use crate::events::Event;
use crate::model::{Session, SessionId};
use crate::store::{By, Change, Entry, Key, Kind, Record, StoreError, StoreErrorKind};

/// Ends a session of this user. Returns `None` if there is no row of it; its grants end all the same.
pub(crate) async fn end_session(
    engine: &Engine,
    subject: &str,
    session: &SessionId,
) -> Result<Option<EndedSession>, StoreError> {
    let row_id = engine.sessions.row_of(session);
    let rest = back_channel::write_rest(engine, subject, session).await?;
    let ended = close(engine, &row_id).await?;
    finish(engine, subject, session, &row_id).await?;
    back_channel::take_back(engine, vec![rest]).await?;
    Ok(ended)
}

/// Ends all sessions of this user, but for one that `stays`. `with_grants` says whether their grants end too: whoever ends all grants
/// of the user need not look for those of the sessions.
pub(crate) async fn end_sessions(
    engine: &Engine,
    subject: &str,
    stays: Option<&SessionId>,
    with_grants: bool,
) -> Result<(), StoreError> {
    let stays = stays.map(|session| engine.sessions.row_of(session));
    let closed: Mutex<Vec<(String, SessionId)>> = Mutex::default();
    let close_one = |entry: Entry| -> Work<'_> {
        let closed = &closed;
        Box::pin(async move {
            if let Some(ended) = close(engine, &entry.id).await? {
                closed.lock().unwrap_or_else(PoisonError::into_inner).push((entry.id, ended.session));
            }
            Ok(())
        })
    };
    let is_wanted = |entry: &Entry| stays.as_deref() != Some(&entry.id);
    let mut outcome = engine.each_entry(Kind::Session, By::User(subject), is_wanted, close_one).await;
    let closed = closed.into_inner().unwrap_or_else(PoisonError::into_inner);
    if with_grants {
        let sessions: Vec<SessionId> = closed.iter().map(|(_, session)| session.clone()).collect();
        if let Err(error) = end_grants(engine, subject, &sessions).await {
            // The closed rows stay: another call finds the grants by them.
            return outcome.and(Err(error));
        }
    }
    for (row_id, _) in &closed {
        let removed = engine.store.remove(Key::new(Kind::Session, row_id)).await;
        outcome = outcome.and(removed.map(drop));
    }
    outcome
}

/// How often clients may be named in the row while it is being closed.
const MOST_ROUNDS: usize = 16;

/// What is to be done with a session.
enum Step {
    /// Nothing: it has expired. That is no end.
    Expired,
    /// Some of its clients have no notice yet.
    Write(EndedSession),
    /// It was closed by this very update.
    Closed(EndedSession),
    /// It was closed before, and the clients are told.
    WasClosed(EndedSession),
}

/// Closes the session with this row, and tells its clients.
async fn close(engine: &Engine, row_id: &str) -> Result<Option<EndedSession>, StoreError> {
    let now = engine.clock.now();
    let (mut written, mut claims) = (Vec::new(), Vec::<Claim>::new());
    for _ in 0..MOST_ROUNDS {
        let decide = |row: &Session| {
            // When the application's sessions expire is not known here.
            if now >= row.expires && row.own_id.is_none() && !row.ended {
                return (Change::Remove, Step::Expired);
            }
            let session = row.own_id.clone().unwrap_or_else(|| SessionId::new(row_id));
            let (subject, clients) = (row.subject.clone(), row.clients.clone());
            let ended = EndedSession { session, subject, clients };
            if row.ended {
                return (Change::Keep, Step::WasClosed(ended));
            }
            if row.clients.iter().any(|client| !written.contains(client)) {
                return (Change::Keep, Step::Write(ended));
            }
            (Change::Replace(Session { ended: true, ..row.clone() }.to_row()), Step::Closed(ended))
        };
        let step = match engine.store.change::<Session, _>(row_id, decide).await {
            // Nobody can tell whose session it was.
            Err(error) if error.kind() == StoreErrorKind::Corrupt => {
                tracing::warn!(%error, "a session is removed");
                engine.store.remove(Key::new(Kind::Session, row_id)).await?;
                None
            }
            changed => changed?.map(|(_, step)| step),
        };
        match step {
            Some(Step::Expired) => {
                back_channel::take_back(engine, claims).await?;
                return Ok(None);
            }
            // Whoever closed it counts on the notices that were there, and these may have been among them.
            None => {
                engine.outbox.send(claims);
                return Ok(None);
            }
            Some(Step::WasClosed(ended)) => {
                engine.outbox.send(claims);
                return Ok(Some(ended));
            }
            Some(Step::Closed(ended)) => {
                engine.events.emit(Event::SignedOut.of_subject(&ended.subject));
                engine.outbox.send(claims);
                return Ok(Some(ended));
            }
            Some(Step::Write(ended)) => {
                for client in &ended.clients {
                    if !written.contains(client) {
                        claims.extend(back_channel::write(engine, &ended, client).await?);
                        written.push(client.clone());
                    }
                }
            }
        }
    }
    Err(StoreError::unavailable("the row of a session keeps changing"))
}
