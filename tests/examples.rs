//! The example servers, each as a program, with an independent client (tungstenite) and with raw bytes; and the example for
//! devices over a pipe.

#[allow(unused_attributes, unreachable_pub, reason = "it is a crate of its own")]
#[path = "../examples/embedded.rs"]
mod embedded;

use core::time::Duration;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::thread;
use std::time::Instant;

use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, WebSocket, WebSocketConfig};
use tungstenite::{Bytes, Message};
use wsframe::{Assembler, Config, Role, Violation};

const SERVERS: [&str; 5] = ["framed", "echo_std", "event_loop", "owned_buffers", "echo_server"];

/// Where the programs are, built now if need be: with the features of the README's test command, so that nothing else is built
/// anew.
static EXAMPLES: LazyLock<PathBuf> = LazyLock::new(|| {
    let test = std::env::current_exe().unwrap();
    let target = test.ancestors().nth(3).unwrap();
    let status = Command::new(env!("CARGO"))
        .args(["build", "-q", "--workspace", "--all-features", "--examples", "--target-dir"])
        .arg(target)
        .status()
        .unwrap();
    assert!(status.success());
    target.join("debug/examples")
});

/// One of them, on a port that was free.
struct Server {
    name: &'static str,
    process: Child,
    address: String,
}

impl Server {
    fn start(name: &'static str) -> Server {
        Server::start_with(name, &[])
    }

    fn start_with(name: &'static str, options: &[&str]) -> Server {
        let mut process = Command::new(EXAMPLES.join(name))
            .arg("127.0.0.1:0")
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("listening on ws://").expect("it prints its address").to_owned();
        Server { name, process, address }
    }

    fn all() -> impl Iterator<Item = Server> {
        SERVERS.into_iter().map(Server::start)
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream
    }

    fn client(&self) -> WebSocket<TcpStream> {
        let config = WebSocketConfig::default().max_frame_size(None).max_message_size(None);
        tungstenite::client::client_with_config(format!("ws://{}/", self.address), self.connect(), Some(config))
            .unwrap()
            .0
    }

