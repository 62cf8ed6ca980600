//! Notes, which the guarded routes read and write. They are rows of the same store.

use std::sync::atomic::{AtomicU64, Ordering};

use gridauth::env::{Entropy, EntropyError, Timestamp};
use gridauth::protocol::OAuthError;
use gridauth::store::{By, CorruptRow, Key, Kind, Query, Row, Store, StoreError};
use gridauth::{Access, Response, Unread};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::{App, responses};

/// A note.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Note {
    /// Its id. Ids increase in the order of creation.
    pub id: String,
    /// Its text.
    pub text: String,
}

/// Whose notes they are: a user's, or those of a client that acts on its own behalf. The two may have the same name.
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

/// The longest body that `POST /notes` has to read, in bytes: a note of maximum length, with each character escaped
/// as two `\uXXXX`.
pub const MAX_NOTE_BODY: usize = 128 * 1024;

const MAX_CHARACTERS: usize = 10_000;

/// The prefix of the ids of notes among the [`Kind::Custom`] rows.
const PREFIX: &str = "note:";

#[derive(Serialize, Deserialize)]
struct Body {
    text: String,
}

impl App {
    /// Answers `GET /notes` for the owner of the token.
    pub async fn list_notes(&self, access: &Access) -> Response {
        // One page after the other, all of them under one deadline.
        match self.auth().as_one_request(notes(self.auth().store(), access.into())).await {
            Ok(notes) => responses::json(self.auth(), StatusCode::OK, &notes),
            Err(error) => self.auth().refuse(&error.into()),
        }
    }

    /// Answers `POST /notes` with this `Content-Type` and this body, of which at most [`MAX_NOTE_BODY`] bytes were
    /// read.
    pub async fn add_note(&self, access: &Access, content_type: Option<&[u8]>, body: &[u8]) -> Response {
        match self.new_note(access, content_type, body).await {
            Ok(note) => responses::json(self.auth(), StatusCode::CREATED, &note),
            Err(error) => self.auth().refuse(&error),
        }
    }

    /// The response to a note whose body is longer than [`MAX_NOTE_BODY`].
    pub fn note_too_long(&self) -> Response {
        self.auth().refuse(&Unread::TooLong.into())
    }

    /// The response to a note whose body ends early.
    pub fn note_broken(&self) -> Response {
        self.auth().refuse(&Unread::Broken.into())
    }

    /// The response to a note whose body takes longer than [`GridAuth::BODY_TIMEOUT`](gridauth::GridAuth::BODY_TIMEOUT).
    pub fn note_too_slow(&self) -> Response {
        self.auth().refuse(&Unread::TooSlow.into())
    }

