//! `wsframe decode`, run as a process.

mod program;

use core::time::Duration;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use serde_json::{Value, json};

#[cfg(target_os = "linux")]
use crate::program::peak_memory;
use crate::program::{records, run, start};

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

const HELLO_HEX: &str = "48656c6c6f";
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
        "message": "length not in its shortest form", "frame": 1, "frame_offset": 0, "declared_length": 5,
        "remedy": "Use 7 bits up to 125, 16 bits up to 65535, and 64 bits only above that.",
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
            assert_eq!(records[0]["event"], "head");
            assert_eq!((&records[0]["offset"], &records[0]["length"]), (&json!(0), &json!(head.len())));
            assert_eq!(records[1]["offset"], head.len());
            assert_eq!(records[2]["offset"], head.len() + frame.len());
            assert_eq!(records[3], json!({"event": "end", "offset": stream.len(), "state": "failed"}));
        }
    }
}

#[test]
fn every_input_gives_the_same_however_it_is_cut() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/inputs");
    let mut inputs = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "bin") {
            continue;
        }
        inputs += 1;
        let path = path.to_str().unwrap();
        for role in ["server", "client"] {
            let decode =
                |more: &[&str]| run(&[&["decode", "--json", "--frames", "--role", role, path], more].concat(), b"");
            let whole = decode(&[]);
            for chunk in ["1", "2", "7"] {
                let cut = decode(&["--chunk", chunk]);
                assert_eq!(cut, whole, "{path}, received by the {role}, in pieces of {chunk}");
            }
        }
    }
    assert!(inputs > 30, "{inputs}");
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
    unusable(&["decode"], b"HTTP/1.1 1012 No\r\n\r\n", &["1012", "only 101"]);
    unusable(&["decode"], b"HTTP/1.1 1012\r\n\r\n", &["1012", "only 101"]);
    // The words after the number are optional.
    assert_eq!(records(&run(&["decode", "--json"], b"HTTP/1.1 101\r\n\r\n"))[0]["event"], "head");
}

/// What the program says if the input comes in these pieces, each of them in a read of its own.
fn run_in_pieces(arguments: &[&str], pieces: &[&[u8]]) -> Output {
    let mut child = start(arguments, Stdio::piped());
    let mut stdin = child.stdin.take().unwrap();
    for piece in pieces {
        stdin.write_all(piece).unwrap();
        wait_until_read(&stdin);
    }
    drop(stdin);
    child.wait_with_output().unwrap()
}

/// Longer than the program ever takes for a few bytes.
const PATIENCE: Duration = Duration::from_secs(10);

/// Waits until the pipe is empty.
fn wait_until_read(pipe: &ChildStdin) {
    let started = Instant::now();
    while rustix::io::ioctl_fionread(pipe).unwrap() != 0 {
        assert!(started.elapsed() < PATIENCE, "the program reads no more");
        thread::yield_now();
    }
}

#[test]
fn heads_and_comments_may_be_cut_between_two_reads() {
    let head = b"GET /chat HTTP/1.1\r\nHost: example.org\r\n\r\n";
    for cut in [1, 3, 4, 10, head.len() - 3, head.len() - 2, head.len() - 1, head.len()] {
        let stream = [head, HELLO].concat();
        let (first, second) = stream.split_at(cut);
        let records = records(&run_in_pieces(&["decode", "--json"], &[first, second]));
        assert_eq!((&records[0]["event"], &records[0]["length"]), (&json!("head"), &json!(head.len())), "cut at {cut}");
        assert_eq!((&records[1]["offset"], &records[1]["payload_hex"]), (&json!(head.len()), &json!(HELLO_HEX)));
    }
    // The last byte of a head as long as may be comes alone.
    let mut head = b"GET / HTTP/1.1\r\nX: ".to_vec();
    head.resize(65_536 - 4, b'x');
    head.extend(b"\r\n\r\n");
    let (first, last) = head.split_at(65_535);
    let records_of_long = records(&run_in_pieces(&["decode", "--json"], &[first, last, HELLO]));
    assert_eq!((&records_of_long[0]["length"], &records_of_long[1]["offset"]), (&json!(65_536), &json!(65_536)));
    // A comment, a byte, and a line.
    for pieces in [
        [&b"81 85 # not he"[..], b"x\n37fa213d7f9f4d5158"],
        [b"81 8", b"5 37fa213d7f9f4d5158"],
        [b"8185#\n", b"37fa213d7f9f4d5158"],
    ] {
        let output = run_in_pieces(&["decode", "--json", "--hex"], &pieces);
        assert_eq!(records(&output)[0]["payload_hex"], HELLO_HEX, "{pieces:?}");
    }
}

