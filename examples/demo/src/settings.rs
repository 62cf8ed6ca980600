use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use gridauth::clients::{MetadataDocuments, Registration};
use gridauth::http::TrustedProxies;
use gridauth::keys::ServerSecret;
use gridauth::model::AccessTokenFormat;
use gridauth::{GridAuth, Profile};
use tracing_subscriber::EnvFilter;

use crate::{Seed, StartError};

/// The settings from the environment. A variable that is set but empty has a bad value, except for `RUST_LOG`.
pub struct Settings {
    /// `GRIDAUTH_LISTEN`: the address to listen on.
    pub listen: SocketAddr,
    /// `GRIDAUTH_SEED`: the content of the seed file.
    pub seed: Option<Seed>,
    /// `GRIDAUTH_ACCESS_TOKEN_TTL`: how long an access token is valid.
    pub access_token_lifetime: Duration,
    /// `GRIDAUTH_REFRESH_TOKEN_TTL`: how long an unused refresh token is valid.
    pub refresh_token_lifetime: Duration,
    /// `GRIDAUTH_CODE_TTL`: how long an authorization code is valid.
    pub code_lifetime: Duration,
    /// `GRIDAUTH_REFRESH_GRACE`: how long a rotated refresh token may be presented again.
    pub refresh_grace: Duration,
    /// `GRIDAUTH_STEP_UP_MAX_AGE`: how long after the sign-in `/vault` opens.
    pub step_up_max_age: Duration,
    /// `GRIDAUTH_TRUSTED_PROXIES`: the reverse proxies that are believed.
    pub trusted_proxies: TrustedProxies,
    /// `GRIDAUTH_ACCESS_TOKEN`: what access tokens are.
    pub access_token_format: AccessTokenFormat,
    /// `GRIDAUTH_SECRET`: what signing keys are sealed under.
    pub secret: Option<ServerSecret>,
    /// `GRIDAUTH_SECRET_PREVIOUS`: the secret before that one.
    pub previous_secret: Option<ServerSecret>,
    /// `GRIDAUTH_REGISTRATION`: how clients register themselves.
    pub registration: Option<Registration>,
    /// `GRIDAUTH_CLIENT_METADATA`: which client metadata documents are taken.
    pub client_metadata: Option<MetadataDocuments>,
    /// `GRIDAUTH_PROFILE`: the rules that the server keeps to.
    pub profile: Profile,
    issuer: Option<String>,
    store: String,
    filter: Option<String>,
}

const SECRET: &str = "at least 32 bytes in base64 or hex, such as openssl rand -base64 32 prints";

/// The longest lifetime, in seconds: 136 years.
const MAX_SECONDS: u32 = u32::MAX;

impl Settings {
    /// Reads the environment, and the seed file if it names one.
    ///
    /// # Errors
    /// [`StartError`] with exit status 2, for the first variable with a bad value.
    pub fn from_env() -> Result<Self, StartError> {
        Self::read(|name| std::env::var_os(name))
    }

    /// Reads the variables through `lookup`.
    ///
    /// # Errors
    /// As [`from_env`](Self::from_env).
    pub fn read(lookup: impl Fn(&str) -> Option<OsString>) -> Result<Self, StartError> {
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
            step_up_max_age: variables.seconds("GRIDAUTH_STEP_UP_MAX_AGE", 1, 300)?,
            seed: variables.parse("GRIDAUTH_SEED", seed, crate::seed::MAY_BE)?,
            trusted_proxies: variables
                .parse(
                    "GRIDAUTH_TRUSTED_PROXIES",
                    str::parse,
                    "a comma-separated list of IP addresses and networks, such as 127.0.0.1,10.0.0.0/8,::1",
                )?
                .unwrap_or_default(),
            access_token_format: variables
                .parse("GRIDAUTH_ACCESS_TOKEN", access_token, "opaque or jwt")?
                .unwrap_or_default(),
            secret: variables.parse("GRIDAUTH_SECRET", str::parse, SECRET)?,
            previous_secret: variables.parse("GRIDAUTH_SECRET_PREVIOUS", str::parse, SECRET)?,
            registration: variables
                .parse("GRIDAUTH_REGISTRATION", registration, "off, open, or token:SECRET with an initial access token")?
                .flatten(),
            client_metadata: variables
                .parse("GRIDAUTH_CLIENT_METADATA", client_metadata, "off, on or loopback")?
                .flatten(),
            profile: variables.parse("GRIDAUTH_PROFILE", profile, "default or mcp")?.unwrap_or_default(),
            filter: variables
                .parse("RUST_LOG", log_filter, "a tracing filter, such as info or gridauth=debug")?
                .flatten(),
        };
        if settings.previous_secret.is_some() && settings.secret.is_none() {
            let may_be = "the secret before the one in GRIDAUTH_SECRET";
            return Err(StartError::bad_value(
                "GRIDAUTH_SECRET_PREVIOUS",
                "GRIDAUTH_SECRET is not set",
                may_be,
            ));
        }
        Ok(settings)
    }

    /// The issuer: `GRIDAUTH_ISSUER`, or `http://` and the address that the program listens on.
    pub fn issuer(&self, address: SocketAddr) -> String {
        match &self.issuer {
            Some(issuer) => issuer.clone(),
            // The default port of the scheme is not part of a URL in its normal form.
            None => format!("http://{address}").trim_end_matches(":80").to_owned(),
        }
    }

    /// `GRIDAUTH_STORE`: the URL of the store. It may contain a password.
    pub fn store(&self) -> &str {
        &self.store
    }

    /// `RUST_LOG`: the filter of the log, if set.
    pub fn filter(&self) -> Option<&str> {
        self.filter.as_deref()
    }
}

