use std::collections::HashMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn read(variables: &[(&str, &str)]) -> Result<Settings, StartError> {
    let variables: HashMap<&str, &str> = variables.iter().copied().collect();
    Settings::read(|name| variables.get(name).map(OsString::from))
}

#[test]
fn the_defaults_are_the_documented_ones() {
    let settings = read(&[]).unwrap();
    assert_eq!(settings.listen, SocketAddr::from(([127, 0, 0, 1], 8080)));
    assert_eq!(settings.store(), "file:gridauth.db");
    assert_eq!(settings.access_token_lifetime, Duration::from_secs(3600));
    assert_eq!(settings.refresh_token_lifetime, Duration::from_secs(1_209_600));
    assert_eq!(settings.code_lifetime, Duration::from_secs(60));
    assert_eq!(settings.refresh_grace, Duration::from_secs(10));
    assert!(settings.seed.is_none());
    assert_eq!(settings.filter(), None);
}

#[test]
fn the_issuer_is_by_default_the_address_listened_on() {
    let settings = read(&[]).unwrap();
    for (address, issuer) in [
        ("127.0.0.1:49152", "http://127.0.0.1:49152"),
        ("[::1]:8080", "http://[::1]:8080"),
        // An issuer is a URL in its normal form, which omits the default port.
        ("127.0.0.1:80", "http://127.0.0.1"),
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("[::80]:80", "http://[::80]"),
    ] {
        let issuer_there = settings.issuer(address.parse().unwrap());
        assert_eq!(issuer_there, issuer);
        assert_eq!(GridAuth::check_issuer(&issuer_there), Ok(()));
    }
    let configured = read(&[("GRIDAUTH_ISSUER", "https://id.example.com/a")]).unwrap();
    assert_eq!(configured.issuer("127.0.0.1:1".parse().unwrap()), "https://id.example.com/a");
}

#[test]
fn good_values_are_accepted() {
    let settings = read(&[
        ("GRIDAUTH_LISTEN", "[::]:0"),
        ("GRIDAUTH_STORE", "griddb://app:secret@db1:10001/prod"),
        ("GRIDAUTH_ACCESS_TOKEN", "opaque"),
        ("GRIDAUTH_ACCESS_TOKEN_TTL", "1"),
        ("GRIDAUTH_REFRESH_TOKEN_TTL", "4294967295"),
        ("GRIDAUTH_CODE_TTL", "007"),
        ("GRIDAUTH_REFRESH_GRACE", "0"),
        ("GRIDAUTH_REGISTRATION", "off"),
        ("GRIDAUTH_CLIENT_METADATA", "off"),
        ("GRIDAUTH_PROFILE", "default"),
        ("GRIDAUTH_STEP_UP_MAX_AGE", "300"),
        ("GRIDAUTH_TRUSTED_PROXIES", "127.0.0.1, 10.0.0.0/8,::1"),
        ("RUST_LOG", ""),
    ])
    .unwrap();
    for store in ["memory:", "file:auth.db", "sqlite:auth.db", "postgres://app:secret@db1/prod?schema=auth"] {
        assert_eq!(read(&[("GRIDAUTH_STORE", store)]).unwrap().store(), store);
    }
    assert!(settings.trusted_proxies.contains([10, 9, 9, 9].into()));
    assert_eq!(settings.code_lifetime, Duration::from_secs(7));
    assert_eq!(settings.refresh_grace, Duration::ZERO);
    assert_eq!(settings.filter(), None);
    assert!(!format!("{settings:?}").contains("secret"));
}

#[test]
fn a_bad_value_is_named_and_not_repeated() {
    for (variable, bad) in [
        ("GRIDAUTH_LISTEN", &["", "8080", "hush", "127.0.0.1", "127.0.0.1:65536", "hush:80"][..]),
        ("GRIDAUTH_ISSUER", &["", "hush", "https://a:hush@b", "https://a/", "https://a?hush", "ftp://hush"]),
        ("GRIDAUTH_STORE", &["", "memory", "memory:hush", "file:", "hush", "FILE:hush"]),
        ("GRIDAUTH_SEED", &["", "/nowhere/at/all"]),
        ("GRIDAUTH_ACCESS_TOKEN", &["", "hush", "Opaque", "JWT"]),
        ("GRIDAUTH_SECRET", &["", "hush", "00ff", "aHVzaA=="]),
        ("GRIDAUTH_SECRET_PREVIOUS", &["", "hush"]),
        ("GRIDAUTH_ACCESS_TOKEN_TTL", &["", "0", "-1", "+1", "1.5", "1e3", " 1", "4294967296", "hush"]),
        ("GRIDAUTH_REFRESH_TOKEN_TTL", &["0", "99999999999999999999999"]),
        ("GRIDAUTH_CODE_TTL", &["0", "60s"]),
        ("GRIDAUTH_REFRESH_GRACE", &["", "-1", "ten"]),
        ("GRIDAUTH_REGISTRATION", &["", "Open", "hush", "token:", "token:h\u{e9}", "on"]),
        ("GRIDAUTH_CLIENT_METADATA", &["", "open", "hush", "Off"]),
        ("GRIDAUTH_PROFILE", &["", "fapi2", "hush", "Default"]),
        ("GRIDAUTH_STEP_UP_MAX_AGE", &["", "0", "-1", "+1", "1.5", "hush"]),
        (
            "GRIDAUTH_TRUSTED_PROXIES",
            &["", "hush", "127.0.0.1,", "10.0.0.0/33", "10.0.0.1;hush", "127.0.0.1:80"],
        ),
        ("RUST_LOG", &["a=b=hush", "info,hush=loud"]),
    ] {
        for bad in bad {
            let error = read(&[(variable, bad)]).unwrap_err();
            let line = error.to_string();
            assert_eq!(error.status(), 2, "{line}");
            assert!(line.starts_with(&format!("{variable}: ")), "{line}");
            assert!(line.contains("; it may be "), "{line}");
            assert!(!line.contains("hush") && !line.contains('\n'), "{line}");
        }
    }
}

