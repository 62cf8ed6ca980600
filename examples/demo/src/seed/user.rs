use gridauth::GridAuth;
use gridauth::identity::{SignUpError, StoredUsers, UsernameComparison};
use gridauth::model::StoredUser;
use gridauth::token::Secret;
use serde_json::{Map, Value};

use super::{members, take_required, take_text};
use crate::StartError;

/// A user of a seed file.
#[derive(Debug)]
pub(super) struct SeedUser {
    /// The name of its entry for messages.
    pub(super) entry: String,
    pub(super) username: String,
    /// The form in which the name is compared.
    pub(super) key: String,
    pub(super) subject: String,
    password: Secret,
    claims: Map<String, Value>,
}

impl SeedUser {
    pub(super) fn parse(
        mut members: Map<String, Value>,
        entry: &str,
        warnings: &mut Vec<String>,
    ) -> Result<Self, String> {
        let username = take_required(&mut members, "username")?;
        let password = Secret::from(take_required(&mut members, "password")?);
        StoredUsers::check(&username, &password).map_err(|error| error.to_string())?;
        let key = UsernameComparison::default().key(&username).ok_or(SignUpError::Username);
        let key = key.map_err(|error| error.to_string())?.into_owned();
        let subject = match take_text(&mut members, "sub")? {
            Some(subject) => {
                // A subject follows the rules of a username.
                StoredUsers::check(&subject, &password)
                    .map_err(|_| "sub: it has 1 to 255 characters and no control characters")?;
                subject
            }
            None => username.clone(),
        };
        let mut claims = Map::new();
        for (name, value) in members {
            match members::claim(&name) {
                Some(member_type) if member_type.accepts(&value) => {
                    claims.insert(name, value);
                }
                Some(member_type) => return Err(format!("{name} must be {}", member_type.description())),
                None => warnings.push(format!("{entry}: {name:?} is not a standard claim: ignored")),
            }
        }
        Ok(Self { entry: entry.to_owned(), username, key, subject, password, claims })
    }

    /// The user, with their password hashed.
    pub(super) async fn hashed(&self, auth: &GridAuth) -> Result<StoredUser, StartError> {
        let claims = self.claims.clone();
        let hashed = auth.users().prepare(&self.username, &self.password, &self.subject, claims).await;
        hashed.map_err(|error| {
            StartError::cannot_start(format_args!("the user {:?} cannot be kept: {error}", self.username))
        })
    }
}
