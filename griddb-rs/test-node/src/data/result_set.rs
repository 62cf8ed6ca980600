//! Query results that are read page by page.

use crate::wire::row::Row;
use crate::wire::schema::Schema;
use std::sync::Arc;
use tokio::time::Instant;

/// Rows as the query found them.
#[derive(Debug, Clone)]
pub(crate) struct ResultSet {
    pub(crate) schema: Arc<Schema>,
    /// Rows with their ids. Those of a time series are shown without.
    pub(crate) rows: Vec<(Option<i64>, Arc<Row>)>,
    pub(crate) expires: Instant,
}