#[test]
fn a_violation_is_written_while_the_input_is_still_open() {
    let mut child = start(&["decode", "--json"], Stdio::piped());
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"\x81\x05Hello").unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (sender, receiver) = mpsc::channel();
    let reader = thread::spawn(move || lines.for_each(|line| sender.send(line.unwrap()).unwrap()));
    let line = receiver.recv_timeout(PATIENCE).expect("a violation before the end of the input");
    let record: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&record["event"], &record["rule"]), (&json!("violation"), &json!("MaskMissing")));
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(1));
    reader.join().unwrap();
}

#[test]
fn a_few_letters_of_a_head_are_bytes_like_any_others() {
    for bytes in [&b"GE"[..], b"HTTP", b"GETX"] {
        unusable(&["decode"], bytes, &["is text", "--input raw"]);
        let output = run(&["decode", "--json", "--input", "raw"], bytes);
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(records(&output)[0]["rule"], "ReservedBits");
    }
}

#[test]
fn hex_allows_white_space_and_comments() {
    let text = b"# a text frame: 81\r\n8185 37fa213d\t7f 9f 4d5158 # Hello\n#\n";
    for form in [&["--hex"][..], &["--input", "hex"], &[]] {
        let output = run(&[&["decode", "--json"], form].concat(), text);
        assert_eq!(records(&output)[0]["payload_hex"], "48656c6c6f");
        assert_eq!(output.status.code(), Some(0));
    }
}

#[test]
fn hex_that_is_not_hex_is_located_and_what_came_before_is_not_lost() {
    // Digits are never paired across a blank, a comment or the end of a line.
    for (text, place) in [
        (&b"81 5 48"[..], "line 1, column 4"),
        (b"8#x\n1 80 00000000", "line 1, column 1"),
        (b"81 80 0000000\n0", "line 1, column 7"),
        (b"# a comment\n\n g", "line 3, column 2"),
        (b"818", "line 1, column 1"),
        ("81 \u{20ac}".as_bytes(), "line 1, column 4"),
        (b"81 x", "line 1, column 4"),
        (b"\xef\xbb\xbf81 8g", "line 1, column 5"),
    ] {
        for chunk in ["1", "100"] {
            let output = run(&["decode", "--hex", "--chunk", chunk], text);
            assert_eq!(output.status.code(), Some(2), "{text:?}");
            let errors = String::from_utf8(output.stderr).unwrap();
            assert!(errors.lines().last().unwrap().contains(place), "{errors}");
        }
    }
    // What was read before the failure is decoded with it, for whole chunks too.
    for chunk in ["1", "11", "100"] {
        let output = run(&["decode", "--json", "--hex", "--chunk", chunk], b"818537fa213d7f9f4d5158\n  82 8g");
        assert_eq!(
            (output.status.code(), &records(&output)[0]["payload_hex"]),
            (Some(2), &json!(HELLO_HEX)),
            "{chunk}"
        );
    }
}

#[test]
fn a_fault_of_form_far_behind_the_beginning_is_located_after_what_came_before_it() {
    let frame = "81 85 37 fa 21 3d 7f 9f 4d 51 58\n";
    let base64 = "gYU3+iE9f59NUVg=\n";
    for (text, fault, place) in [
        (frame.repeat(5000), "81 8g", "line 5001, column 5"),
        (frame.repeat(5000), "81 8 5", "line 5001, column 4"),
        (base64.repeat(8000), "gYU3!", "line 8001, column 5"),
        (
            format!("[{}", "129, 133, 55, 250, 33, 61, 127, 159, 77, 81, 88,\n".repeat(3000)),
            "129, 256]",
            "line 3001, column 6",
        ),
    ] {
        let output = run(&["decode", "--json"], (text + fault).as_bytes());
        assert_eq!(output.status.code(), Some(2), "{place}");
        assert!(error_line(&output).contains(place), "{}", error_line(&output));
        assert!(records(&output).len() > 2999);
    }
}

