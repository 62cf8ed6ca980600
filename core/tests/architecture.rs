//! Reads the sources of `core/src` and compares their imports with the table in ARCHITECTURE.md.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A line of the table.
struct Module {
    name: String,
    may_import: BTreeSet<String>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn in_backticks(text: &str) -> impl Iterator<Item = String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned)
}

/// The table below "Inside `core/src`", from top to bottom: a module, its content, and the modules that it may import, possibly as
/// "all above but ...".
fn table() -> Vec<Module> {
    let page = fs::read_to_string(root().join("../ARCHITECTURE.md")).unwrap();
    let (_, table) = page.split_once("Inside `core/src`").unwrap();
    let lines = table.lines().skip_while(|line| !line.starts_with('|')).skip(2);
    let mut modules: Vec<Module> = Vec::new();
    for line in lines.take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').collect();
        let above: BTreeSet<String> = modules.iter().map(|module| module.name.clone()).collect();
        let named: BTreeSet<String> = in_backticks(cells[2]).collect();
        assert!(named.is_subset(&above), "{line}: arrows run down only");
        let may_import = if cells[2].contains("all above") { &above - &named } else { named };
        modules.push(Module { name: in_backticks(cells[0]).next().unwrap(), may_import });
    }
    modules
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        // Test files may import anything.
        if name.starts_with("test") {
            continue;
        }
        if path.is_dir() {
            sources(&path, found);
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
}

/// The code of a file, without comments and without the tests at its end.
fn code(source: &str) -> String {
    let tests = source.match_indices("#[cfg(test)]").map(|(at, _)| at).find(|at| {
        let lines = source[*at..].lines().skip(1).skip_while(|line| line.starts_with("#["));
        lines.take(1).any(|line| line.starts_with("mod ") && line.ends_with('{'))
    });
    source[..tests.unwrap_or(source.len())]
        .lines()
        .map(|line| line.split("//").next().unwrap().to_owned() + "\n")
        .collect()
}

/// The paths after each `crate::` of a file.
fn crate_paths(source: &str) -> Vec<String> {
    let code = code(source);
    let mut paths = Vec::new();
    for (at, _) in code.match_indices("crate::").filter(|(at, _)| !code[..*at].ends_with('$')) {
        let rest = &code[at + "crate::".len()..];
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).unwrap_or(rest.len());
        assert!(end > 0, "one path for each module, so that it can be read here: {rest:.60}");
        paths.push(rest[..end].to_owned());
    }
    paths
}

