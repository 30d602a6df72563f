//! A client that echoes what it receives, for the servers of tests.
//!
//! `echo_client ADDRESS TARGET COMPRESSION` connects, echoes until the connection ends, and prints the number of messages and how they
//! were agreed to be compressed. TARGET is a path with its query. COMPRESSION is `none` or the four parts of a policy: the window
//! bits of the server and of the client, and whether each may take its context over, as in `15,12,true,false`.
//!
//! `echo_client cases ADDRESS COMPRESSION` goes through all cases of a fuzzing server of Autobahn, and asks it for its reports.

use std::env;
use std::error::Error;

use tokio::net::TcpStream;
use wsframe::Role;
use wsframe::deflate::{Agreement, Compressor, Direction, Policy, WindowBits};
use wsframe::endpoint::{Options, WebSocket};
use wsframe::handshake::Client;

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
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut options = Options::new().with_compressor(|agreed, role| Compressor::zlib(agreed, role).always());
    if let Some(policy) = policy {
        options = options.with_deflate(policy);
    }
    let mut socket = WebSocket::connect(stream, &Client::random(address, target)?, options).await?;
    let mut ended = Ended { messages: 0, last: String::new(), agreed: socket.agreement() };
    while let Some(message) = socket.next().await {
        let message = message?;
        ended.messages += 1;
        message.text().unwrap_or_default().clone_into(&mut ended.last);
        socket.feed(message).await?;
    }
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
