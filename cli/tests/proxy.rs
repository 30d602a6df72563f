//! `wsframe proxy`: every byte arrives as it was sent, whatever is decoded, printed or broken.

#![cfg(unix)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;

use core::net::SocketAddr;
use core::time::Duration;
use serde_json::Value;

const REQUEST: &[u8] =
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
const HELLO: &[u8] = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";

/// A proxy that runs.
struct Proxy {
    child: Child,
    address: SocketAddr,
    errors: BufReader<std::process::ChildStderr>,
}

impl Proxy {
    fn start(arguments: &[&str], target: SocketAddr) -> Proxy {
        let mut child = Command::new(env!("CARGO_BIN_EXE_wsframe"))
            .arg("proxy")
            .args(arguments)
            .args(["127.0.0.1:0", &target.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        errors.read_line(&mut line).unwrap();
        let address = line.strip_prefix("wsframe: listening on ").unwrap().split(',').next().unwrap();
        Proxy { address: address.parse().unwrap(), child, errors }
    }

    fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).unwrap()
    }

    fn interrupt(&self) {
        assert!(Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap().success());
    }

    /// Waits for its end: the exit code, the output, and what it warned of.
    fn end(mut self) -> (i32, String, String) {
        let (mut out, mut warnings) = (String::new(), String::new());
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        self.errors.read_to_string(&mut warnings).unwrap();
        (self.child.wait().unwrap().code().unwrap(), out, warnings)
    }
}

fn records(out: &str) -> Vec<Value> {
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Serves each connection in a thread of its own.
fn serve(on: impl Fn(TcpStream) + Send + Sync + Clone + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let on = on.clone();
            thread::spawn(move || on(stream.unwrap()));
        }
    });
    address
}

fn read_exactly(stream: &mut TcpStream, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

/// Bytes that are no frames.
fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed;
    let next = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..len).map(next).collect()
}

#[test]
fn every_byte_arrives_in_both_directions_though_none_is_a_frame() {
    const LEN: usize = 8 * 1024 * 1024;
    // Both send at the same time, and each reads slowly at first.
    let target = serve(|mut stream| {
        let mut writing = stream.try_clone().unwrap();
        let writer = thread::spawn(move || {
            writing.write_all(&noise(LEN, 2)).unwrap();
            writing.shutdown(Shutdown::Write).unwrap();
        });
        thread::sleep(Duration::from_millis(50));
        assert!(read_to_end(&mut stream) == noise(LEN, 1));
        writer.join().unwrap();
    });
    let proxy = Proxy::start(&["--json"], target);
    let mut client = proxy.connect();
    let mut writing = client.try_clone().unwrap();
    let writer = thread::spawn(move || {
        writing.write_all(&noise(LEN, 1)).unwrap();
        writing.shutdown(Shutdown::Write).unwrap();
    });
    assert!(read_to_end(&mut client) == noise(LEN, 2));
    writer.join().unwrap();
    let (code, out, _) = proxy.end();
    assert_eq!(code, 1);
    let found = records(&out);
    for sender in ["client", "server"] {
        let of = |event: &str| found.iter().find(|record| record["direction"] == sender && record["event"] == event);
        assert!(of("violation").is_some(), "{sender}");
        assert_eq!(of("end").unwrap()["offset"], LEN);
    }
}

/// An echo of frames, with the handshake before them.
fn echo(mut stream: TcpStream) {
    assert_eq!(read_exactly(&mut stream, REQUEST.len()), REQUEST);
    stream.write_all(ANSWER).unwrap();
    let mut buffer = [0; 65_536];
    loop {
        match stream.read(&mut buffer).unwrap() {
            0 => return,
            // As a server would, without masks: the frames of this test have keys of zeros.
            len => stream.write_all(&buffer[..len]).unwrap(),
        }
    }
}

