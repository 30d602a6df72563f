//! What the program shows on a terminal: colours, width, progress.

#![cfg(unix)]

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use nix::pty::{OpenptyResult, Winsize, openpty};
use unicode_width::UnicodeWidthStr;

/// What a terminal of that width shows as standard output.
fn on_terminal(columns: u16, variables: &[(&str, &str)], arguments: &[&str]) -> String {
    let size = Winsize { ws_row: 50, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    let OpenptyResult { master, slave } = openpty(&size, None).unwrap();
    let reader = thread::spawn(move || {
        let mut bytes = Vec::new();
        // The end of a terminal is an error on Linux.
        let _ = File::from(master).read_to_end(&mut bytes);
        String::from_utf8(bytes).unwrap()
    });
    let mut command = Command::new(env!("CARGO_BIN_EXE_wsframe"));
    command.env_remove("NO_COLOR").env("TERM", "xterm").envs(variables.iter().copied()).args(arguments);
    let status = command.stdout(slave).stdin(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    drop(command);
    assert_ne!(status.code(), Some(2));
    reader.join().unwrap()
}

fn capture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/captures").join(name);
    path.to_str().unwrap().to_owned()
}

/// Without colours, for measuring.
fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\x1b') {
        out.push_str(before);
        rest = after.split_once('m').unwrap().1;
    }
    out + rest
}

#[test]
fn colours_are_for_terminals_without_no_color() {
    let path = capture("ws.client.bin");
    assert!(on_terminal(100, &[], &["decode", &path]).contains("\x1b["));
    assert!(on_terminal(100, &[], &["explain", "1000"]).contains("\x1b["));
    for variables in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        assert!(!on_terminal(100, &[variables], &["decode", &path]).contains('\x1b'), "{variables:?}");
    }
    // An empty NO_COLOR counts as none.
    assert!(on_terminal(100, &[("NO_COLOR", "")], &["decode", &path]).contains("\x1b["));
    let piped = Command::new(env!("CARGO_BIN_EXE_wsframe")).args(["decode", &path]).output().unwrap();
    assert!(!piped.stdout.contains(&0x1b));
}

#[test]
fn lines_fit_the_terminal() {
    for columns in [80, 100, 200] {
        for arguments in [
            &["decode", "--frames", &capture("websockets.client.bin")][..],
            &["decode", "--stats", "--role", "client", &capture("ws.server.bin")],
            // A server's stream decoded as a client's: a violation.
            &["decode", &capture("ws.server.bin")],
            &["explain"],
            &["explain", "1006"],
            &["explain", "LengthNotMinimal"],
            &["decode", "--help"],
        ] {
            let text = on_terminal(columns, &[], arguments);
            for line in plain(&text).lines() {
                assert!(line.width() <= columns.into(), "{columns} columns, {arguments:?}: {line}");
            }
            assert!(text.lines().count() > 5);
        }
    }
}

#[test]
fn text_cannot_play_tricks_with_the_terminal() {
    let text = "\x1b[2J\r\u{202e}evil\u{2066}\u{200b}\u{7f}\u{9b}";
    let mut stream = vec![0x81, text.len() as u8];
    stream.extend(text.as_bytes());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let path = folder.join("tricks.bin");
    File::create(&path).unwrap().write_all(&stream).unwrap();
    for full in [&[][..], &["--full"]] {
        let arguments = [&["decode", "--role", "client", path.to_str().unwrap()], full].concat();
        let shown = on_terminal(200, &[("NO_COLOR", "1")], &arguments);
        assert!(shown.contains(r"\u{1b}[2J\r\u{202e}evil\u{2066}\u{200b}\u{7f}\u{9b}"), "{shown:?}");
        assert!(shown.chars().all(|char| char == '\r' || char == '\n' || !char.is_control()));
    }
}

/// Standard error of a decoder that gets a long input slowly, its output going elsewhere.
#[test]
fn progress_is_shown_on_a_terminals_standard_error_only() {
    let size = Winsize { ws_row: 50, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
    let OpenptyResult { master, slave } = openpty(&size, None).unwrap();
    let reader = thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = File::from(master).read_to_end(&mut bytes);
        String::from_utf8(bytes).unwrap()
    });
    let slow = |stderr: Stdio| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wsframe"));
        command.args(["decode", "--role", "client"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr);
        let mut child = command.env("TERM", "xterm").spawn().unwrap();
        drop(command);
        let mut stdin = child.stdin.take().unwrap();
        for _ in 0..8 {
            stdin.write_all(&b"\x82\x04data".repeat(1000)).unwrap();
            thread::sleep(core::time::Duration::from_millis(100));
        }
        drop(stdin);
        child.wait_with_output().unwrap()
    };
    let output = slow(slave.into());
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 8002);
    assert!(reader.join().unwrap().contains("KiB"));
    assert!(slow(Stdio::piped()).stderr.is_empty());
}