    /// After the opening handshake.
    fn raw(&self) -> TcpStream {
        let mut stream = self.connect();
        stream.write_all(REQUEST.as_bytes()).unwrap();
        assert_eq!(read_exactly(&mut stream, ANSWER.len()), ANSWER.as_bytes());
        stream
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// The example of RFC 6455 §1.3.
const REQUEST: &str = "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
const ANSWER: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

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

#[test]
fn an_independent_client_gets_back_what_it_sent() {
    for server in Server::all() {
        let mut client = server.client();
        for len in [0, 1, 125, 126, 65_535, 65_536, 5_000_000] {
            for message in [Message::binary(vec![7; len]), Message::text("Grüße, 文字 𝄞 ".repeat(len / 20))] {
                client.send(message.clone()).unwrap();
                assert!(client.read().unwrap() == message, "{len}");
            }
            client.send(Message::Ping(Bytes::from(vec![1; len.min(125)]))).unwrap();
            assert_eq!(client.read().unwrap(), Message::Pong(Bytes::from(vec![1; len.min(125)])));
            client.send(Message::Pong(Bytes::from_static(b"nobody asked"))).unwrap();
        }
        client.close(Some(CloseFrame { code: CloseCode::Library(4210), reason: "done".into() })).unwrap();
        let reply = CloseFrame { code: CloseCode::Library(4210), reason: "".into() };
        assert_eq!(client.read().unwrap(), Message::Close(Some(reply)));
        assert!(matches!(client.read(), Err(tungstenite::Error::ConnectionClosed)));
    }
}

#[test]
fn an_address_that_cannot_be_listened_on_is_named() {
    for server in Server::all() {
        for address in [&server.address, "nowhere"] {
            let output = Command::new(EXAMPLES.join(server.name)).arg(address).output().unwrap();
            assert_eq!(output.status.code(), Some(2));
            let error = String::from_utf8(output.stderr).unwrap();
            assert!(error.contains(address) && error.lines().count() == 1, "{error}");
        }
    }
}

#[test]
fn many_connections_are_served_at_a_time() {
    for server in Server::all() {
        let mut clients: Vec<_> = (0..200).map(|_| server.client()).collect();
        for _ in 0..3 {
            for (i, client) in clients.iter_mut().enumerate() {
                client.send(Message::text(format!("from {i}"))).unwrap();
            }
            for (i, client) in clients.iter_mut().enumerate().rev() {
                assert_eq!(client.read().unwrap(), Message::text(format!("from {i}")));
            }
        }
        // One that breaks off inside a message takes nobody with it.
        let mut broken = server.raw();
        broken.write_all(b"\x81\x85\0\0\0\0He").unwrap();
        broken.shutdown(Shutdown::Write).unwrap();
        assert_eq!(read_to_end(&mut broken), b"");
        for client in &mut clients {
            client.send(Message::text("still there?")).unwrap();
            assert_eq!(client.read().unwrap(), Message::text("still there?"));
        }
        if cfg!(target_os = "linux") && ["framed", "event_loop", "echo_server"].contains(&server.name) {
            let status = std::fs::read_to_string(format!("/proc/{}/status", server.process.id())).unwrap();
            assert!(status.contains("Threads:\t1\n"), "{status}");
        }
    }
}

/// Each while the frame is still arriving, with what came before it answered first.
#[test]
fn a_violation_is_answered_with_its_close_code_at_once() {
    for server in Server::all() {
        let violations: [(&[u8], u16); 7] = [
            (b"\x81\x05", 1002),
            (b"\xc1", 1002),
            (b"\x83", 1002),
            (b"\x80", 1002),
            (b"\x81\xff\0\0\0\0\0\x10\0\0\0\0\0\0ok\xff", 1007),
            (b"\x82\xff\0\0\0\0\x01\0\0\x01", 1009),
            (b"\x88\x82\0\0\0\0\x03\xed", 1002),
        ];
        for (bytes, code) in violations {
            let mut stream = server.raw();
            stream.write_all(b"\x81\x82\0\0\0\0hi").unwrap();
            stream.write_all(bytes).unwrap();
            let answer = read_to_end(&mut stream);
            let (echo, close) = answer.split_at(4);
            assert_eq!(echo, b"\x81\x02hi");
            assert_eq!(close[0], 0x88, "{answer:?}");
            assert_eq!(close[2..4], code.to_be_bytes(), "{bytes:?}");
            assert_eq!(close.len(), 2 + usize::from(close[1]));
        }
    }
}

#[test]
fn the_opening_handshake_may_come_in_pieces_and_with_the_first_frame() {
    for server in Server::all() {
        let mut stream = server.connect();
        stream.set_nodelay(true).unwrap();
        for byte in REQUEST.as_bytes() {
            stream.write_all(&[*byte]).unwrap();
        }
        assert_eq!(read_exactly(&mut stream, ANSWER.len()), ANSWER.as_bytes());
        let mut stream = server.connect();
        stream.write_all(&[REQUEST.as_bytes(), b"\x81\x82\0\0\0\0hi"].concat()).unwrap();
        let answer = read_exactly(&mut stream, ANSWER.len() + 4);
        assert_eq!(answer, [ANSWER.as_bytes(), b"\x81\x02hi"].concat());
    }
}

#[test]
fn what_is_no_opening_handshake_is_refused_with_its_status() {
    let changed: Vec<(String, u16)> = [
        ("GET ", "POST ", 405),
        ("HTTP/1.1", "HTTP/1.0", 505),
        ("Host: server.example.com\r\n", "", 400),
        ("Upgrade: websocket\r\n", "", 426),
        ("Upgrade: websocket\r\n", "Upgrade: h2c\r\n", 426),
        ("Connection: Upgrade\r\n", "Connection: keep-alive\r\n", 426),
        ("Version: 13", "Version: 12", 426),
        ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "", 400),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZ", 400),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZQ==", 400),
        ("\r\n", "\n", 400),
    ]
    .into_iter()
    .map(|(from, to, status)| {
        let request = REQUEST.replacen(from, to, 1);
        assert_ne!(request, REQUEST);
        (request, status)
    })
    .chain([(format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(20_000)), 431), ("\u{1}\r\n\r\n".to_owned(), 400)])
    .collect();
    for server in Server::all() {
        for (request, status) in &changed {
            // Whether the client waits, has sent more, or closes its half at once.
            for (more, closes) in [("", false), ("and more", false), ("", true)] {
                let mut stream = server.connect();
                stream.write_all([request, more].concat().as_bytes()).unwrap();
                if closes {
                    stream.shutdown(Shutdown::Write).unwrap();
                }
                let answer = String::from_utf8(read_to_end(&mut stream)).unwrap();
                let begins = answer.starts_with(&format!("HTTP/1.1 {status} "));
                assert!(begins && answer.contains("\r\nConnection: "), "{}: {request:?}: {answer:?}", server.name);
            }
        }
        // Both fields may list more than one token, in any case.
        let request = REQUEST.replace("Connection: Upgrade", "connection: keep-alive, UPGRADE");
        let request = request.replace("Upgrade: websocket", "UPGRADE: h2c,WebSocket");
        let mut stream = server.connect();
        stream.write_all(request.as_bytes()).unwrap();
        assert_eq!(read_exactly(&mut stream, ANSWER.len()), ANSWER.as_bytes());
    }
}

