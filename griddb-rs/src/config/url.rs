//! Parsing a `griddb://` URL.

use std::{str::FromStr, time::Duration};

use super::Config;
use crate::error::{Error, ErrorKind};

const DEFAULT_PORT: u16 = 10001;

pub(super) fn wrong(message: impl std::fmt::Display) -> Error {
    Error::with_message(ErrorKind::Config, format!("griddb configuration: {message}"))
}

pub(super) fn parse(url: &str) -> Result<(Config, Vec<(String, String)>), Error> {
    let rest = url.strip_prefix("griddb://").ok_or_else(|| wrong("the URL must begin with griddb://"))?;
    if rest.contains('#') {
        return Err(wrong("the URL must not contain `#`; write it as %23"));
    }
    let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
    let (authority, path) =
        rest.split_once('/').ok_or_else(|| wrong("the cluster's name is missing: …/CLUSTER"))?;
    let (login, hosts) = authority
        .rsplit_once('@')
        .ok_or_else(|| wrong("the user and password are missing: USER:PASSWORD@HOST"))?;
    let (user, password) =
        login.split_once(':').ok_or_else(|| wrong("the password is missing: USER:PASSWORD@HOST"))?;
    let (cluster, database) =
        path.split_once('/').map_or((path, None), |(cluster, name)| (cluster, Some(name)));
    let mut config = Config::new(
        &decode(user, "the user")?,
        &decode(password, "the password")?,
        &decode(cluster, "the cluster's name")?,
    );
    config.database = database.map(|name| decode(name, "the database's name")).transpose()?;
    if !hosts.is_empty() {
        config.hosts = hosts.split(',').map(host).collect::<Result<_, _>>()?;
    }
    let extra = options(&mut config, query.unwrap_or_default())?;
    Ok((config, extra))
}

fn host(text: &str) -> Result<(String, u16), Error> {
    if text.contains(['[', ']']) {
        return Err(wrong("GridDB's client port is IPv4 only: use a host name or an IPv4 address"));
    }
    let (name, port) = match text.split_once(':') {
        None => (text, DEFAULT_PORT),
        Some((name, port)) => match port.parse() {
            Ok(number) if number != 0 && port.bytes().all(|byte| byte.is_ascii_digit()) => (name, number),
            _ => return Err(wrong("a port must be a number from 1 to 65535")),
        },
    };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if name.is_empty() || !name.bytes().all(allowed) {
        return Err(wrong("a host must be a name or an IPv4 address"));
    }
    Ok((name.into(), port))
}

/// Strict percent-decoding: only unreserved characters may stand unencoded.
fn decode(text: &str, what: &str) -> Result<String, Error> {
    decode_with(text, b"", what)
}

/// Strict percent-decoding with additional characters that may stand unencoded.
fn decode_with(text: &str, also: &[u8], what: &str) -> Result<String, Error> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |digit: Option<u8>| digit.and_then(|digit| char::from(digit).to_digit(16));
            match (digit(rest.next()), digit(rest.next())) {
                (Some(high), Some(low)) => bytes.push((high * 16 + low) as u8),
                _ => return Err(wrong(format!("a % in {what} must be followed by two hexadecimal digits"))),
            }
        } else if byte.is_ascii_alphanumeric() || b"-._~!$'()*".contains(&byte) || also.contains(&byte) {
            bytes.push(byte);
        } else {
            return Err(wrong(format!("a character of {what} must be percent-encoded")));
        }
    }
    String::from_utf8(bytes).map_err(|_| wrong(format!("{what} is not UTF-8")))
}

fn options(config: &mut Config, query: &str) -> Result<Vec<(String, String)>, Error> {
    let mut seen: Vec<String> = Vec::new();
    let mut extra = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').ok_or_else(|| wrong("an option must be NAME=VALUE"))?;
        let name = decode(name, "an option's name")?;
        // Option values allow more characters, so that the URL in `provider` can be written as it is.
        let value = decode_with(value, b":/?@,;=+", &format!("option `{name}`"))?;
        if seen.contains(&name) {
            return Err(wrong(format!("option `{name}` is given twice")));
        }
        match name.as_str() {
            "connect_timeout" => config.connect_timeout = duration(&name, &value)?,
            "statement_timeout" => config.statement_timeout = duration(&name, &value)?,
            "lock_timeout" => config.lock_timeout = duration(&name, &value)?,
            "retry_for" => config.retry_for = duration(&name, &value)?,
            "heartbeat" => config.heartbeat = Some(duration(&name, &value)?),
            "keepalive" => config.keepalive = duration(&name, &value)?,
            "owner_check" => config.owner_check = duration(&name, &value)?,
            "connections" => config.connections = number(&name, &value)?,
            "max_answer" => config.max_answer = number(&name, &value)?,
            "application" => config.application = Some(value),
            "provider" => config.provider = Some(value),
            _ => extra.push((name.clone(), value)),
        }
        seen.push(name);
    }
    Ok(extra)
}

