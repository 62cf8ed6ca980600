//! The plain SQL files are what the store creates.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use gridauth_sqlx::{Dialect, migrations};

/// A new kind of row, or a change of the tables, also belongs into these files. `GRIDAUTH_WRITE_MIGRATIONS=1` writes them.
#[test]
fn the_plain_files_are_current() {
    for (dialect, name) in [(Dialect::Postgres, "postgres"), (Dialect::Sqlite, "sqlite")] {
        let path = format!("{}/migrations/{name}/0001_gridauth.sql", env!("CARGO_MANIFEST_DIR"));
        let sql = migrations(dialect, "gridauth");
        if std::env::var_os("GRIDAUTH_WRITE_MIGRATIONS").is_some() {
            std::fs::write(&path, &sql).unwrap();
        }
        let file = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            file == sql,
            "{path} is not what the store creates: run \
             `GRIDAUTH_WRITE_MIGRATIONS=1 cargo test -p gridauth-sqlx --test migrations`"
        );
    }
}
