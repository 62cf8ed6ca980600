//! Users, databases and privileges.

use crate::error::{ErrorCode, Refusal};
use crate::options::Options;
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// The first id of a database created over the protocol. The server uses the lower numbers.
const FIRST_DATABASE: i64 = 100;

/// A user logged in on a connection.
#[derive(Debug, Clone)]
pub(crate) struct Login {
    pub(crate) user: Vec<u8>,
    pub(crate) administrator: bool,
    pub(crate) database: i64,
    pub(crate) may_write: bool,
    pub(crate) immediate: bool,
    /// The default transaction timeout of statements, in seconds.
    pub(crate) timeout: i32,
}

#[derive(Debug)]
struct Database {
    id: i64,
    /// Per user: whether it may write.
    privileges: HashMap<Vec<u8>, bool>,
}

/// All accounts of a node or a cluster.
#[derive(Debug)]
pub(crate) struct Accounts {
    administrator: Vec<u8>,
    /// Per user: the SHA-256 of the password in lower-case hex.
    users: HashMap<Vec<u8>, Vec<u8>>,
    databases: HashMap<Vec<u8>, Database>,
    next_database: i64,
}

/// A user's privilege in a database.
pub(crate) struct Access {
    pub(crate) administrator: bool,
    pub(crate) database: i64,
    pub(crate) may_write: bool,
}

impl Accounts {
    pub(crate) fn new(options: &Options) -> Self {
        let administrator = options.user.clone().into_bytes();
        let mut accounts = Self {
            users: HashMap::from([(administrator.clone(), hex_digest(options.password.as_bytes()))]),
            administrator,
            databases: HashMap::from([(b"public".to_vec(), Database { id: 0, privileges: HashMap::new() })]),
            next_database: FIRST_DATABASE,
        };
        for name in &options.databases {
            accounts.put_database(name.as_bytes());
        }
        accounts
    }

    /// The user's privilege, if the secret is correct and the user may open the database.
    pub(crate) fn check(&self, user: &[u8], secret: &[u8], database: &[u8]) -> Option<Access> {
        if self.users.get(user).map(Vec::as_slice) != Some(secret) {
            return None;
        }
        let administrator = user == self.administrator;
        let found = self.databases.get(database)?;
        let may_write = match found.privileges.get(user) {
            _ if administrator || found.id == 0 => true,
            Some(may_write) => *may_write,
            None => return None,
        };
        Some(Access { administrator, database: found.id, may_write })
    }

    /// Creates a user, or replaces a user's password. The secret is the digest that LOGIN sends.
    pub(crate) fn put_user(
        &mut self,
        user: &[u8],
        secret: Option<&[u8]>,
        replace: bool,
    ) -> Result<(), Refusal> {
        let secret = secret.map_or_else(|| hex_digest(b""), <[u8]>::to_vec);
        match self.users.get(user) {
            Some(old) if !replace && *old != secret => Err(ErrorCode::USER_EXISTS.into()),
            _ => {
                self.users.insert(user.to_vec(), secret);
                Ok(())
            }
        }
    }

    pub(crate) fn drop_user(&mut self, user: &[u8]) {
        if user != self.administrator {
            self.users.remove(user);
        }
    }

    pub(crate) fn put_database(&mut self, name: &[u8]) {
        let id = self.next_database;
        if !self.databases.contains_key(name) {
            self.next_database += 1;
            self.databases.insert(name.to_vec(), Database { id, privileges: HashMap::new() });
        }
    }

    pub(crate) fn drop_database(&mut self, name: &[u8]) -> Result<(), Refusal> {
        if name == b"public" || self.databases.remove(name).is_none() {
            return Err(ErrorCode::NO_DATABASE.into());
        }
        Ok(())
    }

    pub(crate) fn put_privilege(
        &mut self,
        database: &[u8],
        user: &[u8],
        may_write: bool,
    ) -> Result<(), Refusal> {
        let database = self.databases.get_mut(database).ok_or(ErrorCode::NO_DATABASE)?;
        match database.privileges.insert(user.to_vec(), may_write) {
            Some(old) if old != may_write => {
                database.privileges.insert(user.to_vec(), old);
                Err(ErrorCode::OTHER_PRIVILEGE.into())
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn drop_privilege(&mut self, database: &[u8], user: &[u8]) {
        if let Some(database) = self.databases.get_mut(database) {
            database.privileges.remove(user);
        }
    }
}

fn hex_digest(password: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let nibble = |value: u8| DIGITS[usize::from(value & 15)];
    Sha256::digest(password).iter().flat_map(|byte| [nibble(byte >> 4), nibble(*byte)]).collect()
}
