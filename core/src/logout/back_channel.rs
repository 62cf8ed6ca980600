//! Clients that are told of the end of a session by a request (OpenID Connect Back-Channel Logout 1.0).
//!
//! A row in the outbox stands for each client and session. Whoever ends the session writes it with a lease, and sends at once. Any
//! process sends what is due, after it has claimed the row by an update that begins another lease. A client that answers is done with,
//! whatever it says; one that fails, or cannot be reached, is tried again after a pause that doubles.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::task::JoinSet;

use super::ended::EndedSession;
use super::finish::resume;
use super::logout_token::logout_token;
use crate::engine::{Claim, Engine};
use crate::env::Timestamp;
use crate::fetch::{FetchError, FetchRequest, PlainHttp};
use crate::model::{LogoutNotice, SessionId};
use crate::protocol::OAuthError;
use crate::store::{By, Change, Key, Kind, Query, Record, StoreError};

/// How long one process has a notice for itself. It is much longer than a request may take.
const LEASE: Duration = Duration::from_secs(30);

/// The pause after the first try that fails. Each further one is twice as long.
pub(crate) const FIRST_PAUSE: Duration = Duration::from_secs(5);

/// With the pauses between them, these tries take five minutes.
const MOST_TRIES: u32 = 7;

/// How long after the end of a session a client is told, if no server was running meanwhile.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a notice stays that has been worked off.
const SETTLED: Duration = Duration::from_secs(60);

/// How many requests are under way at the same time, to all clients and to one of them: a client that is slow keeps no other one
/// waiting.
const AT_ONCE: usize = 64;
const AT_ONCE_TO_ONE: usize = 4;

/// What is being sent.
#[derive(Default)]
pub(crate) struct Sending {
    tasks: JoinSet<()>,
    /// The clients that are being told. Each task has a clone.
    to: HashMap<Box<str>, Arc<()>>,
}

impl Sending {
    pub(crate) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Waits until nothing is being sent.
    pub(crate) async fn finish(&mut self) {
        while self.tasks.join_next().await.is_some() {}
    }

    /// Forgets what has been sent.
    fn tidy(&mut self) {
        while self.tasks.try_join_next().is_some() {}
        self.to.retain(|_, tasks| Arc::strong_count(tasks) > 1);
    }

    /// Whether a client already gets as many requests as one may.
    fn is_busy(&self, client_id: &str) -> bool {
        self.to.get(client_id).is_some_and(|tasks| Arc::strong_count(tasks) > AT_ONCE_TO_ONE)
    }

    async fn begin(&mut self, engine: &Arc<Engine>, claim: Claim) {
        while self.tasks.len() >= AT_ONCE {
            self.tasks.join_next().await;
        }
        let counted = Arc::clone(self.to.entry(claim.notice.client_id.as_str().into()).or_default());
        let engine = Arc::clone(engine);
        self.tasks.spawn(async move {
            send(&engine, claim).await;
            drop(counted);
        });
    }
}

/// The most of a client's answer that is read. Only its status counts.
const LONGEST_ANSWER: usize = 16 * 1024;

/// Writes the notice for a client, claimed by this process. `None` if the client is not to be told, or the notice exists.
pub(super) async fn write(
    engine: &Engine,
    ended: &EndedSession,
    client_id: &str,
) -> Result<Option<Claim>, StoreError> {
    if engine.fetch.is_none() {
        return Ok(None);
    }
    let client = engine.client(client_id).await?;
    if client.is_none_or(|client| client.metadata("backchannel_logout_uri").is_none()) {
        return Ok(None);
    }
    let now = engine.clock.now();
    let notice = LogoutNotice {
        client_id: client_id.to_owned(),
        subject: ended.subject.clone(),
        session: ended.session.clone(),
        made: now,
        due: now.after(LEASE),
        tries: 1,
        told: false,
        expires: now.after(KEPT),
    };
    let row_id = LogoutNotice::row_id(client_id, &ended.session);
    let is_new = engine.store.insert(Key::new(Kind::Outbox, &row_id), notice.to_row()).await?;
    Ok(is_new.then_some(Claim { row_id, notice }))
}

