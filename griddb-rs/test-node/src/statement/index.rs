//! CREATE_INDEX and DROP_INDEX.

use super::execute::Context;
use super::{Request, Stop};
use crate::data::change::Change;
use crate::data::container::Container;
use crate::data::index::{IndexInfo, can_be_indexed};
use crate::error::{ErrorCode, Refusal};
use crate::node::partition::Partition;
use crate::wire::read::{Malformed, Reader};
use crate::wire::schema::is_name;

/// Index types of the protocol.
const TREE: i8 = 0;
const DEFAULT: i8 = -1;

fn read_index_info(body: &mut Reader<'_>) -> Result<(IndexInfo, i8), Malformed> {
    let size = body.count32()?;
    let mut info = Reader::new(body.take(size)?);
    let name = info.string()?.to_vec();
    let count = info.count32()?;
    let mut columns = Vec::new();
    for _ in 0..count {
        columns.push(info.count32()?);
    }
    Ok((IndexInfo { name, columns }, info.i8()?))
}

/// The container of a statement that names it by id and schema version.
pub(super) fn target<'p>(partition: &'p Partition, request: &Request<'_>) -> Result<&'p Container, Refusal> {
    let container = partition.state.container(request.fixed.container).ok_or(ErrorCode::CONTAINER_GONE)?;
    check_version(container, request.fixed.schema_version)?;
    Ok(container)
}

pub(super) fn check_version(container: &Container, version: i32) -> Result<(), Refusal> {
    if container.version == version {
        return Ok(());
    }
    let (id, actual) = (container.id, container.version);
    let text = format!("(containerId={id}, expectedVer={version}, actualVer={actual})");
    Err(ErrorCode::SCHEMA_VERSION.because(text))
}

impl Context<'_> {
    pub(super) fn create_index(
        &self,
        partition: &mut Partition,
        request: &mut Request<'_>,
    ) -> Result<(), Stop> {
        let (info, kind) = read_index_info(&mut request.body)?;
        let container = target(partition, request)?;
        let columns = container.schema.columns.as_slice();
        let mut distinct = info.columns.clone();
        distinct.sort_unstable();
        distinct.dedup();
        if info.columns.iter().any(|column| *column >= columns.len()) {
            return Err(ErrorCode::COLUMN_ID.into());
        }
        let fit = info.columns.iter().all(|column| can_be_indexed(&columns[*column]));
        if info.columns.is_empty() || distinct.len() != info.columns.len() || !fit {
            return Err(ErrorCode::NOT_SUPPORTED.because("index columns").into());
        }
        if !info.name.is_empty() && !is_name(&info.name) {
            return Err(ErrorCode::LIMITS_EXCEEDED.because("index name").into());
        }
        if kind != TREE && kind != DEFAULT {
            return Err(ErrorCode::NOT_SUPPORTED
                .because(format!("Unsupported index type (mapType={kind})"))
                .into());
        }
        for index in container.indexes() {
            let same_columns = index.info.columns == info.columns;
            let same_name = index.info.name.eq_ignore_ascii_case(&info.name);
            if same_columns && (info.name.is_empty() || same_name) {
                return Ok(());
            }
            if same_columns || (same_name && !info.name.is_empty()) {
                return Err(ErrorCode::NOT_SUPPORTED.because("index has another name or columns").into());
            }
        }
        let container = container.id;
        partition.apply(Change::AddIndex { container, info });
        partition.woken = true;
        Ok(())
    }

    pub(super) fn drop_index(
        &self,
        partition: &mut Partition,
        request: &mut Request<'_>,
    ) -> Result<(), Stop> {
        let (info, _) = read_index_info(&mut request.body)?;
        let any_name = request.body.bool()?;
        let _any_type = request.body.bool()?;
        let container = target(partition, request)?;
        let matches = |index: &IndexInfo| {
            (info.columns.is_empty() || index.columns == info.columns)
                && (any_name || index.name.eq_ignore_ascii_case(&info.name))
        };
        let found: Vec<_> =
            container.indexes().iter().map(|index| index.info.clone()).filter(matches).collect();
        let container = container.id;
        for info in found {
            partition.apply(Change::RemoveIndex { container, info });
        }
        Ok(())
    }
}
