//! The tables of the README are those of the source.

use wsframe::{CloseCode, Config, Role};

fn readme() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap()
}

#[test]
fn the_close_codes_are_those_of_the_source() {
    let readme = readme();
    let named = CloseCode::NAMED.iter().filter(|code| code.get() < 3000).map(|code| (code.get().to_string(), *code));
    let ranges = [("3000–3999", 3999), ("4000–4999", 4999)];
    let ranges = ranges.map(|(range, code)| (range.to_owned(), CloseCode::new(code).unwrap()));
    for (number, code) in named.chain(ranges) {
        let on_wire = if code.on_wire() { "yes" } else { "no" };
        let row = format!("| {number} | {} | {on_wire} | {} | {} |", code.name(), code.reconnect(), code.meaning());
        assert!(readme.contains(&row), "the README has no row {row}");
    }
}

#[test]
fn the_number_of_vectors_is_right() {
    let mut records = 0;
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let text = std::fs::read_to_string(path).unwrap();
            records += serde_json::from_str::<Vec<serde_json::Value>>(&text).unwrap().len();
        }
    }
    assert!(readme().contains(&format!("the {records} streams of")), "there are {records} vectors");
}

#[test]
fn the_table_of_decoders_is_that_of_the_crate_page() {
    let table = |text: &str| {
        let lines = text.lines().skip_while(|line| !line.ends_with("# Which one to use")).skip(2);
        lines.take_while(|line| line.starts_with('|')).map(str::to_owned).collect::<Vec<_>>()
    };
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/lib.md")).unwrap();
    assert_eq!(table(&readme()), table(&page));
    assert!(table(&page).len() > 10);
}

/// The defaults that the README and the documentation of `Config` state.
#[test]
fn the_default_limits_are_those_that_are_documented() {
    const MIB: u64 = 1024 * 1024;
    let all = |len, fragments| {
        Config::SERVER
            .with_max_frame_len(len)
            .with_max_message_len(len)
            .with_max_fragments(fragments)
            .with_allowed_rsv(Default::default())
    };
    assert_eq!(Config::preset(Role::Server), all(16 * MIB, 1_048_576));
    assert_eq!(Config::preset(Role::Client), all(64 * MIB, 1_048_576));
}
