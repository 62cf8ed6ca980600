//! Which rows a query finds, by an index where one serves.

use super::eval::{Comparison, Expr, Scope, Val};
use crate::data::container::{Container, TxnId};
use crate::data::index::{Index, IndexKey};
use crate::error::Refusal;
use crate::wire::row::Row;
use crate::wire::schema::Type;
use std::collections::HashSet;
use std::ops::Bound;
use std::sync::Arc;

/// A condition with more alternatives than this is tested row by row.
const MOST_ALTERNATIVES: usize = 64;

/// A row that was found, with its id.
pub(crate) type Found = (i64, Arc<Row>);

/// A search in a container, as a transaction sees it.
pub(crate) struct Search<'a> {
    pub(crate) container: &'a Container,
    pub(crate) txn: Option<TxnId>,
    /// Milliseconds since 1970.
    pub(crate) now: i64,
}

/// One alternative of a condition: all of these have to hold.
pub(super) type Alternative = Vec<Expr>;

/// How an alternative is searched.
#[derive(Debug)]
pub(super) enum Access<'a> {
    /// By the row key's hash.
    Key(&'a Index, Box<[u8]>),
    Range(&'a Index, Bound<IndexKey>, Bound<IndexKey>),
    All,
}

impl<'a> Search<'a> {
    /// The rows that meet the condition, alternative by alternative.
    pub(crate) fn run(&self, condition: Option<&Expr>) -> Result<Vec<Found>, Refusal> {
        let Some(condition) = condition else { return Ok(self.all()) };
        let alternatives = alternatives(condition);
        let mut found = Vec::new();
        let mut seen = HashSet::new();
        let several = alternatives.len() > 1;
        for alternative in &alternatives {
            let access = self.access(alternative);
            let repeats = several || matches!(access, Access::Range(..));
            for (id, row) in self.candidates(&access) {
                if self.meets(alternative, &row)? && (!repeats || seen.insert(id)) {
                    found.push((id, row));
                }
            }
        }
        Ok(found)
    }

    /// Rows that meet the condition from a row id on, until they take so many bytes; and where to go on.
    pub(crate) fn step(
        &self,
        condition: Option<&Expr>,
        first: i64,
        bytes: usize,
    ) -> Result<(Vec<Found>, Option<i64>), Refusal> {
        let (mut found, mut size) = (Vec::new(), 0);
        for (id, slot) in self.container.slots_from(first) {
            if size >= bytes {
                return Ok((found, Some(id)));
            }
            if let Some(row) = slot.visible(self.txn) {
                size += row.size();
                if condition.map_or(Ok(true), |condition| condition.holds(&self.scope(row)))? {
                    found.push((id, Arc::clone(row)));
                }
            }
        }
        Ok((found, None))
    }

    fn all(&self) -> Vec<Found> {
        let visible = |(id, slot): (i64, &crate::data::container::Slot)| {
            slot.visible(self.txn).map(|row| (id, Arc::clone(row)))
        };
        self.container.slots().filter_map(visible).collect()
    }

    fn scope<'s>(&'s self, row: &'s Row) -> Scope<'s> {
        Scope { row: Some((&self.container.schema, row)), now: self.now }
    }

    fn meets(&self, alternative: &Alternative, row: &Row) -> Result<bool, Refusal> {
        for term in alternative {
            if !term.holds(&self.scope(row))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn candidates(&self, access: &Access<'_>) -> Vec<Found> {
        let row = |id| {
            let row = self.container.slot(id)?.visible(self.txn)?;
            Some((id, Arc::clone(row)))
        };
        match access {
            Access::Key(_, key) => {
                let id = self.container.find(key).map(|(id, _)| id);
                id.and_then(row).into_iter().collect()
            }
            Access::Range(index, low, high) => {
                index.range(low.clone(), high.clone()).into_iter().filter_map(row).collect()
            }
            Access::All => self.all(),
        }
    }

    /// The index that serves an alternative best: one with an equality before one with a range.
    pub(super) fn access(&self, alternative: &[Expr]) -> Access<'a> {
        let mut range = Access::All;
        for term in alternative {
            match self.term_access(term, alternative) {
                Access::All => {}
                Access::Range(index, low, high) if low != high => range = Access::Range(index, low, high),
                exact => return exact,
            }
        }
        range
    }

    fn term_access(&self, term: &Expr, alternative: &[Expr]) -> Access<'a> {
        let column = match term {
            Expr::IsNull(inner, false) => match **inner {
                Expr::Column(column, _) => column,
                _ => return Access::All,
            },
            term => match bound(term) {
                Some((_, Comparison::NotEqual, _)) | None => return Access::All,
                Some((column, ..)) => column,
            },
        };
        let container = self.container;
        let served = |index: &&Index| index.info.columns.first() == Some(&column);
        let Some(index) = container.indexes().iter().find(served) else { return Access::All };
        if matches!(term, Expr::IsNull(..)) {
            let null = || Bound::Included(IndexKey::Null);
            return Access::Range(index, null(), null());
        }
        let definition = &container.schema.columns[column];
        if container.schema.keys == [column] && definition.kind == Type::String {
            return match bound(term) {
                Some((_, Comparison::Equal, Val::Text(text))) => {
                    let mut key = Vec::new();
                    crate::wire::write::Write::put_sized(&mut key, text);
                    Access::Key(index, key.into())
                }
                _ => Access::All,
            };
        }
        let (mut low, mut high) = (Bound::Unbounded, Bound::Unbounded);
        for (other, comparison, value) in alternative.iter().filter_map(bound) {
            if other != column {
                continue;
            }
            let Some(key) = index_key(definition.kind, value) else { return Access::All };
            match comparison {
                Comparison::Equal => {
                    return Access::Range(index, Bound::Included(key.clone()), Bound::Included(key));
                }
                Comparison::Less => high = tighter(high, Bound::Excluded(key), false),
                Comparison::LessOrEqual => high = tighter(high, Bound::Included(key), false),
                Comparison::Greater => low = tighter(low, Bound::Excluded(key), true),
                Comparison::GreaterOrEqual => low = tighter(low, Bound::Included(key), true),
                Comparison::NotEqual => {}
            }
        }
        Access::Range(index, low, high)
    }
}

/// The narrower of two bounds on one side.
fn tighter(one: Bound<IndexKey>, other: Bound<IndexKey>, low: bool) -> Bound<IndexKey> {
    let key = |bound: &Bound<IndexKey>| match bound {
        Bound::Included(key) => Some((key.clone(), false)),
        Bound::Excluded(key) => Some((key.clone(), true)),
        Bound::Unbounded => None,
    };
    let (Some((a, a_open)), Some((b, b_open))) = (key(&one), key(&other)) else {
        return if key(&one).is_none() { other } else { one };
    };
    let other_is_narrower = if a == b { !a_open && b_open } else { (b > a) == low };
    if other_is_narrower { other } else { one }
}

/// A comparison of a column with a constant, the column on the left.
pub(super) fn bound(term: &Expr) -> Option<(usize, Comparison, &Val<'static>)> {
    let Expr::Compare(comparison, left, right) = term else { return None };
    match (&**left, &**right) {
        (Expr::Column(column, _), Expr::Literal(value)) => Some((*column, *comparison, value)),
        (Expr::Literal(value), Expr::Column(column, _)) => Some((*column, flipped(*comparison), value)),
        _ => None,
    }
}

fn flipped(comparison: Comparison) -> Comparison {
    match comparison {
        Comparison::Less => Comparison::Greater,
        Comparison::LessOrEqual => Comparison::GreaterOrEqual,
        Comparison::Greater => Comparison::Less,
        Comparison::GreaterOrEqual => Comparison::LessOrEqual,
        same => same,
    }
}

/// A constant as the index of a column orders it, if it has an exact place there.
#[expect(clippy::cast_precision_loss, reason = "a float column compares with a whole number as a float")]
fn index_key(kind: Type, value: &Val<'_>) -> Option<IndexKey> {
    use crate::wire::row::Value;
    let value = match (value, kind) {
        (Val::Int(number), Type::Float | Type::Double) => Value::Float(*number as f64),
        (Val::Float(number), Type::Float | Type::Double) => Value::Float(*number),
        (Val::Float(_) | Val::Null, _) => return None,
        (Val::Int(number), _) => Value::Int(*number),
        (Val::Bool(value), _) => Value::Bool(*value),
        (Val::Time(nanos), _) => Value::Time(*nanos),
        (Val::Text(text), _) => Value::Text(text),
    };
    IndexKey::new(value)
}

/// The condition as alternatives of terms without NOT, AND and OR, unless these would be too many.
pub(super) fn alternatives(condition: &Expr) -> Vec<Alternative> {
    spread(condition, false).unwrap_or_else(|| vec![vec![condition.clone()]])
}

fn spread(expr: &Expr, negated: bool) -> Option<Vec<Alternative>> {
    let all = |left: &Expr, right: &Expr| {
        let (left, right) = (spread(left, negated)?, spread(right, negated)?);
        if left.len() * right.len() > MOST_ALTERNATIVES {
            return None;
        }
        let joined =
            left.iter().flat_map(|left| right.iter().map(move |right| [left.as_slice(), right].concat()));
        Some(joined.collect())
    };
    let any = |left: &Expr, right: &Expr| {
        let mut alternatives = spread(left, negated)?;
        alternatives.extend(spread(right, negated)?);
        (alternatives.len() <= MOST_ALTERNATIVES).then_some(alternatives)
    };
    match (expr, negated) {
        (Expr::Not(inner), _) => spread(inner, !negated),
        (Expr::And(left, right), false) | (Expr::Or(left, right), true) => all(left, right),
        (Expr::Or(left, right), false) | (Expr::And(left, right), true) => any(left, right),
        (Expr::Compare(comparison, left, right), true) => {
            let opposite = match comparison {
                Comparison::Equal => Comparison::NotEqual,
                Comparison::NotEqual => Comparison::Equal,
                Comparison::Less => Comparison::GreaterOrEqual,
                Comparison::LessOrEqual => Comparison::Greater,
                Comparison::Greater => Comparison::LessOrEqual,
                Comparison::GreaterOrEqual => Comparison::Less,
            };
            Some(vec![vec![Expr::Compare(opposite, left.clone(), right.clone())]])
        }
        (Expr::IsNull(inner, not_null), true) => Some(vec![vec![Expr::IsNull(inner.clone(), !not_null)]]),
        (other, true) => Some(vec![vec![Expr::Not(Box::new(other.clone()))]]),
        (other, false) => Some(vec![vec![other.clone()]]),
    }
}
