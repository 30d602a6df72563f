//! What the documents say is what the source has.

use std::path::Path;
use std::process::Command;

use wsframe::{Config, Role};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn read(file: &str) -> String {
    std::fs::read_to_string(Path::new(ROOT).join(file)).unwrap()
}

#[test]
fn the_readme_is_short_and_its_links_are_in_the_package() {
    let readme = read("README.md");
    assert!(readme.lines().count() <= 150, "the README has {} lines", readme.lines().count());
    let output = Command::new(env!("CARGO"))
        .args(["package", "--list", "--offline", "--allow-dirty", "-p", "wsframe", "--manifest-path"])
        .arg(Path::new(ROOT).join("Cargo.toml"))
        .output()
        .unwrap();
    let list = String::from_utf8(output.stdout).unwrap();
    assert!(list.lines().any(|file| file == "README.md"), "{}", String::from_utf8_lossy(&output.stderr));
    let mut links = 0;
    for (at, _) in readme.match_indices("](") {
        let link = readme[at + 2..].split(')').next().unwrap();
        if link.starts_with("https://") {
            continue;
        }
        links += 1;
        assert!(list.lines().any(|file| file == link), "{link} is not in the package");
    }
    assert!(links > 8, "only {links} links were found");
}

#[test]
fn the_number_of_vectors_is_right() {
    let vectors = wsframe_dev::vectors::all();
    let without_limits = vectors.iter().filter(|vector| vector.has_default_config()).count();
    let page = read("tests/vectors/README.md");
    assert!(page.contains(&format!("The {} streams", vectors.len())), "there are {} vectors", vectors.len());
    let deflate = wsframe_dev::vectors::deflate().len();
    assert!(page.contains(&format!("`deflate/` has {deflate} more")), "there are {deflate} vectors of deflate");
    assert!(page.contains(&format!("the {without_limits} streams that need no limits")));
    assert!(read("README.md").contains(&format!("| {without_limits} test vectors |")));
}

/// What an idle connection holds, on 64-bit targets.
#[cfg(target_pointer_width = "64")]
#[test]
fn the_sizes_on_the_crate_page_are_right() {
    use wsframe::codec::{MessageCodec, MessageDecoder};
    use wsframe::{Assembler, Connection, Decoder, Unmasked};

    let page = read("src/lib.md");
    let row = page.lines().find(|line| line.starts_with("| an idle connection holds |")).unwrap();
    let cells: Vec<_> = row.split('|').skip(2).map(str::trim).collect();
    let sizes = [
        size_of::<Decoder>(),
        size_of::<Assembler>(),
        size_of::<MessageDecoder>(),
        size_of::<MessageCodec<Unmasked>>(),
    ];
    for (cell, size) in cells.iter().zip(sizes) {
        assert!(cell.starts_with(&format!("{size} bytes")), "{cell}: it is {size}");
    }
    assert!(page.contains("and has 256 bytes more"));
    assert_eq!(size_of::<Connection<Decoder, Unmasked>>(), size_of::<Decoder>() + 256);
    assert_eq!(size_of::<Connection<Assembler, Unmasked>>(), size_of::<Assembler>() + 256);
    assert_eq!(size_of::<Connection<MessageDecoder, Unmasked>>(), size_of::<MessageDecoder>() + 256);
}

/// The defaults that the documentation of `Config` states.
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

/// Every name of this crate that a table for those who come from another crate gives stands in the code below it, which compiles.
#[test]
fn the_tables_for_newcomers_have_code_that_compiles() {
    let page = read("src/endpoint/endpoint.md");
    let mut names = 0;
    for section in page.split("# Coming from ").skip(1) {
        let (table, code) = section.split_once("```no_run\n").unwrap();
        let code = code.split("```").next().unwrap();
        for row in table.lines().filter(|line| line.starts_with("| ")).skip(1) {
            let ours = row.rsplit('|').nth(1).unwrap();
            // Every second part stands in code.
            for span in ours.split('`').skip(1).step_by(2).filter(|span| !span.ends_with(".rs")) {
                for name in span.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|name| !name.is_empty()) {
                    names += 1;
                    let is_name =
                        |text: &str| text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == name);
                    assert!(is_name(code), "{name} of {row:?} is not in the code");
                }
            }
        }
    }
    assert!(names > 60, "only {names} names were found");
}
