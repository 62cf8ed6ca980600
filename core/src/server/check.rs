//! Checks everything that is in the store.

use std::collections::HashMap;

use serde_json::Value;

use super::GridAuth;
use crate::model::{Client, Consent, GrantRecord, LogoutNotice, Session, SigningKey, StoredUser};
use crate::store::{By, CorruptRow, Entry, Key, Kind, Query, Record, StoreError, StoreErrorKind};

/// The most problems that one check tells. A store that is damaged throughout need not name each row.
const MOST_PROBLEMS: usize = 1000;

/// Something that is wrong in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreProblem {
    /// The kind of the row.
    pub kind: Kind,
    /// The id of the row; `None` if it is about several rows.
    pub id: Option<String>,
    /// What is wrong, and what to do. It has no value of the row.
    pub problem: String,
}

/// What a check of a store found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreCheck {
    /// The number of rows of each kind that has some.
    pub rows: Vec<(Kind, u64)>,
    /// The number of rows that have expired. A sweep removes them; many of them mean that none runs.
    pub expired: u64,
    /// What is wrong: at most 1,000 problems.
    pub problems: Vec<StoreProblem>,
    /// How many more problems there are.
    pub further_problems: u64,
}

/// What has to be unique in a store.
#[derive(Default)]
struct Seen {
    /// The usernames by subject.
    subjects: HashMap<String, String>,
    found: StoreCheck,
}

impl GridAuth {
    /// Reads every row of the store and checks it: that it can be decoded, that it is where it is looked for, that no two users have one
    /// subject and no user has a client's id, and that sealed secrets of clients open. Nothing is changed. `progress` is called after
    /// each page, with the kind and the number of rows so far.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be reached. A part that cannot be read because it is damaged is a problem that is told.
    pub async fn check_store(&self, mut progress: impl FnMut(Kind, u64)) -> Result<StoreCheck, StoreError> {
        let mut seen = Seen::default();
        for kind in Kind::ALL {
            let mut rows = 0;
            let mut query = Query::new(kind, By::Any).limit(500);
            loop {
                let page = match self.store().list(query.clone()).await {
                    Ok(page) => page,
                    Err(error) if error.kind() == StoreErrorKind::Corrupt => {
                        seen.add(kind, None, format!("the rows cannot be listed to the end: {error}"));
                        break;
                    }
                    Err(error) => return Err(error),
                };
                rows += page.entries.len() as u64;
                for entry in &page.entries {
                    self.check_row(kind, entry, &mut seen).await?;
                }
                progress(kind, rows);
                match page.next {
                    Some(next) => query = query.after(next),
                    None => break,
                }
            }
            if rows > 0 {
                seen.found.rows.push((kind, rows));
            }
        }
        Ok(seen.found)
    }

    async fn check_row(&self, kind: Kind, entry: &Entry, seen: &mut Seen) -> Result<(), StoreError> {
        let now = self.clock().now();
        seen.found.expired += u64::from(entry.row.expires().is_some_and(|expires| expires <= now));
        let mut wrong = |problem: &str| seen.add(kind, Some(entry), problem.to_owned());
        match kind {
            Kind::User => match decoded::<StoredUser>(entry) {
                Ok(user) => {
                    let engine = &self.0.engine;
                    if engine.stored_users.key_of(&user) != entry.id {
                        wrong(
                            "it is not where its username is looked for, so the user cannot sign in: register it anew",
                        );
                    }
                    let subject = user.subject();
                    if Client::is_id(subject)
                        && self.store().get(Key::new(Kind::Client, subject)).await?.is_some()
                    {
                        wrong(
                            "its subject is the id of a client (RFC 9700 section 4.15): one of them has to go",
                        );
                    }
                    let other = seen.subjects.insert(subject.to_owned(), user.username().to_owned());
                    if let Some(other) = other {
                        seen.add(kind, Some(entry), format!("it has the subject of the user {other:?}"));
                    }
                }
                Err(error) => seen.add(kind, Some(entry), error.to_string()),
            },
            Kind::Client => match decoded::<Client>(entry) {
                Ok(client) if client.id() != entry.id => wrong("it is not where its client_id is looked for"),
                Ok(client) => {
                    if self.has_closed_secret(&client).await? {
                        wrong(
                            "its secret is sealed under another secret of the application: give that one as the previous secret, \
                             or rotate the client's secret",
                        );
                    }
                }
                Err(error) => wrong(&error.to_string()),
            },
            Kind::Grant => match decoded::<GrantRecord>(entry) {
                Ok(grant) if grant.id.to_string() != entry.id => {
                    wrong("it is not where its id is looked for")
                }
                Ok(_) => {}
                Err(error) => wrong(&error.to_string()),
            },
            Kind::Consent => match decoded::<Consent>(entry) {
                Ok(consent) => {
                    let row_id = Consent::row_id(&consent.subject, &consent.client_id, &consent.origin);
                    if row_id != entry.id {
                        wrong("it is not where its user, client and origin are looked for");
                    }
                }
                Err(error) => wrong(&error.to_string()),
            },
            Kind::Session => told(decoded::<Session>(entry), wrong),
            Kind::SigningKey => told(decoded::<SigningKey>(entry), wrong),
            Kind::Outbox => told(decoded::<LogoutNotice>(entry), wrong),
            Kind::Setting if entry.id == "copy" => {
                wrong(
                    "the store is a copy that is not finished: copy again, and start no server on it before",
                );
            }
            // An application has the form of its own rows to itself.
            Kind::Custom => {}
            _ => {
                let parsed: Result<Value, _> = serde_json::from_str(entry.row.body());
                if parsed.is_err() {
                    wrong("its body is not JSON");
                }
            }
        }
        Ok(())
    }

    /// Whether a secret of the client cannot be opened.
    async fn has_closed_secret(&self, client: &Client) -> Result<bool, StoreError> {
        let now = self.clock().now();
        let sealed = client.sealed_secrets(now).count();
        if sealed == 0 {
            return Ok(false);
        }
        match self.0.engine.shared_secrets(client).await {
            Ok(opened) => Ok(opened.len() < sealed),
            Err(crate::keys::KeyStoreError::Store(error)) => Err(error),
            Err(_) => Ok(true),
        }
    }
}

impl Seen {
    fn add(&mut self, kind: Kind, entry: Option<&Entry>, problem: String) {
        if self.found.problems.len() < MOST_PROBLEMS {
            let id = entry.map(|entry| entry.id.clone());
            self.found.problems.push(StoreProblem { kind, id, problem });
        } else {
            self.found.further_problems += 1;
        }
    }
}

fn decoded<R: Record>(entry: &Entry) -> Result<R, CorruptRow> {
    R::from_row(&entry.row)
}

fn told<R>(decoded: Result<R, CorruptRow>, mut wrong: impl FnMut(&str)) {
    if let Err(error) = decoded {
        wrong(&error.to_string());
    }
}
