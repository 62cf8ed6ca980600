//! Opening a store, and a server on it that only the commands use.

use std::env;
use std::path::{Path, PathBuf};

use gridauth::keys::ServerSecret;
use gridauth::{Builder, GridAuth, Store};

use crate::arguments::Arguments;
use crate::failure::Failure;
use crate::input::secret_from;

/// The environment variable with the URL of the store.
const STORE: &str = "GRIDAUTH_STORE";

/// The environment variables with the application's secret, and with the one before it.
const SECRETS: [&str; 2] = ["GRIDAUTH_SECRET", "GRIDAUTH_SECRET_PREVIOUS"];

/// The store that a command works on.
pub(crate) async fn open(arguments: &Arguments) -> Result<Store, Failure> {
    let url = match (&arguments.store, env::var(STORE)) {
        (Some(argument), _) => url_of(argument)?,
        (None, Ok(url)) => url,
        (None, Err(_)) => return Err(Failure::usage(format!("which store? Set {STORE}, or give --store"))),
    };
    require_file(&url)?;
    open_url(&url).await
}

/// The store of an argument: a URL, or `@FILE` for a file with the URL in its first line.
pub(crate) async fn open_argument(argument: &str, must_exist: bool) -> Result<Store, Failure> {
    let url = url_of(argument)?;
    if must_exist {
        require_file(&url)?;
    }
    open_url(&url).await
}

async fn open_url(url: &str) -> Result<Store, Failure> {
    gridauth_sqlx::register().map_err(Failure::failed)?;
    Store::open(url).await.map_err(|error| match error.bad_url {
        true => Failure::Usage(error.to_string()),
        false => Failure::failed(error),
    })
}

fn url_of(argument: &str) -> Result<String, Failure> {
    if let Some(file) = argument.strip_prefix('@') {
        return Ok(secret_from(Path::new(file))?.expose().to_owned());
    }
    if has_password(argument) {
        return Err(Failure::usage(format!(
            "the URL has a password, which others on this machine could see among the arguments: set {STORE}, or write the URL \
             to a file and give @FILE"
        )));
    }
    Ok(argument.to_owned())
}

fn has_password(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else { return false };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
}

/// A file must be there already: a mistyped path must not become a new store.
fn require_file(url: &str) -> Result<(), Failure> {
    let Some(rest) = url.strip_prefix("file:").or(url.strip_prefix("sqlite:")) else { return Ok(()) };
    let path = PathBuf::from(rest.split('?').next().unwrap_or_default());
    match path.as_os_str().is_empty() || path.exists() {
        true => Ok(()),
        false => Err(Failure::NotFound(format!("there is no store at {}", path.display()))),
    }
}

/// A server on the store, for its calls. It answers no request, and does nothing by itself.
pub(crate) async fn server(arguments: &Arguments, store: Store) -> Result<GridAuth, Failure> {
    // The issuer is in nothing that these calls write.
    let mut builder = GridAuth::builder("https://gridauth.invalid")
        .store(store)
        .tool()
        .username_comparison(arguments.usernames.into());
    let [secret, previous] = secrets(arguments)?;
    if let Some(secret) = secret {
        builder = builder.secret(secret);
    }
    if let Some(previous) = previous {
        builder = builder.previous_secret(previous);
    }
    build(builder).await
}

async fn build(builder: Builder) -> Result<GridAuth, Failure> {
    builder.build().await.map_err(Failure::failed)
}

/// The application's secret and the one before it: from files, or from the environment as the demo applications have them.
pub(crate) fn secrets(arguments: &Arguments) -> Result<[Option<ServerSecret>; 2], Failure> {
    let files = [&arguments.secret_file, &arguments.previous_secret_file];
    let mut secrets = [None, None];
    for ((secret, file), variable) in secrets.iter_mut().zip(files).zip(SECRETS) {
        let (text, place) = match (file, env::var(variable)) {
            (Some(file), _) => (secret_from(file)?, file.display().to_string()),
            (None, Ok(text)) if !text.is_empty() => (text.into(), variable.to_owned()),
            _ => continue,
        };
        let parsed = text.expose().parse::<ServerSecret>();
        *secret = Some(parsed.map_err(|error| Failure::Usage(format!("{place}: {error}")))?);
    }
    Ok(secrets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_a_url_is_found() {
        for url in ["griddb://app:s3cret@db:10001/prod", "postgres://app:@db/x", "griddb://a@b:c@db/x?y=1"] {
            assert!(has_password(url), "{url}");
        }
        for url in [
            "file:auth.db",
            "file:a:b@c",
            "griddb://app@db:10001/prod",
            "postgres://db:5432/x?a=b:c@d",
            "memory:",
        ] {
            assert!(!has_password(url), "{url}");
        }
    }
}