#[test]
fn bytes_with_the_mark_of_a_text_are_no_text_by_that_alone() {
    for bytes in [&b"\xff\xfe\x00\x01\x9f\x22\x31\x85"[..], b"\xfe\xff\x12\x34\x56\x78", b"\xef\xbb\xbf\x00\x01"] {
        let output = run(&["decode", "--json"], bytes);
        assert_eq!((output.status.code(), &records(&output)[0]["rule"]), (Some(1), &json!("ReservedBits")));
    }
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
    let peak = peak_memory(&child);
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(reader.join().unwrap().lines().count(), 1 + 1024 + 1);
    assert!(peak < 16 * 1024, "{peak} KiB");
}

/// A fault between good frames is not the beginning of a stream that was cut.
#[test]
fn there_is_no_hint_where_good_frames_follow_a_bad_one() {
    let good = b"\x81\x02ok".repeat(4);
    for (bad, arguments) in [
        (&b"\x01\x01a\x81\x01b\x00\x01c\x80\x01d"[..], &[][..]),
        (b"\x01\x01a\x00\x01b\x00\x01c\x80\x01d", &["--max-fragments", "2"]),
        (b"\x02\x02aa\x00\x02bb\x80\x02cc", &["--max-message", "3"]),
        (b"\x80\x01a", &[]),
        (b"\x83\x01a", &[]),
        (b"\xa1\x01a", &[]),
        (b"\x21\x01a\x00\x01b\x80\x01c", &[]),
        (b"\x09\x01a", &[]),
        (b"\x82\x7e\x00\x01a", &[]),
        (b"\x89\x7e\x00\x01a", &[]),
        (b"\x82\x83\0\0\0\0abc", &[]),
        (b"\x88\x02\x03\xed", &[]),
        (b"\x88\x03\x03\xe8\xff", &[]),
        (b"\x81\x03a\xffb", &[]),
    ] {
        for before in [0, 1, 6] {
            let stream = [&b"\x81\x02ok".repeat(before), bad, &good].concat();
            let output = run(&[&["decode", "--json", "--role", "client"], arguments].concat(), &stream);
            let found = records(&output);
            assert!(found.iter().any(|record| record["event"] == "violation"), "{bad:x?}");
            assert!(found.iter().all(|record| record["event"] != "hint"), "{bad:x?} behind {before}: {found:?}");
        }
    }
}

#[test]
fn broken_text_in_a_compressed_message_is_found_at_its_byte_however_it_is_fed() {
    let stream = b"\x81\x02ok\xc1\x09\x4a\x4c\x4a\xfe\x9f\x92\x9a\x06\x00";
    let whole = run(&["decode", "--role", "client", "--deflate"], stream);
    assert_eq!(whole.status.code(), Some(1));
    for chunk in ["1", "2", "7"] {
        assert_eq!(run(&["decode", "--role", "client", "--deflate", "--chunk", chunk], stream).stdout, whole.stdout);
    }
}

#[test]
fn the_limit_of_frames_is_the_limit_of_messages_if_none_is_given() {
    // One byte more than a server takes by default.
    let len = 16 * 1024 * 1024 + 1;
    let large = [&b"\x82\xff"[..], &u64::to_be_bytes(len), &[0; 4], &vec![0; len as usize]].concat();
    let large_limit = &*len.to_string();
    let fragments = b"\x02\x83\0\0\0\0abc\x80\x83\0\0\0\0def";
    for (arguments, stream, expected) in [
        (&[][..], &large[..], "FrameTooLong"),
        (&["--max-message", large_limit], &large, "FrameTooLong"),
        (&["--max-frame", large_limit], &large, "binary"),
        (&["--max-frame", "5"], fragments, "MessageTooLong"),
        (&["--max-frame", "6"], fragments, "binary"),
        (&["--max-frame", "6", "--max-message", "5"], fragments, "MessageTooLong"),
        (&["--max-frame", "5", "--max-message", "6"], fragments, "binary"),
    ] {
        let output = run(&[&["decode"], arguments].concat(), stream);
        let text = str::from_utf8(&output.stdout).unwrap();
        assert!(text.lines().nth(1).unwrap().contains(expected), "{arguments:?}: {text}");
        assert_eq!(output.status.code(), Some((expected != "binary").into()), "{arguments:?}");
    }
}

