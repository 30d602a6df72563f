//! A chat: what one member says goes to all others, encoded once.
//!
//! `cargo run --release --example chat --features tokio [-- ADDRESS]`; ADDRESS is 127.0.0.1:9001 if none is given. A member that
//! reads too slowly is dropped: it misses messages as soon as the room is [`HISTORY`] ahead of it, and is told to connect again.

use core::time::Duration;
use std::{env, io, process};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::sleep;
use wsframe::CloseCode;
use wsframe::codec::PreparedFrame;
use wsframe::endpoint::{Data, Ended, Error, OpenError, Options, WebSocket};

/// How many messages a member may be behind.
const HISTORY: usize = 64;

/// What was said, and by whom: nobody gets back what it said itself.
#[derive(Clone)]
struct Said {
    by: u64,
    frame: PreparedFrame,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".to_owned());
    let listener = TcpListener::bind(&address).await.unwrap_or_else(|error| {
        eprintln!("cannot listen on {address}: {error}; give an address such as 127.0.0.1:9001");
        process::exit(2)
    });
    println!("listening on ws://{}", listener.local_addr()?);
    let (room, _) = broadcast::channel(HISTORY);
    for number in 0.. {
        // When there are no file descriptors left, others will close theirs.
        let Ok((socket, _)) = listener.accept().await else {
            sleep(Duration::from_millis(10)).await;
            continue;
        };
        let room = room.clone();
        tokio::spawn(async move {
            match open(socket).await {
                Ok(socket) => eprintln!("member {number}: {}", member(socket, number, room).await),
                Err(error) => eprintln!("member {number}: {error}"),
            }
        });
    }
    Ok(())
}

async fn open(socket: TcpStream) -> Result<WebSocket<TcpStream>, OpenError> {
    // What one says must not wait for the acknowledgement of what was said before.
    socket.set_nodelay(true)?;
    let config = wsframe::Config::SERVER.with_max_message_len(64 * 1024);
    // Who takes nothing for ten seconds is gone.
    WebSocket::accept(socket, Options::new().with_config(config).with_write_within(Duration::from_secs(10))).await
}

/// A member, from its first message to its end.
async fn member(mut socket: WebSocket<TcpStream>, number: u64, room: broadcast::Sender<Said>) -> Ended {
    let mut news = room.subscribe();
    let code = loop {
        tokio::select! {
            said = news.recv() => match said {
                Ok(said) if said.by == number => {}
                // It waits while too much is unwritten; meanwhile the room goes on.
                Ok(said) => match socket.feed_prepared(&said.frame).await {
                    Ok(()) | Err(Error::Encode(_)) => {}
                    // The end says why.
                    Err(_) => break CloseCode::NORMAL,
                },
                Err(RecvError::Lagged(_)) => break CloseCode::TRY_AGAIN_LATER,
                Err(RecvError::Closed) => break CloseCode::GOING_AWAY,
            },
            message = socket.next() => match message {
                Some(Ok(Data::Text(text))) => {
                    let frame = PreparedFrame::new(&*format!("{number}: {text}")).expect("text can be sent");
                    // There is a receiver: this one.
                    _ = room.send(Said { by: number, frame });
                }
                Some(Ok(Data::Binary(_))) => break CloseCode::UNSUPPORTED_DATA,
                Some(Err(_)) | None => break CloseCode::NORMAL,
            },
        }
    };
    socket.close(code, "").await.expect("these codes can be sent")
}