#[test]
fn connections_end_as_the_closing_handshake_says() {
    for server in Server::all() {
        let name = server.name;
        // The client closes first: its code comes back, then the end; what it sends in between is not answered.
        for (close, answer) in [
            (&b"\x88\x82\0\0\0\0\x03\xe8"[..], &b"\x88\x02\x03\xe8"[..]),
            (b"\x88\x85\0\0\0\0\x10\x72bye", b"\x88\x02\x10\x72"),
            (b"\x88\x80\0\0\0\0", b"\x88\x00"),
            // Inside a fragmented message.
            (b"\x01\x82\0\0\0\0he\x88\x82\0\0\0\0\x03\xe9", b"\x88\x02\x03\xe9"),
        ] {
            let mut stream = server.raw();
            stream.write_all(&[close, b"\x81\x82\0\0\0\0hi\x89\x80\0\0\0\0"].concat()).unwrap();
            let received = read_to_end(&mut stream);
            assert!(received.ends_with(answer), "{name}: {received:x?}");
            assert_eq!(received, answer, "{name}");
        }
        // The client's half ends without a Close: what came before is answered, and no Close is invented.
        let mut stream = server.raw();
        stream.write_all(b"\x81\x82\0\0\0\0hi").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!(read_to_end(&mut stream), b"\x81\x02hi", "{name}");
        // A reset, with an answer that nobody reads.
        let mut stream = server.raw();
        stream.write_all(b"\x82\xfe\xff\xff\0\0\0\0").unwrap();
        stream.write_all(&[0; 65_535]).unwrap();
        drop(stream);
        // The others notice nothing of all this.
        let mut client = server.client();
        client.send(Message::text("still there?")).unwrap();
        assert_eq!(client.read().unwrap(), Message::text("still there?"), "{name}");
    }
}

