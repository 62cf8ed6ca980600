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
}

/// The stores. To add one, add a line here.
pub const STORES: &[StoreKind] = &[
    StoreKind {
        name: "memory",
        url: |_| Some("memory:".to_owned()),
        durable: false,
        shared: false,
        crashes: false,
    },
    StoreKind { name: "file", url: in_file, durable: true, shared: false, crashes: false },
    StoreKind { name: "node", url: griddb::test_node, durable: true, shared: true, crashes: true },
    StoreKind { name: "griddb", url: griddb::real_server, durable: true, shared: true, crashes: false },
    StoreKind { name: "sqlite", url: in_sqlite, durable: true, shared: true, crashes: false },
    StoreKind { name: "postgres", url: postgres::server, durable: true, shared: true, crashes: false },
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
