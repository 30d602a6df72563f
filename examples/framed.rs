//! An echo server on tokio, with all connections on one thread.
//!
//! `cargo run --release --example framed --features tokio-util [-- ADDRESS]`; ADDRESS is 127.0.0.1:9001 if none is given.

use core::error::Error;
use core::time::Duration;
use std::{env, io, process};

use base64::prelude::{BASE64_STANDARD, Engine};
use bytes::{Buf, BytesMut};
use futures_util::{FutureExt, SinkExt, StreamExt};
use sha1::{Digest, Sha1};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, sink};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_util::codec::{Framed, FramedParts};
use wsframe::codec::{CodecError, Message, MessageCodec};

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".to_owned());
    let listener = TcpListener::bind(&address).await.unwrap_or_else(|error| {
        eprintln!("cannot listen on {address}: {error}; give an address such as 127.0.0.1:9001");
        process::exit(2)
    });
    println!("listening on ws://{}", listener.local_addr()?);
    loop {
        // When there are no file descriptors left, others will close theirs.
        let Ok((socket, peer)) = listener.accept().await else {
            sleep(Duration::from_millis(10)).await;
            continue;
        };
        tokio::spawn(async move { serve(socket).await.unwrap_or_else(|error| eprintln!("{peer}: {error}")) });
    }
}

/// One connection, from its opening handshake to its end.
async fn serve(socket: TcpStream) -> Result<(), Box<dyn Error + Send + Sync>> {
    socket.set_nodelay(true)?;
    let mut parts = FramedParts::new::<Message>(socket, MessageCodec::server());
    parts.read_buf = timeout(Duration::from_secs(10), handshake(&mut parts.io)).await??;
    let mut connection = Framed::from_parts(parts);
    let close = loop {
        // The answers to everything that one read brought are written together.
        let message = match connection.next().now_or_never() {
            Some(message) => message,
            None => {
                SinkExt::<Message>::flush(&mut connection).await?;
                MessageCodec::free_idle_buffers(&mut connection);
                connection.next().await
            }
        };
        match message {
            Some(Ok(Message::Ping(payload))) => connection.feed(Message::Pong(payload)).await?,
            Some(Ok(Message::Pong(_))) => {}
            Some(Ok(Message::Close(close))) => break close.reply(),
            Some(Ok(message)) => connection.feed(message).await?,
            Some(Err(CodecError::Violation(error))) => break error.violation().close_frame().into(),
            Some(Err(error)) => return Err(error.into()),
            None => return Err(CodecError::ConnectionLost.into()),
        }
    };
    connection.send(Message::Close(close)).await?;
    // Closing with unread input would reset the connection, and the peer could miss the Close: let the peer close first.
    let mut socket = connection.into_inner();
    socket.shutdown().await?;
    _ = timeout(Duration::from_secs(5), copy(&mut socket, &mut sink())).await;
    Ok(())
}

/// Answers the opening handshake (RFC 6455 §4.2); returns what came after the request.
async fn handshake(socket: &mut TcpStream) -> io::Result<BytesMut> {
    let mut buffer = BytesMut::new();
    let accept = loop {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut request = httparse::Request::new(&mut headers);
        match request.parse(&buffer) {
            Ok(httparse::Status::Complete(len)) => {
                let accept = accept(&request);
                buffer.advance(len);
                break accept;
            }
            Ok(httparse::Status::Partial) if buffer.len() < 16 * 1024 => {}
            _ => break None,
        }
        if socket.read_buf(&mut buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    };
    let Some(accept) = accept else {
        let refusal = "HTTP/1.1 400 Bad Request\r\nSec-WebSocket-Version: 13\r\nConnection: close\r\n\r\n";
        socket.write_all(refusal.as_bytes()).await?;
        return Err(io::Error::other("not a WebSocket opening handshake"));
    };
    let switch = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade";
    socket.write_all(format!("{switch}\r\nSec-WebSocket-Accept: {accept}\r\n\r\n").as_bytes()).await?;
    Ok(buffer)
}

/// The proof that the request was understood, if it asks for what we speak.
fn accept(request: &httparse::Request) -> Option<String> {
    let values = |name: &'static str| {
        let of_name = request.headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
        of_name.flat_map(|header| header.value.split(|&byte| byte == b',')).map(<[u8]>::trim_ascii)
    };
    let has = |name, token: &str| values(name).any(|value| value.eq_ignore_ascii_case(token.as_bytes()));
    let key = values("Sec-WebSocket-Key").next()?;
    let valid = request.method == Some("GET")
        && request.version == Some(1)
        && values("Host").count() == 1
        && has("Upgrade", "websocket")
        && has("Connection", "Upgrade")
        && has("Sec-WebSocket-Version", "13")
        && BASE64_STANDARD.decode(key).is_ok_and(|nonce| nonce.len() == 16);
    let hash = Sha1::new().chain_update(key).chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    valid.then(|| BASE64_STANDARD.encode(hash.finalize()))
}