/// A client that sends and does not read holds up nobody else, and loses nothing when it reads at last. Of the Pings that were
/// not answered while there was no room, the last one is (RFC 6455 §5.5.3).
#[test]
fn a_client_that_reads_late_gets_everything() {
    for server in Server::all() {
        let name = server.name;
        let mut slow = server.raw();
        let mut writer = slow.try_clone().unwrap();
        let sending = thread::spawn(move || {
            let message = [&b"\x82\xff\0\0\0\0\0\x02\0\0\0\0\0\0"[..], &[7; 0x2_0000]].concat();
            for i in 0..128_u8 {
                writer.write_all(&message).unwrap();
                writer.write_all(&[0x89, 0x81, 0, 0, 0, 0, i]).unwrap();
            }
            writer.write_all(b"\x88\x80\0\0\0\0").unwrap();
        });
        // It takes a while until its sockets are full; the others are served before and after that.
        for _ in 0..20 {
            let mut client = server.client();
            client.send(Message::text("now")).unwrap();
            assert_eq!(client.read().unwrap(), Message::text("now"));
            thread::sleep(Duration::from_millis(5));
        }
        let received = read_to_end(&mut slow);
        sending.join().unwrap();
        let mut rest = &received[..];
        let (mut messages, mut last_pong) = (0, None);
        while let [first, len, after @ ..] = rest {
            match (first, len) {
                (0x82, 127) => {
                    assert!(after[..8] == 0x2_0000_u64.to_be_bytes() && after[8..8 + 0x2_0000] == [7; 0x2_0000]);
                    messages += 1;
                    rest = &after[8 + 0x2_0000..];
                }
                (0x8a, 1) => {
                    assert!(last_pong < Some(after[0]), "{name}");
                    last_pong = Some(after[0]);
                    rest = &after[1..];
                }
                (0x88, 0) => break,
                _ => panic!("{name}: {first:x} {len}"),
            }
        }
        assert_eq!((messages, rest), (128, &b"\x88\x00"[..]), "{name}");
        // A Pong that is due when the Close comes is dropped; without room, that may be the last one of all.
        assert!(last_pong.is_some(), "{name}");
    }
}

/// The response to a request for a page: its head and its body.
fn get(server: &Server, target: &str) -> (String, String) {
    let mut stream = server.connect();
    write!(stream, "GET {target} HTTP/1.1\r\nHost: {}\r\nAccept: */*\r\n\r\n", server.address).unwrap();
    let response = String::from_utf8(read_to_end(&mut stream)).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(&format!("\r\nContent-Length: {}", body.len())), "{head}");
    (head.to_owned(), body.to_owned())
}

#[test]
fn the_echo_server_has_a_page_and_the_tables_of_the_crate() {
    let server = Server::start("echo_server");
    let (head, page) = get(&server, "/");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/html"), "{head}");
    // It fetches nothing from elsewhere, and has no text of the tables.
    assert!(!page.contains("http:") && !page.contains("https:") && !page.contains("//cdn"));
    for code in wsframe::CloseCode::NAMED {
        assert!(!page.contains(code.meaning()));
    }
    let (head, tables) = get(&server, "/tables.json");
    assert!(head.contains("Content-Type: application/json"));
    let tables: serde_json::Value = serde_json::from_str(&tables).unwrap();
    let code = tables["codes"].as_array().unwrap().iter().find(|code| code["code"] == 1009).unwrap();
    assert_eq!(code["meaning"], wsframe::CloseCode::MESSAGE_TOO_BIG.meaning());
    assert_eq!(tables["violations"].as_array().unwrap().len(), Violation::ALL.len());
    // Anything else is for WebSockets.
    let (head, _) = get(&server, "/nothing");
    assert!(head.starts_with("HTTP/1.1 426 "), "{head}");
}

