//! LOGIN (protocol 2.2).

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::wire::{
    envelope::simple_request,
    options::{FEATURE_VERSION, Options, string},
    reader::{DecodeError, Reader},
    statement::Statement,
};

/// The contents of a LOGIN.
pub struct Login<'a> {
    /// The user's name.
    pub user: &'a str,
    /// The result of [`secret`] for the password.
    pub secret: &'a str,
    /// The cluster's name, compared exactly; an empty name skips the check.
    pub cluster: &'a str,
    /// The database; `None` is `public`.
    pub database: Option<&'a str>,
    /// The name under which the server lists the application.
    pub application: Option<&'a str>,
    /// The statement timeout that the server is told, in seconds.
    pub statement_timeout: u32,
    /// The default lifetime of transactions and wait for locks, in seconds.
    pub transaction_timeout: u32,
}

/// The password's replacement on the wire. Whoever sees it can log in with it.
pub fn secret(password: &str) -> String {
    let digest = Sha256::digest(password.as_bytes());
    digest.iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a `String` does not fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

impl Login<'_> {
    /// Appends the request.
    pub fn encode(&self, out: &mut Vec<u8>, id: i64) {
        simple_request(out, Statement::Login, 0, id, |out| {
            Options {
                transaction_timeout: Some(self.transaction_timeout),
                database: self.database,
                acceptable_feature: Some(FEATURE_VERSION),
                application: self.application,
                ..Options::default()
            }
            .encode(out);
            string(out, self.user);
            string(out, self.secret);
            out.extend_from_slice(&self.statement_timeout.to_le_bytes());
            // Immediate consistency; without it the server refuses writes.
            out.push(1);
            string(out, self.cluster);
            // The authentication mode from CONNECT's answer, which is 0.
            out.push(0);
        });
    }
}

/// Reads the database id, which every container key must carry.
pub fn decode(reader: &mut Reader<'_>) -> Result<i64, DecodeError> {
    reader.i8("authentication mode")?;
    reader.i64("database id")
}