/// Writes a notice, claimed by this process, that the end of a session has to be finished: whoever finds it later ends the grants.
pub(super) async fn write_rest(
    engine: &Engine,
    subject: &str,
    session: &SessionId,
) -> Result<Claim, StoreError> {
    let now = engine.clock.now();
    let notice = LogoutNotice {
        client_id: String::new(),
        subject: subject.to_owned(),
        session: session.clone(),
        made: now,
        due: now.after(LEASE),
        tries: 1,
        told: false,
        expires: now.after(KEPT),
    };
    let row_id = LogoutNotice::row_id("", session);
    engine.store.put(Key::new(Kind::Outbox, &row_id), notice.to_row()).await?;
    Ok(Claim { row_id, notice })
}

/// Takes notices back that somebody else has written and sent already.
pub(super) async fn take_back(engine: &Engine, claims: Vec<Claim>) -> Result<(), StoreError> {
    for claim in claims {
        engine.store.remove(Key::new(Kind::Outbox, &claim.row_id)).await?;
    }
    Ok(())
}

/// Begins to send what is claimed and what is due. Returns when something is due next.
pub(crate) async fn send_due(
    engine: &Arc<Engine>,
    sending: &mut Sending,
) -> Result<Option<Timestamp>, StoreError> {
    sending.tidy();
    let mut next: Option<Timestamp> = None;
    for claim in engine.outbox.take() {
        if sending.is_busy(&claim.notice.client_id) {
            release(engine, &claim).await?;
        } else {
            sending.begin(engine, claim).await;
        }
    }
    let mut query = Query::new(Kind::Outbox, By::Any);
    loop {
        let page = engine.store.list(query.clone()).await?;
        for entry in page.entries {
            let notice = match entry.row.decoded::<LogoutNotice>() {
                Ok(notice) => notice,
                Err(error) => {
                    tracing::warn!(%error, "a notice of a logout cannot be read");
                    continue;
                }
            };
            let now = engine.clock.now();
            if notice.told {
                // It only keeps the client from being told again, until it expires.
                continue;
            }
            if now < notice.due {
                next = Some(next.map_or(notice.due, |next| next.min(notice.due)));
            } else if sending.is_busy(&notice.client_id) {
                next = Some(now);
            } else if let Some(claim) = claim(engine, entry.id, now).await? {
                sending.begin(engine, claim).await;
            }
        }
        match page.next {
            Some(after) => query = query.after(after),
            None => return Ok(next),
        }
    }
}

/// Claims a notice that is due. Of several processes one gets it.
async fn claim(engine: &Engine, row_id: String, now: Timestamp) -> Result<Option<Claim>, StoreError> {
    let take = |row: &LogoutNotice| {
        if row.told || now < row.due {
            return (Change::Keep, None);
        }
        if now >= row.expires || row.tries >= MOST_TRIES {
            tracing::warn!(client = row.client_id, "a client could not be told of a logout");
            return (Change::Remove, None);
        }
        let notice = LogoutNotice { due: now.after(LEASE), tries: row.tries + 1, ..row.clone() };
        (Change::Replace(notice.to_row()), Some(notice))
    };
    let taken = engine.store.change::<LogoutNotice, _>(&row_id, take).await?;
    Ok(taken.and_then(|(_, notice)| notice).map(|notice| Claim { row_id, notice }))
}

/// Gives a claim back that is not sent now. It counts as no try.
async fn release(engine: &Engine, claim: &Claim) -> Result<(), StoreError> {
    let now = engine.clock.now();
    let release = |row: &LogoutNotice| {
        let notice = LogoutNotice { due: now, tries: row.tries.saturating_sub(1), ..row.clone() };
        (Change::Replace(notice.to_row()), ())
    };
    engine.store.change::<LogoutNotice, ()>(&claim.row_id, release).await.map(drop)
}

