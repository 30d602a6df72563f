//! A module uses only layers below its own: the source against the table of ARCHITECTURE.md.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Each module, with the number of its layer and that layer's name, counted from the bottom of the table.
fn layers() -> HashMap<String, (usize, String)> {
    let text = std::fs::read_to_string(Path::new(ROOT).join("ARCHITECTURE.md")).unwrap();
    let rows = text.lines().skip_while(|line| *line != "| layer | modules | what they are |").skip(2);
    let mut layers = HashMap::new();
    let mut names = Vec::new();
    for row in rows.take_while(|line| line.starts_with('|')) {
        let [_, name, modules, ..] = row.split('|').map(str::trim).collect::<Vec<_>>()[..] else { panic!("{row}") };
        assert!(!names.contains(&name), "the layer {name} stands twice");
        names.push(name);
        for module in modules.split(", ") {
            let module = module.strip_prefix('`').and_then(|module| module.strip_suffix('`')).expect("a name in code");
            let before = layers.insert(module.to_owned(), (names.len(), name.to_owned()));
            assert!(before.is_none(), "{module} is in two layers");
        }
    }
    assert!(names.len() > 5, "the table was not found");
    layers
}

/// Every source file, with the path of its module: a folder whose module stands in the table is one module.
fn modules(layers: &HashMap<String, (usize, String)>) -> Vec<(String, PathBuf)> {
    let mut modules = Vec::new();
    let mut folders = vec![(String::new(), Path::new(ROOT).join("src"))];
    while let Some((parent, folder)) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap();
            let module = match &*parent {
                "" => name.to_owned(),
                parent if layers.contains_key(parent) => parent.to_owned(),
                parent => format!("{parent}::{name}"),
            };
            if path.is_dir() {
                folders.push((module, path));
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && name != "lib"
                && !module.ends_with("::mod")
            {
                modules.push((module, path));
            }
        }
    }
    modules
}

/// The module of the table that the path behind `crate::` or `super::` begins with.
fn used<'a>(path: &str, layers: &'a HashMap<String, (usize, String)>) -> Option<&'a str> {
    let is_prefix = |module: &&String| {
        path.strip_prefix(module.as_str())
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    };
    layers.keys().filter(is_prefix).map(String::as_str).max_by_key(|module| module.len())
}

#[test]
fn modules_use_only_layers_below_their_own() {
    let layers = layers();
    let mut uses = 0;
    let mut seen = Vec::new();
    for (module, path) in modules(&layers) {
        let (own, own_name) = layers.get(&module).unwrap_or_else(|| panic!("{module} is in no layer"));
        let text = std::fs::read_to_string(&path).unwrap();
        let parent = module.rsplit_once("::").map(|(parent, _)| format!("{parent}::"));
        for (i, line) in text.lines().enumerate() {
            // Links in the documentation lead to what the crate exports.
            if line.trim_start().starts_with("//") {
                continue;
            }
            let mentions = line.match_indices("crate::").map(|(at, word)| line[at + word.len()..].to_owned());
            let siblings = line
                .match_indices("super::")
                .filter_map(|(at, word)| parent.as_ref().map(|parent| format!("{parent}{}", &line[at + word.len()..])));
            for mention in mentions.chain(siblings) {
                let at = format!("{}:{}", path.display(), i + 1);
                let name =
                    used(&mention, &layers).unwrap_or_else(|| panic!("{at} uses {mention}, which is in no layer"));
                let (layer, layer_name) = &layers[name];
                assert!(layer < own, "{at} is in the layer {own_name}, and uses {name} of the layer {layer_name}");
                assert_ne!(module, "kernels", "{at}: the kernels use nothing of the crate");
                uses += 1;
            }
        }
        seen.push(module);
    }
    assert!(uses > 60, "only {uses} uses were found");
    for module in layers.keys() {
        assert!(seen.contains(module), "ARCHITECTURE.md names {module}, which is not there");
    }
}

/// `lib.rs` and `codec/mod.rs` have modules and exports only.
#[test]
fn what_gathers_modules_has_no_code_of_its_own() {
    for file in ["src/lib.rs", "src/codec/mod.rs"] {
        let text = std::fs::read_to_string(Path::new(ROOT).join(file)).unwrap();
        for word in ["fn ", "impl ", "enum ", "const ", "macro_rules"] {
            assert!(!text.contains(word), "{file} has code: {word}");
        }
    }
}
