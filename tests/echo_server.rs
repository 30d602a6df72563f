//! `examples/framed.rs`, with an independent client (tungstenite) and with raw bytes.

use core::time::Duration;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, WebSocket, WebSocketConfig};
use tungstenite::{Bytes, Message};

/// The program, built now if need be: with the features of the README's test command, so that nothing else is built anew.
static EXAMPLE: LazyLock<PathBuf> = LazyLock::new(|| {
    let test = std::env::current_exe().unwrap();
    let target = test.ancestors().nth(3).unwrap();
    let status = Command::new(env!("CARGO"))
        .args(["build", "-q", "--workspace", "--all-features", "--example", "framed", "--target-dir"])
        .arg(target)
        .status()
        .unwrap();
    assert!(status.success());
    target.join("debug/examples/framed")
});

/// The example, on a port that was free.
struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn start() -> Server {
        let mut process = Command::new(&*EXAMPLE).arg("127.0.0.1:0").stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("listening on ws://").expect("it prints its address").to_owned();
        Server { process, address }
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

    /// Behind the opening handshake.
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
    let server = Server::start();
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

#[test]
fn an_address_that_cannot_be_listened_on_is_named() {
    let server = Server::start();
    for address in [&server.address, "nowhere"] {
        let output = Command::new(&*EXAMPLE).arg(address).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(address) && error.lines().count() == 1, "{error}");
    }
}

#[test]
fn many_connections_are_served_on_one_thread() {
    let server = Server::start();
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
    if cfg!(target_os = "linux") {
        let status = std::fs::read_to_string(format!("/proc/{}/status", server.process.id())).unwrap();
        assert!(status.contains("Threads:\t1\n"), "{status}");
    }
}

/// Each while the frame is still arriving, with what came before it answered first.
#[test]
fn a_violation_is_answered_with_its_close_code_at_once() {
    let server = Server::start();
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

#[test]
fn the_opening_handshake_may_come_in_pieces_and_with_the_first_frame() {
    let server = Server::start();
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

#[test]
fn what_is_no_opening_handshake_is_refused() {
    let server = Server::start();
    let mut requests: Vec<String> = [
        ("GET ", "POST "),
        ("HTTP/1.1", "HTTP/1.0"),
        ("Host: server.example.com\r\n", ""),
        ("Upgrade: websocket\r\n", ""),
        ("Upgrade: websocket\r\n", "Upgrade: h2c\r\n"),
        ("Connection: Upgrade\r\n", "Connection: keep-alive\r\n"),
        ("Version: 13", "Version: 12"),
        ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZ"),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZQ=="),
    ]
    .into_iter()
    .map(|(from, to)| {
        let request = REQUEST.replacen(from, to, 1);
        assert_ne!(request, REQUEST);
        request
    })
    .collect();
    requests.push(format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(20_000)));
    requests.push("\u{1}\r\n".to_owned());
    for request in requests {
        let mut stream = server.connect();
        // It may be refused, and the connection closed, before all was sent.
        _ = stream.write_all(request.as_bytes());
        let mut answer = [0; 25];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 400 Bad Request\r", "{request:?}");
    }
    // Both headers may list more than one token, in any case.
    let request = REQUEST.replace("Connection: Upgrade", "connection: keep-alive, UPGRADE");
    let request = request.replace("Upgrade: websocket", "UPGRADE: h2c,WebSocket");
    let mut stream = server.connect();
    stream.write_all(request.as_bytes()).unwrap();
    assert_eq!(read_exactly(&mut stream, ANSWER.len()), ANSWER.as_bytes());
}
