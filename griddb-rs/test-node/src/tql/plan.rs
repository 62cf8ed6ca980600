//! Finding the rows of a query, by index where possible.

use super::eval::{Comparison, Expr, Scope, Val};
use crate::data::container::{Container, Slot, TxnId};
use crate::data::index::{Index, IndexKey};
use crate::error::Refusal;
use crate::wire::row::Row;
use crate::wire::schema::Type;
use std::collections::HashSet;
use std::ops::Bound;
use std::sync::Arc;

/// A condition with more alternatives than this is checked row by row.
const MOST_ALTERNATIVES: usize = 1024;

/// A matching row with its id.
pub(crate) type Found = (i64, Arc<Row>);

/// A search in a container, as a transaction sees it.
pub(crate) struct Search<'a> {
    pub(crate) container: &'a Container,
    pub(crate) txn: Option<TxnId>,
    /// Milliseconds since 1970.
    pub(crate) now: i64,
}

/// One alternative of a condition: all terms must hold.
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

    /// Matching rows from a row id on, up to this many bytes; and where to continue.
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
            let Some(row) = slot.visible(self.txn) else { continue };
            if condition.map_or(Ok(true), |condition| condition.holds(&self.scope(row)))? {
                size += row.size();
                found.push((id, Arc::clone(row)));
            }
        }
        Ok((found, None))
    }

    fn all(&self) -> Vec<Found> {
        self.seen(self.container.slots())
    }

    /// The visible rows. Those that another transaction is changing come last.
    fn seen<'s>(&self, slots: impl Iterator<Item = (i64, &'s Slot)>) -> Vec<Found> {
        let (mut rows, mut old) = (Vec::new(), Vec::new());
        for (id, slot) in slots {
            if let Some(row) = slot.visible(self.txn) {
                let list = if slot.shows_old(self.txn) { &mut old } else { &mut rows };
                list.push((id, Arc::clone(row)));
            }
        }
        rows.append(&mut old);
        rows
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
        match access {
            Access::Key(_, key) => {
                let found = self.container.find_visible(key, self.txn);
                found.map(|(id, row)| (id, Arc::clone(row))).into_iter().collect()
            }
            Access::Range(index, low, high) => {
                let ids = index.range(low.clone(), high.clone()).into_iter();
                self.seen(ids.filter_map(|id| Some((id, self.container.slot(id)?))))
            }
            Access::All => self.all(),
        }
    }

    /// The best index for an alternative: one with an equality before one with a range.
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

/// A comparison of a column with a constant, with the column on the left.
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

/// A constant converted to the order of the column's index, if the conversion is exact.
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

/// The condition in disjunctive normal form without NOT, unless that has too many alternatives.
pub(super) fn alternatives(condition: &Expr) -> Vec<Alternative> {
    spread(condition, false).unwrap_or_else(|| vec![vec![condition.clone()]])
}

