//! ARCHITECTURE.md says which room of `core/src` may import which. Here the sources are asked.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A line of the table.
struct Room {
    name: String,
    /// Rooms above it, whole.
    whole: BTreeSet<String>,
    /// Single items of rooms below it, as `room::Item`.
    single: BTreeSet<String>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn in_backticks(text: &str) -> impl Iterator<Item = String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned)
}

/// The table below "Inside `core/src`", top to bottom: `room`, what is in it, what it may import: rooms, or all
/// above but some. What stands behind a semicolon are single items.
fn table() -> Vec<Room> {
    let page = fs::read_to_string(root().join("../ARCHITECTURE.md")).unwrap();
    let (_, table) = page.split_once("Inside `core/src`").unwrap();
    let lines = table.lines().skip_while(|line| !line.starts_with('|')).skip(2);
    let mut rooms: Vec<Room> = Vec::new();
    for line in lines.take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').collect();
        let (whole, single) = cells[2].split_once(';').unwrap_or((cells[2], ""));
        let above: BTreeSet<String> = rooms.iter().map(|room| room.name.clone()).collect();
        let named: BTreeSet<String> = in_backticks(whole).collect();
        assert!(named.is_subset(&above), "{line}: arrows run down only");
        let room = Room {
            name: in_backticks(cells[0]).next().unwrap(),
            whole: if whole.contains("all above") { &above - &named } else { named },
            single: in_backticks(single).collect(),
        };
        rooms.push(room);
    }
    rooms
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        // What only tests use may look anywhere.
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

/// The paths behind each `crate::` of a file, but for those in comments and in its tests.
fn imports(source: &str) -> Vec<String> {
    let source = source.split("#[cfg(test)]\nmod tests").next().unwrap();
    let mut paths = Vec::new();
    for line in source.lines() {
        let code = line.split("//").next().unwrap();
        for (at, _) in code.match_indices("crate::").filter(|(at, _)| !code[..*at].ends_with('$')) {
            let rest = &code[at + "crate::".len()..];
            let end =
                rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).unwrap_or(rest.len());
            assert!(end > 0, "one path for each room, so that it can be read here: {line}");
            paths.push(rest[..end].to_owned());
        }
    }
    paths
}

/// The rooms of what `lib.rs` shows at the top: `crate::Store` is of `store`.
fn shown_at_the_top() -> BTreeMap<String, String> {
    let lib = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let lines = lib.lines().filter_map(|line| line.strip_prefix("pub use ")?.split_once("::"));
    lines
        .flat_map(|(room, names)| {
            let names = names.trim_matches(|c| matches!(c, '{' | '}' | ';')).split(", ");
            names
                .map(|name| (name.trim_matches(['{', '}', ';']).to_owned(), room.to_owned()))
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn every_import_is_one_that_the_table_allows() {
    let rooms = table();
    let top = shown_at_the_top();
    assert_eq!(top["Store"], "store", "{top:?}");
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in &files {
        let relative = file.strip_prefix(root().join("src")).unwrap().to_str().unwrap();
        let name = relative.split('/').next().unwrap().trim_end_matches(".rs");
        if name == "lib" {
            continue;
        }
        let room = rooms.iter().find(|room| room.name == name);
        let room = room.unwrap_or_else(|| panic!("{relative}: `{name}` is not in the table"));
        let used = used.entry(name.to_owned()).or_default();
        for path in imports(&fs::read_to_string(file).unwrap()) {
            let (first, rest) = path.split_once("::").unwrap_or((&path, ""));
            let (other, item) = match top.get(first) {
                Some(other) => (other.as_str(), first),
                None => (first, rest),
            };
            let single = format!("{other}::{item}");
            let allowed = other == name || room.whole.contains(other) || room.single.contains(&single);
            assert!(allowed, "{relative}: `{name}` may not import `{path}` by ARCHITECTURE.md");
            used.insert(if room.whole.contains(other) { other.to_owned() } else { single });
        }
    }
    for room in &rooms {
        let used = used.get(&room.name).unwrap_or_else(|| panic!("there is no room `{}`", room.name));
        assert!(room.single.is_subset(used), "{}: not used any more: {:?}", room.name, room.single);
    }
    assert!(files.len() > 100 && rooms.len() > 10, "{} files, {} rooms", files.len(), rooms.len());
}

#[test]
fn the_sources_are_read_as_they_are_meant() {
    let source = "use crate::model::{Client, User};\n// use crate::server::No;\nfn f(a: &crate::Store) -> $crate::No {}\n\
                  /// [`crate::pages`]\n#[cfg(test)]\nmod tests {\n    use crate::GridAuth;\n}\n";
    assert_eq!(imports(source), ["model::", "Store"]);
}
