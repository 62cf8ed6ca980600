//! The containers of a store, and their setup.

use griddb_rs::{Client, Collection, ColumnType, Durability, ErrorKind, Schema};

use super::options::Options;
use crate::store::{Key, Kind};

/// The layout version of this code.
const VERSION: i64 = 1;
/// The default number of grant containers, if neither the database nor the URL sets it.
const GRANT_CONTAINERS: u8 = 16;

/// The containers of a store.
pub(super) struct Layout {
    /// Grants are spread over these. Each is in its own partition.
    grants: Vec<Collection>,
    /// The other kinds, in the order of [`Kind::ALL`] without grants.
    others: Vec<(Kind, Collection)>,
}

/// Why a database cannot be set up.
#[derive(Debug, thiserror::Error)]
pub(super) enum SetUpError {
    #[error(transparent)]
    Database(#[from] griddb_rs::Error),
    #[error("a newer version of gridauth set it up (layout {0}; this version supports layout {VERSION})")]
    Newer(i64),
    #[error("its settings row is invalid: {0}")]
    Settings(&'static str),
}

impl Layout {
    /// Opens the containers, and creates missing ones. The settings row takes precedence over the options: all
    /// processes must spread grants alike.
    pub(super) async fn open(client: &Client, options: &Options) -> Result<Self, SetUpError> {
        let prefix = &options.prefix;
        let spread = settings(client, options).await?;
        let mut grants = Vec::with_capacity(usize::from(spread));
        for number in 0..spread {
            grants.push(
                client.open_or_create(&format!("{prefix}GRANTS_{number:02}@{number}"), &schema()).await?,
            );
        }
        let mut others = Vec::with_capacity(Kind::ALL.len());
        for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Grant) {
            let name = format!("{prefix}{}", container(kind));
            others.push((kind, client.open_or_create(&name, &schema_of(kind)).await?));
        }
        Ok(Self { grants, others })
    }

    /// The container of a row, which follows from its key alone.
    pub(super) fn of(&self, key: Key<'_>) -> &Collection {
        let all = self.all(key.kind);
        // A grant's id has random bits, so this spreads grants evenly. It must never change.
        let at = crc32fast::hash(key.id.as_bytes()) as usize % all.len().max(1);
        &all[at]
    }

    /// All containers of a kind.
    pub(super) fn all(&self, kind: Kind) -> &[Collection] {
        if kind == Kind::Grant {
            return &self.grants;
        }
        let at = self.others.iter().position(|(own, _)| *own == kind).unwrap_or(0);
        std::slice::from_ref(&self.others[at].1)
    }
}

/// The columns of every container.
pub(super) fn schema() -> Schema {
    Schema::new()
        .key("id", ColumnType::String)
        .nullable("user", ColumnType::String)
        .nullable("client", ColumnType::String)
        .nullable("scope", ColumnType::String)
        .column("issued", ColumnType::Timestamp)
        .nullable("expires", ColumnType::Timestamp)
        .column("hash", ColumnType::Long)
        .column("body", ColumnType::String)
        .nullable("more", ColumnType::Blob)
        .index("user")
        .index("client")
        .index("expires")
        .index("hash")
}

/// The audit is asked by time too.
fn schema_of(kind: Kind) -> Schema {
    if kind == Kind::Audit { schema().index("issued") } else { schema() }
}

const fn container(kind: Kind) -> &'static str {
    match kind {
        Kind::User => "USERS",
        Kind::Client => "CLIENTS",
        Kind::Grant => "GRANTS",
        Kind::Session => "SESSIONS",
        Kind::Consent => "CONSENTS",
        Kind::DeviceCode => "DEVICE_CODES",
        Kind::PushedRequest => "PUSHED_REQUESTS",
        Kind::AssertionId => "ASSERTION_IDS",
        Kind::SigningKey => "SIGNING_KEYS",
        Kind::Setting => "SETTINGS",
        Kind::Outbox => "OUTBOX",
        Kind::Ended => "ENDED",
        Kind::Audit => "AUDIT",
        Kind::Custom => "CUSTOM",
    }
}

/// The number of grant containers, from the row that the first process wrote.
async fn settings(client: &Client, options: &Options) -> Result<u8, SetUpError> {
    let name = format!("{}LAYOUT", options.prefix);
    let spread = match stored(client, &name).await? {
        Some(spread) => spread,
        None => {
            write(client, &name, options.grant_containers.unwrap_or(GRANT_CONTAINERS)).await?;
            stored(client, &name).await?.ok_or(SetUpError::Settings("it is gone"))?
        }
    };
    if let Some(asked) = options.grant_containers.filter(|asked| *asked != spread) {
        tracing::warn!(
            asked,
            stored = spread,
            "grant_containers in the store's URL is ignored: the database was set up with another number"
        );
    }
    Ok(spread)
}

/// Writes the row. Of several processes that start at once, one writes it.
async fn write(client: &Client, name: &str, spread: u8) -> Result<(), griddb_rs::Error> {
    let schema = Schema::new()
        .key("id", ColumnType::String)
        .column("version", ColumnType::Long)
        .column("grant_containers", ColumnType::Long);
    let container = client.open_or_create(name, &schema).await?.durability(Durability::Flush);
    match container.insert(&("layout", VERSION, i64::from(spread))).await {
        Err(error) if error.is_key_exists() => Ok(()),
        written => written,
    }
}

/// The stored number, if any. The container is opened with the columns that it has: a newer layout may have other
/// columns, and its version must still be reported.
async fn stored(client: &Client, name: &str) -> Result<Option<u8>, SetUpError> {
    let container = match client.open(name).await {
        Ok(container) => container,
        Err(error) if error.kind() == ErrorKind::ContainerMissing => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let Some(row) = container.get("layout").await? else { return Ok(None) };
    let version: i64 = row.get("version")?;
    if version > VERSION {
        return Err(SetUpError::Newer(version));
    }
    let spread: i64 = row.get("grant_containers")?;
    let spread = u8::try_from(spread).ok().filter(|spread| (1..=64).contains(spread));
    spread.map(Some).ok_or(SetUpError::Settings("grant_containers is out of range"))
}
