//! The endpoint and tokio-tungstenite, each as the server of the other: messages, Pings, and who closes with which code.

use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{accept_async, client_async};
use wsframe::endpoint::{Data, Options, WebSocket};
use wsframe::handshake::Client;
use wsframe::{Cause, CloseCode};

const CODES: [u16; 6] = [1000, 1001, 1008, 1012, 3000, 4999];

/// Both ends of a connection over loopback.
async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (client, server) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
    (client.unwrap(), server.unwrap().0)
}

/// What their end does: sends, wants it back, and then closes, or waits for a Close.
async fn theirs(mut socket: tokio_tungstenite::WebSocketStream<TcpStream>, close: Option<u16>) {
    for len in [0, 1, 125, 126, 65_535, 65_536, 1_000_000] {
        for message in [Message::binary(vec![7; len]), Message::text("é".repeat(len / 2))] {
            socket.send(Message::Ping(vec![1; len.min(125)].into())).await.unwrap();
            socket.send(message.clone()).await.unwrap();
            assert_eq!(socket.next().await.unwrap().unwrap(), Message::Pong(vec![1; len.min(125)].into()));
            assert!(socket.next().await.unwrap().unwrap() == message, "{len}");
        }
    }
    if let Some(code) = close {
        socket.close(Some(CloseFrame { code: code.into(), reason: "done".into() })).await.unwrap();
    } else {
        socket.send(Message::text("close")).await.unwrap();
    }
    while let Some(message) = socket.next().await {
        assert!(matches!(message.unwrap(), Message::Close(_)));
    }
}

async fn ours<K: wsframe::Masking>(mut socket: WebSocket<TcpStream, K>, code: u16, closes: bool) {
    let code = CloseCode::new(code).unwrap();
    while let Some(message) = socket.next().await {
        let message = message.unwrap();
        if message.text() == Some("close") {
            break;
        }
        socket.feed(message).await.unwrap();
    }
    let ended = socket.close(code, "").await.unwrap();
    assert!(ended.is_clean(), "{ended}");
    assert_eq!((ended.code(), ended.cause()), (code, if closes { Cause::ClosedByUs } else { Cause::ClosedByPeer }));
    assert_eq!(ended.reason(), if closes { "" } else { "done" });
    assert!(!matches!(socket.send(Data::from("late")).await, Ok(())));
}

#[tokio::test]
async fn our_server_and_their_client() {
    for code in CODES {
        for closes in [false, true] {
            let (client, server) = pair().await;
            let accepts = async { ours(WebSocket::accept(server, Options::new()).await.unwrap(), code, closes).await };
            let connects = async {
                let (socket, _) = client_async("ws://localhost/", client).await.unwrap();
                theirs(socket, (!closes).then_some(code)).await;
            };
            tokio::join!(accepts, connects);
        }
    }
}

#[tokio::test]
async fn our_client_and_their_server() {
    for code in CODES {
        for closes in [false, true] {
            let (client, server) = pair().await;
            let request = Client::random("localhost", "/").unwrap();
            let connects = async {
                ours(WebSocket::connect(client, &request, Options::new()).await.unwrap(), code, closes).await;
            };
            let accepts = async { theirs(accept_async(server).await.unwrap(), (!closes).then_some(code)).await };
            tokio::join!(accepts, connects);
        }
    }
}
