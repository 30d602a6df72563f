//! Echo servers, each as its examples have it, and answers that one read brought written together where that can be said.

use std::error::Error;

use axum::extract::ws::WebSocketUpgrade;
use axum::routing::any;
use futures_util::{FutureExt, Sink, SinkExt, Stream, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wsframe::endpoint::{Options, WebSocket};
use wsframe::handshake::{HeadFinder, RequestHead};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Every server that there is, but for the loop over mio, which is an example of wsframe.
pub const NAMES: [&str; 7] = [
    "wsframe endpoint",
    "wsframe Framed",
    "tokio-tungstenite",
    "fastwebsockets",
    "tokio-websockets",
    "sockudo-ws",
    "axum",
];

/// Serves for ever, on one thread.
pub fn serve(name: &str) -> Result<()> {
    let name = name.to_owned();
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async move {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("listening on ws://{}", listener.local_addr()?);
        if name == "axum" {
            let echo = |upgrade: WebSocketUpgrade| async {
                upgrade.on_upgrade(|socket| async { _ = echo(socket, is_close).await })
            };
            return Ok(axum::serve(listener, axum::Router::new().route("/", any(echo))).await?);
        }
        loop {
            let (socket, _) = listener.accept().await?;
            socket.set_nodelay(true)?;
            match &*name {
                "wsframe endpoint" => tokio::spawn(endpoint(socket)),
                "wsframe Framed" => tokio::spawn(framed(socket)),
                "tokio-tungstenite" => tokio::spawn(tungstenite(socket)),
                "fastwebsockets" => tokio::spawn(fastwebsockets(socket)),
                "tokio-websockets" => tokio::spawn(websockets(socket)),
                "sockudo-ws" => tokio::spawn(sockudo(socket)),
                _ => return Err(format!("no server is called {name}").into()),
            };
        }
    })
}

/// The opening handshake, the same for all that let it be done apart.
async fn open(mut socket: TcpStream) -> Result<TcpStream> {
    let (mut received, mut finder, mut out) = (Vec::new(), HeadFinder::new(), [0; 1024]);
    let head = loop {
        if let Some(head) = finder.find(&received)? {
            break head;
        }
        if socket.read_buf(&mut received).await? == 0 {
            return Err("the connection ended in its head".into());
        }
    };
    let len = RequestHead::parse(&received[..head])?.check()?.answer().write(&mut out, &[])?;
    socket.write_all(&out[..len]).await?;
    Ok(socket)
}

/// The loop for every stream and sink: what one read brought is answered by one write.
async fn echo<M, E: Error + Send + Sync + 'static, S>(mut socket: S, is_end: fn(&M) -> bool) -> Result<()>
where
    S: Stream<Item = std::result::Result<M, E>> + Sink<M, Error = E> + Unpin,
{
    loop {
        let message = match socket.next().now_or_never() {
            Some(message) => message,
            None => {
                socket.flush().await?;
                socket.next().await
            }
        };
        match message.transpose()? {
            Some(message) if !is_end(&message) => socket.feed(message).await?,
            _ => return Ok(()),
        }
    }
}

fn is_close(message: &axum::extract::ws::Message) -> bool {
    matches!(message, axum::extract::ws::Message::Close(_))
}

async fn endpoint(socket: TcpStream) -> Result<()> {
    let mut socket = WebSocket::accept(socket, Options::new()).await?;
    while let Some(message) = socket.next().await {
        socket.feed(message?).await?;
    }
    Ok(())
}

async fn framed(socket: TcpStream) -> Result<()> {
    use wsframe::codec::{Message, MessageCodec};
    let socket = tokio_util::codec::Framed::new(open(socket).await?, MessageCodec::server());
    echo(socket, |message: &Message| matches!(message, Message::Close(_))).await
}

async fn tungstenite(socket: TcpStream) -> Result<()> {
    use tokio_tungstenite::WebSocketStream;
    use tokio_tungstenite::tungstenite::{Message, protocol::Role};
    let socket = WebSocketStream::from_raw_socket(open(socket).await?, Role::Server, None).await;
    echo(socket, |message: &Message| message.is_close()).await
}

async fn fastwebsockets(socket: TcpStream) -> Result<()> {
    use fastwebsockets::{FragmentCollector, OpCode, Role, WebSocket};
    let mut socket = FragmentCollector::new(WebSocket::after_handshake(open(socket).await?, Role::Server));
    loop {
        let frame = socket.read_frame().await?;
        match frame.opcode {
            OpCode::Close => return Ok(()),
            OpCode::Text | OpCode::Binary => socket.write_frame(frame).await?,
            _ => {}
        }
    }
}

async fn websockets(socket: TcpStream) -> Result<()> {
    let socket = tokio_websockets::ServerBuilder::new().serve(open(socket).await?);
    echo(socket, |message: &tokio_websockets::Message| message.is_close()).await
}

async fn sockudo(socket: TcpStream) -> Result<()> {
    use sockudo_ws::{Config, Message, WebSocketStream};
    let socket = WebSocketStream::server(open(socket).await?, Config::default());
    echo(socket, |message: &Message| matches!(message, Message::Close(_))).await
}
