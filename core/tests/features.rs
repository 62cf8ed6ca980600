//! A program that only guards does not compile the server's dependencies: password hashing, the embedded store, GridDB's client.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::process::Command;

/// The dependencies of this package with these options.
fn dependencies(package: &str, options: &[&str]) -> Vec<String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args([
        "tree",
        "--package",
        package,
        "--edges",
        "normal",
        "--prefix",
        "none",
        "--locked",
        "--offline",
    ]);
    let output = cargo.args(options).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    tree.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

const HEAVY: [&str; 5] = ["argon2", "crc32fast", "griddb-rs", "quick_cache", "redb"];

/// What outgoing requests need.
const CLIENT: [&str; 4] = ["hyper", "rustls", "rustls-native-certs", "tokio-rustls"];

#[test]
fn a_guard_without_the_server_has_no_heavy_dependencies() {
    let guards = [
        ("gridauth", &["--no-default-features"][..]),
        ("gridauth-tower", &["--no-default-features", "--features", "axum"]),
        ("gridauth-actix", &["--no-default-features"]),
        ("gridauth-rocket", &["--no-default-features"]),
    ];
    for (package, options) in guards {
        let crates = dependencies(package, options);
        assert!(crates.iter().any(|name| name == "gridauth"), "{package}: {crates:?}");
        for heavy in HEAVY {
            assert!(!crates.iter().any(|name| name == heavy), "{package} needs {heavy}: {crates:?}");
        }
    }
}

#[test]
fn without_the_feature_there_is_no_http_client() {
    for options in
        [&["--no-default-features"][..], &["--no-default-features", "--features", "server,file,griddb"]]
    {
        let crates = dependencies("gridauth", options);
        for client in CLIENT {
            assert!(!crates.iter().any(|name| name == client), "{options:?} needs {client}: {crates:?}");
        }
    }
}

/// A guard for the tokens of another process has an HTTP client, and no store, pages or password hash.
#[test]
fn a_remote_guard_has_no_heavy_dependencies() {
    let crates = dependencies("gridauth", &["--no-default-features", "--features", "remote"]);
    for client in CLIENT {
        assert!(crates.iter().any(|name| name == client), "{client}: {crates:?}");
    }
    for heavy in HEAVY {
        assert!(!crates.iter().any(|name| name == heavy), "{heavy}: {crates:?}");
    }
}

/// One implementation of cryptography, which has its own C code, is enough.
#[test]
fn tls_has_the_cryptography_that_signs() {
    let crates = dependencies("gridauth", &["--no-default-features", "--features", "fetch"]);
    assert!(crates.iter().any(|name| name == "aws-lc-rs"), "{crates:?}");
    assert!(!crates.iter().any(|name| name == "ring"), "{crates:?}");
}

#[test]
fn the_default_features_have_all_of_them() {
    let crates = dependencies("gridauth", &[]);
    for heavy in HEAVY.into_iter().chain(CLIENT) {
        assert!(crates.iter().any(|name| name == heavy), "{heavy}: {crates:?}");
    }
}
