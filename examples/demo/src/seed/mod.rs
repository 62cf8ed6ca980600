//! The seed file: users and clients that are loaded at the start.

mod client;
mod json;
mod members;
mod user;

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use gridauth::identity::{PutUsersError, UsernameComparison, Users};
use gridauth::{GridAuth, PutClientError};
use serde_json::{Map, Value};

use self::client::SeedClient;
use self::json::PathSegment;
use self::user::SeedUser;
use crate::StartError;
use crate::app::store_failed;

/// The valid values of `GRIDAUTH_SEED`, for error messages.
pub(crate) const MAY_BE: &str = "the path of a seed file";

/// The lists of a seed file, each with the member that identifies its entries.
const USERS: (&str, &str) = ("users", "username");
const CLIENTS: (&str, &str) = ("clients", "client_id");

/// The maximum size of an entry that every store supports in a row, in bytes of JSON.
const MAX_ENTRY: usize = 1 << 20;

/// How many passwords and secrets are passed to the hasher at the same time. The server limits how many of them
/// really run.
const CONCURRENT_HASHES: usize = 16;

/// A valid seed file.
///
/// ```
/// use gridauth_demo::Seed;
///
/// let seed = Seed::parse(br#"{"clients": [{"client_id": "spa", "token_endpoint_auth_method": "none"}]}"#)?;
/// assert!(seed.has_client("spa"));
///
/// let error = Seed::parse(br#"{"users": [{"username": "israel"}]}"#).unwrap_err();
/// assert_eq!(error.to_string(), r#"users[0] "israel": password is missing"#);
/// # Ok::<(), gridauth_demo::SeedError>(())
/// ```
#[derive(Debug, Default)]
pub struct Seed {
    users: Vec<SeedUser>,
    clients: Vec<SeedClient>,
    warnings: Vec<String>,
}

/// Why a seed file is not valid. It names the entry, and never contains a password or a secret.
#[derive(Debug, PartialEq, Eq)]
pub struct SeedError(String);

impl fmt::Display for SeedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SeedError {}

impl Seed {
    /// Parses a seed file.
    ///
    /// # Errors
    /// [`SeedError`] for the first entry that is not valid.
    pub fn parse(text: &[u8]) -> Result<Self, SeedError> {
        // Only the position: the text around it may be a secret.
        let document = json::read(text).map_err(|error| {
            SeedError(format!("it is not JSON at line {} column {}", error.line(), error.column()))
        })?;
        if let Some(path) = &document.repeated {
            return Err(SeedError(format!("{} comes twice", display_path(&document.value, path))));
        }
        let Value::Object(mut file) = document.value else {
            return Err(SeedError("it must be a JSON object".to_owned()));
        };
        let mut seed = Self::default();
        let mut subjects = HashSet::new();
        for (entry, members) in entries(&mut file, USERS)? {
            let user = SeedUser::parse(members, &entry, &mut seed.warnings)
                .map_err(|wrong| SeedError(format!("{entry}: {wrong}")))?;
            if seed.users.iter().any(|before| before.key == user.key) {
                return Err(SeedError(format!("{entry}: there is a user of that name before it")));
            }
            if !subjects.insert(user.subject.clone()) {
                return Err(SeedError(format!("{entry}: sub: there is a user with that sub before it")));
            }
            seed.users.push(user);
        }
        for (entry, members) in entries(&mut file, CLIENTS)? {
            let client = SeedClient::parse(members, &entry, &mut seed.warnings)
                .map_err(|wrong| SeedError(format!("{entry}: {wrong}")))?;
            if seed.has_client(client.id()) {
                return Err(SeedError(format!("{entry}: there is a client with that client_id before it")));
            }
            // In a token's sub one could be taken for the other (RFC 9700 section 4.15).
            if let Some(user) = seed.users.iter().find(|user| user.subject == client.id()) {
                return Err(SeedError(format!("{entry}: client_id: it is the sub of {}", user.entry)));
            }
            seed.clients.push(client);
        }
        seed.warnings
            .extend(file.keys().map(|name| format!("{name:?} is neither users nor clients: ignored")));
        Ok(seed)
    }

    /// Whether it has a client with this id.
    pub fn has_client(&self, client_id: &str) -> bool {
        self.clients.iter().any(|client| client.id() == client_id)
    }

    /// Puts its users and clients into the store, where they replace those of the same name. Everything is checked
    /// before the first one is written.
    ///
    /// # Errors
    /// [`StartError`] with exit status 2 if a user conflicts with those in the store; with 1 if the store fails or a
    /// secret cannot be hashed.
    pub async fn load_into(&self, auth: &GridAuth) -> Result<(), StartError> {
        for warning in &self.warnings {
            tracing::warn!("seed: {warning}");
        }
        // Boxed, because otherwise the compiler cannot prove that this future is `Send`.
        self.check_client_ids(auth).await?;
        let clients: Vec<_> = self.clients.iter().map(|client| client.hashed(auth).boxed()).collect();
        let clients: Vec<_> = stream::iter(clients).buffer_unordered(CONCURRENT_HASHES).try_collect().await?;
        let users: Vec<_> = self.users.iter().map(|user| user.hashed(auth).boxed()).collect();
        let users: Vec<_> = stream::iter(users).buffer_unordered(CONCURRENT_HASHES).try_collect().await?;
        auth.put_users(&users).await.map_err(|error| self.not_kept(error))?;
        for client in clients {
            auth.put_client_unchecked(client).await.map_err(|error| match error {
                PutClientError::Store(error) => store_failed(error),
                error => StartError::cannot_start(error),
            })?;
        }
        tracing::info!(users = self.users.len(), clients = self.clients.len(), "the seed file is loaded");
        Ok(())
    }

