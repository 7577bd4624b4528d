//! The layers of `crates/tidegate/src`: a module uses its own layer and those below, and surfaces
//! never use each other. Imports are read from `use` declarations and from paths in the code, unit
//! tests aside.

#![expect(clippy::print_stdout, reason = "what a run has found, shown with --nocapture")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Top-level modules from the highest layer to the lowest. Within a layer, a module may use those
/// to its right.
const FLOORS: [&[&str]; 12] = [
    &["main", "cli", "server"],
    &["http"],
    &["worker"],
    &["surfaces"],
    &["uploads"],
    &["library"],
    &["access"],
    &["app"],
    &["state"],
    &["queue"],
    &["config", "sign_in", "db", "telemetry"],
    &["turns", "occasionally", "model", "error", "hashing", "site", "dashboard"],
];

/// Imports that may point upward. The list stays empty.
const EXCEPTIONS: [(&str, &str); 0] = [];

/// A module by its path from the crate root: `["uploads", "seal"]`.
pub(crate) type Module = Vec<String>;

/// Returns every module of the crate with its code, without comments and unit tests.
pub(crate) fn modules() -> BTreeMap<Module, String> {
    let (root, mut found) = (Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), BTreeMap::new());
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.insert(module_of(path.strip_prefix(&root).unwrap()), code(&text));
            }
        }
    }
    found
}

fn module_of(file: &Path) -> Module {
    let mut parts: Module =
        PathBuf::from(file).with_extension("").iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    if parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    parts
}

fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// Returns every path in a text that begins with `crate`, `self` or `super`, with brace groups
/// expanded.
pub(crate) fn paths(text: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for start in ["crate::", "self::", "super::"] {
        for (at, _) in text.match_indices(start) {
            let before = text[..at].chars().next_back();
            if !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                expand(&text[at..], &[], &mut found);
            }
        }
    }
    found
}

/// Reads one path or group after `prefix`; returns the remaining text.
fn expand<'a>(mut text: &'a str, prefix: &[String], found: &mut Vec<Vec<String>>) -> &'a str {
    let mut path = prefix.to_vec();
    loop {
        text = text.trim_start();
        if let Some(mut group) = text.strip_prefix('{') {
            loop {
                group = group.trim_start();
                if let Some(rest) = group.strip_prefix('}') {
                    return rest;
                }
                let rest = expand(group, &path, found);
                group = rest.trim_start();
                group = group.strip_prefix(',').unwrap_or(group);
                if group.len() == rest.len() && !group.starts_with('}') {
                    return group;
                }
            }
        }
        let length = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
        path.push(text[..length].to_owned());
        text = &text[length..];
        match text.strip_prefix("::") {
            Some(rest) if rest.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '{') => text = rest,
            _ => break,
        }
    }
    found.push(path);
    text
}

/// Returns the deepest module that a path names.
pub(crate) fn resolve(modules: &BTreeMap<Module, String>, from: &Module, path: &[String]) -> Option<Module> {
    let mut here = match path.first()?.as_str() {
        "crate" => Vec::new(),
        _ => from.clone(),
    };
    for part in path {
        match part.as_str() {
            "crate" | "self" => {}
            "super" => drop(here.pop()?),
            name => {
                here.push(name.to_owned());
                if !modules.contains_key(&here) {
                    here.pop();
                    break;
                }
            }
        }
    }
    (!here.is_empty()).then_some(here)
}

/// Returns which module uses which.
fn imports(modules: &BTreeMap<Module, String>) -> BTreeSet<(Module, Module)> {
    let mut all = BTreeSet::new();
    for (from, text) in modules {
        for path in paths(text) {
            all.extend(resolve(modules, from, &path).filter(|to| to != from).map(|to| (from.clone(), to)));
        }
    }
    all
}

/// Returns the layer of a module, counted from the top, and its position in it.
fn place(module: &Module) -> (usize, usize) {
    let top = module[0].as_str();
    let on = |(floor, names): (usize, &&[&str])| Some((floor, names.iter().position(|name| *name == top)?));
    FLOORS.iter().enumerate().find_map(on).unwrap_or_else(|| panic!("{top} stands on no floor; add it to FLOORS"))
}

fn shown(module: &Module) -> String {
    module.join("::")
}

#[test]
fn imports_point_downward() {
    let modules = modules();
    let imports = imports(&modules);
    assert!(imports.len() > 500, "only {} imports were read", imports.len());
    let ours = |module: &Module| module[0] != "lib";
    let upward: Vec<String> = imports
        .iter()
        .filter(|(from, to)| ours(from) && ours(to) && place(from) > place(to))
        .filter(|(from, to)| !EXCEPTIONS.contains(&(shown(from).as_str(), shown(to).as_str())))
        .map(|(from, to)| format!("{} -> {}", shown(from), shown(to)))
        .collect();
    assert!(upward.is_empty(), "upward imports:\n{}", upward.join("\n"));
}

