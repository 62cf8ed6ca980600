//! `gridauth doctor`.

use std::process::ExitCode;

use gridauth::GridAuth;
use serde_json::{Value, json};

use crate::failure::{Failure, PROBLEMS};
use crate::output::{Output, shown};
use crate::progress;

pub(crate) async fn run(auth: &GridAuth, output: &Output) -> Result<ExitCode, Failure> {
    let bar = progress::line(output);
    let checked =
        auth.check_store(|kind, rows| bar.set_message(format!("{}: {rows} rows read", kind.name()))).await;
    bar.finish_and_clear();
    let check = checked?;
    let rows: serde_json::Map<String, Value> =
        check.rows.iter().map(|(kind, count)| (kind.name().to_owned(), json!(count))).collect();
    let problems: Vec<Value> = check
        .problems
        .iter()
        .map(|found| json!({ "kind": found.kind.name(), "id": found.id, "problem": found.problem }))
        .collect();
    let is_well = problems.is_empty();
    let document = json!({
        "rows": rows,
        "expired": check.expired,
        "problems": problems,
        "further_problems": check.further_problems,
    });
    output.print(&document, || {
        let counts = check.rows.iter().map(|(kind, count)| format!("{}: {count} rows", kind.name()));
        let mut lines: Vec<String> = counts.collect();
        lines.push(format!("{} of them have expired", check.expired));
        lines.extend(check.problems.iter().map(|found| {
            let id = found.id.as_deref().map(|id| format!(" {id:?}")).unwrap_or_default();
            shown(&format!("problem: {}{id}: {}", found.kind.name(), found.problem))
        }));
        match (is_well, check.further_problems) {
            (true, _) => lines.push("nothing is wrong".to_owned()),
            (false, 0) => {}
            (false, further) => lines.push(format!("and {further} further problems")),
        }
        lines
    })?;
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::from(PROBLEMS) })
}
