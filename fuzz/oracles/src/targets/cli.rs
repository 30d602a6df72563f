//! The program on arbitrary bytes and options: it ends with the right exit code, its records are what the reference says, and
//! neither depends on how the input is cut.

use std::ffi::OsString;

use arbitrary::Arbitrary;
use serde_json::Value;
use wsframe_cli::Process;
use wsframe_dev::{Event, hex};

use crate::{Setup, input, reference};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    setup: Setup,
    /// The options, a bit each.
    options: u8,
    chunk: Option<u16>,
    bytes: &'a [u8],
}

pub(super) struct Run {
    pub(super) code: u8,
    pub(super) out: String,
    pub(super) err: String,
}

/// Runs `wsframe decode`.
pub(super) fn run(args: &[String], stdin: &[u8]) -> Run {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let args = ["wsframe", "decode"].into_iter().chain(args.iter().map(String::as_str)).map(OsString::from);
    let stdin = std::io::Cursor::new(stdin.to_vec());
    let process = Process { stdin: Some(Box::new(stdin)), stdout: &mut stdout, stderr: &mut stderr };
    let code = wsframe_cli::run(args, process);
    let [out, err] = [stdout, stderr].map(|bytes| String::from_utf8(bytes).expect("the program prints text"));
    Run { code, out, err }
}

pub(super) fn check(data: &[u8]) {
    let Some(input) = input::<Input<'_>>(data) else { return };
    let limits = input.setup.limits();
    let mut args = vec!["--role".to_owned(), input.setup.role().to_string()];
    args.extend([format!("--max-frame={}", limits.max_frame_len), format!("--max-message={}", limits.max_message_len)]);
    args.push(format!("--max-fragments={}", limits.max_fragments));
    let mut lines = args.clone();
    for (bit, option) in ["--json", "--full", "--frames", "--stats", "--input=hex", "--deflate"].into_iter().enumerate()
    {
        if input.options >> bit & 1 != 0 {
            lines.push(option.to_owned());
        }
    }
    if input.options & 0b0101_0000 == 0b0100_0000 {
        lines.push("--input=raw".to_owned());
    }
    let chunked = |args: &[String]| {
        let mut args = args.to_vec();
        args.extend(input.chunk.map(|bytes| format!("--chunk={bytes}")));
        args
    };

    // Any options: the same whatever the cut, but for the time that it took.
    let whole = run(&lines, input.bytes);
    assert!(whole.code <= 2);
    let warnings = whole.err.lines().filter(|line| line.starts_with("wsframe: warning: ")).count();
    let errors = whole.err.lines().count() - warnings;
    assert_eq!(errors, usize::from(whole.code == 2), "{}", whole.err);
    if input.chunk != Some(0) && !lines.iter().any(|option| option == "--stats") {
        let cut = run(&chunked(&lines), input.bytes);
        assert_eq!((cut.code, cut.out, cut.err), (whole.code, whole.out, whole.err));
    }

    // Records, as the reference has them; behind an HTTP head, offsets count from the front of the input.
    args.extend(["--json".to_owned(), "--input=raw".to_owned()]);
    let json = run(&args, input.bytes);
    let parse = |line| serde_json::from_str::<Value>(line).expect("each line is JSON");
    let records: Vec<Value> = json.out.lines().map(parse).filter(|record| record["event"] != "hint").collect();
    // A head may stand in front, and behind a Close frame.
    if json.code == 2 || records.iter().any(|record| record["event"] == "head" || record["event"] == "body") {
        return;
    }
    let (events, state) = reference::decode(&reference::Limits { allowed_rsv: 0, ..limits }, input.bytes);
    let broken = matches!(events.last(), Some(Event::Violation { .. }));
    assert_eq!(json.code, u8::from(broken));
    let (end, records) = records.split_last().expect("there is always an end");
    assert_eq!((&end["event"], end["offset"].as_u64()), (&"end".into(), Some(input.bytes.len() as u64)));
    assert_eq!(end["state"].as_str().map(|state| state.replace('_', "")), Some(format!("{state:?}").to_lowercase()));
    assert_eq!(records.len(), events.len());
    for (record, event) in records.iter().zip(&events) {
        let same = |name: &str, value: Value| assert_eq!(record[name], value, "{name} of {record}");
        match event {
            Event::Message { text, offset, fragments, payload, .. } => {
                same("event", "message".into());
                same("kind", if *text { "text" } else { "binary" }.into());
                same("offset", (*offset).into());
                same("fragments", (*fragments).into());
                same("length", payload.len().into());
                same("payload_hex", hex(payload).into());
            }
            Event::Ping { offset, payload } | Event::Pong { offset, payload } => {
                same("event", if matches!(event, Event::Ping { .. }) { "ping" } else { "pong" }.into());
                same("offset", (*offset).into());
                same("payload_hex", hex(payload).into());
            }
            Event::Close { offset, code, reason } => {
                same("event", "close".into());
                same("offset", (*offset).into());
                same("code", (*code).into());
                same("reason", reason.as_str().into());
            }
            Event::Violation { offset, close_code, rule } => {
                same("event", "violation".into());
                same("offset", (*offset).into());
                same("close_code", (*close_code).into());
                same("rule", rule.as_str().into());
            }
        }
    }
}
