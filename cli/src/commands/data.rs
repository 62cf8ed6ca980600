//! `gridauth sweep`, `copy` and `snapshot`.

use std::path::Path;

use gridauth::store::{CopyError, CopyOptions};
use gridauth::{GridAuth, Store};
use serde_json::json;

use crate::arguments::CopyArguments;
use crate::failure::Failure;
use crate::output::Output;
use crate::progress;
use crate::store::open_argument;

pub(crate) async fn sweep(auth: &GridAuth, output: &Output) -> Result<(), Failure> {
    let bar = progress::line(output);
    bar.set_message("removing expired rows");
    let removed = auth.sweep().await;
    bar.finish_and_clear();
    let removed = removed?;
    output.print(&json!({ "removed": removed }), || vec![format!("{removed} expired rows removed")])
}

pub(crate) async fn copy(from: &Store, copy: &CopyArguments, output: &Output) -> Result<(), Failure> {
    let to = open_argument(&copy.to, false).await?;
    let bar = progress::line(output);
    let shown = bar.clone();
    let options = CopyOptions::new()
        .overwrite(copy.overwrite)
        .on_progress(move |progress| shown.set_message(progress.to_string()));
    let copied = from.copy_with(&to, options).await;
    bar.finish_and_clear();
    let report = copied.map_err(|error| match error {
        CopyError::NotEmpty { .. } => Failure::Usage(error.to_string()),
        error => Failure::failed(format!("{error}; copy again to go on")),
    })?;
    let document = json!({
        "rows": report.rows,
        "written": report.written,
        "removed": report.removed,
        "rounds": report.rounds,
    });
    output.print(&document, || {
        vec![format!(
            "{} rows are in both stores, compared; {} written, {} removed",
            report.rows, report.written, report.removed
        )]
    })
}

pub(crate) async fn snapshot(store: &Store, path: &Path, output: &Output) -> Result<(), Failure> {
    let bar = progress::line(output);
    bar.set_message("writing the snapshot");
    let written = store.snapshot(path).await;
    bar.finish_and_clear();
    written?;
    output.print(&json!({ "snapshot": path.display().to_string() }), || {
        vec![format!("snapshot in {}", path.display())]
    })
}
