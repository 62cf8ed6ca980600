//! Columns, the row key, and the position of each value in a row's bytes.

use super::read::{Malformed, Reader};
use super::write::Write;
use crate::error::{ErrorCode, Refusal};

const LONGEST_COLUMN_NAME: usize = 256;
const MOST_COLUMNS: usize = 1024;

/// The type of a column, or of an array's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Type {
    String,
    Bool,
    Byte,
    Short,
    Integer,
    Long,
    Float,
    Double,
    Timestamp,
    Geometry,
    Blob,
    MicroTimestamp,
    NanoTimestamp,
}

impl Type {
    const ALL: [Self; 13] = [
        Self::String,
        Self::Bool,
        Self::Byte,
        Self::Short,
        Self::Integer,
        Self::Long,
        Self::Float,
        Self::Double,
        Self::Timestamp,
        Self::Geometry,
        Self::Blob,
        Self::MicroTimestamp,
        Self::NanoTimestamp,
    ];

    pub(crate) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    pub(crate) fn number(self) -> u8 {
        Self::ALL.iter().position(|kind| *kind == self).and_then(|at| u8::try_from(at).ok()).unwrap_or(0)
    }

    /// The size of a value, or `None` if it varies.
    pub(crate) fn size(self) -> Option<usize> {
        Some(match self {
            Self::String | Self::Geometry | Self::Blob => return None,
            Self::Bool | Self::Byte => 1,
            Self::Short => 2,
            Self::Integer | Self::Float => 4,
            Self::Long | Self::Double | Self::Timestamp | Self::MicroTimestamp => 8,
            Self::NanoTimestamp => 9,
        })
    }

    fn may_be_key(self) -> bool {
        use Type::{Integer, Long, MicroTimestamp, NanoTimestamp, String, Timestamp};
        matches!(self, String | Integer | Long | Timestamp | MicroTimestamp | NanoTimestamp)
    }

    fn may_be_array(self) -> bool {
        !matches!(self, Self::Geometry | Self::Blob | Self::MicroTimestamp | Self::NanoTimestamp)
    }
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: Vec<u8>,
    pub(crate) kind: Type,
    pub(crate) array: bool,
    pub(crate) not_null: bool,
}

impl Column {
    pub(crate) fn varies(&self) -> bool {
        self.array || self.kind.size().is_none()
    }

    /// Its size in the fixed part of a row.
    pub(crate) fn fixed_size(&self) -> usize {
        if self.array { 0 } else { self.kind.size().unwrap_or(0) }
    }

    fn same(&self, other: &Self) -> bool {
        self.name.eq_ignore_ascii_case(&other.name)
            && (self.kind, self.array, self.not_null) == (other.kind, other.array, other.not_null)
    }
}

/// The columns of a container, and where their values are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Schema {
    pub(crate) columns: Vec<Column>,
    /// The columns of the row key.
    pub(crate) keys: Vec<usize>,
    /// Per column: its offset in the fixed part, NULL bits included, or its index among the varying ones.
    offsets: Vec<usize>,
    /// Bytes of the NULL bits and the fixed columns.
    pub(crate) fixed_size: usize,
    /// How many columns vary.
    pub(crate) varying: usize,
}

impl Schema {
    pub(crate) fn new(columns: Vec<Column>, keys: Vec<usize>) -> Self {
        let mut fixed_size = columns.len().div_ceil(8);
        let mut varying = 0;
        let mut offsets = Vec::with_capacity(columns.len());
        for column in &columns {
            if column.varies() {
                offsets.push(varying);
                varying += 1;
            } else {
                offsets.push(fixed_size);
                fixed_size += column.fixed_size();
            }
        }
        Self { columns, keys, offsets, fixed_size, varying }
    }

    /// The schema of the row key alone, which encodes composite keys.
    pub(crate) fn of_key(&self) -> Self {
        Self::new(self.keys.iter().map(|key| self.columns[*key].clone()).collect(), Vec::new())
    }

    pub(crate) fn offset(&self, column: usize) -> usize {
        self.offsets[column]
    }

