//! C9: a `no_std` program that drives the codec, and whose panic handler calls a symbol that does not exist, links.

use std::path::Path;
use std::process::{Command, Stdio};

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/no_std");

/// Builds it; the linker's words if it fails.
fn build(profile: &str, features: &[&str]) -> Result<(), String> {
    let output = Command::new(env!("CARGO"))
        .args(["build", "--locked", "--profile", profile, "--features", &features.join(",")])
        .args(["--manifest-path", &format!("{PROGRAM}/Cargo.toml"), "--target-dir", &target()])
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .output()
        .unwrap();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

fn target() -> String {
    concat!(env!("CARGO_TARGET_TMPDIR"), "/no_std").to_owned()
}

/// One test: the builds share a folder.
#[test]
fn no_panic_is_reachable() {
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        panic!("the program is written for Linux on x86-64; on other hosts, leave this test out by name");
    }
    for profile in ["release", "release-s"] {
        let error = build(profile, &["reachable-panic"]).expect_err("one reachable panic must keep it from linking");
        assert!(error.contains("wsframe_a_panic_is_reachable"), "it fails for another reason: {error}");
        build(profile, &[]).unwrap_or_else(|error| panic!("a panic is reachable, or the build is broken: {error}"));

        // And it does its work: "Hello" from a client comes out as text.
        let program = Path::new(&target()).join(profile).join("wsframe-no-std");
        let frames = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58".to_vec();
        let mut child = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), &frames).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        let hellos = output.stdout.windows(5).filter(|window| window == b"Hello").count();
        assert!(hellos >= 1, "{:?}", output.stdout);
        texts_that_are_not_asked_for_stay_out(&Path::new(&target()).join(profile).join("display"));
    }
}

/// A program that shows a close code has the names of all codes, but not what else the table says of them.
fn texts_that_are_not_asked_for_stay_out(program: &Path) {
    let mut child = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), &1009_u16.to_be_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.starts_with("1009 Message Too Big; "), "{shown}");
    let program = std::fs::read(program).unwrap();
    let has = |text: &str| program.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(has("Message Too Big"));
    for code in wsframe::CloseCode::NAMED {
        for text in [code.meaning(), code.cause(), code.client_remedy(), code.server_remedy(), code.reconnect_advice()]
        {
            assert!(!has(text), "the program has {text:?}");
        }
    }
}
