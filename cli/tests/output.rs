//! What the program prints, compared with the files in `cmd/`. After a change that is meant,
//! `TRYCMD=overwrite cargo test -p wsframe-cli --test output` writes them anew; read the difference.

use wsframe::handshake::Refusal;
use wsframe::{CloseCode, Violation};

#[test]
fn output_is_as_in_the_files() {
    trycmd::TestCases::new().case("tests/cmd/*.trycmd").env("NO_COLOR", "1");
}

/// Every command of the README's console blocks prints what stands below it.
#[cfg(unix)]
#[test]
fn the_readme_shows_what_the_program_prints() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let bin = std::path::Path::new(env!("CARGO_BIN_EXE_wsframe")).parent().unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let mut commands = 0;
    for block in text.split("```console\n").skip(1) {
        let block = block.split("```").next().unwrap();
        for example in block.split("$ ").skip(1) {
            let (command, expected) = example.split_once('\n').unwrap();
            let output = std::process::Command::new("sh")
                .args(["-c", command])
                .current_dir(folder.join(".."))
                .env("PATH", &path)
                .env("NO_COLOR", "1")
                .output()
                .unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap().trim_end(), expected.trim_end(), "{command}");
            commands += 1;
        }
    }
    assert_eq!(commands, 4);
}

#[test]
fn the_tables_have_every_code_every_rule_and_every_refusal() {
    let text = include_str!("cmd/tables.trycmd");
    let explained: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("$ wsframe explain ")).collect();
    let named = CloseCode::NAMED.iter().map(|code| code.get());
    // One code without a name stands for each range.
    let codes = named.chain([3999, 4000]).map(|code| code.to_string());
    let rules = Violation::ALL.iter().map(|violation| violation.name().to_owned());
    let refusals = Refusal::ALL.iter().map(|refusal| refusal.name().to_owned());
    let expected: Vec<_> = codes.chain(rules).chain(refusals).collect();
    assert_eq!(explained, expected);
}