#[test]
fn compressed_messages_are_inflated_when_the_handshake_names_permessage_deflate() {
    let frames = b"\xc1\x87\0\0\0\0\xf2\x48\xcd\xc9\xc9\x07\x00\x81\x82\0\0\0\0ok";
    for field in [
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
        "sec-websocket-extensions:x-other , PERMESSAGE-DEFLATE",
    ] {
        let head = format!("GET / HTTP/1.1\r\nHost: x\r\n{field}\r\n\r\n");
        let output = run(&["decode", "--json"], &[head.as_bytes(), frames].concat());
        let records = records(&output);
        assert_eq!(records[0]["permessage_deflate"], true);
        assert_eq!((&records[1]["payload_hex"], &records[1]["length"]), (&json!(HELLO_HEX), &json!(5)));
        assert_eq!(records[1]["compressed_length"], 7);
        assert_eq!((&records[2]["payload_hex"], records[2].get("compressed_length")), (&json!("6f6b"), None));
        assert_eq!(output.status.code(), Some(0));
        let text = run(&["decode"], &[head.as_bytes(), frames].concat());
        let text = String::from_utf8(text.stdout).unwrap();
        assert!(
            text.contains("compressed messages are inflated") && text.contains("(compressed: 7) \"Hello\""),
            "{text}"
        );
    }
    for head in
        ["GET / HTTP/1.1\r\nHost: x\r\n\r\n", "GET / HTTP/1.1\r\nSec-WebSocket-Extensions: permessage-deflate2\r\n\r\n"]
    {
        let output = run(&["decode", "--json"], &[head.as_bytes(), frames].concat());
        assert_eq!(records(&output)[1]["rule"], "ReservedBits");
        assert_eq!(records(&output)[0].get("permessage_deflate"), None);
    }
    let output = run(&["decode", "--json", "--deflate"], frames);
    assert_eq!(records(&output)[0]["payload_hex"], HELLO_HEX);
}

/// Every vector about permessage-deflate, whole and byte by byte.
#[test]
fn every_deflate_vector_gives_its_events() {
    for file in ["messages", "broken", "limits"] {
        let text = std::fs::read_to_string(tests_folder().join(format!("vectors/deflate/{file}.json"))).unwrap();
        let vectors: Vec<Value> = serde_json::from_str(&text).unwrap();
        for vector in
            vectors.iter().filter(|vector| vector["deflate"]["takeover"] == true && vector.get("config").is_none())
        {
            let role = vector["role"].as_str().unwrap();
            for chunk in ["1", "100000"] {
                let arguments = ["decode", "--json", "--hex", "--deflate", "--full", "--role", role, "--chunk", chunk];
                let found = records(&run(&arguments, vector["stream"].as_str().unwrap().as_bytes()));
                let events = vector["events"].as_array().unwrap();
                assert_eq!(found.len(), events.len() + 1, "{}", vector["name"]);
                for (found, event) in found.iter().zip(events) {
                    for field in ["event", "payload_hex", "rule", "close_code"] {
                        assert_eq!(found.get(field), event.get(field), "{}, {field}", vector["name"]);
                    }
                }
            }
        }
    }
}

#[test]
fn standard_input_is_not_both_directions() {
    let output = run(&["decode", "--both", "-", "-"], b"");
    assert_eq!(output.status.code(), Some(2));
    assert!(error_line(&output).contains("give a file for the other"));
}

