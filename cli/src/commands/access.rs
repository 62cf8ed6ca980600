//! `gridauth access`.

use gridauth::env::Timestamp;
use gridauth::model::{GrantId, GrantSummary};
use gridauth::{GridAuth, ListOptions};
use serde_json::{Value, json};

use crate::arguments::{AccessCommand, AccessOf};
use crate::failure::Failure;
use crate::input::confirm;
use crate::output::{Output, shown, table};

pub(crate) async fn run(auth: &GridAuth, command: &AccessCommand, output: &Output) -> Result<(), Failure> {
    match command {
        AccessCommand::List { of } => list(auth, of, output).await,
        AccessCommand::Revoke { grant: Some(grant), yes, .. } => {
            let id: GrantId = grant.parse().map_err(|error| Failure::usage(format!("{grant:?}: {error}")))?;
            confirm(*yes, &format!("Revoke the grant {id} with all its tokens"))?;
            if !auth.revoke_grant(id).await.map_err(Failure::failed)? {
                return Err(Failure::NotFound(format!("there is no grant {id}")));
            }
            done(&format!("the grant {id}"), output)
        }
        AccessCommand::Revoke { user: Some(user), client: Some(client), yes, .. } => {
            confirm(
                *yes,
                &format!("End what the client {client:?} has of the user {user:?}, and the consent"),
            )?;
            auth.withdraw_consent(user, client).await.map_err(Failure::failed)?;
            done(&format!("the access of {client:?} to {user:?}"), output)
        }
        AccessCommand::Revoke { user: Some(user), yes, .. } => {
            confirm(*yes, &format!("End all sessions and grants of the user {user:?}"))?;
            auth.revoke_user(user).await.map_err(Failure::failed)?;
            done(&format!("all sessions and grants of {user:?}"), output)
        }
        AccessCommand::Revoke { client: Some(client), yes, .. } => {
            confirm(*yes, &format!("Revoke all grants of the client {client:?}"))?;
            auth.revoke_client(client).await.map_err(Failure::failed)?;
            done(&format!("all grants of {client:?}"), output)
        }
        AccessCommand::Revoke { .. } => Err(Failure::usage("name a grant, a user or a client")),
    }
}

fn done(what: &str, output: &Output) -> Result<(), Failure> {
    output.print(&json!({ "revoked": what }), || vec![format!("revoked: {}", shown(what))])
}

async fn list(auth: &GridAuth, of: &AccessOf, output: &Output) -> Result<(), Failure> {
    let (mut documents, mut unreadable) = (Vec::new(), Vec::new());
    let head = ["grant", "client", "sub", "scope", "issued", "expires", "tokens"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    let mut options = ListOptions::new().limit(ListOptions::MAX_LIMIT);
    loop {
        let page = match (&of.user, &of.client) {
            (Some(user), _) => auth.grants(user, options.clone()).await?,
            (None, Some(client)) => auth.grants_of_client(client, options.clone()).await?,
            (None, None) => return Err(Failure::usage("name a user or a client")),
        };
        for grant in &page.items {
            documents.push(Value::Object(grant.to_json()));
            rows.push(row(grant));
        }
        unreadable.extend(page.unreadable);
        match page.next {
            Some(next) => options = options.after(next),
            None => break,
        }
    }
    for id in &unreadable {
        output.note(&format!("the grant {id} cannot be read: see gridauth doctor"));
    }
    output.print(&json!({ "grants": documents, "unreadable": unreadable }), || table(&rows))
}

fn row(grant: &GrantSummary) -> Vec<String> {
    let tokens = match (grant.access_tokens, grant.is_renewable) {
        (count, true) => format!("{count}, renewable"),
        (count, false) => count.to_string(),
    };
    vec![
        grant.id.to_string(),
        grant.client_id.clone(),
        grant.subject.clone().unwrap_or_default(),
        grant.scope.as_str().to_owned(),
        moment(grant.issued),
        moment(grant.expires),
        tokens,
    ]
}

/// A moment in UTC, to the second (RFC 3339).
pub(crate) fn moment(at: Timestamp) -> String {
    let secs = at.as_secs();
    let (days, rest) = (secs.div_euclid(86_400), secs.rem_euclid(86_400));
    // Days from civil, by Howard Hinnant: a year begins in March, an era has 400 years.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_in_utc() {
        for (secs, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_700_000_000, "2023-11-14T22:13:20Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(moment(Timestamp::from_millis(secs * 1000)), text);
        }
    }
}
