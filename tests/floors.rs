//! A module uses only floors below its own.

use std::collections::HashMap;
use std::path::Path;

/// The table of ARCHITECTURE.md.
const FLOORS: &[&[&str]] = &[
    &["avx512", "close", "cpu", "opcode", "role"],
    &["config", "mask", "utf8", "violation"],
    &["close_frame", "header", "misuse", "payload", "sequence"],
    &["machine"],
    &["event", "message"],
    &["decoder", "encoder"],
    &["assembler", "receive", "send"],
    &["framed"],
];

#[test]
fn modules_use_only_floors_below_their_own() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let floor: HashMap<_, _> =
        FLOORS.iter().enumerate().flat_map(|(floor, names)| names.iter().map(move |name| (*name, floor))).collect();
    let mut uses = 0;
    for entry in std::fs::read_dir(&src).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        if name == "lib" || path.extension().is_some_and(|extension| extension != "rs") {
            continue;
        }
        let own = floor.get(name).unwrap_or_else(|| panic!("{name} is on no floor"));
        let text = std::fs::read_to_string(&path).unwrap();
        for (i, mention) in text.match_indices("crate::") {
            let line = text[..i].lines().count();
            let module = text[i + mention.len()..].split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap();
            let Some(used) = floor.get(module) else {
                // A link in the documentation to what the crate re-exports.
                let is_public = module.starts_with(char::is_uppercase) || module == "codec";
                let is_doc = text.lines().nth(line - 1).is_some_and(|line| line.trim_start().starts_with("//"));
                assert!(is_public && is_doc, "src/{name}.rs:{line} uses crate::{module}, which is on no floor");
                continue;
            };
            assert!(used < own, "src/{name}.rs:{line} is on floor {own}, and uses {module} of floor {used}");
            uses += 1;
        }
    }
    assert!(uses > 40, "only {uses} uses were found");
}

#[test]
fn the_table_is_that_of_the_architecture() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md")).unwrap();
    for (floor, names) in FLOORS.iter().enumerate() {
        for name in *names {
            let row = format!("| {floor} | `{name}` |");
            assert!(text.contains(&row), "ARCHITECTURE.md has no row {row}");
        }
    }
}
