//! Parsing the URL of a GridDB store.

use std::time::Duration;

use griddb_rs::Config;

use crate::store::OpenError;

/// What is flushed to the node's disk before it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FlushPolicy {
    Everything,
    Consume,
    Server,
}

/// The options of the store, apart from those of the client.
#[derive(Debug)]
pub(super) struct Options {
    /// The URL without user and password.
    pub(super) shown_url: String,
    pub(super) prefix: String,
    pub(super) flush: FlushPolicy,
    /// From the URL. The number that a database was set up with takes precedence.
    pub(super) grant_containers: Option<u8>,
    pub(super) client_cache: Duration,
    pub(super) verify_owner: bool,
    /// The time limit of a call, and of all calls of a request together.
    pub(super) patience: Duration,
}

/// The default `statement_timeout`: a request is waiting. A server checks lock waits only every three seconds, so
/// it waits for a lock that much less.
const STATEMENT: Duration = Duration::from_secs(8);
/// The default `lock_timeout`.
const LOCK: Duration = Duration::from_secs(4);
/// The longest `client_cache`, which is also the longest of the client's own times.
const LONGEST_CACHE: Duration = Duration::from_secs(86_400);
/// The default `retry_for` of a single node.
const CALL: Duration = Duration::from_secs(10);
/// The default `retry_for` of a cluster. It outlasts the loss of a master, which took up to 28 s when measured.
const CLUSTER_CALL: Duration = Duration::from_secs(30);

impl Options {
    pub(super) fn parse(url: &str) -> Result<(Config, Self), OpenError> {
        let bad = |reason: String| OpenError::bad_url("griddb:", reason);
        let (mut config, extra) = Config::parse_with_extra(url).map_err(|error| bad(error.to_string()))?;
        let query = url.split_once('?').map_or("", |(_, query)| query);
        let said = |option: &str| {
            let mut pairs = form_urlencoded::parse(query.as_bytes());
            pairs.find_map(|(name, value)| (name == option).then_some(value))
        };
        if said("statement_timeout").is_none() {
            config = config.statement_timeout(STATEMENT);
        }
        if said("lock_timeout").is_none() {
            config = config.lock_timeout(LOCK);
        }
        let is_cluster = config.has_several_nodes();
        let patience = match said("retry_for") {
            Some(value) => {
                duration(&value).ok_or_else(|| bad("retry_for must be a time such as 5s".into()))?
            }
            None => {
                let patience = if is_cluster { CLUSTER_CALL } else { CALL };
                config = config.retry_for(patience);
                patience
            }
        };
        config.check().map_err(|error| bad(error.to_string()))?;
        let hosts: Vec<String> = config.hosts().map(|(host, port)| format!("{host}:{port}")).collect();
        let mut options = Self {
            shown_url: format!("griddb://{}/{}", hosts.join(","), config.cluster()),
            prefix: "GRIDAUTH_".to_owned(),
            flush: FlushPolicy::Everything,
            grant_containers: None,
            client_cache: Duration::from_secs(5),
            verify_owner: is_cluster,
            patience,
        };
        for (name, value) in &extra {
            options.set(name, value).map_err(|reason| bad(format!("option {name}: {reason}")))?;
        }
        Ok((config, options))
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), &'static str> {
        match name {
            "prefix" => self.prefix = prefix(value)?,
            "durability" => {
                self.flush = match value {
                    "flush" => FlushPolicy::Everything,
                    "consume" => FlushPolicy::Consume,
                    "server" => FlushPolicy::Server,
                    _ => return Err("it must be flush, consume or server"),
                }
            }
            "grant_containers" => {
                let fits = |number: &u64| (1..=64).contains(number);
                let number = number(value).filter(fits).and_then(|number| u8::try_from(number).ok());
                self.grant_containers = Some(number.ok_or("it must be a number from 1 to 64")?);
            }
            "client_cache" => {
                let time = duration(value).filter(|time| *time <= LONGEST_CACHE);
                self.client_cache = time.ok_or("it must be a time such as 5s or 500ms, at most a day")?;
            }
            "verify_owner" => {
                self.verify_owner = match value {
                    "true" => true,
                    "false" => false,
                    _ => return Err("it must be true or false"),
                }
            }
            _ => return Err("unknown option"),
        }
        Ok(())
    }
}

/// A prefix for container names, which consist of letters, digits and underscores.
fn prefix(value: &str) -> Result<String, &'static str> {
    let fits = value.len() <= 64
        && value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !value.starts_with(|first: char| first.is_ascii_digit());
    if fits {
        Ok(value.to_owned())
    } else {
        Err("it must be at most 64 letters, digits and underscores, and not start with a digit")
    }
}

/// A number with a unit, as in the client's own options.
fn duration(value: &str) -> Option<Duration> {
    let (digits, millis) = match (value.strip_suffix("ms"), value.strip_suffix('s'), value.strip_suffix('m'))
    {
        (Some(digits), ..) => (digits, 1),
        (_, Some(digits), _) => (digits, 1000),
        (.., Some(digits)) => (digits, 60_000),
        _ => return None,
    };
    number(digits)?.checked_mul(millis).map(Duration::from_millis)
}

