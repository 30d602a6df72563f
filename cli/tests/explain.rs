//! `wsframe explain`, run as a process: its answers are those of the crate, and its examples break what they say.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use wsframe::handshake::{Refusal, RequestHead};
use wsframe::{CloseCode, Violation};

fn run(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_wsframe"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn json_of(word: &str) -> Value {
    let output = run(&["explain", "--json", word], "");
    assert_eq!(output.status.code(), Some(0), "{word}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn text_of(word: &str) -> String {
    let output = run(&["explain", word], "");
    assert_eq!(output.status.code(), Some(0), "{word}");
    String::from_utf8(output.stdout).unwrap()
}

/// Without the line breaks that the width makes.
fn unwrapped(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn every_example_breaks_exactly_its_rule() {
    for violation in Violation::ALL {
        let rule = json_of(violation.name());
        let arguments: Vec<_> =
            rule["example_arguments"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
        let example = rule["example"].as_str().unwrap();
        for chunk in ["1", "100"] {
            let output = run(&[&["decode", "--hex", "--json", "--chunk", chunk], &arguments[..]].concat(), example);
            assert_eq!(output.status.code(), Some(1), "{violation:?}");
            let records: Vec<Value> = str::from_utf8(&output.stdout)
                .unwrap()
                .lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect();
            assert_eq!(records.len(), 2, "{violation:?}: nothing but the violation and the end");
            assert_eq!(records[0]["rule"], violation.name());
            assert_eq!(records[1]["state"], "failed");
        }
        assert!(text_of(violation.name()).contains(example));
    }
}

#[test]
fn every_rule_is_explained_from_the_table() {
    for violation in Violation::ALL {
        let rule = json_of(violation.name());
        let code = violation.close_code();
        assert_eq!(rule["section"], violation.section());
        assert_eq!((&rule["close_code"], &rule["close_name"]), (&json!(code.get()), &json!(code.name())));
        let text = unwrapped(&text_of(violation.name()));
        for words in [violation.meaning(), violation.deciding_byte(), violation.remedy(), violation.reason()] {
            assert!(text.contains(words), "{violation:?}: {words}");
        }
    }
}

#[test]
fn every_refusal_is_explained_from_the_table() {
    let list = unwrapped(&String::from_utf8(run(&["explain"], "").stdout).unwrap());
    for refusal in Refusal::ALL {
        let entry = json_of(refusal.name());
        assert_eq!((&entry["refusal"], &entry["status"]), (&json!(refusal.name()), &json!(refusal.status())));
        let text = unwrapped(&text_of(&refusal.name().to_lowercase()));
        assert!(text.starts_with(&format!("{} meaning", refusal.name())), "{text}");
        for words in [refusal.meaning(), refusal.remedy(), refusal.section(), &refusal.status().to_string()] {
            assert!(text.contains(words), "{refusal:?}: {words}");
        }
        for (name, value) in refusal.fields() {
            assert!(text.contains(&format!("{name}: {value}")), "{text}");
        }
        if let Some(example) = entry["example"].as_str() {
            let checked = RequestHead::parse(example.as_bytes()).and_then(|head| head.check().map(drop));
            assert_eq!(checked, Err(*refusal));
            assert!(example.lines().all(|line| text.contains(line)), "{text}");
        }
        assert!(list.contains(refusal.name()));
    }
}

#[test]
fn every_code_is_explained_from_the_table() {
    for number in (1000..=1015).chain([3000, 3001, 3003, 3008, 3999, 4000, 4444, 4999]) {
        let code = CloseCode::new(number).unwrap();
        let entry = json_of(&number.to_string());
        assert_eq!((&entry["code"], &entry["name"]), (&json!(number), &json!(code.name())));
        assert_eq!(entry["on_wire"], code.on_wire());
        let leads: Vec<_> = Violation::ALL.iter().filter(|violation| violation.close_code() == code).collect();
        assert_eq!(entry["violations"].as_array().unwrap().len(), leads.len());
        let text = unwrapped(&text_of(&number.to_string()));
        assert!(text.starts_with(&format!("{number} {}", code.name())));
        for words in [code.meaning(), code.cause(), code.client_remedy(), code.server_remedy(), code.reconnect_advice()]
        {
            assert!(text.contains(words), "{number}: {words}");
        }
        assert!(leads.iter().all(|violation| text.contains(violation.name())));
        let local = text.contains("only reported locally");
        assert_eq!(local, [1005, 1006, 1015].contains(&number), "{number}");
    }
}

#[test]
fn numbers_without_a_meaning_are_explained_too() {
    for (number, name) in [
        ("0", "Not Used"),
        ("999", "Not Used"),
        ("1016", "Unassigned"),
        ("2999", "Unassigned"),
        ("5000", "Out of Range"),
        ("65535", "Out of Range"),
        ("65536", "Out of Range"),
        ("123456789012345678901234567890", "Out of Range"),
    ] {
        let entry = json_of(number);
        assert_eq!((&entry["code"], &entry["name"], &entry["on_wire"]), (&json!(number), &json!(name), &json!(false)));
        assert!(text_of(number).starts_with(&format!("{number} {name}\n")));
    }
}

#[test]
fn the_list_has_every_code_and_fits_100_columns() {
    let output = run(&["explain"], "");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.lines().all(|line| line.chars().count() <= 100));
    for code in CloseCode::NAMED {
        assert!(text.lines().any(|line| line.starts_with(&format!("{} ", code.get())) && line.contains(code.name())));
    }
    let list: Value = serde_json::from_slice(&run(&["explain", "--json"], "").stdout).unwrap();
    assert_eq!(list.as_array().unwrap().len(), CloseCode::NAMED.len() + 2);
}

#[test]
fn names_are_found_however_they_are_written_and_unknown_words_get_the_nearest() {
    for word in
        ["LengthNotMinimal", "lengthnotminimal", "length-not-minimal", "LENGTH_NOT_MINIMAL", " length not minimal "]
    {
        assert_eq!(json_of(word)["rule"], "LengthNotMinimal");
    }
    assert_eq!(json_of("bad gateway")["code"], 1014);
    for (word, nearest) in [
        ("LengthNotMinimum", "LengthNotMinimal"),
        ("maskmising", "MaskMissing"),
        ("10O6", "1006"),
        ("TextUtf8", "TextNotUtf8"),
    ] {
        let output = run(&["explain", word], "");
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.lines().count() == 1 && text.contains(&format!("did you mean '{nearest}'")), "{text}");
    }
}

#[test]
fn rules_are_found_by_the_reasons_of_close_frames_and_codes_by_their_hex() {
    for violation in Violation::ALL {
        let output = run(&["explain", "--json", violation.reason()], "");
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(answer["reason"], violation.reason());
    }
    assert_eq!(json_of("Text is not utf-8")["rule"], "TextNotUtf8");
    for (word, code) in [("0x3e8", 1000), ("0X03EA", 1002), ("03ee", 1006), ("3f1", 1009), ("0xfa1", 4001)] {
        assert_eq!(json_of(word)["code"], code, "{word}");
    }
    // No code: 0x1ffff is 131071, and 0 is not used.
    assert_eq!(json_of("0x1ffff")["name"], "Out of Range");
    assert_eq!(json_of("0x0")["name"], "Not Used");
    assert_eq!(run(&["explain", "0xyz"], "").status.code(), Some(2));
}
