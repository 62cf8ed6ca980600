//! EXPLAIN: the plan of a query.

use super::eval::{Comparison, Expr, Val};
use super::parser::Query;
use super::plan::{Access, Search, alternatives, bound};
use crate::wire::row::{Row, read_rows};
use crate::wire::schema::{Column, Schema, Type};
use crate::wire::write::Write;

/// The columns of a plan.
pub(crate) fn schema() -> Schema {
    let column =
        |name: &str, kind| Column { name: name.as_bytes().to_vec(), kind, array: false, not_null: true };
    let columns = vec![
        column("ID", Type::Integer),
        column("DEPTH", Type::Integer),
        column("TYPE", Type::String),
        column("VALUE_TYPE", Type::String),
        column("VALUE", Type::String),
        column("STATEMENT", Type::String),
    ];
    Schema::new(columns, Vec::new())
}

struct Lines(Vec<Row>);

impl Lines {
    fn add(&mut self, depth: i32, [kind, value_type, value, statement]: [&str; 4]) {
        let schema = schema();
        let mut bytes = Vec::new();
        bytes.put_i64(0);
        bytes.put_u8(0);
        bytes.put_count32(self.0.len());
        bytes.put_i32(depth);
        bytes.put_varsize(schema.varying as u64);
        for text in [kind, value_type, value, statement] {
            bytes.put_sized(text.as_bytes());
        }
        self.0.extend(read_rows(&bytes, &schema, 1).unwrap_or_default());
    }
}

/// The lines of a plan.
pub(crate) fn explain(query: &Query, search: &Search<'_>) -> Vec<Row> {
    let mut lines = Lines(Vec::new());
    let schema = &search.container.schema;
    let name = |column: usize| String::from_utf8_lossy(&schema.columns[column].name).into_owned();
    if let Some(condition) = &query.condition {
        for (number, alternative) in alternatives(condition).iter().enumerate() {
            lines.add(0, ["QUERY_LOOP_NUMBER", "INTEGER", &number.to_string(), ""]);
            match search.access(alternative) {
                Access::Key(index, _) | Access::Range(index, ..) => {
                    let column = index.info.columns.first().copied().unwrap_or(0);
                    lines.add(1, ["INDEX_FOUND", "INDEX_TYPE", "BTREE", &name(column)]);
                    for term in alternative {
                        if let Some(text) = term_text(term, column, &name) {
                            lines.add(1, ["INDEX_ENABLE", "INDEX_TYPE", "BTREE", &text]);
                        }
                    }
                    lines.add(1, ["USE_INDEX", "STRING", "BTREE", ""]);
                }
                Access::All => {
                    let column = alternative.iter().find_map(first_column).map(&name).unwrap_or_default();
                    lines.add(1, ["NOT_INDEX_USABLE", "COLUMN", &column, ""]);
                }
            }
        }
    } else {
        lines.add(0, ["SELECTION", "CONDITION", "NULL", ""]);
        lines.add(1, ["INDEX", "BTREE", "ROWMAP", ""]);
    }
    if !query.order.is_empty() {
        lines.add(0, ["QUERY_RESULT_SORT", "BOOLEAN", "TRUE", ""]);
        for (column, descending) in &query.order {
            let direction = if *descending { "DESC" } else { "ASC" };
            lines.add(1, ["QUERY_RESULT_SORT_EXPRESSION", "STRING", &name(*column), direction]);
        }
    }
    lines.add(0, ["QUERY_EXECUTE_RESULT_ROWS", "INTEGER", "0", ""]);
    lines.0
}

fn term_text(term: &Expr, column: usize, name: &impl Fn(usize) -> String) -> Option<String> {
    let (found, comparison, value) = bound(term)?;
    let sign = match comparison {
        Comparison::Equal => "=",
        Comparison::NotEqual => "<>",
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
    };
    let value = match value {
        Val::Null => "NULL".to_owned(),
        Val::Bool(value) => value.to_string(),
        Val::Int(value) => value.to_string(),
        Val::Float(value) => value.to_string(),
        Val::Text(value) => String::from_utf8_lossy(value).into_owned(),
        Val::Time(nanos) => (nanos / 1_000_000).to_string(),
    };
    (found == column).then(|| format!("({}{sign}{value})", name(column)))
}

fn first_column(term: &Expr) -> Option<usize> {
    match term {
        Expr::Column(column, _) => Some(*column),
        Expr::Compare(_, left, right) | Expr::Like(left, right, _) => {
            first_column(left).or_else(|| first_column(right))
        }
        Expr::Not(inner) | Expr::IsNull(inner, _) => first_column(inner),
        _ => None,
    }
}