/// Omits the URL of the store, which may contain a password.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("listen", &self.listen).finish_non_exhaustive()
    }
}

struct Variables<F>(F);

impl<F: Fn(&str) -> Option<OsString>> Variables<F> {
    /// The value of a variable, if it is set. `parse` says why a value is bad, without repeating it.
    fn parse<T, E: fmt::Display>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
        may_be: &str,
    ) -> Result<Option<T>, StartError> {
        let Some(value) = (self.0)(name) else { return Ok(None) };
        let Some(text) = value.to_str() else {
            return Err(StartError::bad_value(name, "it is not UTF-8", may_be));
        };
        if text.is_empty() && name != "RUST_LOG" {
            return Err(StartError::bad_value(name, "it is empty", may_be));
        }
        parse(text).map(Some).map_err(|wrong| StartError::bad_value(name, wrong, may_be))
    }

    fn seconds(&self, name: &str, least: u32, default: u32) -> Result<Duration, StartError> {
        let parse = |text: &str| {
            // `str::parse` also accepts a plus sign, which nobody means.
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

pub(crate) const STORES: &str = "memory:, file:PATH, griddb://USER:PASSWORD@HOST:PORT[,HOST:PORT...]/CLUSTER[/DATABASE][?options], \
     postgres://USER:PASSWORD@HOST[:PORT]/DATABASE[?options] or sqlite:PATH";

fn store(text: &str) -> Result<String, &'static str> {
    match text.split_once(':') {
        Some(("memory", "")) => Ok(text.to_owned()),
        Some(("memory", _)) => Err("nothing may follow memory:"),
        Some(("file" | "sqlite", "")) => Err("the path is missing"),
        Some(("file" | "sqlite", _)) => Ok(text.to_owned()),
        // The rest of the URL is checked when the store is opened.
        Some(("griddb" | "postgres", rest)) if rest.starts_with("//") => Ok(text.to_owned()),
        _ => Err("there is no such store"),
    }
}

fn access_token(text: &str) -> Result<AccessTokenFormat, &'static str> {
    match text {
        "opaque" => Ok(AccessTokenFormat::Opaque),
        "jwt" => Ok(AccessTokenFormat::Jwt),
        _ => Err("there is no such kind of access token"),
    }
}

fn registration(text: &str) -> Result<Option<Registration>, &'static str> {
    match text.strip_prefix("token:") {
        Some("") => Err("the initial access token is missing"),
        // RFC 6750 section 2.1: nobody could send another one.
        Some(token) if !token.bytes().all(|b| b.is_ascii_graphic()) => {
            Err("an initial access token has no spaces, and ASCII characters alone")
        }
        Some(token) => Ok(Some(Registration::open().with_token(token))),
        None if text == "off" => Ok(None),
        None if text == "open" => Ok(Some(Registration::open())),
        None => Err("there is no such way to register"),
    }
}

fn client_metadata(text: &str) -> Result<Option<MetadataDocuments>, &'static str> {
    match text {
        "off" => Ok(None),
        "on" => Ok(Some(MetadataDocuments::Https)),
        "loopback" => Ok(Some(MetadataDocuments::HttpsOrLoopback)),
        _ => Err("there is no such way to take client metadata documents"),
    }
}

fn profile(text: &str) -> Result<Profile, &'static str> {
    match text {
        "default" => Ok(Profile::Default),
        "mcp" => Ok(Profile::Mcp),
        "fapi2" => Err("this profile is not built yet"),
        _ => Err("there is no such profile"),
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