#[test]
fn many_connections_at_once_are_told_apart() {
    const CONNECTIONS: usize = 16;
    const MESSAGES: usize = 200;
    let proxy = Proxy::start(&["--json"], serve(echo));
    let address = proxy.address;
    // The first stays until all are there, so that the proxy goes on.
    let mut first = proxy.connect();
    first.write_all(REQUEST).unwrap();
    read_exactly(&mut first, ANSWER.len());
    let clients: Vec<_> = (0..CONNECTIONS)
        .map(|i| {
            thread::spawn(move || {
                let mut client = TcpStream::connect(address).unwrap();
                client.write_all(REQUEST).unwrap();
                assert_eq!(read_exactly(&mut client, ANSWER.len()), ANSWER);
                for j in 0..MESSAGES {
                    let text = format!("{i} {j} {}", "x".repeat(j));
                    let len = text.len() as u16;
                    let frame = [&[0x81, 0xfe][..], &len.to_be_bytes(), &[0; 4], text.as_bytes()].concat();
                    let frame = if len < 126 {
                        [&[0x81, 0x80 | len as u8, 0, 0, 0, 0], text.as_bytes()].concat()
                    } else {
                        frame
                    };
                    client.write_all(&frame).unwrap();
                    assert_eq!(read_exactly(&mut client, frame.len()), frame);
                }
            })
        })
        .collect();
    clients.into_iter().for_each(|client| client.join().unwrap());
    drop(first);
    let (_, out, _) = proxy.end();
    let found = records(&out);
    let opened = found.iter().filter(|record| record["event"] == "open").count();
    assert_eq!(opened, CONNECTIONS + 1);
    let mut seen = std::collections::BTreeMap::<u64, usize>::new();
    for record in found.iter().filter(|record| record["event"] == "message" && record["direction"] == "client") {
        *seen.entry(record["stream"].as_u64().unwrap()).or_default() += 1;
    }
    assert_eq!(seen.len(), CONNECTIONS);
    assert!(seen.values().all(|messages| *messages == MESSAGES), "{seen:?}");
}

#[test]
fn either_side_may_close_first_and_the_other_still_sends() {
    // The client first: the server's last words come behind its end.
    let target = serve(|mut stream| {
        assert_eq!(read_to_end(&mut stream), [REQUEST, HELLO].concat());
        stream.write_all(&[ANSWER, b"\x81\x03bye"].concat()).unwrap();
    });
    let proxy = Proxy::start(&["--json"], target);
    let mut client = proxy.connect();
    client.write_all(&[REQUEST, HELLO].concat()).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_to_end(&mut client), [ANSWER, b"\x81\x03bye"].concat());
    let (code, out, _) = proxy.end();
    assert_eq!(code, 0, "{out}");
    let texts: Vec<_> =
        records(&out).iter().filter_map(|record| record["payload_hex"].as_str().map(str::to_owned)).collect();
    assert_eq!(texts, ["48656c6c6f", "627965"]);

    // The server first: the client's last words arrive.
    let (sender, receiver) = std::sync::mpsc::channel();
    let target = serve(move |mut stream| {
        read_exactly(&mut stream, REQUEST.len());
        stream.write_all(&[ANSWER, b"\x88\x02\x03\xe8"].concat()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        sender.send(read_to_end(&mut stream)).unwrap();
    });
    let proxy = Proxy::start(&["--json"], target);
    let mut client = proxy.connect();
    client.write_all(REQUEST).unwrap();
    assert_eq!(read_to_end(&mut client), [ANSWER, b"\x88\x02\x03\xe8"].concat());
    let last = b"\x88\x82\0\0\0\0\x03\xe8";
    client.write_all(last).unwrap();
    drop(client);
    assert_eq!(receiver.recv().unwrap(), last);
    let (code, out, _) = proxy.end();
    assert_eq!(code, 0, "{out}");
    let closes = records(&out).iter().filter(|record| record["event"] == "close").count();
    assert_eq!(closes, 2);
}

#[test]
fn a_byte_goes_on_before_its_frame_is_whole() {
    let target = serve(|mut stream| {
        for _ in 0..REQUEST.len() + HELLO.len() {
            let byte = read_exactly(&mut stream, 1);
            stream.write_all(&byte).unwrap();
        }
    });
    let proxy = Proxy::start(&["--json"], target);
    let mut client = proxy.connect();
    for byte in [REQUEST, HELLO].concat() {
        client.write_all(&[byte]).unwrap();
        assert_eq!(read_exactly(&mut client, 1), [byte]);
    }
    drop(client);
    proxy.end();
}

