//! Functions of TQL.

use super::eval::{Expr, Kind, Val, as_float};
use super::time;
use crate::error::{ErrorCode, Refusal};
use std::borrow::Cow;

const NANOS_PER_MILLI: i128 = 1_000_000;
/// 9999-12-31T23:59:59.999Z, the server's last instant.
const LAST_MILLI: i64 = 253_402_300_799_999;

/// A function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Upper,
    Lower,
    CharLength,
    Substring,
    Concat,
    Now,
    Timestamp,
    ToTimestampMs,
    ToEpochMs,
    /// With the length of the unit in nanoseconds.
    TimestampAdd(i128),
    TimestampDiff(i128),
}

impl Function {
    pub(super) fn find(name: &[u8], unit: Option<&[u8]>) -> Result<Self, Refusal> {
        Ok(match name.to_ascii_lowercase().as_slice() {
            b"upper" => Self::Upper,
            b"lower" => Self::Lower,
            b"char_length" => Self::CharLength,
            b"substring" => Self::Substring,
            b"concat" => Self::Concat,
            b"now" => Self::Now,
            b"timestamp" => Self::Timestamp,
            b"to_timestamp_ms" => Self::ToTimestampMs,
            b"to_epoch_ms" => Self::ToEpochMs,
            b"timestampadd" => Self::TimestampAdd(unit_nanos(unit)?),
            b"timestampdiff" => Self::TimestampDiff(unit_nanos(unit)?),
            _ => return Err(ErrorCode::TQL_FUNCTION.into()),
        })
    }

    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Upper | Self::Lower | Self::Substring | Self::Concat => Kind::Text,
            Self::CharLength | Self::ToEpochMs | Self::TimestampDiff(_) => Kind::Number,
            Self::Now | Self::Timestamp | Self::ToTimestampMs | Self::TimestampAdd(_) => Kind::Time,
        }
    }

    pub(super) fn check(self, arguments: &[Expr]) -> Result<(), Refusal> {
        let kinds: Vec<_> = arguments.iter().map(Expr::kind).collect();
        let fits = match self {
            Self::Upper | Self::Lower | Self::CharLength | Self::Timestamp => kinds == [Kind::Text],
            Self::Substring => {
                kinds == [Kind::Text, Kind::Number] || kinds == [Kind::Text, Kind::Number, Kind::Number]
            }
            Self::Concat => kinds.len() >= 2 && kinds.iter().all(|kind| *kind == Kind::Text),
            Self::Now => kinds.is_empty(),
            Self::ToTimestampMs => kinds == [Kind::Number],
            Self::ToEpochMs => kinds == [Kind::Time],
            Self::TimestampAdd(_) => kinds == [Kind::Time, Kind::Number],
            Self::TimestampDiff(_) => kinds == [Kind::Time, Kind::Time],
        };
        if fits { Ok(()) } else { Err(ErrorCode::TQL_ARGUMENT.because("arguments of a function")) }
    }

    pub(super) fn call(self, arguments: &[Val<'_>], now: i64) -> Result<Val<'static>, Refusal> {
        if arguments.contains(&Val::Null) {
            return Ok(Val::Null);
        }
        let text = |at: usize| match arguments.get(at) {
            Some(Val::Text(text)) => Cow::Borrowed(text.as_ref()),
            _ => Cow::Borrowed(b"".as_slice()),
        };
        let number = |at: usize| arguments.get(at).and_then(whole);
        let instant = |at: usize| match arguments.get(at) {
            Some(Val::Time(nanos)) => *nanos,
            _ => 0,
        };
        let owned = |bytes: Vec<u8>| Val::Text(Cow::Owned(bytes));
        Ok(match self {
            Self::Upper => owned(text(0).to_ascii_uppercase()),
            Self::Lower => owned(text(0).to_ascii_lowercase()),
            Self::CharLength => {
                let characters = String::from_utf8_lossy(&text(0)).chars().count();
                Val::Int(i64::try_from(characters).unwrap_or(i64::MAX))
            }
            Self::Substring => {
                let from = number(1).filter(|from| *from > 0).ok_or(ErrorCode::TQL_ARGUMENT_RANGE)?;
                let length = if arguments.len() < 3 { Some(i64::MAX) } else { number(2) };
                let length = length.filter(|length| *length >= 0).ok_or(ErrorCode::TQL_ARGUMENT_RANGE)?;
                let count = |number: i64| usize::try_from(number).unwrap_or(usize::MAX);
                let source = text(0);
                let part = String::from_utf8_lossy(&source)
                    .chars()
                    .skip(count(from - 1))
                    .take(count(length))
                    .collect::<String>();
                owned(part.into_bytes())
            }
            Self::Concat => owned((0..arguments.len()).flat_map(|at| text(at).into_owned()).collect()),
            Self::Now => Val::Time(i128::from(now) * NANOS_PER_MILLI),
            Self::Timestamp => {
                let nanos = time::parse(&text(0));
                Val::Time(nanos.ok_or_else(|| ErrorCode::TQL_ARGUMENT.because("not a timestamp"))?)
            }
            Self::ToTimestampMs => {
                let millis = number(0).filter(|millis| (0..=LAST_MILLI).contains(millis));
                Val::Time(i128::from(millis.ok_or(ErrorCode::TQL_ARGUMENT_RANGE)?) * NANOS_PER_MILLI)
            }
            Self::ToEpochMs => {
                Val::Int(i64::try_from(instant(0).div_euclid(NANOS_PER_MILLI)).unwrap_or(i64::MAX))
            }
            Self::TimestampAdd(unit) => {
                Val::Time(instant(0) + unit.saturating_mul(i128::from(number(1).unwrap_or(0))))
            }
            Self::TimestampDiff(unit) => {
                Val::Int(i64::try_from((instant(0) - instant(1)) / unit).unwrap_or(i64::MAX))
            }
        })
    }
}

/// The length of a fixed unit in nanoseconds.
fn unit_nanos(unit: Option<&[u8]>) -> Result<i128, Refusal> {
    let millis = match unit.unwrap_or_default().to_ascii_lowercase().as_slice() {
        b"millisecond" => 1,
        b"second" => 1_000,
        b"minute" => 60_000,
        b"hour" => 3_600_000,
        b"day" => 86_400_000,
        _ => return Err(ErrorCode::TQL_SYNTAX.because("unit of time")),
    };
    Ok(millis * NANOS_PER_MILLI)
}

#[expect(clippy::cast_possible_truncation, reason = "saturates, and fractions are cut off as by the server")]
fn whole(value: &Val<'_>) -> Option<i64> {
    match value {
        Val::Int(value) => Some(*value),
        other => as_float(other).map(|value| value as i64),
    }
}
