//! Each row of `docs/threat-model.md` names a test that exists.

use std::path::Path;

fn sources(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn every_row_names_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let page = std::fs::read_to_string(root.join("docs/threat-model.md")).unwrap();
    let mut text = String::new();
    for folder in ["core/src", "core/tests", "tests/conformance"] {
        sources(&root.join(folder), &mut text);
    }
    let is_row =
        |line: &&str| line.starts_with("| ") && !line.starts_with("| threat") && !line.starts_with("| ---");
    let mut rows = 0;
    for row in page.lines().filter(is_row) {
        let name = row.trim_end_matches(['|', ' ']).rsplit('|').next().unwrap().trim().trim_matches('`');
        assert!(text.contains(&format!("fn {name}(")), "no test is called {name:?}: {row}");
        rows += 1;
    }
    assert!(rows > 15, "{rows}");
}
