use gridauth::GridAuth;
use gridauth::identity::StoredUsers;
use gridauth::model::StoredUser;
use gridauth::token::Secret;
use serde_json::{Map, Value};

use super::{members, take_required, take_text};
use crate::Stop;

/// A user of a seed file.
#[derive(Debug)]
pub(super) struct SeedUser {
    /// Words that name its entry.
    pub(super) entry: String,
    pub(super) username: String,
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
        let subject = match take_text(&mut members, "sub")? {
            Some(subject) => {
                // What a name may be a subject may be too.
                StoredUsers::check(&subject, &password)
                    .map_err(|_| "sub: it has 1 to 255 characters and no control characters")?;
                subject
            }
            None => username.clone(),
        };
        let mut claims = Map::new();
        for (name, value) in members {
            match members::claim(&name) {
                Some(holds) if holds.fits(&value) => {
                    claims.insert(name, value);
                }
                Some(holds) => return Err(format!("{name} must be {}", holds.words())),
                None => warnings.push(format!("{entry}: {name:?} is no standard claim: ignored")),
            }
        }
        Ok(Self { entry: entry.to_owned(), username, subject, password, claims })
    }

    /// The user with their password hashed.
    pub(super) async fn hashed(&self, auth: &GridAuth) -> Result<StoredUser, Stop> {
        let claims = self.claims.clone();
        let hashed = auth.users().prepare(&self.username, &self.password, &self.subject, claims).await;
        hashed.map_err(|error| {
            Stop::cannot_start(format_args!("the user {:?} cannot be kept: {error}", self.username))
        })
    }
}
