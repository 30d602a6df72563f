//! What the program prints, compared with the files in `cmd/`. After a change that is meant,
//! `TRYCMD=overwrite cargo test -p wsframe-cli --test output` writes them anew; read the difference.

use wsframe::handshake::Refusal;
use wsframe::{CloseCode, Violation};

#[test]
fn output_is_as_in_the_files() {
    trycmd::TestCases::new().case("tests/cmd/*.trycmd").env("NO_COLOR", "1");
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