    /// No client has the subject of a user whom the store has and the seed does not replace.
    async fn check_client_ids(&self, auth: &GridAuth) -> Result<(), StartError> {
        for client in &self.clients {
            // No user has the id of a stored client. Looking for one would need a store that can write.
            if auth.client(client.id()).await.map_err(store_failed)?.is_some() {
                continue;
            }
            let user = auth.users().find(client.id()).await.map_err(StartError::cannot_start)?;
            let is_replaced =
                |key: Option<Cow<'_, str>>| self.users.iter().any(|own| Some(&*own.key) == key.as_deref());
            if let Some(user) = user
                && !is_replaced(UsernameComparison::default().key(user.username()))
            {
                let (entry, name) = (client.entry(), user.username());
                let wrong =
                    format!("{entry}: client_id: it is the sub of the user {name:?}, whom the store has");
                return Err(StartError::bad_value("GRIDAUTH_SEED", wrong, MAY_BE));
            }
        }
        Ok(())
    }

    fn not_kept(&self, error: PutUsersError) -> StartError {
        match error {
            PutUsersError::SubjectTaken { username, other } => {
                let entry = self.users.iter().find(|user| user.username == username);
                let (entry, subject) = entry.map_or(("users", ""), |user| (&user.entry, &user.subject));
                let wrong =
                    format!("{entry}: sub: {subject:?} is the sub of the user {other:?}, whom the store has");
                StartError::bad_value("GRIDAUTH_SEED", wrong, MAY_BE)
            }
            PutUsersError::SubjectOfClient { username } => {
                let entry = self.users.iter().find(|user| user.username == username);
                let (entry, subject) = entry.map_or(("users", ""), |user| (&user.entry, &user.subject));
                let wrong = format!("{entry}: sub: {subject:?} is the id of a client that the store has");
                StartError::bad_value("GRIDAUTH_SEED", wrong, MAY_BE)
            }
            PutUsersError::Store(error) => store_failed(error),
        }
    }
}

/// An entry of a list: its name for messages, and its members.
type Entry = (String, Map<String, Value>);

/// The entries of a list.
fn entries(file: &mut Map<String, Value>, (list, key): (&str, &str)) -> Result<Vec<Entry>, SeedError> {
    let entries = match file.remove(list) {
        None => Vec::new(),
        Some(Value::Array(entries)) => entries,
        Some(_) => return Err(SeedError(format!("{list} must be an array"))),
    };
    let entries = entries.into_iter().enumerate().map(|(at, entry)| {
        let Value::Object(members) = entry else {
            return Err(SeedError(format!("{list}[{at}] must be an object")));
        };
        let entry = entry_name(list, at, members.get(key));
        if !serde_json::to_vec(&members).is_ok_and(|text| text.len() <= MAX_ENTRY) {
            return Err(SeedError(format!("{entry}: it has at most {MAX_ENTRY} bytes")));
        }
        Ok((entry, members))
    });
    entries.collect()
}

/// The name of an entry for messages.
fn entry_name(list: &str, at: usize, name: Option<&Value>) -> String {
    match name.and_then(Value::as_str) {
        Some(name) => format!("{list}[{at}] {name:?}"),
        None => format!("{list}[{at}]"),
    }
}

/// The path of a member in the file, for messages: the name of its entry, if it is in one, and the path from there.
fn display_path(file: &Value, path: &[PathSegment]) -> String {
    let in_entry = [USERS, CLIENTS].into_iter().find_map(|(list, key)| match path {
        [PathSegment::Member(own), PathSegment::Item(at), rest @ ..] if own == list => {
            Some((entry_name(list, *at, file[list][at].get(key)), rest))
        }
        _ => None,
    });
    let (mut text, rest) = in_entry.map_or((String::new(), path), |(entry, rest)| (entry + ": ", rest));
    for (number, step) in rest.iter().enumerate() {
        match step {
            PathSegment::Member(name) if number == 0 => text.push_str(name),
            PathSegment::Member(name) => text.push_str(&format!(".{name}")),
            PathSegment::Item(at) => text.push_str(&format!("[{at}]")),
        }
    }
    text
}

/// Takes a text out of an entry.
fn take_text(members: &mut Map<String, Value>, name: &str) -> Result<Option<String>, String> {
    match members.remove(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("{name} must be a text")),
    }
}

/// Takes a text that an entry must have.
fn take_required(members: &mut Map<String, Value>, name: &str) -> Result<String, String> {
    take_text(members, name)?.ok_or_else(|| format!("{name} is missing"))
}

/// Takes a flag out of an entry; it is off by default.
fn take_bool(members: &mut Map<String, Value>, name: &str) -> Result<bool, String> {
    match members.remove(name) {
        None => Ok(false),
        Some(Value::Bool(yes)) => Ok(yes),
        Some(_) => Err(format!("{name} must be true or false")),
    }
}

/// Takes a list of texts out of an entry.
fn take_list(members: &mut Map<String, Value>, name: &str) -> Result<Option<Vec<String>>, String> {
    let wrong = || format!("{name} must be an array of texts");
    match members.remove(name) {
        None => Ok(None),
        Some(Value::Array(list)) => {
            let texts = list.into_iter().map(|item| match item {
                Value::String(text) => Ok(text),
                _ => Err(wrong()),
            });
            texts.collect::<Result<_, _>>().map(Some)
        }
        Some(_) => Err(wrong()),
    }
}

#[cfg(test)]
mod tests;
