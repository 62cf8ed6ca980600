//! The containers of a store, and how they are set up.

use griddb_rs::{Client, Collection, ColumnType, Schema};

use super::options::Options;
use crate::store::{Key, Kind};

/// The version of the layout that this code writes.
const VERSION: i64 = 1;

/// The containers of a store.
pub(super) struct Layout {
    /// Grants are spread over these: each is in a partition of its own.
    grants: Vec<Collection>,
    /// The other kinds, in the order of [`Kind::ALL`] without grants.
    others: Vec<(Kind, Collection)>,
}

/// A database cannot be set up.
#[derive(Debug, thiserror::Error)]
pub(super) enum SetUpError {
    #[error(transparent)]
    Database(#[from] griddb_rs::Error),
    #[error("it was set up by a newer version of gridauth (layout {0}; this one knows layout {VERSION})")]
    Newer(i64),
    #[error("its settings row cannot be read: {0}")]
    Settings(&'static str),
}

impl Layout {
    /// Opens the containers, and makes those that are missing. What the settings row says counts before the options: all
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
            others.push((kind, client.open_or_create(&name, &schema()).await?));
        }
        Ok(Self { grants, others })
    }

    /// The container that a row is in: known from its key alone.
    pub(super) fn of(&self, key: Key<'_>) -> &Collection {
        let all = self.all(key.kind);
        // The id of a grant has random bits, so this spreads grants evenly. It may never change.
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
        Kind::Custom => "CUSTOM",
    }
}

/// The number of grant containers, from the row that the first process wrote. Of several that start at once one writes it.
async fn settings(client: &Client, options: &Options) -> Result<u8, SetUpError> {
    let schema = Schema::new()
        .key("id", ColumnType::String)
        .column("version", ColumnType::Long)
        .column("grant_containers", ColumnType::Long);
    let container = client.open_or_create(&format!("{}LAYOUT", options.prefix), &schema).await?;
    let container = container.durability(griddb_rs::Durability::Flush);
    match container.insert(&("layout", VERSION, i64::from(options.grant_containers))).await {
        Ok(()) => return Ok(options.grant_containers),
        Err(error) if error.is_key_exists() => {}
        Err(error) => return Err(error.into()),
    }
    let row = container.get("layout").await?.ok_or(SetUpError::Settings("it is gone"))?;
    let version: i64 = row.get("version")?;
    if version > VERSION {
        return Err(SetUpError::Newer(version));
    }
    let spread: i64 = row.get("grant_containers")?;
    u8::try_from(spread)
        .ok()
        .filter(|spread| (1..=64).contains(spread))
        .ok_or(SetUpError::Settings("grant_containers is out of range"))
}
