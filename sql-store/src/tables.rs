//! The names of the tables, and the SQL that creates them.

use gridauth::store::Kind;

/// The layout version of this code.
pub(crate) const VERSION: i32 = 1;

/// A database, by the SQL that it understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dialect {
    /// PostgreSQL.
    Postgres,
    /// SQLite.
    Sqlite,
}

/// The SQL that creates everything, for an application that keeps its migrations itself. `schema` is the name of the schema in
/// PostgreSQL; SQLite has none. It can run again: what exists is left as it is.
///
/// The files in `migrations/` of this crate are its output for the schema `gridauth`.
///
/// ```
/// use gridauth_sqlx::{Dialect, migrations};
///
/// assert!(migrations(Dialect::Sqlite, "").contains("CREATE TABLE IF NOT EXISTS gridauth_grants"));
/// ```
pub fn migrations(dialect: Dialect, schema: &str) -> String {
    let names = Names::new(dialect, schema);
    let tables: Vec<String> = Kind::ALL.into_iter().map(|kind| names.create(kind)).collect();
    [vec![names.prelude()], tables, vec![names.set_version()]].concat().join("\n")
}

/// The name of a kind's table, without schema or prefix. It follows from the name of the kind, so a new kind needs nothing here.
pub(crate) fn name(kind: Kind) -> String {
    match kind {
        Kind::Custom | Kind::Outbox | Kind::Ended | Kind::Audit => kind.name().to_owned(),
        _ => format!("{}s", kind.name()),
    }
}

/// The names of the tables in a database.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    dialect: Dialect,
    /// The quoted schema; empty for SQLite.
    schema: String,
}

impl Names {
    pub(crate) fn new(dialect: Dialect, schema: &str) -> Self {
        let plain = schema.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
            && !schema.starts_with(|first: char| first.is_ascii_digit());
        let schema = if plain { schema.to_owned() } else { format!("\"{}\"", schema.replace('"', "\"\"")) };
        Self { dialect, schema }
    }

    /// The whole name of a kind's table.
    pub(crate) fn of(&self, kind: Kind) -> String {
        self.whole(&name(kind))
    }

    /// The name of the table with the layout's version.
    pub(crate) fn layout(&self) -> String {
        self.whole("layout")
    }

    fn whole(&self, name: &str) -> String {
        match self.dialect {
            Dialect::Postgres => format!("{}.{name}", self.schema),
            Dialect::Sqlite => format!("gridauth_{name}"),
        }
    }

    /// What comes before the tables of the kinds.
    pub(crate) fn prelude(&self) -> String {
        match self.dialect {
            Dialect::Postgres => {
                include_str!("../migrations/postgres/prelude.sql").replace("{schema}", &self.schema)
            }
            Dialect::Sqlite => include_str!("../migrations/sqlite/prelude.sql").to_owned(),
        }
    }

    /// Creates the table of a kind.
    pub(crate) fn create(&self, kind: Kind) -> String {
        let template = match self.dialect {
            Dialect::Postgres => include_str!("../migrations/postgres/table.sql"),
            Dialect::Sqlite => include_str!("../migrations/sqlite/table.sql"),
        };
        template.replace("{table}", &self.of(kind)).replace("{name}", &name(kind))
    }

    /// Notes the version of the layout.
    pub(crate) fn set_version(&self) -> String {
        let table = self.layout();
        format!(
            "INSERT INTO {table} (version) SELECT {VERSION} WHERE NOT EXISTS (SELECT 1 FROM {table});\n\
             UPDATE {table} SET version = {VERSION} WHERE version < {VERSION};\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_table_of_its_own() {
        let mut names: Vec<String> = Kind::ALL.into_iter().map(name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), Kind::ALL.len());
        assert!(!names.contains(&"layout".to_owned()));
    }

    #[test]
    fn a_name_is_quoted_where_it_has_to_be() {
        let of = |schema: &str| Names::new(Dialect::Postgres, schema).of(Kind::Grant);
        assert_eq!(of("gridauth"), "gridauth.grants");
        assert_eq!(of("Auth \"x\""), "\"Auth \"\"x\"\"\".grants");
    }
}