fn spread(expr: &Expr, negated: bool) -> Option<Vec<Alternative>> {
    match (expr, negated) {
        (Expr::Not(inner), _) => spread(inner, !negated),
        (Expr::And(parts), false) | (Expr::Or(parts), true) => {
            let mut all: Vec<Alternative> = vec![Vec::new()];
            for part in parts {
                let part = spread(part, negated)?;
                if all.len() * part.len() > MOST_ALTERNATIVES {
                    return None;
                }
                let joined =
                    all.iter().flat_map(|left| part.iter().map(|right| [left.as_slice(), right].concat()));
                all = joined.collect();
            }
            Some(all)
        }
        (Expr::Or(parts), false) | (Expr::And(parts), true) => {
            let mut any = Vec::new();
            for part in parts {
                any.extend(spread(part, negated)?);
                if any.len() > MOST_ALTERNATIVES {
                    return None;
                }
            }
            Some(any)
        }
        (Expr::Compare(comparison, left, right), true) => {
            Some(vec![vec![Expr::Compare(comparison.opposite(), left.clone(), right.clone())]])
        }
        (Expr::IsNull(inner, not_null), true) => Some(vec![vec![Expr::IsNull(inner.clone(), !not_null)]]),
        (other, true) => Some(vec![vec![Expr::Not(Box::new(other.clone()))]]),
        (other, false) => Some(vec![vec![other.clone()]]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::index::IndexInfo;
    use crate::tql::parse;
    use crate::wire::container_key::ContainerKey;
    use crate::wire::read::Reader;
    use crate::wire::row::read_rows;
    use crate::wire::schema::{Column, Schema};
    use crate::wire::write::Write;
    use proptest::prelude::*;

    fn schema() -> Schema {
        let column = |name: &str, kind, not_null| Column { name: name.into(), kind, array: false, not_null };
        let columns = vec![
            column("k", Type::String, true),
            column("n", Type::Long, false),
            column("s", Type::String, false),
            column("d", Type::Double, false),
        ];
        Schema::new(columns, vec![0])
    }

    fn container(rows: &[(Option<i8>, Option<u8>)]) -> Container {
        let key = ContainerKey::read(&mut Reader::new(&[9, 0, 3, b't', 0])).unwrap();
        let mut container = Container::new(0, key, false, schema(), Vec::new());
        for (id, (number, letter)) in rows.iter().enumerate() {
            let nulls = (u8::from(number.is_none()) * 0b1010) | (u8::from(letter.is_none()) << 2);
            let mut bytes = Vec::new();
            bytes.put_i64(0);
            bytes.put_u8(nulls);
            bytes.put_i64(i64::from(number.unwrap_or(0)));
            bytes.put(&f64::from(number.unwrap_or(0)).to_le_bytes());
            bytes.put_varsize(2);
            bytes.put_sized(format!("k{id}").as_bytes());
            bytes.put_sized(&letter.map_or(Vec::new(), |letter| vec![letter]));
            let row = read_rows(&bytes, &schema(), 1).unwrap().pop().unwrap();
            container.write(i64::try_from(id).unwrap(), Some(Arc::new(row)), None);
        }
        container
    }

    fn condition() -> impl Strategy<Value = String> {
        let comparison = prop_oneof![Just("="), Just("<>"), Just("<"), Just("<="), Just(">"), Just(">=")];
        let equality = prop_oneof![Just("="), Just("<>")];
        let leaf = prop_oneof![
            (comparison.clone(), -4_i8..4).prop_map(|(sign, number)| format!("n {sign} {number}")),
            (comparison.clone(), -4_i8..4).prop_map(|(sign, number)| format!("{number} {sign} n")),
            (comparison.clone(), -8_i8..8).prop_map(|(sign, half)| format!("n {sign} {}.5", half / 2)),
            (comparison, -4_i8..4).prop_map(|(sign, number)| format!("d {sign} {number}")),
            (equality.clone(), 0..12_u8).prop_map(|(sign, number)| format!("k {sign} 'k{number}'")),
            (equality, b'a'..b'e').prop_map(|(sign, letter)| format!("s {sign} '{}'", char::from(letter))),
            Just("n is null".to_owned()),
            Just("s is not null".to_owned()),
            Just("k like 'k1%'".to_owned()),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} and {b})")),
                (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} or {b})")),
                inner.prop_map(|a| format!("not ({a})")),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn indexes_and_alternatives_find_what_a_scan_finds(
            rows in proptest::collection::vec((proptest::option::of(-4_i8..4), proptest::option::of(b'a'..b'e')), 0..12),
            text in condition(),
        ) {
            let mut container = container(&rows);
            for column in 1..4 {
                container.add_index(IndexInfo { name: Vec::new(), columns: vec![column] });
            }
            let query = parse(format!("select * where {text}").as_bytes(), &schema(), (b"t", b"t"), 0).unwrap();
            let condition = query.condition.unwrap();
            let search = Search { container: &container, txn: None, now: 0 };
            let mut found: Vec<i64> =
                search.run(Some(&condition)).unwrap().into_iter().map(|(id, _)| id).collect();
            found.sort_unstable();
            let scan = search.all().into_iter().filter(|(_, row)| condition.holds(&search.scope(row)).unwrap());
            prop_assert_eq!(found, scan.map(|(id, _)| id).collect::<Vec<_>>(), "{}", text);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,60}") {
            drop(parse(text.as_bytes(), &schema(), (b"t", b"t"), 0));
            drop(parse(format!("select * where {text}").as_bytes(), &schema(), (b"t", b"t"), 0));
        }
    }

    #[test]
    fn long_and_deep_conditions_are_searched_or_refused() {
        let container = container(&[(Some(1), None); 5]);
        let search = Search { container: &container, txn: None, now: 0 };
        let text = format!("select * where {}k = 'k3'", "k = 'x' or ".repeat(20_000));
        let query = parse(text.as_bytes(), &schema(), (b"t", b"t"), 0).unwrap();
        assert_eq!(search.run(query.condition.as_ref()).unwrap().len(), 1);
        let deep = ["(", "- ", "not (", "upper(", "n + ", "n = 1 xor "];
        for part in deep {
            let text = format!("select * where {}", part.repeat(100_000));
            assert!(parse(text.as_bytes(), &schema(), (b"t", b"t"), 0).is_err(), "{part}");
        }
    }
}