#[test]
fn the_echo_server_takes_the_commands_of_its_page() {
    let server = Server::start("echo_server");
    let page = || {
        let url = format!("ws://{}/page", server.address);
        tungstenite::client::client(url, server.connect()).unwrap().0
    };
    // (This client refuses 1014, which was registered later.)
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 3000, 4999] {
        let mut client = page();
        client.send(Message::text("an echo")).unwrap();
        assert_eq!(client.read().unwrap(), Message::text("an echo"));
        client.send(Message::text(format!("/close {code} as you wish"))).unwrap();
        let frame = CloseFrame { code: CloseCode::from(code), reason: "as you wish".into() };
        assert_eq!(client.read().unwrap(), Message::Close(Some(frame)));
        assert!(matches!(client.read(), Err(tungstenite::Error::ConnectionClosed)));
    }
    for (command, answer) in [
        ("/close 1006", "1006 cannot be sent in a Close"),
        ("/close x", "x cannot be sent in a Close"),
        ("/violate Nothing", "no rule is called Nothing"),
        ("/dance", "no command is called /dance"),
    ] {
        let mut client = page();
        client.send(Message::text(command)).unwrap();
        assert_eq!(client.read().unwrap(), Message::text(answer));
    }
    for violation in Violation::ALL {
        let mut client = page();
        client.send(Message::text(format!("/violate {}", violation.name()))).unwrap();
        // A client of this crate sees that rule broken, if a server can break it, and it has such a limit.
        let config = Config::SERVER.with_max_fragments(1).with_max_message_len(99).with_max_frame_len(99);
        let expected = match violation {
            // A server may send frames that are not masked, and one that is longer than the message may be is found first.
            Violation::MaskMissing => None,
            Violation::MessageTooLong => Some(Violation::TooManyFragments),
            // Compression was not agreed.
            Violation::InflatedTooLong | Violation::DeflateCorrupt => Some(Violation::ReservedBits),
            violation => Some(*violation),
        };
        let mut assembler = Assembler::with_config(Role::Client, config);
        client.get_mut().set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let mut received = Vec::new();
        _ = client.get_mut().read_to_end(&mut received);
        let mut rest = &mut received[..];
        let found = loop {
            match assembler.decode(&mut rest) {
                Ok(Some(_)) => {}
                Ok(None) => break None,
                Err(error) => break Some(error.violation()),
            }
        };
        assert_eq!(found, expected, "{violation:?}");
    }
    // Elsewhere, commands are messages.
    let mut client = server.client();
    client.send(Message::text("/close 1001")).unwrap();
    assert_eq!(client.read().unwrap(), Message::text("/close 1001"));
}

#[test]
fn the_echo_server_closes_all_connections_when_it_is_stopped() {
    for (signal, options) in [("-INT", &[][..]), ("-TERM", &["--workers", "3", "--deflate"])] {
        let mut server = Server::start_with("echo_server", options);
        let mut clients: Vec<_> = (0..50).map(|_| server.client()).collect();
        // One that answers nothing does not hold it up.
        let mut silent = server.raw();
        let begun = Instant::now();
        let stopping = {
            let id = server.process.id().to_string();
            thread::spawn(move || Command::new("kill").args([signal, &id]).status().unwrap())
        };
        for client in &mut clients {
            let frame = CloseFrame { code: CloseCode::Away, reason: "".into() };
            assert_eq!(client.read().unwrap(), Message::Close(Some(frame)));
            assert!(matches!(client.read(), Err(tungstenite::Error::ConnectionClosed)));
        }
        assert!(stopping.join().unwrap().success());
        assert_eq!(read_exactly(&mut silent, 4), b"\x88\x02\x03\xe9");
        assert_eq!(server.process.wait().unwrap().code(), Some(0));
        assert!(begun.elapsed() < Duration::from_secs(9));
    }
}

#[test]
fn the_echo_server_keeps_its_limits() {
    let server = Server::start_with("echo_server", &["--connections", "2", "--message", "10"]);
    let mut clients = [server.client(), server.client()];
    // The third waits for a place.
    let mut third = server.connect();
    third.write_all(REQUEST.as_bytes()).unwrap();
    third.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert!(third.read(&mut [0; 1]).is_err());
    clients[0].send(Message::text("longer than ten")).unwrap();
    let Message::Close(Some(close)) = clients[0].read().unwrap() else { panic!() };
    assert_eq!(close.code, CloseCode::Size);
    assert!(clients[0].read().is_err());
    third.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    assert_eq!(read_exactly(&mut third, ANSWER.len()), ANSWER.as_bytes());
    for (arguments, error) in [
        (&["--workers", "0"][..], "--workers takes a number above 0, not 0"),
        (&["--connections", "many"], "--connections takes a number above 0, not many"),
        (&["--dance"], "--dance"),
        (&["a", "b"], "\"b\""),
    ] {
        let output = Command::new(EXAMPLES.join("echo_server")).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains(error) && text.lines().count() == 1, "{text}");
    }
}

