//! Grants and access in the admin API.

use serde_json::{Value, json};

use super::answer::{Answer, Refusal, gone, ok};
use super::query::Query;
use crate::model::{GrantId, GrantSummary};
use crate::server::{ClientAccess, GridAuth};

pub(super) async fn grants(auth: &GridAuth, query: &Query) -> Answer {
    let options = query.page()?;
    let page = match (query.get("sub"), query.get("client_id")) {
        (Some(subject), None) => auth.grants(subject, options).await?,
        (None, Some(client_id)) => auth.grants_of_client(client_id, options).await?,
        _ => return Err(Refusal::invalid("name a sub or a client_id")),
    };
    let grants: Vec<_> = page.items.iter().map(GrantSummary::to_json).collect();
    let next = page.next.map(|cursor| cursor.0);
    ok(&json!({ "grants": grants, "unreadable": page.unreadable, "next": next }))
}

fn id(query: &Query) -> Result<GrantId, Refusal> {
    query.required("id")?.parse().map_err(|error| Refusal::invalid(format!("id: {error}")))
}

pub(super) async fn grant(auth: &GridAuth, query: &Query) -> Answer {
    let grant = auth.grant(id(query)?).await?.ok_or_else(|| Refusal::not_found("grant"))?;
    ok(&Value::Object(grant.to_json()))
}

pub(super) async fn revoke_grant(auth: &GridAuth, query: &Query) -> Answer {
    match auth.revoke_grant(id(query)?).await? {
        true => gone(),
        false => Err(Refusal::not_found("grant")),
    }
}

pub(super) async fn of_user(auth: &GridAuth, query: &Query) -> Answer {
    let access = auth.access_of(query.required("sub")?).await?;
    let clients: Vec<_> = access.iter().map(ClientAccess::to_json).collect();
    ok(&json!({ "clients": clients }))
}

/// Ends what a client has of a user, all of a user, or all of a client. It can be repeated.
pub(super) async fn revoke(auth: &GridAuth, query: &Query) -> Answer {
    match (query.get("sub"), query.get("client_id")) {
        (Some(subject), Some(client_id)) => auth.withdraw_consent(subject, client_id).await?,
        (Some(subject), None) => auth.revoke_user(subject).await?,
        (None, Some(client_id)) => auth.revoke_client(client_id).await?,
        (None, None) => return Err(Refusal::invalid("name a sub, a client_id or both")),
    }
    gone()
}