/// Tells the client, and notes in the row what came of it.
async fn send(engine: &Engine, Claim { row_id, notice }: Claim) {
    // It has waited so long that others may have it by now.
    if engine.clock.now() >= notice.due {
        return;
    }
    let client = &*notice.client_id;
    let told = if client.is_empty() {
        let finished = resume(engine, &notice.subject, &notice.session).await;
        finished.map_err(Failure::from)
    } else {
        tell(engine, &notice).await
    };
    let noted = match told {
        Ok(()) => settle(engine, &row_id, &notice).await,
        Err(Failure::Final(why)) => {
            tracing::warn!(client, why, "a client was not told of a logout");
            settle(engine, &row_id, &notice).await
        }
        Err(Failure::Passing(why)) => {
            tracing::info!(client, tries = notice.tries, why, "a client cannot be told of a logout now");
            postpone(engine, &row_id, &notice).await
        }
    };
    if let Err(error) = noted {
        // Whoever finds the row after the lease tries again.
        tracing::warn!(client, %error, "it could not be noted that a client was told of a logout");
    }
}

/// Notes that there is nothing more to do. The row stays a while: another process that ends the same session at the same moment would
/// write the notice, and tell the client, once more.
async fn settle(engine: &Engine, row_id: &str, notice: &LogoutNotice) -> Result<(), StoreError> {
    let expires = engine.clock.now().after(SETTLED);
    let settled = LogoutNotice { told: true, expires, ..notice.clone() };
    let settle = |_: &LogoutNotice| (Change::Replace(settled.to_row()), ());
    engine.store.change::<LogoutNotice, ()>(row_id, settle).await.map(drop)
}

async fn postpone(engine: &Engine, row_id: &str, notice: &LogoutNotice) -> Result<(), StoreError> {
    let now = engine.clock.now();
    let later = |row: &LogoutNotice| match row.tries {
        // Another process has claimed it after our lease.
        tries if tries != notice.tries => (Change::Keep, ()),
        MOST_TRIES.. => {
            tracing::warn!(client = row.client_id, "a client could not be told of a logout");
            (Change::Remove, ())
        }
        tries => {
            let pause = FIRST_PAUSE * 2_u32.saturating_pow(tries.saturating_sub(1));
            (Change::Replace(LogoutNotice { due: now.after(pause), ..row.clone() }.to_row()), ())
        }
    };
    engine.store.change::<LogoutNotice, ()>(row_id, later).await.map(drop)
}

/// Why a client was not told.
enum Failure {
    /// Another try may succeed.
    Passing(String),
    /// No other try will.
    Final(String),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Passing(error.to_string())
    }
}

impl From<OAuthError> for Failure {
    fn from(error: OAuthError) -> Self {
        Self::Passing(error.to_string())
    }
}

impl From<FetchError> for Failure {
    fn from(error: FetchError) -> Self {
        let why = error.to_string();
        match error {
            FetchError::Url(_) | FetchError::Forbidden | FetchError::Redirect(_) | FetchError::Off => {
                Self::Final(why)
            }
            // It has answered, at too great length.
            FetchError::TooLarge => Self::Final(why),
            _ => Self::Passing(why),
        }
    }
}

/// Sends a logout token to the client. One that is gone, or has no URI any more, need not be told.
async fn tell(engine: &Engine, notice: &LogoutNotice) -> Result<(), Failure> {
    let Some(client) = engine.client(&notice.client_id).await? else { return Ok(()) };
    let Some((uri, fetch)) = client.metadata("backchannel_logout_uri").zip(engine.fetch.as_ref()) else {
        return Ok(());
    };
    let token = logout_token(engine, &client, notice).await?;
    let form = [("logout_token", token.expose())];
    let request = FetchRequest::post_form(uri, PlainHttp::Loopback, engine.reach_of(&client), form)?;
    match fetch.fetch(request.at_most(LONGEST_ANSWER)).await?.status() {
        status if status.is_success() => Ok(()),
        status if status.is_server_error() => Err(Failure::Passing(answered(status))),
        status => Err(Failure::Final(answered(status))),
    }
}

fn answered(status: StatusCode) -> String {
    format!("it answers {status}")
}
