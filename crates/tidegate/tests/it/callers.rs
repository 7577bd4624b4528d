//! Functions that take a caller: each public one has a row in `strangers` or a reason, and each that is
//! visible within the crate only is called from the modules that authorize. Read from the sources.

use std::collections::{BTreeMap, BTreeSet};

use crate::layers::{Module, modules, paths, resolve};

/// Public functions that take a caller and have no row, and why.
const WITHOUT_ROW: [(&str, &str); 2] = [
    ("access::note_refusal", "records a refusal and decides nothing"),
    ("surfaces::files::owner", "names the caller's own files and looks nothing up"),
];

/// Functions within the crate that take a caller, the modules that may call them, and why these need no row.
const WITHIN: [(&str, &[&str], &str); 23] = [
    ("surfaces::files::uploads::find", &["surfaces::files"], "authorizes, and is what the rows of uploads call"),
    ("surfaces::files::renaming::rename", &["surfaces::files"], "given an upload that was found for its caller"),
    ("surfaces::packages::record", &["surfaces::packages"], "writes an event of what was authorized"),
    ("surfaces::packages::publishing::remove_asset", &["surfaces::packages::deletion"], "called after `find_dataset`"),
    ("surfaces::packages::uploads::locate", &["surfaces::packages::confirming"], "authorizes by `node`"),
    ("surfaces::sessions::links::url", &["surfaces::sessions"], "given a media item that the caller may read"),
    ("library::thaw::begin", &["surfaces"], "given an object that was found for its caller's thaw"),
    ("library::quotas::reserve", &["uploads::begin"], "checks the quotas of what the surface has authorized"),
    ("uploads::begin::insert", &["surfaces", "uploads"], "writes rows of what the surface has authorized"),
    ("uploads::begin::insert_all", &["surfaces", "uploads"], "writes rows of what the surface has authorized"),
    ("uploads::confirm::confirm", &["surfaces::packages::confirming", "uploads"], "given an item that was authorized"),
    ("uploads::effects::creator", &["uploads"], "reads the caller's name"),
    ("uploads::end::abort_upload", &["surfaces::files::uploads", "uploads"], "given an upload that was authorized"),
    (
        "uploads::end::end",
        &["surfaces::files::uploads", "uploads", "worker::sweep"],
        "given an upload that was authorized",
    ),
    ("uploads::media_items::begin", MEDIA, "given an owner that was authorized"),
    ("uploads::media_items::confirm", MEDIA, "given an owner that was authorized"),
    ("uploads::media_items::deletion::delete", MEDIA, "given an item that was authorized"),
    ("uploads::media_items::deletion::restore", MEDIA, "given an item that was authorized"),
    ("uploads::media_items::deletion::purge", MEDIA, "given an item that was authorized"),
    ("uploads::media_items::deletion::purge_all", MEDIA, "given an owner that was authorized"),
    (
        "uploads::outcome::reject",
        &["surfaces::imports", "surfaces::packages::publishing", "uploads"],
        "called by jobs, and by confirmations that have authorized",
    ),
    (
        "uploads::outcome::requeue",
        &["surfaces::files::completion", "surfaces::packages::confirming", "worker", "uploads"],
        "given an item that was authorized, or called by the worker",
    ),
    (
        "uploads::outcome::retry",
        &["surfaces::sessions", "surfaces::spaces::images"],
        "given an item that was authorized",
    ),
];

/// The surfaces that share media items; each function in them that calls on authorizes first.
const MEDIA: &[&str] = &["surfaces::sessions", "surfaces::spaces::images"];

/// A function that takes a caller.
struct Function {
    module: Module,
    name: String,
    is_public: bool,
}

impl Function {
    /// Returns the modules through which it may be called: its own, and the parent where that one re-exports functions of a
    /// module that is not public.
    fn addresses(&self, all: &BTreeMap<Module, String>) -> Vec<Module> {
        let mut found = vec![self.module.clone()];
        if let Some((last, parent)) = self.module.split_last()
            && all.get(parent).is_some_and(|text| !text.contains(&format!("\npub mod {last};")))
        {
            found.push(parent.to_vec());
        }
        found
    }
}

/// Returns the functions of a module's code that take a caller and can be called from other modules.
fn functions(module: &Module, text: &str) -> Vec<Function> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("fn ") {
        let line = text[..at].rsplit('\n').next().unwrap_or_default().trim_start();
        let signature = &text[at + 3..];
        let (Some((head, rest)), true) = (signature.split_once('('), line.starts_with("pub")) else { continue };
        let mut depth = 1;
        let end = rest.find(|c| {
            depth += match c {
                '(' => 1,
                ')' => -1,
                _ => 0,
            };
            depth == 0
        });
        let parameters = &rest[..end.unwrap_or_default()];
        if parameters.split(|c: char| !c.is_alphanumeric()).any(|word| word == "Caller") {
            let name = head.split('<').next().unwrap_or_default().to_owned();
            found.push(Function { module: module.clone(), name, is_public: !line.starts_with("pub(") });
        }
    }
    found
}

/// Returns the modules that call a function: by an imported name, or through a module that they import.
fn callers(all: &BTreeMap<Module, String>, function: &Function) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (from, text) in all.iter().filter(|(from, _)| **from != function.module) {
        let (addresses, paths) = (function.addresses(all), paths(text));
        let names = |path: &Vec<String>| path.last() == Some(&function.name);
        let leads_to = |path: &[String], to: &Module| resolve(all, from, path).as_ref() == Some(to);
        let is_called = addresses.iter().any(|address| {
            let by_module = format!("{}::{}(", address.last().unwrap(), function.name);
            paths.iter().any(|path| names(path) && leads_to(path, address))
                || (text.contains(&by_module) && paths.iter().any(|path| leads_to(path, address)))
        });
        if is_called {
            found.insert(from.join("::"));
        }
    }
    found
}

#[test]
fn every_function_that_takes_a_caller_has_a_row_or_a_reason() {
    let (all, table) = (modules(), include_str!("strangers.rs"));
    let (mut without, mut within, mut rows) = (BTreeSet::new(), BTreeSet::new(), 0);
    for (module, text) in &all {
        if !["surfaces", "uploads", "library", "access"].contains(&module[0].as_str()) {
            continue;
        }
        for function in functions(module, text) {
            let path = format!("{}::{}", module.join("::"), function.name);
            let named = |address: &Module| table.contains(&format!("=> {}::{}(", address.join("::"), function.name));
            match (function.is_public, module[0].as_str()) {
                (true, _) if function.addresses(&all).iter().any(named) => rows += 1,
                (true, _) => {
                    without.insert(path);
                }
                // The decisions themselves.
                (false, "access") => {}
                (false, _) => {
                    let listed = WITHIN.iter().find(|(name, ..)| *name == path);
                    let (_, allowed, _) = listed.unwrap_or_else(|| panic!("{path} takes a caller; add it to WITHIN"));
                    for from in callers(&all, &function) {
                        assert!(allowed.iter().any(|start| from.starts_with(start)), "{from} calls {path}");
                    }
                    within.insert(path);
                }
            }
        }
    }
    let listed: BTreeSet<String> = WITHOUT_ROW.iter().map(|(path, _)| (*path).to_owned()).collect();
    assert_eq!(without, listed, "public functions without a row, and WITHOUT_ROW");
    let listed: BTreeSet<String> = WITHIN.iter().map(|(path, ..)| (*path).to_owned()).collect();
    assert_eq!(within, listed, "functions within the crate, and WITHIN");
    assert!(rows > 80, "only {rows} rows");
}