/// Digits only: nobody means what Rust parses besides, such as a sign.
fn number(value: &str) -> Option<u64> {
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    value.parse().ok().filter(|_| digits)
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn options_are_read_and_the_shown_url_has_no_password() {
        let url = "griddb://app:s3cret@db1:10001,db2/prod/mine?prefix=app_&durability=server&client_cache=500ms&grant_containers=4&retry_for=9s";
        let (_, options) = Options::parse(url).unwrap();
        assert_eq!(options.shown_url, "griddb://db1:10001,db2:10001/prod");
        assert_eq!((options.prefix.as_str(), options.flush), ("app_", FlushPolicy::Server));
        assert_eq!((options.grant_containers, options.client_cache), (Some(4), Duration::from_millis(500)));
        assert_eq!(options.patience, Duration::from_secs(9));
        let patience = |query| Options::parse(&format!("griddb://u:p@db/c?{query}")).unwrap().1.patience;
        assert_eq!(patience("retry_for=2m"), Duration::from_secs(120));
        assert_eq!(patience("%72etry_for=800ms&lock_timeout=0s"), Duration::from_millis(800));
        assert_eq!(patience("prefix=X_"), CALL);
    }

    #[test]
    fn several_nodes_or_a_provider_set_the_defaults_of_a_cluster() {
        let parse = |rest: &str| Options::parse(&format!("griddb://u:p@{rest}")).unwrap();
        let one = Duration::from_secs(10);
        let several = Duration::from_secs(30);
        for (rest, verify_owner, patience) in [
            ("db1/c", false, one),
            ("db1,db2/c", true, several),
            ("/c?provider=http://p/nodes", true, several),
            ("db1/c?%70rovider=http://p/nodes", true, several),
            ("db1/c?verify_owner=true", true, one),
            ("db1,db2/c?verify_owner=false&retry_for=9s", false, Duration::from_secs(9)),
        ] {
            let (_, options) = parse(rest);
            assert_eq!((options.verify_owner, options.patience), (verify_owner, patience), "{rest}");
        }
    }

    /// The store's defaults also apply where one option is validated against another.
    #[test]
    fn every_option_has_its_bounds() {
        let (fits, is_too_long) = ("x".repeat(64), "x".repeat(65));
        let time: (&[&str], &[&str]) = (&["1ms", "86400s", "1440m"], &["0s", "86401s", "1441m", "5", "-1s"]);
        let bounds: [(&str, &[&str], &[&str]); 15] = [
            ("statement_timeout", &["4s", "4000ms", "86400s"], &["3s", "3999ms", "0s", "86401s"]),
            ("lock_timeout", &["0s", "1s", "8s"], &["9s", "8001ms", "500ms", "86400s"]),
            ("retry_for", time.0, time.1),
            ("connect_timeout", time.0, time.1),
            ("heartbeat", time.0, time.1),
            ("owner_check", time.0, time.1),
            ("connections", &["1", "64"], &["0", "65", "-1"]),
            ("max_answer", &["65536", "2147483647"], &["65535", "2147483648"]),
            ("application", &["x", &fits], &["", &is_too_long, "a b"]),
            ("provider", &["http://db1/nodes"], &["https://db1/nodes", ""]),
            ("prefix", &["", &fits], &[&is_too_long, "1a"]),
            ("grant_containers", &["1", "64"], &["0", "65", "256", "257", "+4", " 4", ""]),
            ("client_cache", &["0s", "5s", "1440m"], &["", "-1s", "+5s", "86401s", "18446744073709551616ms"]),
            ("verify_owner", &["true", "false"], &["", "1"]),
            ("durability", &["flush", "consume", "server"], &["", "Flush"]),
        ];
        for (option, good, bad) in bounds {
            let parse = |value: &str| Options::parse(&format!("griddb://u:p@db/c?{option}={value}"));
            for value in good {
                assert!(parse(value).is_ok(), "{option}={value}: {:?}", parse(value).err());
            }
            for value in bad {
                assert!(parse(value).is_err_and(|error| error.bad_url), "{option}={value}");
            }
        }
        for (query, fits) in [
            ("statement_timeout=3s&lock_timeout=3s", true),
            ("statement_timeout=3s&lock_timeout=4s", false),
            ("lock_timeout=9s&statement_timeout=9s", true),
            ("%73tatement_timeout=9s&lock_timeout=9s", true),
            ("lock_timeout=86400s&statement_timeout=86400s", true),
        ] {
            assert_eq!(Options::parse(&format!("griddb://u:p@db/c?{query}")).is_ok(), fits, "{query}");
        }
    }

    #[test]
    fn mistakes_are_named_without_the_password() {
        for (query, named) in [
            ("durability=none", "durability"),
            ("prefix=a-b", "prefix"),
            ("prefix=1a", "prefix"),
            ("grant_containers=0", "grant_containers"),
            ("lock_timeout=9s", "lock_timeout"),
            ("client_cache=5", "client_cache"),
            ("verify_owner=yes", "verify_owner"),
            ("colour=red", "colour"),
        ] {
            let error = Options::parse(&format!("griddb://app:s3cret@db1/prod?{query}")).unwrap_err();
            assert!(error.bad_url && error.to_string().contains(named), "{error}");
            assert!(!error.to_string().contains("s3cret"));
        }
    }
}