fn number<T: FromStr>(name: &str, value: &str) -> Result<T, Error> {
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    value.parse().ok().filter(|_| digits).ok_or_else(|| wrong(format!("option `{name}` must be a number")))
}

fn duration(name: &str, value: &str) -> Result<Duration, Error> {
    let unit_at = value.find(|character: char| !character.is_ascii_digit()).unwrap_or(value.len());
    let (digits, unit) = value.split_at(unit_at);
    let millis = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        _ => return Err(wrong(format!("option `{name}` must be a time with a unit: 250ms, 5s or 2m"))),
    };
    let total = number::<u64>(name, digits)?.checked_mul(millis).map(Duration::from_millis);
    total.ok_or_else(|| wrong(format!("option `{name}` is too long")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fault(url: &str) -> String {
        Config::parse(url).unwrap_err().to_string()
    }

    #[test]
    fn everything_is_read() {
        let url = "griddb://us%3Aer:p%40ss%2F@db1:1,10.0.0.2/prod/my%2Ddb?connect_timeout=250ms&statement_timeout=20s\
                   &lock_timeout=7s&retry_for=2m&heartbeat=3s&connections=2&max_answer=1000000&application=app-1\
                   &provider=http://p:8080/nodes";
        let (config, _) = Config::parse_with_extra(url).unwrap();
        assert_eq!((config.user.as_str(), config.password.as_str()), ("us:er", "p@ss/"));
        assert_eq!(config.hosts, [("db1".to_owned(), 1), ("10.0.0.2".to_owned(), 10001)]);
        assert_eq!((config.cluster.as_str(), config.database.as_deref()), ("prod", Some("my-db")));
        assert_eq!(config.connect_timeout, Duration::from_millis(250));
        assert_eq!(config.statement_timeout, Duration::from_secs(20));
        assert_eq!(config.lock_seconds(), 7);
        assert_eq!(config.retry_for, Duration::from_secs(120));
        assert_eq!(config.heartbeat_interval(), Duration::from_secs(3));
        assert_eq!((config.connections, config.max_answer), (2, 1_000_000));
        assert_eq!(config.application.as_deref(), Some("app-1"));
        assert_eq!(config.provider.as_deref(), Some("http://p:8080/nodes"));
        let provider = Config::parse("griddb://u:p@/c?provider=http://p/nodes");
        assert_eq!(provider.is_ok(), cfg!(feature = "provider"));
    }

    #[test]
    fn faults_say_what_to_change() {
        assert_eq!(fault("http://u:p@h/c"), "griddb configuration: the URL must begin with griddb://");
        assert_eq!(fault("griddb://u:p@h"), "griddb configuration: the cluster's name is missing: …/CLUSTER");
        assert_eq!(fault("griddb://u:p@h/"), "griddb configuration: the cluster's name is missing");
        assert_eq!(
            fault("griddb://u@h/c"),
            "griddb configuration: the password is missing: USER:PASSWORD@HOST"
        );
        assert_eq!(
            fault("griddb://h/c"),
            "griddb configuration: the user and password are missing: USER:PASSWORD@HOST"
        );
        assert_eq!(fault("griddb://u:p@/c"), "griddb configuration: a host is missing");
        assert_eq!(
            fault("griddb://u:p@h:0/c"),
            "griddb configuration: a port must be a number from 1 to 65535"
        );
        assert_eq!(
            fault("griddb://u:p@h:+1/c"),
            "griddb configuration: a port must be a number from 1 to 65535"
        );
        assert_eq!(
            fault("griddb://u:p@h,/c"),
            "griddb configuration: a host must be a name or an IPv4 address"
        );
        assert_eq!(fault("griddb://u:p@h/c?x=1"), "griddb configuration: unknown option `x`");
        assert_eq!(
            fault("griddb://u:p@h/c?retry_for=5"),
            "griddb configuration: option `retry_for` must be a time with a unit: 250ms, 5s or 2m"
        );
        assert_eq!(fault("griddb://u:p@h/c?retry_for=25h0m"), fault("griddb://u:p@h/c?retry_for=5"));
        assert_eq!(
            fault("griddb://u:p@h/c?retry_for=2000m"),
            "griddb configuration: a timeout is longer than a day"
        );
        assert_eq!(
            fault("griddb://u:p@h/c?retry_for=5s&retry_for=6s"),
            "griddb configuration: option `retry_for` is given twice"
        );
        assert_eq!(
            fault("griddb://u:p@h/c?lock_timeout=20s"),
            "griddb configuration: `lock_timeout` must not be longer than `statement_timeout`"
        );
        assert_eq!(fault("griddb://u:p@h/c/"), "griddb configuration: the database's name is empty");
        assert_eq!(
            fault("griddb://u:p@h/c#x"),
            "griddb configuration: the URL must not contain `#`; write it as %23"
        );
        for provider in ["https://p/nodes", "http://", "http:///nodes", "http://p:x/nodes", "p/nodes"] {
            let fault = fault(&format!("griddb://u:p@h/c?provider={provider}"));
            if cfg!(feature = "provider") {
                assert_eq!(fault, "griddb configuration: `provider` must be http://HOST[:PORT]/PATH");
            } else {
                assert!(fault.contains("requires the feature `provider`"), "{fault}");
            }
        }
        assert_eq!(
            fault("griddb://u:p@h/c?retry_for=99999999999999999999s"),
            "griddb configuration: option `retry_for` must be a number"
        );
    }

    /// What contradicts a default of this client may agree with a default of the caller.
    #[test]
    fn a_caller_with_its_own_defaults_validates_after_setting_them() {
        let (config, extra) = Config::parse_with_extra("griddb://u:p@h/c?lock_timeout=20s&mine=1").unwrap();
        assert_eq!(extra, [("mine".to_owned(), "1".to_owned())]);
        assert_eq!(
            config.check().unwrap_err().to_string(),
            "griddb configuration: `lock_timeout` must not be longer than `statement_timeout`"
        );
        assert!(config.statement_timeout(Duration::from_secs(20)).check().is_ok());
        let (config, _) = Config::parse_with_extra("griddb://u:p@/c?connections=65").unwrap();
        assert_eq!(
            config.clone().check().unwrap_err().to_string(),
            "griddb configuration: a host is missing"
        );
        let fault = config.host("h", 1).check().unwrap_err();
        assert_eq!(fault.to_string(), "griddb configuration: `connections` must be 1 to 64");
        assert_eq!(fault.kind(), ErrorKind::Config);
    }

    #[test]
    fn a_password_is_never_quoted() {
        for url in [
            "griddb://user:sesame@host@h/c",
            "griddb://user:sesame/open@h/c",
            "griddb://user:sesame%zz@h/c",
            "griddb://user:sesame?@h/c",
            "griddb://user:sesame#1@h/c",
            "griddb://user:sesame@h:99999/c",
            "user:sesame@h/c",
        ] {
            assert!(!fault(url).contains("sesame"), "{url}");
        }
        let config = Config::parse("griddb://user:sesame@h/c").unwrap();
        assert!(!format!("{config:?} {config:#?}").contains("sesame"));
    }

    proptest! {
        #[test]
        fn any_password_can_be_written(password in "\\PC{0,20}") {
            let encoded: String = password.bytes().map(|byte| format!("%{byte:02x}")).collect();
            let config = Config::parse(&format!("griddb://u:{encoded}@h/c")).unwrap();
            prop_assert_eq!(config.password, password);
        }

        #[test]
        fn any_text_is_a_config_or_an_error(text in "\\PC{0,60}") {
            let _ = Config::parse(&text);
            let _ = Config::parse(&format!("griddb://u:p@h/c?{text}"));
            let _ = Config::parse(&format!("griddb://{text}"));
        }
    }
}