#[test]
fn a_previous_secret_needs_a_present_one() {
    let secret = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    let error = read(&[("GRIDAUTH_SECRET_PREVIOUS", secret)]).unwrap_err();
    assert_eq!(error.status(), 2);
    assert!(error.to_string().starts_with("GRIDAUTH_SECRET_PREVIOUS: GRIDAUTH_SECRET is not set"), "{error}");
    read(&[("GRIDAUTH_SECRET_PREVIOUS", secret), ("GRIDAUTH_SECRET", secret)]).unwrap();
}

#[cfg(unix)]
#[test]
fn a_value_that_is_not_utf_8_is_bad() {
    use std::os::unix::ffi::OsStringExt;
    let bad = |name: &str| (name == "GRIDAUTH_STORE").then(|| OsString::from_vec(vec![b'f', 0xff]));
    let error = Settings::read(bad).unwrap_err();
    assert_eq!(error.status(), 2);
    assert!(error.to_string().starts_with("GRIDAUTH_STORE: it is not UTF-8"));
}

/// Every variable that is read.
const VARIABLES: [&str; 17] = [
    "GRIDAUTH_LISTEN",
    "GRIDAUTH_ISSUER",
    "GRIDAUTH_STORE",
    "GRIDAUTH_SECRET",
    "GRIDAUTH_SECRET_PREVIOUS",
    "GRIDAUTH_SEED",
    "GRIDAUTH_ACCESS_TOKEN",
    "GRIDAUTH_ACCESS_TOKEN_TTL",
    "GRIDAUTH_REFRESH_TOKEN_TTL",
    "GRIDAUTH_CODE_TTL",
    "GRIDAUTH_REFRESH_GRACE",
    "GRIDAUTH_REGISTRATION",
    "GRIDAUTH_CLIENT_METADATA",
    "GRIDAUTH_PROFILE",
    "GRIDAUTH_STEP_UP_MAX_AGE",
    "GRIDAUTH_TRUSTED_PROXIES",
    "RUST_LOG",
];

#[test]
fn no_other_variable_is_read() {
    let asked = std::cell::RefCell::new(Vec::new());
    let settings = Settings::read(|name| {
        asked.borrow_mut().push(name.to_owned());
        None
    });
    settings.unwrap();
    let mut asked = asked.into_inner();
    asked.sort();
    let mut expected = VARIABLES.map(str::to_owned).to_vec();
    expected.sort();
    assert_eq!(asked, expected);
}

fn any_value() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,20}",
        "[0-9]{0,12}",
        "(127\\.0\\.0\\.1|\\[::1?\\]|localhost)?:?[0-9]{0,6}",
        "(https?|ftp)?:?/{0,2}[a-z.]{0,9}(:[0-9]{0,5})?(/[a-z%]{0,4}){0,2}[?#@]?",
        "(memory|file|griddb|postgres|sqlite):?/{0,2}.{0,9}",
        "(opaque|jwt|off|on|open|token|loopback|default|mcp|fapi2):?.{0,4}",
        "[0-9a-f:.]{0,9}/?[0-9]{0,3},?.{0,3}",
        "[a-z:]{0,9}=?(info|debug|x)?,?.{0,5}",
    ]
}

proptest! {
    #[test]
    fn any_value_is_accepted_or_its_variable_is_named(name in prop::sample::select(&VARIABLES[..]), value in any_value()) {
        if let Err(error) = read(&[(name, &value)]) {
            let line = error.to_string();
            prop_assert_eq!(error.status(), 2);
            prop_assert!(line.starts_with(&format!("{name}: ")), "{}", line);
            prop_assert!(line.contains("; it may be "), "{}", line);
            prop_assert!(!line.chars().any(char::is_control), "{}", line);
        }
    }

    #[test]
    fn of_several_bad_values_one_is_named(values in prop::collection::vec(prop::option::of(any_value()), VARIABLES.len())) {
        let set: Vec<(&str, &str)> =
            VARIABLES.iter().zip(&values).filter_map(|(name, value)| Some((*name, value.as_deref()?))).collect();
        if let Err(error) = read(&set) {
            let line = error.to_string();
            prop_assert!(set.iter().any(|(name, _)| line.starts_with(&format!("{name}: "))), "{}", line);
        }
    }
}
