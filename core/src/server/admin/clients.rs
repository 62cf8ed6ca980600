//! Clients in the admin API.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::answer::{Answer, Refusal, gone, object, ok};
use super::query::Query;
use crate::http::{Request, json_response};
use crate::model::{Client, ClientBuilder};
use crate::server::GridAuth;

pub(super) async fn list(auth: &GridAuth, query: &Query) -> Answer {
    let page = auth.clients(query.page()?).await?;
    let clients: Vec<Map<String, Value>> = page.items.iter().map(Client::to_metadata).collect();
    let next = page.next.map(|cursor| cursor.0);
    ok(&json!({ "clients": clients, "unreadable": page.unreadable, "next": next }))
}

pub(super) async fn create(auth: &GridAuth, request: &Request) -> Answer {
    let members = object(request, &["application/json"])?;
    let (client, secret) = auth.create_client(&members).await?;
    let mut metadata = client.to_metadata();
    if let Some(secret) = secret {
        metadata.insert("client_secret".to_owned(), json!(secret.as_str()));
    }
    Ok(json_response(StatusCode::CREATED, &metadata))
}

async fn found(auth: &GridAuth, query: &Query) -> Result<Client, Refusal> {
    let client = auth.client(query.required("client_id")?).await?;
    client.ok_or_else(|| Refusal::not_found("client"))
}

pub(super) async fn show(auth: &GridAuth, query: &Query) -> Answer {
    ok(&Value::Object(found(auth, query).await?.to_metadata()))
}

/// RFC 7396: a member replaces what the client has, `null` leaves it out.
pub(super) async fn edit(auth: &GridAuth, query: &Query, request: &Request) -> Answer {
    let members = object(request, &["application/merge-patch+json", "application/json"])?;
    let client_id = query.required("client_id")?;
    let wrong = |error: crate::model::ClientMetadataError| Refusal::invalid(error.to_string());
    Client::public(client_id).merge_metadata(&members).map_err(wrong)?;
    let merge = |client: ClientBuilder| {
        let unchanged = client.clone();
        client.merge_metadata(&members).unwrap_or(unchanged)
    };
    let edited = auth.edit_client(client_id, merge).await?;
    ok(&Value::Object(edited.ok_or_else(|| Refusal::not_found("client"))?.to_metadata()))
}

pub(super) async fn remove(auth: &GridAuth, query: &Query) -> Answer {
    match auth.remove_client(query.required("client_id")?).await? {
        true => gone(),
        false => Err(Refusal::not_found("client")),
    }
}

pub(super) async fn rotate_secret(auth: &GridAuth, query: &Query) -> Answer {
    let client_id = query.required("client_id")?;
    let secret = auth.rotate_client_secret(client_id, query.overlap()?).await?;
    let body =
        json!({ "client_id": client_id, "client_secret": secret.as_str(), "client_secret_expires_at": 0 });
    ok(&body)
}
