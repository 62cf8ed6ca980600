//! `gridauth keys` and `gridauth secret`.

use gridauth::GridAuth;
use gridauth::keys::SignerError;
use serde_json::{Value, json};

use super::access::moment;
use crate::arguments::{Arguments, KeysCommand};
use crate::failure::Failure;
use crate::input::confirm;
use crate::output::{Output, table};
use crate::store::secrets;

pub(crate) async fn run(auth: &GridAuth, command: &KeysCommand, output: &Output) -> Result<(), Failure> {
    match command {
        KeysCommand::List => list(auth, output).await,
        KeysCommand::Rotate { algorithm, at_once } => {
            let kid = auth.rotate_signing_key(*algorithm, *at_once).await.map_err(no_keys)?;
            output.print(&json!({ "kid": kid }), || vec![format!("key {kid}")])
        }
        KeysCommand::Withdraw { kid, yes } => {
            confirm(
                *yes,
                &format!("Withdraw the signing key {kid}: what it signed is not believed any more"),
            )?;
            if !auth.withdraw_signing_key(kid).await.map_err(no_keys)? {
                return Err(Failure::NotFound(format!("there is no key {kid:?}")));
            }
            output.print(&json!({ "withdrawn": kid }), || vec![format!("withdrawn {kid}")])
        }
    }
}

fn no_keys(error: SignerError) -> Failure {
    match error {
        SignerError::NoKey => Failure::NotFound("the store has no signing keys".to_owned()),
        error => Failure::failed(error),
    }
}

async fn list(auth: &GridAuth, output: &Output) -> Result<(), Failure> {
    let keys = auth.signing_keys().await?;
    let documents: Vec<Value> = keys
        .iter()
        .map(|key| {
            json!({
                "kid": key.kid,
                "alg": key.algorithm.name(),
                "made_at": key.made.as_secs(),
                "signs_from": key.signs_from.as_secs(),
                "use": key.state.as_str(),
            })
        })
        .collect();
    let head = ["kid", "alg", "use", "signs from"].map(str::to_owned).to_vec();
    let rows = keys.iter().map(|key| {
        vec![
            key.kid.clone(),
            key.algorithm.name().to_owned(),
            key.state.as_str().to_owned(),
            moment(key.signs_from),
        ]
    });
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
    output.print(&json!({ "keys": documents }), || table(&rows))
}

/// Seals everything under the present secret.
pub(crate) async fn reseal(arguments: &Arguments, auth: &GridAuth, output: &Output) -> Result<(), Failure> {
    if secrets(arguments)?[0].is_none() {
        return Err(Failure::usage("which secret? Set GRIDAUTH_SECRET, or give --secret-file"));
    }
    let keys = auth.reseal().await.map_err(Failure::failed)?;
    output.print(&json!({ "keys": keys }), || {
        vec![format!("{keys} signing keys and all client secrets are sealed under the secret")]
    })
}