#[test]
fn surfaces_stand_apart() {
    let modules = modules();
    let side_by_side = |from: &Module, to: &Module| {
        let both = from[0] == to[0] && from.len() > 1 && to.len() > 1 && from[1] != to[1];
        both && from[0] == "surfaces"
    };
    let found: Vec<String> = imports(&modules)
        .iter()
        .filter(|(from, to)| side_by_side(from, to))
        .map(|(from, to)| format!("{} -> {}", shown(from), shown(to)))
        .collect();
    assert!(found.is_empty(), "surfaces use each other:\n{}", found.join("\n"));
}

/// The edge serves bytes by signature alone, so it runs where there is no database.
#[test]
fn the_edge_has_no_database() {
    let is_edge = |module: &Module| {
        let parts: Vec<&str> = module.iter().map(String::as_str).collect();
        matches!(parts[..], ["http", "edge" | "content", ..] | ["server" | "cli", "edge"])
    };
    let barred = ["access", "app", "db", "queue", "sign_in", "surfaces", "uploads", "worker"];
    // How a bucket is opened; `App` itself holds the database.
    let allowed = ["crate::app::StoreDebug", "crate::app::open_bucket"];
    let modules = modules();
    assert!(modules.keys().filter(|module| is_edge(module)).count() > 10);
    let mut found = Vec::new();
    for (module, text) in modules.iter().filter(|(module, _)| is_edge(module)) {
        for path in paths(text).iter().filter(|path| !allowed.contains(&path.join("::").as_str())) {
            let to = resolve(&modules, module, path).filter(|to| barred.contains(&to[0].as_str()));
            found.extend(to.map(|to| format!("{} -> {}", shown(module), shown(&to))));
        }
    }
    assert!(found.is_empty(), "the edge uses what it runs without:\n{}", found.join("\n"));
}

/// No import cycle spans two layers; cycles within one are printed.
#[test]
fn circles_of_imports_stay_on_one_floor() {
    let modules = modules();
    let imports = imports(&modules);
    let mut circles = components(&modules, &imports);
    circles.retain(|circle| circle.len() > 1);
    circles.sort_by_key(|circle| std::cmp::Reverse(circle.len()));
    for circle in &circles {
        let floors: BTreeSet<&str> = circle.iter().map(|module| module[0].as_str()).collect();
        println!("{} modules of {floors:?}: {:?}", circle.len(), circle.iter().map(shown).collect::<Vec<_>>());
        assert_eq!(floors.len(), 1, "a circle over {floors:?}");
    }
}

/// Returns the strongly connected components of the import graph.
fn components(modules: &BTreeMap<Module, String>, imports: &BTreeSet<(Module, Module)>) -> Vec<Vec<Module>> {
    let mut reached: BTreeMap<&Module, BTreeSet<&Module>> = BTreeMap::new();
    for start in modules.keys() {
        let (mut seen, mut open) = (BTreeSet::new(), vec![start]);
        while let Some(at) = open.pop() {
            let next = imports.range((at.clone(), Vec::new())..).take_while(|(from, _)| from == at);
            open.extend(next.map(|(_, to)| to).filter(|to| seen.insert(*to)));
        }
        reached.insert(start, seen);
    }
    let (mut placed, mut all) = (BTreeSet::new(), Vec::new());
    for module in modules.keys() {
        if placed.contains(module) {
            continue;
        }
        let of = |other: &&&Module| {
            **other == module || (reached[module].contains(**other) && reached[**other].contains(module))
        };
        let circle: Vec<&Module> = modules.keys().collect::<Vec<_>>().iter().filter(of).copied().collect();
        placed.extend(circle.iter().copied());
        all.push(circle.into_iter().cloned().collect());
    }
    all
}

#[test]
fn paths_are_read_as_the_compiler_reads_them() {
    let read = |text: &str| paths(text).iter().map(|path| path.join("::")).collect::<Vec<_>>();
    assert_eq!(
        read("use crate::a::{self, b::C, d::{E, f}};"),
        ["crate::a::self", "crate::a::b::C", "crate::a::d::E", "crate::a::d::f"]
    );
    assert_eq!(read("let x = super::super::y::z(1);"), ["super::super::y::z"]);
    assert_eq!(read("pub(in crate::http) fn f() -> self::g::H {}"), ["crate::http", "self::g::H"]);
    assert_eq!(read("use crate::a::*;"), ["crate::a"]);
    let modules: BTreeMap<Module, String> = [vec!["a"], vec!["a", "b"], vec!["c"]]
        .map(|m| (m.into_iter().map(str::to_owned).collect(), String::new()))
        .into();
    let to = |from: &[&str], text: &str| {
        let from = from.iter().map(|part| (*part).to_owned()).collect();
        resolve(&modules, &from, &paths(text)[0]).map(|module| shown(&module))
    };
    assert_eq!(to(&["c"], "crate::a::b::D"), Some("a::b".into()));
    assert_eq!(to(&["a", "b"], "super::e"), Some("a".into()));
    assert_eq!(to(&["a", "b"], "super::super::c::x"), Some("c".into()));
    assert_eq!(to(&["a"], "crate::Z"), None);
}
