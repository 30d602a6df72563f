//! `wsframe decode`, run as a process.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;

use serde_json::{Value, json};

fn start(arguments: &[&str], stdin: Stdio) -> Child {
    Command::new(env!("CARGO_BIN_EXE_wsframe"))
        .args(arguments)
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Runs it over this standard input.
fn run(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = start(arguments, Stdio::piped());
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // A program that has seen enough closes the pipe.
    let writer = thread::spawn(move || _ = stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

fn records(output: &Output) -> Vec<Value> {
    str::from_utf8(&output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn error_line(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "one line on standard error: {text}");
    assert!(text.starts_with("wsframe: "), "{text}");
    text
}

/// Exit code 2, and one line that has these words.
fn unusable(arguments: &[&str], input: &[u8], words: &[&str]) {
    let output = run(arguments, input);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    let line = error_line(&output);
    for word in words {
        assert!(line.contains(word), "{line}");
    }
}

fn tests_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests")
}

const HELLO: &[u8] = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";

#[test]
fn every_vector_gives_its_events() {
    let mut ran = 0;
    for file in ["messages", "header", "limits", "close", "utf8"] {
        let text = std::fs::read_to_string(tests_folder().join(format!("vectors/{file}.json"))).unwrap();
        let vectors: Vec<Value> = serde_json::from_str(&text).unwrap();
        for vector in vectors {
            let name = vector["name"].as_str().unwrap();
            let stream = vector["stream"].as_str().unwrap();
            let mut arguments = vec!["decode", "--json", "--hex", "--role", vector["role"].as_str().unwrap()];
            let limits =
                [("max_frame", "--max-frame"), ("max_message", "--max-message"), ("max_fragments", "--max-fragments")]
                    .map(|(field, option)| vector["config"][field].as_u64().map(|limit| (option, limit.to_string())));
            for (option, limit) in limits.iter().flatten() {
                arguments.extend([option, limit.as_str()]);
            }
            for chunk in [&[][..], &["--chunk", "1"]] {
                let output = run(&[&arguments[..], chunk].concat(), stream.as_bytes());
                let mut expected = vector["events"].as_array().unwrap().clone();
                let failed = expected.last().is_some_and(|last| last["event"] == "violation");
                expected.push(json!({"event": "end", "offset": stream.len() / 2, "state": vector["state"]}));
                let records = records(&output);
                assert_eq!(records.len(), expected.len(), "{name}");
                for (record, expected) in records.iter().zip(&expected) {
                    for (field, value) in expected.as_object().unwrap() {
                        assert_eq!(&record[field], value, "{name}: {field} of {record}");
                    }
                }
                assert_eq!(output.status.code(), Some(failed.into()), "{name}");
                let stops = ["in_frame", "in_message"].contains(&vector["state"].as_str().unwrap());
                assert_eq!(output.stderr.is_empty(), !stops, "{name}: a warning when the stream stops too early");
                ran += 1;
            }
        }
    }
    assert!(ran > 1800);
}

#[test]
fn json_has_exactly_the_documented_fields() {
    let stream = [HELLO, b"\x89\x80\0\0\0\0\x8a\x81\0\0\0\0!\x88\x82\0\0\0\0\x03\xe8"].concat();
    let output = run(&["decode", "--json"], &stream);
    let expected = [
        r#"{"event":"message","kind":"text","offset":0,"length":5,"fragments":1,"payload_hex":"48656c6c6f"}"#,
        r#"{"event":"ping","offset":11,"payload_hex":""}"#,
        r#"{"event":"pong","offset":17,"payload_hex":"21"}"#,
        r#"{"event":"close","offset":24,"code":1000,"reason":""}"#,
        r#"{"event":"end","offset":32,"state":"closed"}"#,
    ];
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().collect::<Vec<_>>(), expected);
    let output = run(&["decode", "--json", "-"], b"\x88\x80\0\0\0\0");
    assert_eq!(records(&output)[0], json!({"event": "close", "offset": 0, "code": null, "reason": ""}));
    let output = run(&["decode", "--json", "-"], b"\x82\xfe\x00\x05");
    let expected = json!({
        "event": "violation", "offset": 3, "close_code": 1002, "rule": "LengthNotMinimal", "section": "5.2",
        "message": "length not in its shortest form",
    });
    assert_eq!(records(&output)[0], expected);
}

#[test]
fn a_http_head_is_one_event_and_offsets_count_from_the_first_byte() {
    let request = b"GET /chat HTTP/1.1\r\nHost: example.org\r\n\r\n";
    let response = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
    for (role, head, frame) in [("server", &request[..], HELLO), ("client", &response[..], b"\x81\x02hi")] {
        for chunk in ["1", "3", "100000"] {
            let stream = [head, frame, b"\xff"].concat();
            let output = run(&["decode", "--json", "--role", role, "--chunk", chunk], &stream);
            let records = records(&output);
            assert_eq!(records[0], json!({"event": "head", "offset": 0, "length": head.len()}));
            assert_eq!(records[1]["offset"], head.len());
            assert_eq!(records[2]["offset"], head.len() + frame.len());
            assert_eq!(records[3], json!({"event": "end", "offset": stream.len(), "state": "failed"}));
        }
    }
}

#[test]
fn a_head_of_64_kib_is_taken_and_a_longer_one_is_not() {
    for (len, taken) in [(65_536, true), (65_537, false)] {
        let mut head = b"GET / HTTP/1.1\r\nX: ".to_vec();
        head.resize(len - 4, b'x');
        head.extend(b"\r\n\r\n");
        let stream = [&head, HELLO].concat();
        if taken {
            let output = run(&["decode", "--json"], &stream);
            assert_eq!(records(&output)[1]["offset"], len);
        } else {
            unusable(&["decode"], &stream, &["64 KiB", "HTTP head"]);
        }
    }
    unusable(&["decode"], b"GET / HTTP/1.1\r\nHost: x\r\n", &["before the end of the input"]);
    unusable(&["decode"], b"HTTP/1.1 400 Bad Request\r\n\r\n", &["400 Bad Request", "101"]);
    unusable(&["decode"], b"HTTP/1.0 101 Old\r\n\r\n", &["101"]);
}

#[test]
fn a_few_letters_of_a_head_are_bytes_like_any_others() {
    for bytes in [&b"GE"[..], b"HTTP", b"GETX"] {
        let output = run(&["decode", "--json"], bytes);
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(records(&output)[0]["rule"], "ReservedBits");
    }
}

#[test]
fn hex_allows_white_space_and_comments() {
    let text = b"# a text frame: 81\r\n8185 37fa213d\t7f 9 f4d5158 # Hello\n#\n";
    let output = run(&["decode", "--json", "--hex"], text);
    assert_eq!(records(&output)[0]["payload_hex"], "48656c6c6f");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn hex_that_is_not_hex_is_located_and_what_came_before_is_not_lost() {
    let output = run(&["decode", "--json", "--hex"], b"818537fa213d7f9f4d5158\n  82 8g");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(records(&output)[0]["payload_hex"], "48656c6c6f");
    assert!(error_line(&output).contains("line 2, column 7"));
    unusable(&["decode", "--hex"], b"818", &["half a byte", "line 1, column 3"]);
    unusable(&["decode", "--hex"], "€".as_bytes(), &["line 1, column 1"]);
    unusable(&["decode", "--hex", "--chunk", "1"], b"81 x", &["line 1, column 4"]);
}

#[test]
fn bad_arguments_are_one_line_and_exit_code_2() {
    unusable(&[], b"", &["command is missing", "--help"]);
    unusable(&["decode", "--role", "peer"], b"", &["peer", "server, client"]);
    unusable(&["decode", "--chunk", "0"], b"", &["--chunk"]);
    unusable(&["decode", "--chunk", "-1"], b"", &["-1"]);
    unusable(&["decode", "--max-frame", "many"], b"", &["many", "--max-frame"]);
    unusable(&["decode", "--max-message", "18446744073709551616"], b"", &["--max-message"]);
    unusable(&["decode", "--max-fragments", "4294967296"], b"", &["--max-fragments"]);
    unusable(&["decode", "a", "b"], b"", &["'b'"]);
    unusable(&["decode", "--loud"], b"", &["--loud"]);
    unusable(&["encode"], b"", &["encode"]);
}

#[test]
fn unreadable_files_are_one_line_and_exit_code_2() {
    unusable(&["decode", "no such file"], b"", &["no such file", "check the path"]);
    unusable(&["decode", env!("CARGO_MANIFEST_DIR")], b"", &["cannot read"]);
}

#[test]
fn empty_input_is_an_idle_stream() {
    let output = run(&["decode", "--json"], b"");
    assert_eq!(records(&output), [json!({"event": "end", "offset": 0, "state": "idle"})]);
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
}

#[test]
fn a_stream_that_stops_in_a_message_gets_a_warning() {
    for (stream, word) in [(&b"\x01\x80\0\0\0\0"[..], "message"), (b"\x81\x80\0", "frame")] {
        let output = run(&["decode"], stream);
        assert_eq!(output.status.code(), Some(0));
        assert!(error_line(&output).contains(&format!("stops inside a {word}")));
    }
}

#[test]
fn a_broken_pipe_ends_quietly() {
    let mut child = start(&["decode", "--json"], Stdio::piped());
    let mut stdin = child.stdin.take().unwrap();
    let writer = thread::spawn(move || while stdin.write_all(&HELLO.repeat(1000)).is_ok() {});
    let mut first = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let mut errors = String::new();
    child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    assert_eq!((child.wait().unwrap().code(), errors.as_str()), (Some(0), ""));
    writer.join().unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_an_error() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_wsframe"));
    let capture = tests_folder().join("captures/ws.client.bin");
    let output = command.arg("decode").arg(capture).stdout(full).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(error_line(&output).contains("cannot write the output"));
}

#[test]
fn captures_end_closed() {
    for (file, role) in [("websockets.client", "server"), ("websockets.server", "client"), ("ws.client", "server")] {
        let path = tests_folder().join(format!("captures/{file}.bin"));
        let path = path.to_str().unwrap();
        let whole = run(&["decode", "--json", "--role", role, path], b"");
        let last = records(&whole).pop().unwrap();
        assert_eq!(last, json!({"event": "end", "offset": std::fs::metadata(path).unwrap().len(), "state": "closed"}));
        let cut = run(&["decode", "--json", "--chunk", "1", "--role", role, path], b"");
        assert_eq!(whole.stdout, cut.stdout);
        assert_eq!(whole.status.code(), Some(0));
    }
}

/// 1 GiB through a pipe, in messages of 1 MiB cut into fragments: memory does not follow the length of the stream.
#[cfg(target_os = "linux")]
#[test]
fn memory_is_bounded_by_the_longest_message() {
    let mut child = start(&["decode", "--max-message", "1048576"], Stdio::piped());
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let reader = thread::spawn(move || {
        let mut text = String::new();
        stdout.read_to_string(&mut text).unwrap();
        text
    });
    let mut message = Vec::new();
    for i in 0..32 {
        message.push(match i {
            0 => 0x02,
            31 => 0x80,
            _ => 0x00,
        });
        message.extend(b"\xfe\x80\x00\x12\x34\x56\x78");
        message.extend([0x5a; 32_768]);
    }
    for _ in 0..1024 {
        stdin.write_all(&message).unwrap();
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let peak = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    let peak: u64 = peak.split_whitespace().nth(1).unwrap().parse().unwrap();
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(reader.join().unwrap().lines().count(), 1025);
    assert!(peak < 16 * 1024, "{peak} KiB");
}