#[test]
fn both_directions_are_decoded_with_their_roles_and_the_servers_answer_counts() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let request = "GET / HTTP/1.1\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
    let client = write("both.client", &[request.as_bytes(), b"\xc1\x81\0\0\0\0\0"].concat());
    for (answer, expected, code) in
        [("Sec-WebSocket-Extensions: permessage-deflate\r\n", "message", 0), ("", "violation", 1)]
    {
        let response = format!("HTTP/1.1 101 Switching Protocols\r\n{answer}\r\n");
        let server = write("both.server", &[response.as_bytes(), b"\x81\x02hi"].concat());
        let output = run(&["decode", "--json", "--both", &client, &server], b"");
        let seen: Vec<_> = records(&output)
            .iter()
            .map(|record| {
                (record["direction"].as_str().unwrap().to_owned(), record["event"].as_str().unwrap().to_owned())
            })
            .collect();
        let expected = [
            ("client", "head"),
            ("client", expected),
            ("client", "end"),
            ("server", "head"),
            ("server", "message"),
            ("server", "end"),
        ];
        assert_eq!(seen, expected.map(|(direction, event)| (direction.to_owned(), event.to_owned())));
        assert_eq!(output.status.code(), Some(code));
    }
}

#[test]
fn stats_count_what_is_there() {
    let stream = [
        HELLO,
        b"\x02\x83\0\0\0\0abc\x89\x81\0\0\0\0p\x00\x80\0\0\0\0\x80\x83\0\0\0\0def",
        b"\x81\x80\0\0\0\0\x8a\x80\0\0\0\0\x88\x80\0\0\0\0",
    ]
    .concat();
    let output = run(&["decode", "--json", "--stats"], &stream);
    let records = records(&output);
    let [.., stats, end] = &records[..] else { panic!() };
    assert_eq!(end["event"], "end");
    let expected = json!({
        "event": "stats", "text_messages": 2, "binary_messages": 1, "pings": 1, "pongs": 1, "closes": 1, "frames": 8,
        "max_fragments": 3, "payload_bytes": 11, "overhead_bytes": stream.len() - 11,
        "sizes": [{"from": 0, "to": 0, "messages": 1}, {"from": 4, "to": 7, "messages": 2}],
    });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&stats[field], value, "{field}");
    }
    assert!((stats["mean_fragments"].as_f64().unwrap() - 5.0 / 3.0).abs() < 1e-9);
    assert!(stats["seconds"].as_f64().unwrap() > 0.0 && stats["bytes_per_second"].as_f64().unwrap() > 0.0);
    let text = String::from_utf8(run(&["decode", "--stats"], &stream).stdout).unwrap();
    for line in ["messages    2 text, 1 binary", "frames      8; 1.67 a message, at most 3", "4-7        2 ####"] {
        assert!(text.contains(line), "{text}");
    }
    // Sizes are counted in powers of two, and a head is no overhead of the frames.
    let head = b"GET /chat HTTP/1.1\r\nHost: example.org\r\n\r\n";
    let mut stream = head.to_vec();
    for len in [1, 2, 3, 4, 7, 8] {
        stream.extend([0x82, 0x80 | len, 0, 0, 0, 0]);
        stream.extend(vec![0; len.into()]);
    }
    let output = run(&["decode", "--json", "--stats"], &stream);
    let stats = self::records(&output).into_iter().nth_back(1).unwrap();
    assert_eq!((&stats["payload_bytes"], &stats["overhead_bytes"]), (&json!(25), &json!(6 * 6)));
    let sizes = [(1, 1, 1), (2, 3, 2), (4, 7, 2), (8, 15, 1)];
    let sizes = sizes.map(|(from, to, messages)| json!({"from": from, "to": to, "messages": messages}));
    assert_eq!(stats["sizes"], json!(sizes));
    // Nothing at all is counted too.
    assert_eq!(run(&["decode", "--stats"], b"").status.code(), Some(0));
}

