//! A client that echoes what it receives, for the servers of tests.
//!
//! `client ADDRESS TARGET COMPRESSION` connects, echoes until the connection ends, and prints the number of messages and how they
//! were agreed to be compressed. TARGET is a path with its query. COMPRESSION is `none` or the four parts of a policy: the window
//! bits of the server and of the client, and whether each may take its context over, as in `15,12,true,false`.
//!
//! `client cases ADDRESS COMPRESSION` goes through all cases of a fuzzing server of Autobahn, and asks it for its reports.

use std::error::Error;
use std::{env, io};

use bytes::BytesMut;
use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::codec::{Framed, FramedParts};
use wsframe::codec::{CodecError, Message, MessageCodec};
use wsframe::deflate::{Agreement, Compressor, Direction, Inflater, Policy, WindowBits};
use wsframe::handshake::{Client, Response, ResponseFinder};
use wsframe::{OsKeys, Role};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["cases", address, compression] => cases(address, policy(compression)?).await,
        [address, target, compression] => {
            let ended = echo(address, target, policy(compression)?).await?;
            println!("{} {}", ended.messages, ended.agreed.map_or("none".to_owned(), describe));
            Ok(())
        }
        _ => Err("give ADDRESS TARGET COMPRESSION, or cases ADDRESS COMPRESSION".into()),
    }
}

async fn cases(address: &str, policy: Option<Policy>) -> Result<(), Box<dyn Error>> {
    let count: usize = echo(address, "/getCaseCount", None).await?.last.parse()?;
    for case in 1..=count {
        // The server's report tells what went wrong.
        _ = echo(address, &format!("/runCase?case={case}&agent=wsframe"), policy).await;
    }
    _ = echo(address, "/updateReports?agent=wsframe", None).await;
    Ok(())
}

/// What was agreed, as [`policy`] takes it.
fn describe(agreed: Agreement) -> String {
    let [server, client] = [Role::Server, Role::Client].map(|role| agreed.sending(role));
    format!("{},{},{},{}", server.window().get(), client.window().get(), server.takeover(), client.takeover())
}

/// How a connection ended.
struct Ended {
    messages: usize,
    last: String,
    agreed: Option<Agreement>,
}

async fn echo(address: &str, target: &str, policy: Option<Policy>) -> Result<Ended, Box<dyn Error>> {
    let mut socket = TcpStream::connect(address).await?;
    socket.set_nodelay(true)?;
    let (received, agreed) = open(&mut socket, address, target, policy).await?;
    let mut codec = MessageCodec::client(OsKeys::new());
    if let Some(agreed) = agreed {
        let compressor = Compressor::zlib(agreed, Role::Client).always();
        codec = codec.with_inflater(Inflater::zlib(agreed, Role::Client)).with_compressor(compressor);
    }
    let mut parts = FramedParts::new::<Message>(socket, codec);
    parts.read_buf = received;
    let mut connection = Framed::from_parts(parts);
    let mut ended = Ended { messages: 0, last: String::new(), agreed };
    let close = loop {
        let message = match connection.next().now_or_never() {
            Some(message) => message,
            None => {
                SinkExt::<Message>::flush(&mut connection).await?;
                connection.next().await
            }
        };
        match message {
            Some(Ok(Message::Ping(payload))) => connection.feed(Message::Pong(payload)).await?,
            Some(Ok(Message::Pong(_))) => {}
            Some(Ok(Message::Close(close))) => break close.reply(),
            Some(Ok(message)) => {
                ended.messages += 1;
                message.text().unwrap_or_default().clone_into(&mut ended.last);
                connection.feed(message).await?;
            }
            Some(Err(CodecError::Violation(error))) => break error.violation().close_frame().into(),
            Some(Err(error)) => return Err(error.into()),
            None => return Ok(ended),
        }
    };
    connection.send(Message::Close(close)).await?;
    // The server closes first.
    _ = connection.get_mut().read_to_end(&mut Vec::new()).await;
    Ok(ended)
}

fn policy(text: &str) -> Result<Option<Policy>, Box<dyn Error>> {
    if text == "none" {
        return Ok(None);
    }
    let parts: Vec<_> = text.split(',').collect();
    let [server, client, server_takeover, client_takeover] = parts[..] else {
        return Err("a policy has four parts".into());
    };
    let direction = |bits: &str, takeover: &str| -> Result<Direction, Box<dyn Error>> {
        let bits = WindowBits::new(bits.parse()?).ok_or("window bits are 8 to 15")?;
        Ok(Direction::new(bits, takeover.parse()?))
    };
    let server = direction(server, server_takeover)?;
    Ok(Some(Policy::SMALL.with_server(server).with_client(direction(client, client_takeover)?)))
}

/// The opening handshake: the bytes after it, and what was agreed.
async fn open(
    socket: &mut TcpStream,
    host: &str,
    target: &str,
    policy: Option<Policy>,
) -> Result<(BytesMut, Option<Agreement>), Box<dyn Error>> {
    let offer = policy.map(|policy| policy.offer());
    let mut client = Client::new(OsKeys::new().handshake_key()?, host, target);
    if let Some(offer) = &offer {
        client = client.with_extensions(offer);
    }
    let mut head = [0; 2048];
    let len = client.write(&mut head)?;
    socket.write_all(&head[..len]).await?;
    let (mut received, mut finder) = (BytesMut::new(), ResponseFinder::new());
    loop {
        if let Some((response, end)) = client.read(&mut finder, &received)? {
            let Response::Accepted(accepted) = response else { return Err("the server refuses".into()) };
            let agreed = match policy {
                Some(policy) => accepted.deflate(&policy)?,
                None => None,
            };
            return Ok((received.split_off(end), agreed));
        }
        if socket.read_buf(&mut received).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
    }
}
