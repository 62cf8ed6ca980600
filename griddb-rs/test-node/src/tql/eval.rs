//! Evaluating conditions on a row.

use super::function::Function;
use crate::error::{ErrorCode, Refusal};
use crate::wire::row::{Row, Value};
use crate::wire::schema::Schema;
use std::borrow::Cow;
use std::cmp::Ordering;

/// How a value takes part in comparisons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Bool,
    Number,
    Text,
    Time,
    Null,
    /// Arrays, BLOBs and geometries: only IS NULL applies to them.
    Opaque,
}

/// A value in a computation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Val<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Cow<'a, [u8]>),
    /// Nanoseconds since 1970.
    Time(i128),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    /// The opposite operator, for values that are known.
    pub(super) fn opposite(self) -> Self {
        match self {
            Self::Equal => Self::NotEqual,
            Self::NotEqual => Self::Equal,
            Self::Less => Self::GreaterOrEqual,
            Self::LessOrEqual => Self::Greater,
            Self::Greater => Self::LessOrEqual,
            Self::GreaterOrEqual => Self::Less,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// An expression with resolved columns.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expr {
    Literal(Val<'static>),
    Column(usize, Kind),
    Arithmetic(Operator, Box<Expr>, Box<Expr>),
    Call(Function, Vec<Expr>),
    Compare(Comparison, Box<Expr>, Box<Expr>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Xor(Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    /// Whether it is NULL or, if negated, is not.
    IsNull(Box<Expr>, bool),
    Like(Box<Expr>, Box<Expr>, Option<u8>),
}

impl Val<'_> {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Null => Kind::Null,
            Self::Bool(_) => Kind::Bool,
            Self::Int(_) | Self::Float(_) => Kind::Number,
            Self::Text(_) => Kind::Text,
            Self::Time(_) => Kind::Time,
        }
    }

    fn into_owned(self) -> Val<'static> {
        match self {
            Self::Null => Val::Null,
            Self::Bool(value) => Val::Bool(value),
            Self::Int(value) => Val::Int(value),
            Self::Float(value) => Val::Float(value),
            Self::Text(value) => Val::Text(Cow::Owned(value.into_owned())),
            Self::Time(value) => Val::Time(value),
        }
    }
}

impl<'a> From<Value<'a>> for Val<'a> {
    fn from(value: Value<'a>) -> Self {
        match value {
            // all that can be asked is whether an opaque value is there
            Value::Opaque => Val::Bool(true),
            Value::Null => Val::Null,
            Value::Bool(value) => Val::Bool(value),
            Value::Int(value) => Val::Int(value),
            Value::Float(value) => Val::Float(value),
            Value::Text(value) => Val::Text(Cow::Borrowed(value)),
            Value::Time(value) => Val::Time(value),
        }
    }
}

/// Which kinds can be compared, and how: texts and booleans have no order, other kinds do not mix.
pub(super) fn check_comparison(comparison: Comparison, left: Kind, right: Kind) -> Result<(), Refusal> {
    let ordered = !matches!(comparison, Comparison::Equal | Comparison::NotEqual);
    let fits = match (left, right) {
        (Kind::Opaque, _) | (_, Kind::Opaque) => false,
        (Kind::Null, _) | (_, Kind::Null) => true,
        (Kind::Text, Kind::Text) | (Kind::Bool, Kind::Bool) => !ordered,
        (left, right) => left == right,
    };
    if fits {
        Ok(())
    } else {
        Err(ErrorCode::TQL_OPERATION.because("operation is not defined for these types"))
    }
}