#[test]
fn a_violation_is_shown_with_its_surroundings_however_the_stream_is_fed() {
    let mut stream = HELLO.to_vec();
    stream.extend(b"\x81\x8a\x11\x22\x33\x44");
    stream.extend(b"ab\xffdefghij".iter().zip([0x11, 0x22, 0x33, 0x44].iter().cycle()).map(|(byte, key)| byte ^ key));
    stream.extend([0xcc; 100]);
    let whole = run(&["decode"], &stream);
    assert_eq!(whole.status.code(), Some(1));
    let text = String::from_utf8(whole.stdout.clone()).unwrap();
    for line in [
        "        19  violation  TextNotUtf8",
        "  where       byte 19, which is 0xcc, unmasked 0xff: byte 8 of frame 2, which begins at byte 11",
        "                       3 fa 21 3d 7f 9f 4d 51 58 81 8a 11 22 33 44 70 40  .!=..MQX...\"3Dp@",
        "                      19 cc 20 74 44 54 2c 78 48 cc cc cc cc cc cc cc cc  . tDT,xH........",
        "                         ^^",
        "  close with  1007 Invalid Frame Payload Data: A message's content does not fit its type",
        "RFC 6455 section 8.1",
        "  fix         Encode text as UTF-8 before masking",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    for chunk in ["1", "2", "7", "30"] {
        assert_eq!(run(&["decode", "--chunk", chunk], &stream).stdout, whole.stdout, "--chunk {chunk}");
    }
    // The mark stands under the byte in the first row, and in the second.
    for (message, rows) in [
        (
            2,
            [
                "  where       byte 8, which is 0xff: byte 0 of frame 2, which begins at byte 8",
                "                       0 82 82 00 00 00 00 aa aa ff ff ff ff ff ff ff ff  ................",
                "                                                 ^^",
                "                      16 ff ff ff ff ff ff ff ff                          ........",
            ],
        ),
        (
            11,
            [
                "  where       byte 17, which is 0xff: byte 0 of frame 2, which begins at byte 17",
                "                       1 8b 00 00 00 00 aa aa aa aa aa aa aa aa aa aa aa  ................",
                "                      17 ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff  ................",
                "                         ^^",
            ],
        ),
    ] {
        let mut stream = vec![0x82, 0x80 | message, 0, 0, 0, 0];
        stream.extend(vec![0xaa; message.into()]);
        stream.extend([0xff; 30]);
        let text = String::from_utf8(run(&["decode"], &stream).stdout).unwrap();
        let shown: Vec<_> = text.lines().skip_while(|line| !line.starts_with("  where")).take(4).collect();
        assert_eq!(shown, rows, "{text}");
    }
    // At the very end of the input there is nothing to wait for.
    let short = run(&["decode", "--chunk", "1"], &stream[..20]);
    assert!(
        String::from_utf8(short.stdout)
            .unwrap()
            .contains("                      19 cc                                               .\n")
    );
}

#[test]
fn frames_are_shown_before_their_events_however_the_stream_is_fed() {
    let path = tests_folder().join("captures/websockets.client.bin");
    let path = path.to_str().unwrap();
    let whole = run(&["decode", "--json", "--frames", path], b"");
    let frames: Vec<_> = records(&whole).into_iter().filter(|record| record["event"] == "frame").collect();
    assert_eq!(frames.len(), 15);
    assert_eq!(frames[0]["offset"], 198);
    assert_eq!(
        (&frames[0]["fin"], &frames[0]["opcode"], &frames[0]["length_form"]),
        (&json!(true), &json!(1), &json!(7))
    );
    assert_eq!(frames[3]["length_form"], 16);
    assert!(frames.iter().any(|frame| frame["length"] == 66_000 && frame["length_form"] == 64));
    for chunk in ["1", "1000"] {
        assert_eq!(run(&["decode", "--json", "--frames", "--chunk", chunk, path], b"").stdout, whole.stdout);
    }
    // An empty frame is whole with its header, which still comes first.
    let events: Vec<_> = records(&run(&["decode", "--json", "--frames"], b"\x81\x80\0\0\0\0\x89\x80\0\0\0\0"))
        .iter()
        .map(|record| record["event"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(events, ["frame", "message", "frame", "ping", "end"]);
}

#[test]
fn the_header_of_a_refused_frame_is_not_shown() {
    let events = |stream: &[u8]| -> Vec<Value> {
        records(&run(&["decode", "--json", "--frames"], stream)).iter().map(|record| record["event"].clone()).collect()
    };
    // A continuation of nothing is refused at its first byte, before its header is complete.
    assert_eq!(events(b"\x80\x80\0\0\0\0"), ["violation", "end"]);
    assert_eq!(events(b"\x81\x80\0\0\0\0\x80\x80\0\0\0\0"), ["frame", "message", "violation", "end"]);
}

#[test]
fn frames_show_their_reserved_bits() {
    let head: &[u8] = b"GET / HTTP/1.1\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
    for (first, rsv) in [(0xc2, 0b100), (0x82, 0)] {
        let stream = [head, &[first, 0x81, 0, 0, 0, 0, 0]].concat();
        let records = records(&run(&["decode", "--json", "--frames"], &stream));
        assert_eq!(records[1]["rsv"], rsv);
    }
}

#[test]
fn a_chunk_of_any_size_takes_no_more_memory_than_the_largest() {
    let script =
        format!("ulimit -v 262144; exec '{}' decode --json --chunk 1099511627776", env!("CARGO_BIN_EXE_wsframe"));
    let mut child =
        Command::new("sh").args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(HELLO).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), &records(&output)[0]["payload_hex"]), (Some(0), &json!(HELLO_HEX)));
}

