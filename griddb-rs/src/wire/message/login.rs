//! LOGIN (protocol 2.2).

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::wire::{
    envelope::simple_request,
    options::{FEATURE_VERSION, Options, string},
    reader::{DecodeError, Reader},
    statement::Statement,
};

/// What a LOGIN says.
pub struct Login<'a> {
    /// The user's name.
    pub user: &'a str,
    /// What [`secret`] made of the password.
    pub secret: &'a str,
    /// The cluster's name, compared exactly; empty skips the check.
    pub cluster: &'a str,
    /// The database; `None` is `public`.
    pub database: Option<&'a str>,
    /// The name under which the server lists the application.
    pub application: Option<&'a str>,
    /// How long a statement may take, in seconds, as the server is told.
    pub statement_timeout: u32,
    /// The default lifetime of transactions and longest wait for locks, in seconds.
    pub transaction_timeout: u32,
}

/// What stands for a password on the wire: whoever sees it can log in.
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
            // Immediate consistency: without it writes are refused.
            out.push(1);
            string(out, self.cluster);
            // The authentication mode that CONNECT answered, which is 0.
            out.push(0);
        });
    }
}

/// Reads the answer: the id of the database, which every container key has to carry.
pub fn decode(reader: &mut Reader<'_>) -> Result<i64, DecodeError> {
    reader.i8("authentication mode")?;
    reader.i64("database id")
}
