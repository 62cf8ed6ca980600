//! TQL: parsing a query and finding its rows.

mod eval;
mod explain;
mod function;
mod lexer;
mod parser;
mod plan;
mod time;

pub(crate) use explain::{explain, schema as explain_schema};
pub(crate) use parser::{Aggregate, Query, Selection, parse};
pub(crate) use plan::{Found, Search};