#[test]
fn output_that_nobody_reads_holds_no_byte_back() {
    const PIECE: usize = 1024 * 1024;
    const PIECES: usize = 100;
    let target = serve(|mut stream| {
        let mut buffer = vec![0; PIECE];
        let mut len = 0;
        loop {
            match stream.read(&mut buffer).unwrap() {
                0 => break,
                read => len += read,
            }
        }
        stream.write_all(&len.to_be_bytes()).unwrap();
    });
    for is_closed in [false, true] {
        let mut proxy = Proxy::start(&["--json"], target);
        if is_closed {
            drop(proxy.child.stdout.take());
        }
        let mut client = proxy.connect();
        client.write_all(REQUEST).unwrap();
        // Messages of 1 MiB, which are printed as two.
        let len = (PIECE as u64).to_be_bytes();
        let message = [&[0x82, 0xff][..], &len, &[0; 4], &vec![0; PIECE]].concat();
        for _ in 0..PIECES {
            client.write_all(&message).unwrap();
        }
        client.shutdown(Shutdown::Write).unwrap();
        let expected = REQUEST.len() + PIECES * message.len();
        assert_eq!(read_to_end(&mut client), expected.to_be_bytes());
        drop(client);
        if is_closed {
            assert_eq!(proxy.child.wait().unwrap().code(), Some(1));
        } else {
            // What was not decoded is counted.
            let (_, out, warnings) = proxy.end();
            let found = records(&out);
            let is_gap = |record: &&Value| record["event"] == "gap" && record["direction"] == "client";
            let gap = found.iter().find(is_gap).expect("more than the queue takes");
            assert_eq!(gap["reason"], "not decoded in time");
            assert_eq!(gap["offset"].as_u64().unwrap() + gap["length"].as_u64().unwrap(), expected as u64);
            assert!(warnings.contains("decoding was too slow"), "{warnings}");
        }
    }
}

#[test]
fn a_target_that_is_not_there_closes_the_client_and_the_proxy_goes_on() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = listener.local_addr().unwrap();
    drop(listener);
    let proxy = Proxy::start(&[], nobody);
    for _ in 0..2 {
        let mut client = proxy.connect();
        assert_eq!(client.read(&mut [0; 10]).unwrap_or(0), 0);
    }
    proxy.interrupt();
    let (code, _, warnings) = proxy.end();
    assert_eq!((code, warnings.matches("cannot connect").count()), (0, 2), "{warnings}");
}

#[test]
fn an_interrupt_says_how_the_connections_stand() {
    let mut proxy = Proxy::start(
        &["--json", "--stats", "--frames"],
        serve(|mut stream| {
            read_exactly(&mut stream, REQUEST.len());
            stream.write_all(ANSWER).unwrap();
            read_to_end(&mut stream);
        }),
    );
    let mut client = proxy.connect();
    client.write_all(REQUEST).unwrap();
    read_exactly(&mut client, ANSWER.len());
    // A header and a byte.
    client.write_all(&HELLO[..7]).unwrap();
    let mut lines = BufReader::new(proxy.child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("\"frame\"")));
    proxy.interrupt();
    let rest: Vec<String> = lines.map(|line| line.unwrap()).collect();
    let found = records(&rest.join("\n"));
    let of = |event: &str| found.iter().filter(|record| record["event"] == event).count();
    assert_eq!((of("end"), of("stats")), (2, 2), "{found:?}");
    let mut warnings = String::new();
    proxy.errors.read_to_string(&mut warnings).unwrap();
    assert!(warnings.contains("stops inside a frame"), "{warnings}");
    assert_eq!(proxy.child.wait().unwrap().code(), Some(0));
}

