//! An echo server on tokio, with all connections on one thread.
//!
//! `cargo run --release --example framed --features tokio-util,handshake,zlib-rs [-- ADDRESS [COMPRESSION]]`; ADDRESS is
//! 127.0.0.1:9001 if none is given. COMPRESSION (permessage-deflate) is `none`, `small`, which is the default and holds nothing
//! between messages, or `large`, with context takeover and the largest windows.

use core::error::Error;
use core::time::Duration;
use std::{env, io, process};

use bytes::BytesMut;
use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, sink};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_util::codec::{Framed, FramedParts};
use wsframe::Role;
use wsframe::codec::{CodecError, Message, MessageCodec};
use wsframe::deflate::{Agreement, Compressor, Direction, Inflater, Policy, WindowBits};
use wsframe::handshake::{HeadFinder, Refusal, RequestHead};

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".to_owned());
    let listener = TcpListener::bind(&address).await.unwrap_or_else(|error| {
        eprintln!("cannot listen on {address}: {error}; give an address such as 127.0.0.1:9001");
        process::exit(2)
    });
    let largest = Direction::new(WindowBits::MAX, true);
    let policy = match env::args().nth(2).as_deref() {
        Some("none") => None,
        None | Some("small") => Some(Policy::SMALL),
        Some("large") => Some(Policy::SMALL.with_server(largest).with_client(largest)),
        Some(other) => {
            eprintln!("no compression is called {other}; it is none, small or large");
            process::exit(2)
        }
    };
    println!("listening on ws://{}", listener.local_addr()?);
    loop {
        // When there are no file descriptors left, others will close theirs.
        let Ok((socket, peer)) = listener.accept().await else {
            sleep(Duration::from_millis(10)).await;
            continue;
        };
        tokio::spawn(async move { serve(socket, policy).await.unwrap_or_else(|error| eprintln!("{peer}: {error}")) });
    }
}

/// One connection, from its opening handshake to its end.
async fn serve(mut socket: TcpStream, policy: Option<Policy>) -> Result<(), Box<dyn Error + Send + Sync>> {
    socket.set_nodelay(true)?;
    let Some((received, agreed)) = timeout(Duration::from_secs(10), open(&mut socket, policy)).await?? else {
        return Ok(finish(socket).await?);
    };
    let mut codec = MessageCodec::server();
    if let Some(agreed) = agreed {
        // Short messages too, which otherwise are sent plain: who tries it wants to see it.
        let compressor = Compressor::zlib(agreed, Role::Server).always();
        codec = codec.with_inflater(Inflater::zlib(agreed, Role::Server)).with_compressor(compressor);
    }
    let mut parts = FramedParts::new::<Message>(socket, codec);
    parts.read_buf = received;
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
            Some(Err(error)) => {
                // What came before is answered all the same.
                _ = SinkExt::<Message>::flush(&mut connection).await;
                return Err(error.into());
            }
            None => return Err(CodecError::ConnectionLost.into()),
        }
    };
    connection.send(Message::Close(close)).await?;
    Ok(finish(connection.into_inner()).await?)
}

/// Answers the opening handshake. Returns the bytes after the request, which are the first of the connection, and what was
/// agreed about compression; `None` if the request was refused.
async fn open(socket: &mut TcpStream, policy: Option<Policy>) -> io::Result<Option<(BytesMut, Option<Agreement>)>> {
    let mut received = BytesMut::new();
    let mut finder = HeadFinder::new();
    let mut out = [0; 1024];
    let refusal = loop {
        match finder.find(&received) {
            Ok(Some(head)) => match answer(&received[..head], policy, &mut out) {
                Ok((answer, agreed)) => {
                    socket.write_all(answer).await?;
                    return Ok(Some((received.split_off(head), agreed)));
                }
                Err(refusal) => break refusal,
            },
            Ok(None) => {}
            Err(refusal) => break refusal,
        }
        if socket.read_buf(&mut received).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    };
    let len = refusal.write(&mut out, &[], refusal.remedy()).map_err(io::Error::other)?;
    socket.write_all(&out[..len]).await?;
    Ok(None)
}

/// The response that accepts this request, and what it agrees to.
fn answer<'o>(
    head: &[u8],
    policy: Option<Policy>,
    out: &'o mut [u8],
) -> Result<(&'o [u8], Option<Agreement>), Refusal> {
    let request = RequestHead::parse(head)?.check()?;
    let agreement = policy.and_then(|policy| request.deflate(&policy));
    let mut answer = request.answer();
    if let Some((_, value)) = &agreement {
        answer = answer.with_extensions(value).map_err(|_| Refusal::of_status(500))?;
    }
    let len = answer.write(out, &[]).map_err(|_| Refusal::of_status(500))?;
    Ok((&out[..len], agreement.map(|(agreed, _)| agreed)))
}

/// Closing with unread input would reset the connection, and the peer could miss what was written last: lets the peer close
/// first, which has two seconds.
async fn finish(mut socket: TcpStream) -> io::Result<()> {
    socket.shutdown().await?;
    _ = timeout(Duration::from_secs(2), copy(&mut socket, &mut sink())).await;
    Ok(())
}
