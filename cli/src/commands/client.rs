//! `gridauth client`.

use std::path::Path;

use gridauth::clients::GeneratedSecret;
use gridauth::model::ClientMetadataError;
use gridauth::{Client, GridAuth, ListOptions, RotateSecretError};
use serde_json::{Value, json};

use super::members::of_client;
use crate::arguments::ClientCommand;
use crate::failure::Failure;
use crate::input::{confirm, write_secret};
use crate::output::{Output, shown, table};

pub(crate) async fn run(auth: &GridAuth, command: &ClientCommand, output: &Output) -> Result<(), Failure> {
    match command {
        ClientCommand::Add { client_id, members, secret_out } => {
            let mut metadata = of_client(members)?;
            if let Some(client_id) = client_id {
                metadata.insert("client_id".to_owned(), json!(client_id));
            }
            let created = auth.create_client_unchecked(&metadata).await;
            let (client, secret) = created.map_err(Failure::failed)?;
            let mut document = Value::Object(client.to_metadata());
            match secret {
                Some(secret) => hand_out(&mut document, &client, &secret, secret_out.as_deref(), output),
                None => output.print(&document, || vec![format!("client {}", shown(client.id()))]),
            }
        }
        ClientCommand::List => list(auth, output).await,
        ClientCommand::Show { client_id } => {
            let client = auth.client(client_id).await?.ok_or_else(|| no_client(client_id))?;
            show(&client, output)
        }
        ClientCommand::Edit { client_id, members, unset } => {
            let mut metadata = of_client(members)?;
            metadata.extend(unset.iter().map(|member| (member.clone(), Value::Null)));
            if metadata.is_empty() {
                return Err(Failure::usage("nothing is to be changed: name what"));
            }
            // What is wrong with the members alone is found before the store is asked.
            let wrong = |error: ClientMetadataError| Failure::usage(error.to_string());
            Client::public(client_id).merge_metadata(&metadata).map_err(wrong)?;
            let edit = |client: gridauth::model::ClientBuilder| {
                let unchanged = client.clone();
                client.merge_metadata(&metadata).unwrap_or(unchanged)
            };
            let edited = auth.edit_client_unchecked(client_id, edit).await.map_err(Failure::failed)?;
            show(&edited.ok_or_else(|| no_client(client_id))?, output)
        }
        ClientCommand::RotateSecret { client_id, overlap, secret_out } => {
            let secret =
                auth.rotate_client_secret(client_id, *overlap).await.map_err(|error| match error {
                    RotateSecretError::NoClient => no_client(client_id),
                    error => Failure::failed(error),
                })?;
            let client = auth.client(client_id).await?.ok_or_else(|| no_client(client_id))?;
            let mut document = Value::Object(client.to_metadata());
            hand_out(&mut document, &client, &secret, secret_out.as_deref(), output)
        }
        ClientCommand::Remove { client_id, yes } => {
            if auth.client(client_id).await?.is_none() {
                return Err(no_client(client_id));
            }
            confirm(*yes, &format!("Remove the client {client_id:?} with all its grants and consents"))?;
            auth.remove_client(client_id).await.map_err(Failure::failed)?;
            output.print(&json!({ "removed": client_id }), || vec![format!("removed {client_id}")])
        }
    }
}

fn no_client(client_id: &str) -> Failure {
    Failure::NotFound(format!("there is no client {client_id:?}"))
}

/// Gives the secret away, this once.
fn hand_out(
    document: &mut Value,
    client: &Client,
    secret: &GeneratedSecret,
    file: Option<&Path>,
    output: &Output,
) -> Result<(), Failure> {
    if let Some(file) = file {
        if let Err(failure) = write_secret(file, secret.as_str()) {
            return Err(Failure::failed(format!(
                "{failure}; the client {:?} has a new secret that nobody knows: rotate it again",
                client.id()
            )));
        }
        return output.print(document, || {
            vec![format!("client {}", shown(client.id())), format!("secret in {}", file.display())]
        });
    }
    document["client_secret"] = json!(secret.as_str());
    output.print(document, || {
        vec![format!("client {}", shown(client.id())), format!("secret {}", secret.as_str())]
    })?;
    output.note("The secret is not stored and cannot be read again.");
    Ok(())
}

fn show(client: &Client, output: &Output) -> Result<(), Failure> {
    let document = Value::Object(client.to_metadata());
    output.print(&document, || {
        let members = client.to_metadata().into_iter();
        members
            .map(|(name, value)| match value {
                Value::String(text) => format!("{name}: {}", shown(&text)),
                value => format!("{name}: {value}"),
            })
            .collect()
    })
}

async fn list(auth: &GridAuth, output: &Output) -> Result<(), Failure> {
    let (mut documents, mut unreadable) = (Vec::new(), Vec::new());
    let mut rows = vec![["client_id", "name", "method", "scope"].map(str::to_owned).to_vec()];
    let mut options = ListOptions::new().limit(ListOptions::MAX_LIMIT);
    loop {
        let page = auth.clients(options.clone()).await?;
        for client in &page.items {
            documents.push(Value::Object(client.to_metadata()));
            rows.push(vec![
                client.id().to_owned(),
                client.name().unwrap_or_default().to_owned(),
                client.auth_method().as_str().to_owned(),
                client.scope().as_str().to_owned(),
            ]);
        }
        unreadable.extend(page.unreadable);
        match page.next {
            Some(next) => options = options.after(next),
            None => break,
        }
    }
    for id in &unreadable {
        output.note(&format!("the client {id:?} cannot be read: see gridauth doctor"));
    }
    output.print(&json!({ "clients": documents, "unreadable": unreadable }), || table(&rows))
}
