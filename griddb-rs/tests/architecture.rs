//! The modules of `src` import each other in one direction only: there is no circle.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// All source files below a folder, except those that hold tests.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            found.push(path);
        }
    }
    found
}

/// The modules that a file names after `crate::`, alone or in braces.
fn imports(source: &str) -> BTreeSet<String> {
    let source = source.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let code: String = source.lines().flat_map(|line| [line.split("//").next().unwrap(), "\n"]).collect();
    let mut modules = BTreeSet::new();
    for path in code.split("crate::").skip(1) {
        let mut depth = 0;
        // What is left of `{a::{B, C}, d::E};` and of `a::B;` up to where they end: `a::, d::E` and `a::B`.
        let mut outermost = String::new();
        for character in path.chars() {
            match character {
                '{' => depth += 1,
                '}' if depth == 1 => break,
                '}' => depth -= 1,
                ',' if depth == 1 => outermost.push(character),
                _ if depth > 1 || character.is_whitespace() => {}
                _ if character.is_alphanumeric() || "_:".contains(character) => outermost.push(character),
                _ => break,
            }
        }
        modules.extend(outermost.split(',').map(|path| path.split("::").next().unwrap().to_owned()));
    }
    modules
}

#[test]
fn modules_import_each_other_without_a_circle() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in sources(&src) {
        let relative = file.strip_prefix(&src).unwrap().to_str().unwrap();
        let module = relative.split('/').next().unwrap().trim_end_matches(".rs").to_owned();
        if module != "lib" {
            graph.entry(module).or_default().extend(imports(&fs::read_to_string(&file).unwrap()));
        }
    }
    assert!(graph["collection"].contains("cluster") && graph["client"].contains("collection"), "{graph:?}");
    let names: BTreeSet<String> = graph.keys().cloned().collect();
    for (module, imports) in &mut graph {
        imports.retain(|other| other != module && names.contains(other));
    }
    // Remove modules without remaining imports. Those that can never be removed are part of a circle or import
    // one.
    while let Some(lowest) = graph.iter().find(|(_, imports)| imports.is_empty()) {
        let lowest = lowest.0.clone();
        graph.remove(&lowest);
        graph.values_mut().for_each(|imports| {
            imports.remove(&lowest);
        });
    }
    assert!(graph.is_empty(), "a circle of imports: {graph:?}");
}

#[test]
fn imports_are_found_in_every_form() {
    let source = "use crate::{\n    error::{Error, other::Kind},\n    random,\n    wire::Reader,\n};\n\
                  // crate::client::No\nfn f(_: crate::schema::Column) {}\n\
                  #[cfg(test)]\nmod tests {\n    use crate::config::Config;\n}\n";
    let found: Vec<String> = imports(source).into_iter().filter(|module| !module.is_empty()).collect();
    assert_eq!(found, ["error", "random", "schema", "wire"]);
}