#[test]
fn the_chat_brings_what_one_says_to_all_others_and_drops_who_is_too_slow() {
    let server = Server::start("chat");
    let mut members: Vec<_> = (0..3).map(|_| server.client()).collect();
    // Each is in the room once it has been heard.
    let mut heard = 0;
    for (i, member) in members.iter_mut().enumerate() {
        member.send(Message::text(format!("hello from {i}"))).unwrap();
        heard += 1;
    }
    assert_eq!(heard, 3);
    thread::sleep(Duration::from_millis(200));
    members[1].send(Message::text("to all")).unwrap();
    for i in [0, 2] {
        loop {
            let Message::Text(text) = members[i].read().unwrap() else { panic!() };
            assert!(!text.starts_with(&format!("{i}: ")), "{text}");
            if text == "1: to all" {
                break;
            }
        }
    }
    members[0].send(Message::binary(vec![1])).unwrap();
    loop {
        match members[0].read().unwrap() {
            Message::Close(close) => {
                assert_eq!(close.unwrap().code, CloseCode::Unsupported);
                break;
            }
            other => assert!(other.is_text()),
        }
    }
    // One that does not read is dropped, and the others get everything meanwhile.
    let mut slow = server.raw();
    let text = "x".repeat(60_000);
    thread::scope(|scope| {
        let (first, others) = members.split_at_mut(2);
        let speaker = &mut first[1];
        let reads = scope.spawn(|| {
            for _ in 0..400 {
                while others[0].read().unwrap() != Message::text(format!("1: {text}")) {}
            }
        });
        for _ in 0..400 {
            speaker.send(Message::text(&text)).unwrap();
            thread::sleep(Duration::from_millis(2));
        }
        reads.join().unwrap();
    });
    let received = read_to_end(&mut slow);
    assert!(received.len() < 400 * 60_000);
    assert!(received.ends_with(b"\x88\x02\x03\xf5"), "{:x?}", &received[received.len().saturating_sub(8)..]);
}

#[test]
fn the_client_connects_again_as_the_close_code_advises() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = Command::new(EXAMPLES.join("client"))
        .args([&listener.local_addr().unwrap().to_string(), "/room"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let accept = || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        tungstenite::accept(stream).unwrap()
    };
    let close = |mut socket: WebSocket<TcpStream>, code| {
        socket.close(Some(CloseFrame { code, reason: "so".into() })).unwrap();
        while socket.read().is_ok() {}
    };
    let mut socket = accept();
    writeln!(client.stdin.as_mut().unwrap(), "typed").unwrap();
    assert_eq!(socket.read().unwrap(), Message::text("typed"));
    socket.send(Message::text("received")).unwrap();
    close(socket, CloseCode::Restart);
    // A refusal with 503, and a connection that is lost.
    let (mut stream, _) = listener.accept().unwrap();
    stream.write_all(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n").unwrap();
    drop(stream);
    drop(accept());
    // 1008 says that the same would happen again.
    close(accept(), CloseCode::Policy);
    let output = client.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "received\n");
    let log = String::from_utf8(output.stderr).unwrap();
    assert_eq!(log.matches("connecting again in ").count(), 3, "{log}");
    for part in ["1012 Service Restart, \"so\", closed by the peer", "status 503", "1006 Abnormal Closure", "1008"] {
        assert!(log.contains(part), "{part}: {log}");
    }
    // The end of its input is the end of the connection.
    let mut client = Command::new(EXAMPLES.join("client"))
        .arg(listener.local_addr().unwrap().to_string())
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut socket = accept();
    drop(client.stdin.take());
    assert!(matches!(socket.read().unwrap(), Message::Close(Some(close)) if close.code == CloseCode::Normal));
    while socket.read().is_ok() {}
    drop(socket);
    assert_eq!(client.wait().unwrap().code(), Some(0));
}

mod device {
    use core::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::{Instant, timeout_at};

    use super::embedded::{Buffers, Gone, Io, serve};
    use super::{ANSWER, REQUEST};

    /// A device's socket, with room for 64 bytes.
    struct Pipe {
        stream: DuplexStream,
        started: Instant,
    }