    pub(crate) fn null_bytes(&self) -> usize {
        self.columns.len().div_ceil(8)
    }

    /// Reads a schema and checks that a container can have it.
    pub(crate) fn read(body: &mut Reader<'_>) -> Result<Self, Refusal> {
        let count = body.count32()?;
        // each column takes at least six bytes
        if count > body.left() / 6 {
            return Err(Malformed.into());
        }
        let mut columns = Vec::with_capacity(count);
        for _ in 0..count {
            let name = body.string()?.to_vec();
            let kind = Type::from_number(body.u8()?);
            let flags = body.u8()?;
            let kind = kind.ok_or_else(|| ErrorCode::SCHEMA.because("unknown column type"))?;
            columns.push(Column { name, kind, array: flags & 1 != 0, not_null: flags & 4 != 0 });
        }
        let keys = usize::try_from(body.i16()?).map_err(|_| Malformed)?;
        let mut key_columns = Vec::new();
        for _ in 0..keys {
            key_columns.push(usize::try_from(body.i16()?).map_err(|_| Malformed)?);
        }
        let schema = Self::new(columns, key_columns);
        schema.check()?;
        Ok(schema)
    }

    fn check(&self) -> Result<(), Refusal> {
        if self.columns.is_empty() || self.columns.len() > MOST_COLUMNS {
            return Err(ErrorCode::SCHEMA.because("number of columns"));
        }
        let mut names: Vec<_> = self.columns.iter().map(|column| column.name.to_ascii_lowercase()).collect();
        if !names.iter().all(|name| is_name(name)) {
            return Err(ErrorCode::LIMITS_EXCEEDED.because("column name"));
        }
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(ErrorCode::SCHEMA.because("column name used twice"));
        }
        if self.columns.iter().any(|column| column.array && !column.kind.may_be_array()) {
            return Err(ErrorCode::SCHEMA.because("array of a type that has none"));
        }
        let first_ones = self.keys.iter().enumerate().all(|(at, key)| at == *key);
        let fit = |key: &usize| {
            self.columns.get(*key).is_some_and(|c| c.not_null && !c.array && c.kind.may_be_key())
        };
        if !first_ones || !self.keys.iter().all(fit) {
            return Err(ErrorCode::SCHEMA.because("row key"));
        }
        Ok(())
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.put_count32(self.columns.len());
        for column in &self.columns {
            out.put_string(&column.name);
            out.put_u8(column.kind.number());
            out.put_u8(u8::from(column.array) | if column.not_null { 4 } else { 0 });
        }
        let short = |number: usize| i16::try_from(number).unwrap_or(i16::MAX);
        out.put_i16(short(self.keys.len()));
        for key in &self.keys {
            out.put_i16(short(*key));
        }
    }

    /// Whether both have the same columns, in any order, and the same key.
    pub(crate) fn same(&self, other: &Self) -> bool {
        self.columns.len() == other.columns.len()
            && self.keys == other.keys
            && self.keys.iter().all(|key| self.columns[*key].same(&other.columns[*key]))
            && self.columns.iter().all(|ours| other.columns.iter().any(|theirs| ours.same(theirs)))
    }

    /// The column with that name, ignoring case.
    pub(crate) fn find(&self, name: &[u8]) -> Option<usize> {
        self.columns.iter().position(|column| column.name.eq_ignore_ascii_case(name))
    }

    /// Whether rows of this schema can be converted to `new`: columns with the same name keep their type, and the key stays.
    pub(crate) fn can_become(&self, new: &Self) -> bool {
        let unchanged =
            |column: &Column| self.find(&column.name).is_none_or(|old| self.columns[old].same(column));
        self.keys == new.keys
            && self.keys.iter().all(|key| self.columns[*key].same(&new.columns[*key]))
            && new.columns.iter().all(unchanged)
    }
}

/// Whether columns and indexes can have this name.
pub(crate) fn is_name(name: &[u8]) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-./=".contains(byte);
    !name.is_empty() && name.len() <= LONGEST_COLUMN_NAME && name.iter().all(allowed)
}