#[test]
fn it_ends_with_the_last_websocket_and_goes_on_if_it_is_told_to() {
    let http = |mut stream: TcpStream| {
        let mut request = [0; 1024];
        let len = stream.read(&mut request).unwrap();
        if request[..len].starts_with(b"GET /page") {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
        } else {
            stream.write_all(&[ANSWER, b"\x88\x00"].concat()).unwrap();
        }
    };
    let target = serve(http);
    let proxy = Proxy::start(&["--json"], target);
    // A page is no reason to end.
    for request in [&b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n"[..], REQUEST] {
        let mut client = proxy.connect();
        client.write_all(request).unwrap();
        read_to_end(&mut client);
    }
    assert_eq!(proxy.end().0, 0);
    let proxy = Proxy::start(&["--json", "--keep"], target);
    for _ in 0..3 {
        let mut client = proxy.connect();
        client.write_all(REQUEST).unwrap();
        read_to_end(&mut client);
    }
    proxy.interrupt();
    let (code, out, _) = proxy.end();
    let opened = records(&out).iter().filter(|record| record["event"] == "open").count();
    assert_eq!((code, opened), (0, 3));
}

#[test]
fn a_violation_is_shown_while_the_connection_stays_open() {
    for arguments in [&[][..], &["--json"]] {
        let mut proxy = Proxy::start(arguments, serve(echo));
        let mut client = proxy.connect();
        client.write_all(&[REQUEST, b"\x81\x00"].concat()).unwrap();
        let lines = BufReader::new(proxy.child.stdout.take().unwrap()).lines();
        let (sender, receiver) = std::sync::mpsc::channel();
        let reader = thread::spawn(move || lines.for_each(|line| _ = sender.send(line.unwrap())));
        let is_there = core::iter::from_fn(|| receiver.recv_timeout(Duration::from_secs(10)).ok())
            .any(|line| line.contains("MaskMissing"));
        assert!(is_there, "{arguments:?}");
        proxy.interrupt();
        assert_eq!(proxy.child.wait().unwrap().code(), Some(1));
        reader.join().unwrap();
    }
}

#[test]
fn a_refused_handshake_is_no_websocket_that_has_ended() {
    let target = serve(|mut stream| {
        let mut request = [0; 1024];
        let len = stream.read(&mut request).unwrap();
        if request[..len].windows(13).any(|word| word == b"Authorization") {
            stream.write_all(&[ANSWER, b"\x88\x00"].concat()).unwrap();
        } else {
            stream.write_all(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n").unwrap();
        }
    });
    let proxy = Proxy::start(&["--json"], target);
    let authorized = [&REQUEST[..REQUEST.len() - 2], b"Authorization: x\r\n\r\n"].concat();
    for request in [REQUEST, &authorized] {
        let mut client = proxy.connect();
        client.write_all(request).unwrap();
        read_to_end(&mut client);
    }
    let (_, out, _) = proxy.end();
    let statuses: Vec<_> = records(&out).iter().filter_map(|record| record["status"].as_u64()).collect();
    assert_eq!(statuses, [401, 101]);
}

#[test]
fn a_target_that_speaks_tls_is_named_as_such() {
    // It answers nothing but TLS, with an alert.
    let target = serve(|mut stream| {
        let mut start = [0; 1024];
        if stream.read(&mut start).unwrap_or(0) > 0 && start[0] == 0x16 {
            stream.write_all(b"\x15\x03\x01\0\x02\x02\x0a").unwrap();
        }
    });
    let proxy = Proxy::start(&["--keep"], target);
    let mut client = proxy.connect();
    client.write_all(REQUEST).unwrap();
    let _ = client.read_to_end(&mut Vec::new());
    let (code, _, errors) = proxy.end();
    assert_eq!(code, 2);
    assert!(errors.contains("the target speaks TLS") && errors.contains("socat"), "{errors}");
}

#[test]
fn an_interrupt_ends_it_though_nobody_takes_the_output() {
    let mut proxy = Proxy::start(&["--json"], serve(|mut stream| _ = read_to_end(&mut stream)));
    let mut client = proxy.connect();
    client.write_all(REQUEST).unwrap();
    let message = [&b"\x82\xff\0\0\0\0\0\x10\0\0\0\0\0\0"[..], &vec![0; 0x10_0000]].concat();
    client.write_all(&message).unwrap();
    thread::sleep(Duration::from_millis(300));
    proxy.interrupt();
    assert_eq!(proxy.child.wait().unwrap().code(), Some(130));
}
