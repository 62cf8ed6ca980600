//! Opening and creating containers.

use std::sync::{Arc, Mutex, atomic::AtomicU64};

use tokio::sync::Mutex as Gate;

use super::{Binding, Collection, Durability, Shared};
use crate::{
    cluster::Cluster,
    connection::{Connection, Ticket},
    error::{Error, ErrorKind},
    retry::{Repeat, Retry, Try},
    schema::Schema,
    wire::{
        container_name::ContainerName,
        message::{
            container::{self, ContainerInfo},
            index,
        },
        row_key::KeyLayout,
        row_set::Layout,
        statement::Statement,
    },
};

/// What a container must look like.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// Its columns; `None` accepts any.
    pub(super) schema: Option<&'a Schema>,
    /// Create it if it does not exist.
    pub(super) create: bool,
    /// This program opens it for the first time, so its indexes must be checked.
    pub(super) first: bool,
}

impl Collection {
    pub(crate) async fn open(
        cluster: Arc<Cluster>,
        name: ContainerName,
        schema: Option<Schema>,
        create: bool,
    ) -> Result<Self, Error> {
        let partition = name.partition(cluster.partitions());
        let mut retry = Retry::new(&cluster, cluster.config.retry_for, Repeat::Always);
        let binding = loop {
            let wanted = Wanted { schema: schema.as_ref(), create, first: true };
            match open(&cluster, &name, partition, wanted, retry.try_now()).await {
                Ok(binding) => break binding,
                Err(error) => {
                    cluster.note(&error, Some(partition));
                    // Opening and creating are idempotent.
                    let error = error.into_not_done();
                    // A missing container or one with other columns will not be different the next time.
                    match error.kind() {
                        ErrorKind::ContainerMissing | ErrorKind::SchemaMismatch => return Err(error),
                        _ => retry.after(error).await?,
                    }
                }
            }
        };
        let schema = schema.unwrap_or_else(|| binding.layout.schema().clone());
        let shared = Shared {
            cluster,
            name,
            partition,
            schema,
            create,
            binding: Mutex::new(Some(Arc::new(binding))),
            gate: Gate::new(()),
        };
        Ok(Self { shared: Arc::new(shared), durability: Durability::default(), patience: None })
    }
}

/// Opens the container at the owner of its partition.
pub(super) async fn open(
    cluster: &Cluster,
    name: &ContainerName,
    partition: u32,
    wanted: Wanted<'_>,
    time: Try,
) -> Result<Binding, Error> {
    let connection = cluster.owner(partition, time.deadline).await?;
    let found = find(&connection, name, partition, time).await?;
    let existed = found.is_some();
    let info = match (found, wanted) {
        (Some(info), _) => info,
        (None, Wanted { schema: Some(schema), create: true, .. }) => {
            make(cluster, &connection, name, partition, schema, time).await?
        }
        (None, _) => return Err(Error::new(ErrorKind::ContainerMissing)),
    };
    let schema = wanted.schema.unwrap_or(&info.schema);
    let layout = Layout::new(schema, &info.schema).ok_or_else(|| {
        let message = format!("the collection {name} exists with other columns");
        Error::with_message(ErrorKind::SchemaMismatch, message)
    })?;
    if wanted.create {
        let made = make_indexes(cluster, &connection, partition, &info, schema, time)?;
        if wanted.first || !existed {
            for ticket in made {
                ticket.await?;
            }
        }
    }
    Ok(Binding {
        partition,
        container: info.id,
        schema_version: info.schema_version,
        client_id: cluster.client_id,
        key: KeyLayout::of(schema),
        layout: Arc::new(layout),
        connection,
        opened: time.now,
        verified: AtomicU64::new(0),
    })
}

async fn find(
    connection: &Connection,
    name: &ContainerName,
    partition: u32,
    time: Try,
) -> Result<Option<ContainerInfo>, Error> {
    let database = connection.database();
    let ticket = connection.send(time.deadline, |batch| {
        batch.add(Statement::GetContainer, |out, id| {
            container::encode_get(out, id, partition, name, database);
            Ok(())
        })
    })?;
    let answer = ticket.await?;
    Ok(container::decode_get(&mut answer.reader())?)
}

async fn make(
    cluster: &Cluster,
    connection: &Connection,
    name: &ContainerName,
    partition: u32,
    schema: &Schema,
    time: Try,
) -> Result<ContainerInfo, Error> {
    let new = container::NewContainer {
        name,
        database: connection.database(),
        schema,
        session: cluster.new_session(),
        client: cluster.client_id,
        wait: Some(time.lock_seconds),
    };
    let ticket = connection.send(time.deadline, |batch| {
        batch.add(Statement::PutContainer, |out, id| {
            container::encode_put(out, id, partition, &new);
            Ok(())
        })
    })?;
    let answer = ticket.await?;
    Ok(container::decode_put(&mut answer.reader())?)
}

/// Creates the schema's indexes. An existing index is no error, so several processes may do this at once, and a
/// node that lost an index in a crash gets it back.
fn make_indexes(
    cluster: &Cluster,
    connection: &Connection,
    partition: u32,
    info: &ContainerInfo,
    schema: &Schema,
    time: Try,
) -> Result<Vec<Ticket>, Error> {
    if schema.indexes.is_empty() {
        return Ok(Vec::new());
    }
    let target = index::IndexTarget {
        partition,
        container: info.id,
        schema_version: info.schema_version,
        wait: Some(time.lock_seconds),
    };
    connection.send(time.deadline, |batch| {
        let mut ids = Vec::with_capacity(schema.indexes.len());
        for wanted in &schema.indexes {
            let positions = wanted.columns.iter().filter_map(|name| info.schema.position(name));
            let columns: Vec<u32> = positions.filter_map(|position| u32::try_from(position).ok()).collect();
            let session = cluster.new_session();
            ids.push(batch.add(Statement::CreateIndex, |out, id| {
                index::encode_create(out, id, &target, &wanted.name, &columns, session, cluster.client_id);
                Ok(())
            })?);
        }
        Ok(ids)
    })
}