#[test]
fn texts_and_bytes_that_just_fit_are_not_cut() {
    let shown = |opcode: u8, payload: &[u8]| {
        let stream = [&[opcode, 0x80 | payload.len() as u8, 0, 0, 0, 0], payload].concat();
        let text = String::from_utf8(run(&["decode"], &stream).stdout).unwrap();
        text.lines().find(|line| line.contains("text") || line.contains("binary")).unwrap().to_owned()
    };
    for (opcode, longest) in [(0x81, 57), (0x82, 29)] {
        for len in 1..=longest {
            assert!(!shown(opcode, &vec![b'x'; len]).contains("..."), "{opcode:x}: {len}");
        }
        for len in longest + 1..100 {
            let line = shown(opcode, &vec![b'x'; len]);
            assert!(line.ends_with("...") && (98..=100).contains(&line.len()), "{line}");
        }
    }
}

#[test]
fn full_shows_whole_payloads() {
    let stream = [&b"\x81\xfe\x01\x00\0\0\0\0"[..], &[b'x'; 256], b"\x82\xfe\x01\x00\0\0\0\0", &[0xab; 256]].concat();
    let short = String::from_utf8(run(&["decode"], &stream).stdout).unwrap();
    assert!(short.lines().all(|line| line.len() <= 100) && short.contains("x\"...") && short.contains("ab..."));
    let full = String::from_utf8(run(&["decode", "--full"], &stream).stdout).unwrap();
    assert!(full.contains(&"x".repeat(256)) && full.contains(&"ab".repeat(256)) && !full.contains("..."));
}

#[cfg(unix)]
#[test]
fn arguments_that_are_not_utf8_are_an_error_or_a_file_name() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let odd = OsStr::from_bytes(b"no\xff\nsuch\x1b");
    for arguments in [vec!["decode".as_ref(), odd], vec!["decode".as_ref(), "--role".as_ref(), odd], vec![odd]] {
        let output = Command::new(env!("CARGO_BIN_EXE_wsframe")).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(!error_line(&output).trim_end().contains(char::is_control));
    }
}

#[test]
fn completions_and_man_pages_are_made_from_the_arguments() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = run(&["completions", shell], b"");
        assert_eq!(output.status.code(), Some(0));
        assert!(String::from_utf8(output.stdout).unwrap().contains("max-fragments"), "{shell}");
    }
    for (arguments, words) in [(&["man"][..], "explain"), (&["man", "decode"], "max"), (&["man", "explain"], "CODE")] {
        let text = String::from_utf8(run(arguments, b"").stdout).unwrap();
        assert!(text.contains(".TH") && text.contains(words), "{text}");
    }
}