/// The names that `lib.rs` re-exports, each with its module: `crate::Store` is in `store`.
fn root_reexports() -> BTreeMap<String, String> {
    let lib = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let lines = lib.lines().filter_map(|line| line.strip_prefix("pub use ")?.split_once("::"));
    lines
        .flat_map(|(module, names)| {
            let names = names.trim_matches(|c| matches!(c, '{' | '}' | ';')).split(", ");
            names
                .map(|name| (name.trim_matches(['{', '}', ';']).to_owned(), module.to_owned()))
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn every_import_is_allowed_by_the_table() {
    let modules = table();
    let top = root_reexports();
    assert_eq!(top["Store"], "store", "{top:?}");
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    let mut seen = BTreeSet::new();
    for file in &files {
        let relative = file.strip_prefix(root().join("src")).unwrap().to_str().unwrap();
        let name = relative.split('/').next().unwrap().trim_end_matches(".rs");
        if name == "lib" {
            continue;
        }
        let module = modules.iter().find(|module| module.name == name);
        let module = module.unwrap_or_else(|| panic!("{relative}: `{name}` is not in the table"));
        seen.insert(name.to_owned());
        for path in crate_paths(&fs::read_to_string(file).unwrap()) {
            let first = path.split("::").next().unwrap();
            let other = top.get(first).map_or(first, String::as_str);
            let is_allowed = other == name || module.may_import.contains(other);
            assert!(is_allowed, "{relative}: `{name}` may not import `{path}` by ARCHITECTURE.md");
        }
    }
    for module in &modules {
        assert!(seen.contains(&module.name), "there is no module `{}`", module.name);
    }
    assert!(files.len() > 100 && modules.len() > 10, "{} files, {} modules", files.len(), modules.len());
}

/// The sources by their module path, and what each file re-exports.
struct Sources {
    code: BTreeMap<Vec<String>, String>,
    reexports: BTreeMap<Vec<String>, BTreeMap<String, Vec<String>>>,
}

impl Sources {
    fn read() -> Self {
        let mut files = Vec::new();
        sources(&root().join("src"), &mut files);
        let mut code_of = BTreeMap::new();
        for file in files {
            let relative = file.strip_prefix(root().join("src")).unwrap().to_str().unwrap();
            let module = relative.trim_end_matches(".rs").trim_end_matches("/mod");
            let module =
                if module == "lib" { Vec::new() } else { module.split('/').map(str::to_owned).collect() };
            code_of.insert(module, code(&fs::read_to_string(&file).unwrap()));
        }
        let mut sources = Self { code: code_of, reexports: BTreeMap::new() };
        for (module, code) in &sources.code {
            let names = uses(code).filter(|(is_reexport, _)| *is_reexport).filter_map(|(_, path)| {
                let (last, path) = (path.last()?.clone(), sources.absolute(module, path)?);
                Some((last, path))
            });
            let names = names.collect();
            sources.reexports.insert(module.clone(), names);
        }
        sources
    }

    /// The paths in the code that begin with a child module, outside of `use` items.
    fn inline_paths(&self, module: &[String], code: &str) -> Vec<Vec<String>> {
        let children =
            self.code.keys().filter(|file| file.len() == module.len() + 1 && file.starts_with(module));
        let children: Vec<&String> = children.filter_map(|file| file.last()).collect();
        let mut paths = Vec::new();
        for line in code.lines().filter(|line| !line.contains("use ")) {
            for child in &children {
                let name = format!("{child}::");
                let starts = line.match_indices(&name).map(|(at, _)| at).filter(|at| {
                    !line[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
                });
                for at in starts {
                    let rest = &line[at + name.len()..];
                    let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
                    paths.push(vec![(*child).clone(), rest[..end].to_owned()]);
                }
            }
        }
        paths
    }

    /// The path from the root of the crate; `None` for other crates.
    fn absolute(&self, module: &[String], mut path: Vec<String>) -> Option<Vec<String>> {
        let mut base = module.to_vec();
        match path.first()?.as_str() {
            "crate" => base.clear(),
            "self" => {}
            "super" => {
                base.pop();
            }
            first => {
                let mut child = base.clone();
                child.push(first.to_owned());
                return self.code.contains_key(&child).then(|| [base, path].concat());
            }
        }
        path.remove(0);
        while path.first().is_some_and(|first| first == "super") {
            path.remove(0);
            base.pop();
        }
        Some([base, path].concat())
    }

    /// The file in which a path is defined.
    fn definition(&self, path: &[String]) -> Vec<String> {
        let mut module = Vec::new();
        for (at, segment) in path.iter().enumerate() {
            let mut child: Vec<String> = module.clone();
            child.push(segment.clone());
            if self.code.contains_key(&child) {
                module = child;
            } else if let Some(target) = self.reexports[&module].get(segment) {
                return self.definition(&[target.clone(), path[at + 1..].to_vec()].concat());
            } else {
                return module;
            }
        }
        module
    }

    /// Which files each file imports from, or reaches by the name of a child module.
    fn imports(&self) -> BTreeMap<Vec<String>, BTreeSet<Vec<String>>> {
        let of = |(module, code): (&Vec<String>, &String)| {
            let paths = uses(code).filter(|(is_reexport, _)| !is_reexport).map(|(_, path)| path);
            let paths = paths.chain(self.inline_paths(module, code));
            let paths = paths.filter_map(|path| self.absolute(module, path));
            let files = paths.map(|path| self.definition(&path)).filter(|file| file != module);
            (module.clone(), files.collect())
        };
        self.code.iter().map(of).collect()
    }
}

/// The paths of the `use` items of a file, and whether each is a re-export.
fn uses(code: &str) -> impl Iterator<Item = (bool, Vec<String>)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("use ") {
        let line = &code[code[..at].rfind('\n').map_or(0, |end| end + 1)..at];
        if !matches!(line.trim(), "" | "pub" | "pub(crate)" | "pub(super)") {
            continue;
        }
        let item = &code[at + "use ".len()..];
        let item: String = item[..item.find(';').unwrap_or(0)].split_whitespace().collect();
        let mut paths = Vec::new();
        expand(&item, &mut Vec::new(), &mut paths);
        found.extend(paths.into_iter().map(|path| (!line.trim().is_empty(), path)));
    }
    found.into_iter()
}

/// Expands the braces of a `use` item.
fn expand(item: &str, prefix: &mut Vec<String>, paths: &mut Vec<Vec<String>>) {
    let (head, group) = match item.find('{') {
        Some(at) => (&item[..at], Some(&item[at + 1..item.len() - 1])),
        None => (item, None),
    };
    // Without spaces, `as X` is `asX`. A renamed item is found under its original name.
    let segments: Vec<String> = head.split("::").filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let length = prefix.len();
    prefix.extend(segments);
    match group {
        None => paths.push(prefix.clone()),
        Some(group) => {
            let (mut depth, mut start) = (0, 0);
            for (at, c) in group.char_indices().chain([(group.len(), ',')]) {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    ',' if depth == 0 => {
                        if start < at {
                            expand(&group[start..at], prefix, paths);
                        }
                        start = at + 1;
                    }
                    _ => {}
                }
            }
        }
    }
    prefix.truncate(length);
}

/// The files of an import cycle, if there is one. A file that imports none of the others, or that none of them imports, is in no
/// cycle, so such files are removed until none is left.
fn cycle(imports: &BTreeMap<Vec<String>, BTreeSet<Vec<String>>>) -> Option<Vec<Vec<String>>> {
    let mut left = imports.clone();
    loop {
        let imported: BTreeSet<Vec<String>> = left.values().flatten().cloned().collect();
        let before = left.len();
        let files: BTreeSet<Vec<String>> = left.keys().cloned().collect();
        left.retain(|file, imports| {
            imported.contains(file) && imports.iter().any(|other| files.contains(other))
        });
        if left.len() == before {
            return (!left.is_empty()).then(|| left.into_keys().collect());
        }
    }
}

#[test]
fn there_is_no_import_cycle_between_files() {
    let sources = Sources::read();
    let imports = sources.imports();
    let arrows: usize = imports.values().map(BTreeSet::len).sum();
    assert!(arrows > 300, "only {arrows} imports were read");
    if let Some(files) = cycle(&imports) {
        let names: Vec<String> = files
            .iter()
            .map(|file| {
                let into: Vec<String> = imports[file]
                    .iter()
                    .filter(|other| files.contains(other))
                    .map(|other| other.join("/"))
                    .collect();
                format!("{} -> {}", file.join("/"), into.join(", "))
            })
            .collect();
        panic!("these files are in an import cycle, or between two:\n{}", names.join("\n"));
    }
}

#[test]
fn the_sources_are_read_correctly() {
    let source = "use crate::model::{Client, User};\n// use crate::server::No;\nfn f(a: &crate::Store) -> $crate::No {}\n\
                  /// [`crate::pages`]\n#[cfg(test)]\nmod cases;\nuse crate::env;\n\
                  #[cfg(test)]\n#[allow(x)]\nmod tests {\n    use crate::GridAuth;\n}\n";
    assert_eq!(crate_paths(source), ["model::", "Store", "env"]);
    let paths = |text: &str| uses(text).map(|(_, path)| path.join("::")).collect::<Vec<_>>();
    assert_eq!(
        paths("use a::{b, c::{d, e}};\npub use super::f::G;\n"),
        ["a::b", "a::c::d", "a::c::e", "super::f::G"]
    );
}

#[test]
fn a_cycle_is_found() {
    let file = |name: &str| vec![name.to_owned()];
    let mut imports = BTreeMap::from([
        (file("a"), BTreeSet::from([file("b")])),
        (file("b"), BTreeSet::from([file("c")])),
        (file("c"), BTreeSet::new()),
    ]);
    assert_eq!(cycle(&imports), None);
    imports.insert(file("c"), BTreeSet::from([file("a")]));
    assert_eq!(cycle(&imports).map(|files| files.len()), Some(3));
}