impl Expr {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Literal(value) => value.kind(),
            Self::Column(_, kind) => *kind,
            Self::Arithmetic(..) => Kind::Number,
            Self::Call(function, _) => function.kind(),
            _ => Kind::Bool,
        }
    }

    pub(super) fn must_be_bool(&self) -> Result<(), Refusal> {
        if self.kind() == Kind::Bool { Ok(()) } else { Err(ErrorCode::TQL_NOT_BOOLEAN.into()) }
    }

    fn is_constant(&self) -> bool {
        match self {
            Self::Literal(_) => true,
            Self::Column(..) => false,
            Self::Call(_, parts) | Self::And(parts) | Self::Or(parts) => parts.iter().all(Self::is_constant),
            Self::Arithmetic(_, left, right)
            | Self::Compare(_, left, right)
            | Self::Xor(left, right)
            | Self::Like(left, right, _) => left.is_constant() && right.is_constant(),
            Self::Not(inner) | Self::IsNull(inner, _) => inner.is_constant(),
        }
    }

    /// Whether a row meets the condition; unknown counts as no.
    pub(super) fn holds(&self, scope: &Scope<'_>) -> Result<bool, Refusal> {
        Ok(self.value(scope)? == Val::Bool(true))
    }

    pub(super) fn value<'a>(&'a self, scope: &Scope<'a>) -> Result<Val<'a>, Refusal> {
        Ok(match self {
            Self::Literal(value) => value.clone(),
            Self::Column(column, _) => match scope.row {
                Some((schema, row)) => row.value(schema, *column).into(),
                None => Val::Null,
            },
            Self::Arithmetic(operator, left, right) => {
                compute(*operator, &left.value(scope)?, &right.value(scope)?)?
            }
            Self::Call(function, arguments) => {
                let values: Result<Vec<_>, _> =
                    arguments.iter().map(|argument| argument.value(scope)).collect();
                function.call(&values?, scope.now)?
            }
            Self::Compare(comparison, left, right) => {
                truth(compare(*comparison, &left.value(scope)?, &right.value(scope)?))
            }
            Self::And(parts) => decide(parts, scope, false)?,
            Self::Or(parts) => decide(parts, scope, true)?,
            Self::Xor(left, right) => {
                let both = known(&left.value(scope)?).zip(known(&right.value(scope)?));
                truth(both.map(|(left, right)| left != right))
            }
            Self::Not(inner) => truth(known(&inner.value(scope)?).map(|value| !value)),
            Self::IsNull(inner, negated) => Val::Bool((inner.value(scope)? == Val::Null) != *negated),
            Self::Like(text, pattern, escape) => match (text.value(scope)?, pattern.value(scope)?) {
                (Val::Text(text), Val::Text(pattern)) => Val::Bool(like(&text, &pattern, *escape)),
                _ => Val::Null,
            },
        })
    }
}

/// The first operand with the deciding value decides. Otherwise the result is the other value, or unknown if an
/// operand is.
fn decide<'a>(parts: &'a [Expr], scope: &Scope<'a>, deciding: bool) -> Result<Val<'a>, Refusal> {
    let mut outcome = Val::Bool(!deciding);
    for part in parts {
        match known(&part.value(scope)?) {
            Some(value) if value == deciding => return Ok(Val::Bool(deciding)),
            Some(_) => {}
            None => outcome = Val::Null,
        }
    }
    Ok(outcome)
}

/// The input of an evaluation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) row: Option<(&'a Schema, &'a Row)>,
    /// Milliseconds since 1970.
    pub(super) now: i64,
}

/// Evaluates an expression that does not depend on a row.
pub(super) fn fold(expr: Expr, now: i64) -> Result<Expr, Refusal> {
    if !expr.is_constant() {
        return Ok(expr);
    }
    let value = expr.value(&Scope { row: None, now })?.into_owned();
    Ok(Expr::Literal(value))
}

fn truth(value: Option<bool>) -> Val<'static> {
    value.map_or(Val::Null, Val::Bool)
}

fn known(value: &Val<'_>) -> Option<bool> {
    match value {
        Val::Bool(value) => Some(*value),
        _ => None,
    }
}

#[expect(clippy::cast_precision_loss, reason = "as the server compares them")]
pub(super) fn as_float(value: &Val<'_>) -> Option<f64> {
    match value {
        Val::Int(value) => Some(*value as f64),
        Val::Float(value) => Some(*value),
        _ => None,
    }
}

