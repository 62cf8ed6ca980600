//! The matrix: frameworks × stores.

use std::path::Path;

use crate::{griddb, postgres};

/// A framework, and the demo application built on it.
pub struct Framework {
    /// Its name in `GRIDAUTH_COMBINATIONS` and in the names of the cases.
    pub name: &'static str,
    /// The package of its demo application, whose binary has the same name.
    pub package: &'static str,
}

/// The frameworks. To add one, add a line here.
pub const FRAMEWORKS: &[Framework] = &[
    Framework { name: "axum", package: "axum-app" },
    Framework { name: "actix", package: "actix-app" },
    Framework { name: "rocket", package: "rocket-app" },
];

/// A store, and what cases may expect of it.
pub struct StoreKind {
    /// Its name in `GRIDAUTH_COMBINATIONS` and in the names of the cases.
    pub name: &'static str,
    /// The value of `GRIDAUTH_STORE` for a deployment in this directory; `None` if the store is not available here.
    pub url: fn(&Path) -> Option<String>,
    /// Whether acknowledged writes survive `kill -9`.
    pub durable: bool,
    /// Whether two processes can use one store at the same time.
    pub shared: bool,
    /// Whether a case can start its own database, to crash it.
    pub crashes: bool,
    /// Whether it is one of the SQL databases, of which each case needs only one.
    pub is_sql: bool,
}

/// The stores. To add one, add a line here.
pub const STORES: &[StoreKind] = &[
    StoreKind {
        name: "memory",
        url: |_| Some("memory:".to_owned()),
        durable: false,
        shared: false,
        crashes: false,
        is_sql: false,
    },
    StoreKind { name: "file", url: in_file, durable: true, shared: false, crashes: false, is_sql: false },
    StoreKind {
        name: "node",
        url: griddb::test_node,
        durable: true,
        shared: true,
        crashes: true,
        is_sql: false,
    },
    StoreKind {
        name: "griddb",
        url: griddb::real_server,
        durable: true,
        shared: true,
        crashes: false,
        is_sql: false,
    },
    StoreKind { name: "sqlite", url: in_sqlite, durable: true, shared: true, crashes: false, is_sql: true },
    StoreKind {
        name: "postgres",
        url: postgres::server,
        durable: true,
        shared: true,
        crashes: false,
        is_sql: true,
    },
];

fn in_file(directory: &Path) -> Option<String> {
    Some(format!("file:{}", directory.join("store.db").display()))
}

fn in_sqlite(directory: &Path) -> Option<String> {
    Some(format!("sqlite:{}", directory.join("store.sqlite").display()))
}

/// One framework with one store.
#[derive(Clone, Copy)]
pub struct Combination {
    /// The framework.
    pub framework: &'static Framework,
    /// The store.
    pub store: &'static StoreKind,
}

impl Combination {
    /// `framework/store`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.framework.name, self.store.name)
    }
}

/// Whether this case runs on this combination. If `GRIDAUTH_COMBINATIONS` names what runs, every case runs on all of it. Otherwise
/// every case runs on every framework in memory, and on each other store on one framework: which one differs by case and store. Of the
/// SQL databases that can run here, each case runs on one.
pub fn includes(combination: &Combination, subject: &str, case: &str) -> bool {
    let store = combination.store.name;
    if std::env::var_os("GRIDAUTH_COMBINATIONS").is_some() || store == "memory" {
        return true;
    }
    let sum =
        |text: &str| text.bytes().fold(5381_usize, |sum, byte| sum.wrapping_mul(33) ^ usize::from(byte));
    let case = sum(subject).wrapping_mul(31).wrapping_add(sum(case));
    let here: Vec<&str> = STORES
        .iter()
        .filter(|kind| kind.is_sql && (kind.url)(Path::new(".")).is_some())
        .map(|kind| kind.name)
        .collect();
    if combination.store.is_sql && here[case / FRAMEWORKS.len() % here.len()] != store {
        return false;
    }
    FRAMEWORKS[(case + sum(store)) % FRAMEWORKS.len()].name == combination.framework.name
}

/// The combinations that `GRIDAUTH_COMBINATIONS` names; if it is not set, all that can run here.
///
/// # Panics
/// If it names a combination that does not exist or cannot run here.
pub fn combinations() -> Vec<Combination> {
    let here = |combination: &Combination| (combination.store.url)(Path::new(".")).is_some();
    let all: Vec<Combination> = FRAMEWORKS
        .iter()
        .flat_map(|framework| STORES.iter().map(move |store| Combination { framework, store }))
        .collect();
    let Ok(wanted) = std::env::var("GRIDAUTH_COMBINATIONS") else {
        return all.into_iter().filter(here).collect();
    };
    let mut chosen: Vec<Combination> = Vec::new();
    for pattern in wanted.split(',').map(str::trim).filter(|pattern| !pattern.is_empty()) {
        let (framework, store) = pattern.split_once('/').unwrap_or((pattern, "*"));
        let fits = |pattern: &str, name: &str| pattern == "*" || pattern == name;
        let found: Vec<Combination> = all
            .iter()
            .copied()
            .filter(|combination| {
                fits(framework, combination.framework.name)
                    && fits(store, combination.store.name)
                    && here(combination)
            })
            .collect();
        assert!(
            !found.is_empty(),
            "GRIDAUTH_COMBINATIONS: {pattern:?} is not a combination that can run here"
        );
        for combination in found {
            if !chosen.iter().any(|before| before.name() == combination.name()) {
                chosen.push(combination);
            }
        }
    }
    chosen
}
