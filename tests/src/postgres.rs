//! PostgreSQL to run the cases on.

use std::path::Path;
use std::sync::LazyLock;

use gridauth_test_stores::Postgres;
use sha2::{Digest, Sha256};

/// The URL of the server that this process starts, or that `GRIDAUTH_TEST_POSTGRES` names. Each directory has its own schema, just as
/// it would have its own file.
pub(crate) fn server(directory: &Path) -> Option<String> {
    static SERVER: LazyLock<Option<Postgres>> = LazyLock::new(Postgres::find);
    let digest = Sha256::digest(directory.as_os_str().as_encoded_bytes());
    let tag: String = digest[..6].iter().map(|byte| format!("{byte:02x}")).collect();
    SERVER.as_ref().map(|server| server.with(&format!("schema=t{tag}&max_connections=4")))
}
