//! Every seed and every regression, through the oracle of its target, on stable Rust.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use wsframe::Role;
use wsframe_dev::vectors;
use wsframe_oracles::targets::TARGETS;
use wsframe_oracles::witness::WITNESSES;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

/// The files of `fuzz/KIND/TARGET/`.
fn inputs(kind: &str, target: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder(kind).join(target)) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().path()).collect()
}

fn replay(path: &Path, check: fn(&[u8])) {
    let bytes = fs::read(path).unwrap();
    // The name of the file is what matters when it fails.
    let result = std::panic::catch_unwind(|| check(&bytes));
    assert!(result.is_ok(), "{} shows a fault", path.display());
}

#[test]
fn every_seed_passes_its_oracle() {
    for target in TARGETS {
        let seeds = inputs("seeds", target.name);
        assert!(seeds.len() >= 10, "{} has {} seeds", target.name, seeds.len());
        seeds.iter().for_each(|seed| replay(seed, target.check));
    }
}

#[test]
fn every_regression_passes_its_oracle() {
    let mut replayed = 0;
    for target in TARGETS {
        for regression in inputs("regressions", target.name) {
            replay(&regression, target.check);
            replayed += 1;
        }
    }
    assert!(replayed >= 1, "no regression was found");
}

#[test]
fn every_folder_belongs_to_a_target() {
    let names: BTreeSet<_> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    for kind in ["seeds", "regressions"] {
        for entry in fs::read_dir(folder(kind)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(names.contains(&name), "{kind}/{name}");
        }
    }
    let manifest = fs::read_to_string(folder("Cargo.toml")).unwrap();
    for name in &names {
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name} has no fuzz target");
    }
}

/// All vectors through the oracles that take a stream as it is.
#[test]
fn every_vector_passes_the_oracles() {
    for vector in vectors::all().iter().filter(|vector| vector.has_default_config()) {
        let server = u8::from(vector.role() == Role::Server);
        let stream = vector.stream();
        for (name, start) in
            [("decode", &[server, 0, 0, 0, 0][..]), ("earliest", &[server, 0, 0, 0, 0]), ("differential", &[server])]
        {
            let target = TARGETS.iter().find(|target| target.name == name).unwrap();
            let input = [start, &stream].concat();
            let result = std::panic::catch_unwind(|| (target.check)(&input));
            assert!(result.is_ok(), "{}: {name}", vector.name);
        }
    }
}

/// Where the C library is missing, that is said, and in CI it must not be.
#[test]
fn all_witnesses_are_there() {
    if !WITNESSES.iter().any(|witness| witness.name == "wslay") {
        assert!(std::env::var_os("CI").is_none(), "libwslay-dev is not installed");
        println!("SKIPPED: wslay is not compared, because libwslay-dev is not installed");
    }
    assert!(WITNESSES.len() >= 3);
}