    async fn new_note(
        &self,
        access: &Access,
        content_type: Option<&[u8]>,
        body: &[u8],
    ) -> Result<Note, OAuthError> {
        if !content_type.is_some_and(is_json) {
            let error = OAuthError::invalid_request("the body must be application/json");
            return Err(error.with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        // Serde would also read the fields of a struct from an array.
        let is_object = body.trim_ascii_start().starts_with(b"{");
        let Some(Body { text }) = serde_json::from_slice(body).ok().filter(|_| is_object) else {
            return Err(OAuthError::invalid_request("the body must be a JSON object with a text"));
        };
        if !(1..=MAX_CHARACTERS).contains(&text.chars().count()) {
            return Err(OAuthError::invalid_request("a note has 1 to 10000 characters"));
        }
        let now = self.auth().clock().now();
        let id = self.note_ids().next(now, self.auth().entropy())?;
        Ok(add(self.auth().store(), now, access.into(), Note { id, text }).await?)
    }
}

/// Generates the ids of notes: UUIDv7 (RFC 9562 section 5.7) that increase with every note, also within one
/// millisecond.
#[derive(Debug, Default)]
pub(crate) struct NoteIds {
    /// The last id's time in milliseconds, followed by a 12-bit counter.
    last: AtomicU64,
}

const COUNTER_BITS: u32 = 12;

impl NoteIds {
    fn next(&self, now: Timestamp, entropy: &dyn Entropy) -> Result<String, EntropyError> {
        let now = u64::try_from(now.as_millis()).unwrap_or(0) << COUNTER_BITS;
        // If the clock is set back or the counter overflows, ids run ahead of the clock for a while.
        let after = |last: u64| now.max(last.saturating_add(1));
        let last = self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(after(last)));
        let moment = after(last.unwrap_or_else(|last| last));
        let mut bytes = [0; 10];
        entropy.fill(&mut bytes[2..])?;
        let counter = u16::try_from(moment & ((1 << COUNTER_BITS) - 1)).unwrap_or_default();
        bytes[..2].copy_from_slice(&counter.to_be_bytes());
        let uuid = uuid::Builder::from_unix_timestamp_millis(moment >> COUNTER_BITS, &bytes).into_uuid();
        Ok(uuid.hyphenated().to_string())
    }
}

/// A header that is not ASCII does not count, because some frameworks never pass it on.
fn is_json(content_type: &[u8]) -> bool {
    let essence = content_type.split(|b| *b == b';').next().unwrap_or_default();
    content_type.is_ascii() && essence.trim_ascii().eq_ignore_ascii_case(b"application/json")
}

async fn add(store: &Store, now: Timestamp, owner: Owner<'_>, note: Note) -> Result<Note, StoreError> {
    let body = serde_json::to_string(&Body { text: note.text.clone() })
        .map_err(|error| StoreError::internal("a note cannot be written").with_source(error))?;
    let row = Row::new(now, body);
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

/// The notes of an owner, oldest first.
async fn notes(store: &Store, owner: Owner<'_>) -> Result<Vec<Note>, StoreError> {
    let by = match owner {
        Owner::User(subject) => By::User(subject),
        Owner::Client(client_id) => By::Client(client_id),
    };
    let mut notes = Vec::new();
    let mut query = Query::new(Kind::Custom, by);
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use gridauth::{GridAuth, MintRequest};
    use griddb_test_node::{Fault, FaultOrder, Options, Statement, TestNode};

    use super::*;

    async fn access(auth: &GridAuth, request: MintRequest) -> Access {
        let token = auth.mint(request).await.unwrap();
        auth.authenticate(&gridauth::http::BearerToken::new(token.access_token.expose())).await.unwrap()
    }

    const JSON: Option<&[u8]> = Some(b"application/json");

    async fn app() -> App {
        let auth = GridAuth::builder("http://127.0.0.1:8080").store(Store::memory()).build().await.unwrap();
        App::with(auth)
    }

    async fn texts(app: &App, access: &Access) -> Vec<String> {
        let notes: Vec<serde_json::Value> =
            serde_json::from_slice(app.list_notes(access).await.body()).unwrap();
        notes.iter().map(|note| note["text"].as_str().unwrap().to_owned()).collect()
    }

    #[tokio::test]
    async fn notes_are_listed_in_the_order_of_creation() {
        let app = app().await;
        let israel = access(app.auth(), MintRequest::for_user("israel")).await;
        let mut written = Vec::new();
        for n in 0..2500 {
            let body = format!("{{\"text\": \"note {n}\"}}");
            let answer = app.add_note(&israel, JSON, body.as_bytes()).await;
            assert_eq!(answer.status(), 201);
            written.push(format!("note {n}"));
        }
        assert_eq!(texts(&app, &israel).await, written);
    }

    /// All pages together take no longer than the deadline of one request.
    #[tokio::test]
    async fn all_pages_of_notes_share_one_deadline() {
        let node = TestNode::start(Options::new()).await.unwrap();
        let patience = "durability=server&retry_for=1s&statement_timeout=1s&lock_timeout=0s";
        let store = Store::open(&format!("{}?{patience}", node.url())).await.unwrap();
        let auth = GridAuth::builder("http://127.0.0.1:8080").store(store).build().await.unwrap();
        let app = App::with(auth);
        let israel = access(app.auth(), MintRequest::for_user("israel")).await;
        for _ in 0..101 {
            assert_eq!(app.add_note(&israel, JSON, br#"{"text": "a"}"#).await.status(), 201);
        }
        // Two queries for the first page, and one for the second.
        let slow = FaultOrder::new(Fault::Delay(Duration::from_millis(400)));
        node.faults().order(slow.on(Statement::QueryTql).always());
        assert_eq!(app.list_notes(&israel).await.status(), 503);
        node.faults().clear();
        assert_eq!(texts(&app, &israel).await.len(), 101);
    }

    #[test]
    fn ids_increase_whatever_the_clock_does() {
        let (ids, entropy) = (NoteIds::default(), gridauth::env::SystemEntropy);
        let moment = Timestamp::from_millis(1_700_000_000_000);
        let mut made: Vec<String> = Vec::new();
        for now in [moment, Timestamp::from_millis(1_600_000_000_000), moment.after(Duration::from_millis(1))]
        {
            made.extend((0..5000).map(|_| ids.next(now, &entropy).unwrap()));
        }
        assert!(made.is_sorted_by(|one, next| one < next));
        assert!(
            made.iter().all(|id| id.starts_with("018bcfe5-68") && id.as_bytes()[14] == b'7'),
            "{}",
            made[0]
        );
    }

    #[tokio::test]
    async fn a_user_and_a_client_of_the_same_name_have_separate_notes() {
        let app = app().await;
        let user = access(app.auth(), MintRequest::for_user("web")).await;
        let client = access(app.auth(), MintRequest::for_client("web")).await;
        let other = access(app.auth(), MintRequest::for_user("other").client("web")).await;
        for (access, text) in [(&user, "user"), (&client, "client")] {
            let body = format!("{{\"text\": \"{text}\"}}");
            assert_eq!(app.add_note(access, JSON, body.as_bytes()).await.status(), 201);
        }
        assert_eq!(texts(&app, &user).await, ["user"]);
        assert_eq!(texts(&app, &client).await, ["client"]);
        assert_eq!(texts(&app, &other).await, [""; 0]);
    }

    #[tokio::test]
    async fn a_note_has_1_to_10000_characters() {
        let app = app().await;
        let israel = access(app.auth(), MintRequest::for_user("israel")).await;
        let escaped = "\\ud83d\\ude00".repeat(MAX_CHARACTERS);
        let longest = format!("{{\"text\": \"{escaped}\"}}");
        assert!(longest.len() < MAX_NOTE_BODY);
        let too_long = format!("{{\"text\": \"{}\"}}", "a".repeat(MAX_CHARACTERS + 1));
        for (body, status) in [
            (&*longest, 201),
            (r#"{"text": "a", "other": 1}"#, 201),
            (r#"{"text": "\u0000"}"#, 201),
            (&too_long, 400),
            (r#"{"text": ""}"#, 400),
            (r#"{"text": "a", "text": "b"}"#, 400),
            (r#"{"text": 1}"#, 400),
            (r#"{"text": "\ud83d"}"#, 400),
            (r#"{"text": null}"#, 400),
            (r#"["a"]"#, 400),
            ("{}", 400),
            ("", 400),
            (r#"{"text": "a"} b"#, 400),
        ] {
            let answer = app.add_note(&israel, JSON, body.as_bytes()).await;
            assert_eq!(answer.status(), status, "{}", &body[..body.len().min(40)]);
        }
        assert_eq!(app.add_note(&israel, JSON, b"{\"text\": \"\xff\"}").await.status(), 400);
        assert_eq!(texts(&app, &israel).await[2], "\0");
    }

    #[tokio::test]
    async fn a_note_must_be_json() {
        let app = app().await;
        let israel = access(app.auth(), MintRequest::for_user("israel")).await;
        for (content_type, status) in [
            ("application/json", 201),
            ("Application/JSON; charset=utf-8", 201),
            ("text/plain", 415),
            ("application/x-www-form-urlencoded", 415),
            ("", 415),
        ] {
            let answer = app.add_note(&israel, Some(content_type.as_bytes()), br#"{"text": "a"}"#).await;
            assert_eq!(answer.status(), status, "{content_type}");
        }
        assert_eq!(app.add_note(&israel, None, br#"{"text": "a"}"#).await.status(), 415);
    }
}