fn compare(comparison: Comparison, left: &Val<'_>, right: &Val<'_>) -> Option<bool> {
    let ordering = match (left, right) {
        (Val::Int(left), Val::Int(right)) => left.cmp(right),
        (Val::Text(left), Val::Text(right)) => left.cmp(right),
        (Val::Bool(left), Val::Bool(right)) => left.cmp(right),
        (Val::Time(left), Val::Time(right)) => left.cmp(right),
        _ => as_float(left)?.partial_cmp(&as_float(right)?)?,
    };
    Some(match comparison {
        Comparison::Equal => ordering == Ordering::Equal,
        Comparison::NotEqual => ordering != Ordering::Equal,
        Comparison::Less => ordering == Ordering::Less,
        Comparison::LessOrEqual => ordering != Ordering::Greater,
        Comparison::Greater => ordering == Ordering::Greater,
        Comparison::GreaterOrEqual => ordering != Ordering::Less,
    })
}

fn compute(operator: Operator, left: &Val<'_>, right: &Val<'_>) -> Result<Val<'static>, Refusal> {
    if let (Val::Int(left), Val::Int(right)) = (left, right) {
        let divides = matches!(operator, Operator::Divide | Operator::Remainder);
        if divides && *right == 0 {
            return Err(ErrorCode::TQL_DIVIDE_BY_ZERO.into());
        }
        return Ok(Val::Int(match operator {
            Operator::Add => left.wrapping_add(*right),
            Operator::Subtract => left.wrapping_sub(*right),
            Operator::Multiply => left.wrapping_mul(*right),
            Operator::Divide => left.wrapping_div(*right),
            Operator::Remainder => left.wrapping_rem(*right),
        }));
    }
    let (Some(left), Some(right)) = (as_float(left), as_float(right)) else { return Ok(Val::Null) };
    Ok(Val::Float(match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide => left / right,
        Operator::Remainder => left % right,
    }))
}

/// `%` matches any characters, `_` one.
fn like(text: &[u8], pattern: &[u8], escape: Option<u8>) -> bool {
    // where the last `%` was, and how much of the text it had matched
    let mut retry: Option<(usize, usize)> = None;
    let (mut at, mut in_pattern) = (0, 0);
    while at < text.len() || in_pattern < pattern.len() {
        let wanted = pattern.get(in_pattern).copied();
        let escaped = wanted.is_some() && wanted == escape;
        let literal = if escaped { pattern.get(in_pattern + 1).copied() } else { wanted };
        if wanted == Some(b'%') && !escaped {
            retry = Some((in_pattern, at));
            in_pattern += 1;
            continue;
        }
        if at < text.len() {
            if wanted == Some(b'_') && !escaped {
                at += character(&text[at..]);
                in_pattern += 1;
                continue;
            }
            if literal == text.get(at).copied() {
                at += 1;
                in_pattern += 1 + usize::from(escaped);
                continue;
            }
        }
        match retry {
            Some((pattern_at, taken)) if taken < text.len() => {
                let taken = taken + character(&text[taken..]);
                retry = Some((pattern_at, taken));
                (at, in_pattern) = (taken, pattern_at + 1);
            }
            _ => return false,
        }
    }
    true
}

/// The length of the first character in bytes.
fn character(text: &[u8]) -> usize {
    let more = text.iter().skip(1).take(3).take_while(|byte| **byte & 0xc0 == 0x80).count();
    if text.first().is_some_and(|byte| *byte >= 0x80) { 1 + more } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let yes = [
            ("", ""),
            ("abc", "a%"),
            ("abc", "%c"),
            ("abc", "a_c"),
            ("äx", "_x"),
            ("aab", "%ab"),
            ("x", "%%"),
        ];
        for (text, pattern) in yes {
            assert!(like(text.as_bytes(), pattern.as_bytes(), None), "{text} {pattern}");
        }
        for (text, pattern) in [("", "_"), ("abc", "a"), ("abc", "b%"), ("abc", "a_"), ("ä", "__")] {
            assert!(!like(text.as_bytes(), pattern.as_bytes(), None), "{text} {pattern}");
        }
        assert!(like(b"a%b", b"a\\%b", Some(b'\\')) && !like(b"axb", b"a\\%b", Some(b'\\')));
    }
}
