//! The option block of most requests (protocol 2.3).

use super::statement::ClientId;

/// An empty block.
pub const NONE: [u8; 4] = [0; 4];
/// The feature level that this client accepts in answers: 7 is GridDB 5.6.
pub const FEATURE_VERSION: i32 = 7;

const TRANSACTION_TIMEOUT: i16 = 1;
const FOR_UPDATE: i16 = 2;
const DATABASE: i16 = 5;
const PUT_MODE: i16 = 7;
const GROUP: i16 = 11000;
const CLIENT_ID: i16 = 11001;
const FETCH_BYTES: i16 = 11002;
const VERSION_BLOCK: i16 = 0;
const FEATURE: i16 = 11004;
const ACCEPTABLE_FEATURE: i16 = 11005;
const APPLICATION: i16 = 11009;

/// Whether a put may insert a row, replace one, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PutMode {
    /// Insert or replace.
    #[default]
    Any,
    /// Insert only: error 60154 if the key exists.
    InsertOnly,
    /// Replace only: error 60154 if the key does not exist.
    UpdateOnly,
}

/// The options of a request. `None` is not sent.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options<'a> {
    /// The lifetime of a transaction and the longest wait for a lock, in seconds. 0 does not wait.
    pub transaction_timeout: Option<u32>,
    /// Lock the rows read.
    pub for_update: bool,
    /// The database of a login.
    pub database: Option<&'a str>,
    /// Insert only, update only.
    pub put_mode: PutMode,
    /// Identifies a long schema change: a session number and the client.
    pub client: Option<(i64, ClientId)>,
    /// Bytes per step of a partial execution.
    pub fetch_bytes: Option<i32>,
    /// The request uses features of this level.
    pub feature: Option<i32>,
    /// Answers may use features up to this level.
    pub acceptable_feature: Option<i32>,
    /// The name under which the server lists the application.
    pub application: Option<&'a str>,
}

impl Options<'_> {
    /// Appends the block: its size, then the entries in ascending order of their ids. Ids from 11000 form a group.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let block = begin(out);
        if self.feature.is_some() {
            id(out, VERSION_BLOCK);
            out.push(1);
        }
        if let Some(seconds) = self.transaction_timeout {
            id(out, TRANSACTION_TIMEOUT);
            out.extend_from_slice(&seconds.to_le_bytes());
        }
        if self.for_update {
            id(out, FOR_UPDATE);
            out.push(1);
        }
        if let Some(name) = self.database {
            id(out, DATABASE);
            string(out, name);
        }
        if self.put_mode != PutMode::Any {
            id(out, PUT_MODE);
            out.push(self.put_mode as u8);
        }
        if self.client.is_some()
            || self.fetch_bytes.is_some()
            || self.feature.is_some()
            || self.acceptable_feature.is_some()
            || self.application.is_some()
        {
            id(out, GROUP);
            let group = begin(out);
            self.encode_group(out);
            finish(out, group);
        }
        finish(out, block);
    }

    fn encode_group(&self, out: &mut Vec<u8>) {
        if let Some((session, client)) = &self.client {
            id(out, CLIENT_ID);
            out.extend_from_slice(&session.to_le_bytes());
            out.extend_from_slice(client);
        }
        for (key, value) in [
            (FETCH_BYTES, self.fetch_bytes),
            (FEATURE, self.feature),
            (ACCEPTABLE_FEATURE, self.acceptable_feature),
        ] {
            if let Some(value) = value {
                id(out, key);
                out.extend_from_slice(&value.to_le_bytes());
            }
        }
        if let Some(name) = self.application {
            id(out, APPLICATION);
            string(out, name);
        }
    }
}

fn id(out: &mut Vec<u8>, id: i16) {
    out.extend_from_slice(&id.to_le_bytes());
}

/// Appends a header string: 32-bit length, bytes.
pub(super) fn string(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&(text.len() as u32).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// Reserves a 32-bit size, which [`finish`] fills in.
pub(super) fn begin(out: &mut Vec<u8>) -> usize {
    out.extend_from_slice(&[0; 4]);
    out.len()
}

pub(super) fn finish(out: &mut [u8], start: usize) {
    let size = (out.len() - start) as u32;
    out[start - 4..start].copy_from_slice(&size.to_le_bytes());
}
