//! The examples as programs: axum with clients over HTTP/1.1 and HTTP/2, and TLS.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::ext::Protocol;
use hyper::{Method, Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::time::timeout;
use wsframe::endpoint::{Data, Options, WebSocket};
use wsframe::handshake::Client;
use wsframe::{Assembler, CloseCode, CloseFrame, Encoder, Frame, MessageEvent, OsKeys, Role};

struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn start() -> Server {
        let mut process = Command::new(env!("CARGO_BIN_EXE_axum"))
            .arg("127.0.0.1:0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("listening on ws://").unwrap().to_owned();
        Server { process, address }
    }

    async fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// A client of hyper over HTTP/2, which has learnt that the server takes CONNECT.
    async fn http2(&self) -> hyper::client::conn::http2::SendRequest<Empty<Bytes>> {
        let io = TokioIo::new(self.connect().await);
        let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
        tokio::spawn(connection);
        let request = Request::get(format!("http://{}/", self.address)).body(Empty::new()).unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert_eq!(response.version(), Version::HTTP_2);
        let page = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(page, "The WebSocket is at /echo.\n");
        sender
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

async fn check_echoes<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin>(mut socket: WebSocket<S, OsKeys>) {
    for len in [0, 5, 1000, 100_000, 5_000_000] {
        let message = Data::from("é".repeat(len / 2));
        let (sent, received) = {
            let copy = message.clone();
            socket.feed(copy).await.unwrap();
            (message, socket.next().await.unwrap().unwrap())
        };
        assert!(sent == received, "{len}");
    }
    let ended = socket.close(CloseCode::NORMAL, "").await.unwrap();
    assert!(ended.is_clean() && ended.code() == CloseCode::NORMAL);
}

#[tokio::test]
async fn http_1_1_upgrades() {
    let server = Server::start();
    for options in [Options::new(), Options::new().with_deflate(wsframe::deflate::Policy::SMALL)] {
        let client = Client::random(&server.address, "/echo").unwrap();
        let socket = WebSocket::connect(server.connect().await, &client, options).await.unwrap();
        check_echoes(socket).await;
    }
    // Through hyper's own client.
    let io = TokioIo::new(server.connect().await);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    tokio::spawn(connection.with_upgrades());
    let request = Request::get("/echo")
        .header("Host", &server.address)
        .header("Upgrade", "websocket")
        .header("Connection", "Upgrade")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
        .body(Empty::<Bytes>::new())
        .unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    let upgraded = hyper::upgrade::on(response).await.unwrap();
    check_echoes(WebSocket::client(TokioIo::new(upgraded), OsKeys::new(), Options::new())).await;
}

fn extended_connect(address: &str, version: &str) -> Request<Empty<Bytes>> {
    let mut request = Request::builder()
        .method(Method::CONNECT)
        .uri(format!("http://{address}/echo"))
        .header("sec-websocket-version", version)
        .body(Empty::new())
        .unwrap();
    request.extensions_mut().insert(Protocol::from_static("websocket"));
    request
}

#[tokio::test]
async fn http_2_connects_many_on_one_connection() {
    let server = Server::start();
    let sender = server.http2().await;
    let mut sockets = Vec::new();
    for _ in 0..10 {
        let response = sender.clone().send_request(extended_connect(&server.address, "13")).await.unwrap();
        assert_eq!(response.status(), 200);
        assert!(!response.headers().contains_key("sec-websocket-accept"));
        let upgraded = hyper::upgrade::on(response).await.unwrap();
        sockets.push(WebSocket::client(TokioIo::new(upgraded), OsKeys::new(), Options::new()));
    }
    for socket in sockets {
        check_echoes(socket).await;
    }
}

async fn text(response: Response<hyper::body::Incoming>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn what_breaks_the_rules_is_refused_over_both() {
    let server = Server::start();
    let response = server.http2().await.send_request(extended_connect(&server.address, "12")).await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["sec-websocket-version"]),
        (426, &"13".parse().unwrap())
    );
    assert!(!text(response).await.is_empty());
    let io = TokioIo::new(server.connect().await);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("/echo").header("Host", &server.address).body(Empty::<Bytes>::new()).unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!((response.status().as_u16(), &response.headers()["upgrade"]), (426, &"websocket".parse().unwrap()));
}

/// A stream of HTTP/2 after its CONNECT, without a client of ours.
async fn h2_stream(server: &Server) -> (h2::SendStream<Bytes>, h2::RecvStream) {
    let (mut sender, connection) = h2::client::handshake(server.connect().await).await.unwrap();
    tokio::spawn(connection);
    // Until the settings of the server have come.
    while !sender.is_extended_connect_protocol_enabled() {
        let request = Request::get(format!("http://{}/", server.address)).body(()).unwrap();
        sender = sender.ready().await.unwrap();
        _ = sender.send_request(request, true).unwrap().0.await.unwrap();
    }
    let mut request = Request::builder()
        .method(Method::CONNECT)
        .uri(format!("http://{}/echo", server.address))
        .header("sec-websocket-version", "13")
        .body(())
        .unwrap();
    request.extensions_mut().insert(h2::ext::Protocol::from_static("websocket"));
    let mut sender = sender.ready().await.unwrap();
    let (response, stream) = sender.send_request(request, false).unwrap();
    let response = response.await.unwrap();
    assert_eq!(response.status(), 200);
    (stream, response.into_body())
}

#[tokio::test]
async fn the_stream_of_http_2_ends_behind_the_close() {
    let server = Server::start();
    // The client closes; or it breaks a rule.
    for (sent, close) in [
        (vec![Frame::text("Hello"), Frame::close(CloseFrame::from_static(CloseCode::NORMAL, ""))], 1000),
        (vec![Frame::text("Hello")], 1002),
    ] {
        let (mut stream, mut body) = h2_stream(&server).await;
        let (mut out, mut encoder) = (Vec::new(), Encoder::client(OsKeys::new()));
        for frame in sent {
            encoder.append(&mut out, frame).unwrap();
        }
        if close == 1002 {
            out.extend(b"\x83");
        }
        stream.send_data(out.into(), false).unwrap();
        let mut received = Vec::new();
        // Its end is END_STREAM: a reset would be an error.
        while let Some(data) = timeout(Duration::from_secs(20), body.data()).await.unwrap() {
            let data = data.unwrap();
            body.flow_control().release_capacity(data.len()).unwrap();
            received.extend(data);
        }
        assert!(body.is_end_stream());
        let (mut assembler, mut rest) = (Assembler::new(Role::Client), &mut received[..]);
        let MessageEvent::Message(message) = assembler.decode(&mut rest).unwrap().unwrap() else { panic!() };
        assert_eq!(message.text(), Some("Hello"));
        let MessageEvent::Close(found) = assembler.decode(&mut rest).unwrap().unwrap() else { panic!() };
        assert_eq!(found.code().unwrap().get(), close);
        assert!(rest.is_empty());
        stream.send_data(Bytes::new(), true).unwrap();
    }
}

#[test]
fn tls_is_a_stream_like_any_other() {
    let output = Command::new(env!("CARGO_BIN_EXE_tls")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "echo: Hello over TLS\n\
        the client: 1000 Normal Closure, closed by us\n\
        the server: 1000 Normal Closure, \"done\", closed by the peer\n"
    );
}