    impl Io for Pipe {
        async fn read(&mut self, buffer: &mut [u8], until: Option<Duration>) -> Result<Option<usize>, Gone> {
            let read = self.stream.read(buffer);
            match until {
                None => read.await.map(Some).map_err(|_| Gone),
                Some(until) => match timeout_at(self.started + until, read).await {
                    Ok(read) => read.map(Some).map_err(|_| Gone),
                    Err(_) => Ok(None),
                },
            }
        }

        async fn write(&mut self, bytes: &[u8]) -> Result<(), Gone> {
            self.stream.write_all(bytes).await.map_err(|_| Gone)
        }

        async fn finish(&mut self) {
            _ = self.stream.shutdown().await;
        }

        fn now(&self) -> Duration {
            self.started.elapsed()
        }
    }

    /// What a client receives that sends this and then closes its half, or waits; and how the server ended.
    async fn run(sent: &[u8], closes: bool) -> (Vec<u8>, Result<(), Gone>) {
        let (client, server) = duplex(64);
        let (mut reader, mut writer) = tokio::io::split(client);
        let device = async {
            let mut pipe = Pipe { stream: server, started: Instant::now() };
            let mut buffers = Buffers::new();
            serve(&mut pipe, &mut buffers).await
        };
        let write = async {
            writer.write_all(sent).await.unwrap();
            if closes {
                writer.shutdown().await.unwrap();
            }
            writer
        };
        let read = async {
            let mut received = Vec::new();
            reader.read_to_end(&mut received).await.unwrap();
            received
        };
        let (result, _writer, received) = tokio::join!(device, write, read);
        (received, result)
    }

    #[tokio::test(start_paused = true)]
    async fn the_example_for_devices_echoes_over_a_pipe_of_64_bytes() {
        let frames = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\x89\x81\0\0\0\0p\x88\x82\0\0\0\0\x03\xe8";
        let sent = [REQUEST.as_bytes(), frames].concat();
        for closes in [false, true] {
            let (received, result) = run(&sent, closes).await;
            assert_eq!(received, [ANSWER.as_bytes(), b"\x81\x05Hello\x8a\x01p\x88\x02\x03\xe8"].concat());
            assert_eq!(result, Ok(()));
        }
        // A message that is larger than all buffers comes back in fragments.
        let mut sent = [REQUEST.as_bytes(), b"\x82\xfe\x10\x00\0\0\0\0"].concat();
        sent.extend([7; 4096]);
        sent.extend(b"\x88\x80\0\0\0\0");
        let (received, result) = run(&sent, true).await;
        let mut decoder = wsframe::Assembler::new(wsframe::Role::Client);
        let mut frames = received[ANSWER.len()..].to_vec();
        let mut messages = Vec::new();
        decoder
            .for_each(&mut frames, |event| {
                if let wsframe::MessageEvent::Message(message) = event {
                    messages.push(message.payload().to_vec());
                }
            })
            .unwrap();
        assert_eq!((messages, result), (vec![vec![7; 4096]], Ok(())));
        assert_eq!(decoder.state(), wsframe::State::Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn the_example_for_devices_refuses_and_closes_with_a_code() {
        let (received, result) = run(REQUEST.replace("GET", "PUT").as_bytes(), false).await;
        assert!(received.starts_with(b"HTTP/1.1 405 ") && result == Ok(()));
        let long = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(2000));
        let (received, _) = run(long.as_bytes(), true).await;
        assert!(received.starts_with(b"HTTP/1.1 431 "));
        let (received, result) = run(&[REQUEST.as_bytes(), b"\x81\x05Hello"].concat(), true).await;
        assert!(received[ANSWER.len()..].starts_with(b"\x88\x1c\x03\xea") && result == Err(Gone));
        // A connection that is lost, and a request that does not come.
        assert_eq!(run(REQUEST.as_bytes(), true).await, (ANSWER.as_bytes().to_vec(), Err(Gone)));
        assert_eq!(run(b"GET / HTTP/1.1\r\n", false).await, (Vec::new(), Err(Gone)));
    }
}
