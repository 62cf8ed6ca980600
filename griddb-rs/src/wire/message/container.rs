//! PUT_CONTAINER, GET_CONTAINER and DROP_CONTAINER (protocol 4.2).

use crate::{
    schema::Schema,
    wire::{
        container_name::ContainerName,
        envelope::simple_request,
        options::{Options, string},
        reader::{DecodeError, Reader},
        schema,
        statement::{ClientId, Statement},
    },
};

/// The feature level of `TIMESTAMP(6)` and `TIMESTAMP(9)`.
const FINE_TIMESTAMPS: i32 = 5;
/// The attribute of an ordinary container.
const SINGLE: i32 = 16;
const COLLECTION: u8 = 0;
const ANY_TYPE: u8 = 0xff;

/// A container as the server describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerInfo {
    /// Its id in its partition, which may be reused after a crash of the server.
    pub id: i64,
    /// The version of its schema.
    pub schema_version: i32,
    /// Its name as first spelled.
    pub name: ContainerName,
    /// Its columns in the server's order.
    pub schema: Schema,
}

/// A collection to be created.
#[derive(Debug, Clone, Copy)]
pub struct NewContainer<'a> {
    /// Its name.
    pub name: &'a ContainerName,
    /// The id of the database.
    pub database: i64,
    /// Its columns.
    pub schema: &'a Schema,
    /// A session number that no session uses.
    pub session: i64,
    /// The client.
    pub client: ClientId,
    /// How many seconds it may wait for open transactions; `None` uses the login's default.
    pub wait: Option<u32>,
}

/// Appends the request to create a collection, or to find an existing one with the same columns.
pub fn encode_put(out: &mut Vec<u8>, id: i64, partition: u32, new: &NewContainer<'_>) {
    let feature = schema::has_fine_timestamps(new.schema).then_some(FINE_TIMESTAMPS);
    simple_request(out, Statement::PutContainer, partition, id, |out| {
        let client = Some((new.session, new.client));
        Options { transaction_timeout: new.wait, client, feature, ..Options::default() }.encode(out);
        new.name.encode(out, new.database);
        // An ordinary collection whose columns this request must not change.
        out.extend_from_slice(&[COLLECTION, 0]);
        schema::encode(out, new.schema);
        string(out, "");
        if feature.is_some() {
            out.extend_from_slice(&SINGLE.to_le_bytes());
            out.extend_from_slice(&0i64.to_le_bytes());
            out.extend_from_slice(&(-1i32).to_le_bytes());
        }
    });
}

/// Reads the answer to PUT_CONTAINER up to the schema. The rest is not needed.
pub fn decode_put(reader: &mut Reader<'_>) -> Result<ContainerInfo, DecodeError> {
    let schema_version = reader.i32("schema version")?;
    let id = reader.i64("container id")?;
    let name = ContainerName::decode(reader)?;
    let schema = schema::decode(reader)?;
    Ok(ContainerInfo { id, schema_version, name, schema })
}

/// Appends the request to look up a container.
pub fn encode_get(out: &mut Vec<u8>, id: i64, partition: u32, name: &ContainerName, database: i64) {
    by_name(out, Statement::GetContainer, id, partition, name, database, None);
}

/// Reads the answer to GET_CONTAINER; `None` if no container has that name.
pub fn decode_get(reader: &mut Reader<'_>) -> Result<Option<ContainerInfo>, DecodeError> {
    if reader.bool("found")? { decode_put(reader).map(Some) } else { Ok(None) }
}

/// Appends the request to drop a container. A missing container is no error. It waits `wait` seconds for open
/// transactions, or the login's default.
pub fn encode_drop(
    out: &mut Vec<u8>,
    id: i64,
    partition: u32,
    name: &ContainerName,
    database: i64,
    wait: Option<u32>,
) {
    by_name(out, Statement::DropContainer, id, partition, name, database, wait);
}

fn by_name(
    out: &mut Vec<u8>,
    statement: Statement,
    id: i64,
    partition: u32,
    name: &ContainerName,
    database: i64,
    wait: Option<u32>,
) {
    simple_request(out, statement, partition, id, |out| {
        Options { transaction_timeout: wait, ..Options::default() }.encode(out);
        name.encode(out, database);
        out.push(ANY_TYPE);
    });
}
