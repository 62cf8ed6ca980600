use gridauth::GridAuth;
use gridauth::people::{SignUpError, StoredUsers, UsersError};
use gridauth::token::Secret;
use serde_json::{Map, Value};

use super::{members, take_required, take_text};
use crate::Stop;
use crate::app::store_failed;

/// A user of a seed file.
#[derive(Debug)]
pub(super) struct SeedUser {
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
        Ok(Self { username, subject, password, claims })
    }

    pub(super) async fn put(&self, auth: &GridAuth) -> Result<(), Stop> {
        let put = auth.users().put(&self.username, &self.password, &self.subject, self.claims.clone());
        put.await.map(|_| ()).map_err(|error| match error {
            SignUpError::Failed(UsersError::Store(error)) => store_failed(error),
            other => Stop::cannot_start(format_args!("the user {:?} cannot be kept: {other}", self.username)),
        })
    }
}
