//! Notes: what the guarded routes guard. They are rows of the same store.

use gridauth::env::{Clock, SystemClock};
use gridauth::protocol::OAuthError;
use gridauth::store::{By, CorruptRow, Key, Kind, Query, Row, Store, StoreError};
use gridauth::{Access, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{App, answers};

/// A note.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Note {
    /// Its id, which rises with the time of its creation.
    pub id: String,
    /// What it says.
    pub text: String,
}

/// Whose notes: a user's, or those of a client that acts for itself. The two may have the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner<'a> {
    /// The user with this subject.
    User(&'a str),
    /// The client with this id.
    Client(&'a str),
}

impl<'a> From<&'a Access> for Owner<'a> {
    fn from(access: &'a Access) -> Self {
        access.user().map_or(Self::Client(access.client()), Self::User)
    }
}

/// The longest body that `POST /notes` has to read, in bytes: a note of [`MAX_CHARACTERS`], each written as two `\uXXXX`.
pub const MAX_NOTE_BODY: usize = 128 * 1024;

const MAX_CHARACTERS: usize = 10_000;

/// Ids of [`Kind::Custom`] rows that are notes begin so.
const PREFIX: &str = "note:";

#[derive(Serialize, Deserialize)]
struct Body {
    text: String,
}

impl App {
    /// Answers `GET /notes` for the owner of the token.
    pub async fn list_notes(&self, access: &Access) -> Response {
        match notes(self.auth().store(), access.into()).await {
            Ok(notes) => answers::json(self.auth(), StatusCode::OK, &notes),
            Err(error) => self.auth().refuse(&error.into()),
        }
    }

    /// Answers `POST /notes` with these headers and this body, of which no more than [`MAX_NOTE_BODY`] were read.
    pub async fn add_note(&self, access: &Access, headers: &HeaderMap, body: &[u8]) -> Response {
        match self.new_note(access, headers, body).await {
            Ok(note) => answers::json(self.auth(), StatusCode::CREATED, &note),
            Err(error) => self.auth().refuse(&error),
        }
    }

    /// The answer to a note whose body is longer than [`MAX_NOTE_BODY`].
    pub fn note_too_long(&self) -> Response {
        let error = OAuthError::invalid_request("the body is too long");
        self.auth().refuse(&error.with_status(StatusCode::PAYLOAD_TOO_LARGE))
    }

    async fn new_note(&self, access: &Access, headers: &HeaderMap, body: &[u8]) -> Result<Note, OAuthError> {
        if !is_json(headers) {
            let error = OAuthError::invalid_request("the body must be application/json");
            return Err(error.with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        let Body { text } = serde_json::from_slice(body)
            .map_err(|_| OAuthError::invalid_request("the body must be a JSON object with a text"))?;
        if !(1..=MAX_CHARACTERS).contains(&text.chars().count()) {
            return Err(OAuthError::invalid_request("a note has 1 to 10000 characters"));
        }
        Ok(add(self.auth().store(), access.into(), text).await?)
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    content_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

async fn add(store: &Store, owner: Owner<'_>, text: String) -> Result<Note, StoreError> {
    let note = Note { id: Uuid::now_v7().to_string(), text };
    let body = serde_json::to_string(&Body { text: note.text.clone() })
        .map_err(|error| StoreError::internal("a note cannot be written").with_source(error))?;
    let row = Row::new(SystemClock.now(), body);
    let row = match owner {
        Owner::User(subject) => row.with_user(Some(subject)),
        Owner::Client(client_id) => row.with_client(Some(client_id)),
    };
    let id = format!("{PREFIX}{}", note.id);
    if store.insert(Key::new(Kind::Custom, &id), row).await? {
        Ok(note)
    } else {
        Err(StoreError::internal("a new note's id was already taken"))
    }
}

/// The notes of an owner, the oldest first.
async fn notes(store: &Store, owner: Owner<'_>) -> Result<Vec<Note>, StoreError> {
    let by = match owner {
        Owner::User(subject) => By::User(subject),
        Owner::Client(client_id) => By::Client(client_id),
    };
    let mut notes = Vec::new();
    let mut query = Query::new(Kind::Custom, by).limit(1000);
    loop {
        let page = store.list(query.clone()).await?;
        for entry in page.entries {
            if let Some(id) = entry.id.strip_prefix(PREFIX) {
                let Body { text } = serde_json::from_str(entry.row.body()).map_err(|error| CorruptRow {
                    kind: "note",
                    reason: format!("{:?}", error.classify()),
                })?;
                notes.push(Note { id: id.to_owned(), text });
            }
        }
        match page.next {
            Some(next) => query = query.after(next),
            None => break,
        }
    }
    notes.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(notes)
}
