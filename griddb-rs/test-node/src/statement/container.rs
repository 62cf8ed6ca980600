//! Statements about containers.

use super::execute::Context;
use super::{Request, Stop};
use crate::data::change::Change;
use crate::data::container::Container;
use crate::data::index::IndexInfo;
use crate::error::{ErrorCode, Refusal};
use crate::node::partition::Partition;
use crate::wire::container_key::ContainerKey;
use crate::wire::read::Reader;
use crate::wire::schema::{Schema, Type};
use crate::wire::write::{Write, with_length};

/// The attribute of an ordinary container.
const ORDINARY: i32 = 16;

impl Context<'_> {
    /// Reads a container key, which must carry the login's database id.
    pub(super) fn read_key(&self, body: &mut Reader<'_>) -> Result<ContainerKey, Refusal> {
        let key = ContainerKey::read(body)?;
        if key.database != self.login.database {
            return Err(ErrorCode::DATABASE.because("Specified db and logged in db are different"));
        }
        Ok(key)
    }

    pub(super) fn get_container(
        &self,
        partition: &Partition,
        request: &mut Request<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Stop> {
        let key = self.read_key(&mut request.body)?;
        let wanted = request.body.i8()?;
        let Some(container) = partition.state.named(&key.identity()) else {
            out.put_bool(false);
            return Ok(());
        };
        check_type(container, wanted)?;
        out.put_bool(true);
        write_container(container, out);
        Ok(())
    }

    pub(super) fn put_container(
        &self,
        partition: &mut Partition,
        request: &mut Request<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Stop> {
        let body = &mut request.body;
        let key = self.read_key(body)?;
        let kind = body.u8()?;
        let time_series = kind == 1;
        let modifiable = body.bool()?;
        let schema = Schema::read(body)?;
        let affinity = body.string()?.to_vec();
        let mut partitioning = -1;
        if request.options.feature_version.is_some() {
            let attribute = body.i32()?;
            partitioning = body.i64()?;
            let _end_of_list = body.i32()?;
            if attribute != ORDINARY {
                return Err(ErrorCode::NOT_SUPPORTED.because("container attribute").into());
            }
        }
        if kind > 1 {
            return Err(ErrorCode::CONTAINER_TYPE.into());
        }
        if time_series && body.left() > 0 && body.bool()? {
            return Err(ErrorCode::NOT_SUPPORTED.because("row expiration").into());
        }
        if time_series && schema.keys.first().is_none_or(|key| !is_time(schema.columns[*key].kind)) {
            return Err(ErrorCode::SCHEMA.because("row key of a time series").into());
        }
        let identity = key.identity();
        match partition.state.named(&identity) {
            None => {
                let id = partition.state.next_container();
                let mut container = Container::new(id, key, time_series, schema, affinity);
                container.partitioning = partitioning;
                partition.apply(Change::CreateContainer(Box::new(container)));
            }
            Some(container) => {
                check_type(container, i8::from(time_series))?;
                if container.affinity != affinity {
                    return Err(ErrorCode::SCHEMA.because("data affinity").into());
                }
                if !container.schema.same(&schema) {
                    if !container.schema.can_become(&schema) {
                        return Err(ErrorCode::SCHEMA_CHANGE.into());
                    }
                    if !modifiable {
                        return Err(ErrorCode::CHANGE_SCHEMA.into());
                    }
                    let id = container.id;
                    if partition.state.is_busy(id) {
                        return Err(Stop::Conflict);
                    }
                    partition.apply(Change::AlterContainer { container: id, schema });
                    partition.woken = true;
                }
            }
        }
        let container = partition.state.named(&identity).ok_or(ErrorCode::CONTAINER_GONE)?;
        write_container(container, out);
        Ok(())
    }

    pub(super) fn drop_container(
        &self,
        partition: &mut Partition,
        request: &mut Request<'_>,
    ) -> Result<(), Stop> {
        let key = self.read_key(&mut request.body)?;
        let wanted = request.body.i8()?;
        let Some(container) = partition.state.named(&key.identity()) else { return Ok(()) };
        check_type(container, wanted)?;
        let id = container.id;
        if partition.state.is_busy(id) {
            return Err(Stop::Conflict);
        }
        partition.apply(Change::DropContainer(id));
        Ok(())
    }

    pub(super) fn container_properties(
        &self,
        partition: &Partition,
        request: &mut Request<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Stop> {
        let key = self.read_key(&mut request.body)?;
        let count = request.body.count32()?;
        let wanted = request.body.take(count)?;
        let Some(container) = partition.state.named(&key.identity()) else {
            out.put_bool(false);
            return Ok(());
        };
        out.put_bool(true);
        out.put_count32(wanted.len());
        for property in wanted {
            out.put_u8(*property);
            with_length(out, |out| write_property(container, *property, out));
        }
        Ok(())
    }
}

fn is_time(kind: Type) -> bool {
    matches!(kind, Type::Timestamp | Type::MicroTimestamp | Type::NanoTimestamp)
}

/// -1 accepts both types.
fn check_type(container: &Container, wanted: i8) -> Result<(), Refusal> {
    if wanted < 0 || wanted == i8::from(container.time_series) {
        return Ok(());
    }
    Err(ErrorCode::CONTAINER_TYPE.into())
}

fn write_container(container: &Container, out: &mut Vec<u8>) {
    out.put_i32(container.version);
    out.put_i64(container.id);
    out.put_sized(container.key.bytes());
    container.schema.write(out);
    out.put_string(&container.affinity);
    out.put_i32(ORDINARY);
    out.put_i64(container.partitioning);
    out.put_i32(-1);
    out.put_i32(127);
}

fn write_property(container: &Container, property: u8, out: &mut Vec<u8>) {
    let column = |index: &usize| i32::try_from(*index).unwrap_or(i32::MAX);
    let infos = || container.indexes().iter().map(|index| &index.info);
    match property {
        0 => {
            out.put_i32(container.version);
            out.put_i64(container.id);
            out.put_sized(container.key.bytes());
        }
        1 => {
            out.put_bool(container.time_series);
            container.schema.write(out);
            out.put_string(&container.affinity);
        }
        2 => {
            let single: Vec<_> = infos().filter(|info| info.columns.len() == 1).collect();
            out.put_count32(single.len());
            for info in single {
                out.put_i32(info.columns.first().map_or(0, column));
                out.put_u8(0);
            }
        }
        // event notifications and triggers: none
        3 | 4 => out.put_i32(0),
        5 => out.put_i32(ORDINARY),
        6 => {
            out.put_count32(infos().count());
            for info in infos() {
                write_index_info(info, out);
            }
        }
        _ => {}
    }
}

fn write_index_info(info: &IndexInfo, out: &mut Vec<u8>) {
    with_length(out, |out| {
        out.put_string(&info.name);
        out.put_count32(info.columns.len());
        for column in &info.columns {
            out.put_i32(i32::try_from(*column).unwrap_or(i32::MAX));
        }
        out.put_u8(0);
    });
}
