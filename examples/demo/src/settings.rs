use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use gridauth::GridAuth;
use tracing_subscriber::EnvFilter;

use crate::{Seed, Stop};

/// What the environment says. A variable that is set but empty is a bad value, apart from `RUST_LOG`.
pub struct Settings {
    /// `GRIDAUTH_LISTEN`: the address to listen on.
    pub listen: SocketAddr,
    /// `GRIDAUTH_SEED`: what the seed file holds.
    pub seed: Option<Seed>,
    /// `GRIDAUTH_ACCESS_TOKEN_TTL`: how long an access token is good.
    pub access_token_lifetime: Duration,
    /// `GRIDAUTH_REFRESH_TOKEN_TTL`: how long a refresh token is good that is not used.
    pub refresh_token_lifetime: Duration,
    /// `GRIDAUTH_CODE_TTL`: how long an authorization code is good.
    pub code_lifetime: Duration,
    /// `GRIDAUTH_REFRESH_GRACE`: how long a refresh token just rotated may be presented again.
    pub refresh_grace: Duration,
    issuer: Option<String>,
    store: String,
    filter: Option<String>,
}

/// The longest lifetime that can be set, in seconds: 136 years.
const MAX_SECONDS: u32 = u32::MAX;

impl Settings {
    /// Reads the environment, and the seed file if it names one.
    ///
    /// # Errors
    /// A [`Stop`] with exit status 2 that names the first variable with a bad value.
    pub fn from_env() -> Result<Self, Stop> {
        Self::read(|name| std::env::var_os(name))
    }

    /// Reads the variables that `lookup` knows.
    ///
    /// # Errors
    /// As [`from_env`](Self::from_env).
    pub fn read(lookup: impl Fn(&str) -> Option<OsString>) -> Result<Self, Stop> {
        let variables = Variables(lookup);
        let settings = Self {
            listen: variables
                .parse("GRIDAUTH_LISTEN", listen, "an IP address and a port, such as 127.0.0.1:8080 or [::1]:0")?
                .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080))),
            issuer: variables.parse(
                "GRIDAUTH_ISSUER",
                |text| GridAuth::check_issuer(text).map(|()| text.to_owned()),
                "an http or https URL without query, fragment and trailing slash, such as https://id.example.com",
            )?,
            store: variables
                .parse("GRIDAUTH_STORE", store, STORES)?
                .unwrap_or_else(|| "file:gridauth.db".to_owned()),
            access_token_lifetime: variables.seconds("GRIDAUTH_ACCESS_TOKEN_TTL", 1, 3600)?,
            refresh_token_lifetime: variables.seconds("GRIDAUTH_REFRESH_TOKEN_TTL", 1, 1_209_600)?,
            code_lifetime: variables.seconds("GRIDAUTH_CODE_TTL", 1, 60)?,
            refresh_grace: variables.seconds("GRIDAUTH_REFRESH_GRACE", 0, 10)?,
            seed: variables.parse("GRIDAUTH_SEED", seed, crate::seed::MAY_BE)?,
            filter: variables
                .parse("RUST_LOG", log_filter, "a tracing filter, such as info or gridauth=debug")?
                .flatten(),
        };
        variables.parse("GRIDAUTH_ACCESS_TOKEN", access_token, "opaque")?;
        variables.parse("GRIDAUTH_REGISTRATION", registration, "off")?;
        Ok(settings)
    }

    /// The issuer: what `GRIDAUTH_ISSUER` says, or `http://` and the address that is really listened on.
    pub fn issuer(&self, address: SocketAddr) -> String {
        match &self.issuer {
            Some(issuer) => issuer.clone(),
            // A URL does not write the port that its scheme has anyway.
            None => format!("http://{address}").trim_end_matches(":80").to_owned(),
        }
    }

    /// `GRIDAUTH_STORE`: the URL of the store. It may hold a password.
    pub fn store(&self) -> &str {
        &self.store
    }

    /// `RUST_LOG`: what is logged, if it says so.
    pub fn filter(&self) -> Option<&str> {
        self.filter.as_deref()
    }
}

/// Leaves the store's URL out, for its password.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("listen", &self.listen).finish_non_exhaustive()
    }
}

struct Variables<F>(F);

impl<F: Fn(&str) -> Option<OsString>> Variables<F> {
    /// The value of a variable, if it is set. `parse` says what is wrong with a bad one, without repeating it.
    fn parse<T, E: fmt::Display>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
        may_be: &str,
    ) -> Result<Option<T>, Stop> {
        let Some(value) = (self.0)(name) else { return Ok(None) };
        let Some(text) = value.to_str() else {
            return Err(Stop::bad_value(name, "it is not UTF-8", may_be));
        };
        if text.is_empty() && name != "RUST_LOG" {
            return Err(Stop::bad_value(name, "it is empty", may_be));
        }
        parse(text).map(Some).map_err(|wrong| Stop::bad_value(name, wrong, may_be))
    }

    fn seconds(&self, name: &str, least: u32, default: u32) -> Result<Duration, Stop> {
        let parse = |text: &str| {
            // Also refuses what `parse` takes but nobody means, such as a plus sign.
            let digits = text.bytes().all(|b| b.is_ascii_digit());
            let number = if digits { text.parse::<u32>().ok() } else { None };
            match number {
                Some(number) if number >= least => Ok(number),
                Some(_) => Err("it is too small"),
                None if digits => Err("it is too large"),
                None => Err("it is not a whole number"),
            }
        };
        let may_be = format!("a whole number of seconds from {least} to {MAX_SECONDS}");
        let seconds = self.parse(name, parse, &may_be)?.unwrap_or(default);
        Ok(Duration::from_secs(seconds.into()))
    }
}

fn listen(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "it is not an IP address with a port")
}

pub(crate) const STORES: &str =
    "memory:, file:PATH or griddb://USER:PASSWORD@HOST:PORT[,HOST:PORT...]/CLUSTER[/DATABASE][?options]";

fn store(text: &str) -> Result<String, &'static str> {
    match text.split_once(':') {
        Some(("memory", "")) => Ok(text.to_owned()),
        Some(("memory", _)) => Err("nothing may follow memory:"),
        Some(("file", "")) => Err("the path is missing"),
        Some(("file", _)) => Ok(text.to_owned()),
        // Whether the rest of the URL is good is found out when the store is opened.
        Some(("griddb", rest)) if rest.starts_with("//") => Ok(text.to_owned()),
        _ => Err("there is no such store"),
    }
}

fn access_token(text: &str) -> Result<(), &'static str> {
    match text {
        "opaque" => Ok(()),
        "jwt" => Err("JWT access tokens are not built yet"),
        _ => Err("there is no such kind of access token"),
    }
}

fn registration(text: &str) -> Result<(), &'static str> {
    match text {
        "off" => Ok(()),
        "open" => Err("dynamic client registration is not built yet"),
        _ if text.starts_with("token:") => Err("dynamic client registration is not built yet"),
        _ => Err("there is no such way to register"),
    }
}

fn log_filter(text: &str) -> Result<Option<String>, &'static str> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let parsed = EnvFilter::builder().parse(text).map_err(|_| "it is not a tracing filter");
    parsed.map(|_| Some(text.to_owned()))
}

fn seed(path: &str) -> Result<Seed, String> {
    let path = PathBuf::from(path);
    let text = std::fs::read(&path)
        .map_err(|error| format!("the file {} cannot be read: {error}", path.display()))?;
    Seed::parse(&text).map_err(|error| format!("the file {} is not valid: {error}", path.display()))
}

#[cfg(test)]
mod tests;
