//! An echo server for a device: `no_std`, no allocation, two static buffers, and a loop as embassy's tasks have it, over a
//! trait of four functions. It is a library, because a device has its own entry point.
//!
//! `cargo build --example embedded --no-default-features --features handshake` compiles it for the host. For a device, take the
//! file into a crate for the device: what the tests of this one depend on needs `std`.

#![no_std]

use core::ops::Range;
use core::time::Duration;

use wsframe::handshake::{HeadFinder, Refusal, RequestHead};
use wsframe::{Connection, Decoder, Event, Transport, Unmasked};

/// What the device's network stack and clock have to offer: a socket that was accepted.
#[allow(async_fn_in_trait, reason = "the tasks of a device have one thread")]
pub trait Io {
    /// Reads once; 0 at the end of the input, `None` if the time `until` came first.
    async fn read(&mut self, buffer: &mut [u8], until: Option<Duration>) -> Result<Option<usize>, Gone>;
    /// Writes all of it, within a time of the device's choice.
    async fn write(&mut self, bytes: &[u8]) -> Result<(), Gone>;
    /// Says that nothing more will be written: a FIN.
    async fn finish(&mut self);
    /// The time since any fixed point.
    fn now(&self) -> Duration;
}

/// The connection was lost, or the peer did not read in time.
#[allow(clippy::exhaustive_structs, reason = "whoever implements `Io` makes it")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

/// The memory of one connection, besides its state: made for a `static`.
#[derive(Debug)]
pub struct Buffers {
    input: [u8; 1024],
    output: [u8; 1024 + 16],
}

impl Buffers {
    /// With nothing in them.
    pub const fn new() -> Buffers {
        Buffers { input: [0; 1024], output: [0; 1024 + 16] }
    }
}

impl Default for Buffers {
    fn default() -> Buffers {
        Buffers::new()
    }
}

/// What a client has for its request, and to end the connection after a refusal.
const HANDSHAKE: Duration = Duration::from_secs(10);
const LINGER: Duration = Duration::from_secs(2);

/// One connection, from its opening handshake to its end.
///
/// # Errors
/// [`Gone`], if it was lost before the closing handshake.
pub async fn serve(io: &mut impl Io, buffers: &mut Buffers) -> Result<(), Gone> {
    // The bytes after the request are the first of the connection.
    let Some(received) = open(io, buffers).await? else { return Ok(()) };
    let mut connection = Connection::<Decoder, _>::server();
    connection.at(io.now());
    echo(io, &mut connection, &mut buffers.input[received], &mut buffers.output).await?;
    loop {
        match connection.transport() {
            Transport::Drop => break,
            Transport::Finish => io.finish().await,
            _ => {}
        }
        let until = connection.deadline();
        let read = io.read(&mut buffers.input, until).await;
        connection.at(io.now());
        match read {
            Ok(None) => echo(io, &mut connection, &mut [], &mut buffers.output).await?,
            Ok(Some(0)) | Err(Gone) => connection.end(),
            Ok(Some(len)) => echo(io, &mut connection, &mut buffers.input[..len], &mut buffers.output).await?,
        }
    }
    connection.outcome().filter(|outcome| outcome.is_clean()).map(|_| ()).ok_or(Gone)
}

/// Sends every piece of a message back as it comes, as a fragment, and what the connection owes.
async fn echo(
    io: &mut impl Io,
    connection: &mut Connection<Decoder, Unmasked>,
    mut input: &mut [u8],
    output: &mut [u8],
) -> Result<(), Gone> {
    loop {
        let mut len = 0;
        // After a violation its Close is due, and nothing more is decoded.
        let event = connection.decode(&mut input).unwrap_or(None);
        let is_last = event.is_none();
        if let Some(Event::Chunk(chunk)) = event {
            // A piece is no longer than the input, so it fits; it is refused once the closing handshake has begun.
            len = connection.encoder().encode(&mut *output, &chunk).unwrap_or(0);
        }
        if len != 0 {
            io.write(&output[..len]).await?;
        }
        let len = connection.write_control(output);
        if len != 0 {
            io.write(&output[..len]).await?;
        }
        if is_last {
            return Ok(());
        }
    }
}

/// Answers the opening handshake. Returns where in the input the bytes after the request are; `None` if it was refused.
async fn open(io: &mut impl Io, buffers: &mut Buffers) -> Result<Option<Range<usize>>, Gone> {
    let until = io.now() + HANDSHAKE;
    let mut finder = HeadFinder::with_max_head(buffers.input.len());
    let mut len = 0;
    let refusal = loop {
        match finder.find(&buffers.input[..len]) {
            Ok(Some(head)) => match answer(&buffers.input[..head], &mut buffers.output) {
                Ok(answer) => {
                    io.write(answer).await?;
                    return Ok(Some(head..len));
                }
                Err(refusal) => break refusal,
            },
            Ok(None) => {}
            Err(refusal) => break refusal,
        }
        match io.read(&mut buffers.input[len..], Some(until)).await? {
            None | Some(0) => return Err(Gone),
            Some(read) => len += read,
        }
    };
    let written = refusal.write(&mut buffers.output, &[], refusal.remedy()).map_err(|_| Gone)?;
    io.write(&buffers.output[..written]).await?;
    // Closing with unread input would reset the connection, and the client could miss the answer.
    io.finish().await;
    let until = io.now() + LINGER;
    while matches!(io.read(&mut buffers.input, Some(until)).await, Ok(Some(1..))) {}
    Ok(None)
}

/// The response that accepts this request.
fn answer<'o>(head: &[u8], out: &'o mut [u8]) -> Result<&'o [u8], Refusal> {
    let request = RequestHead::parse(head)?.check()?;
    let len = request.answer().write(out, &[]).map_err(|_| Refusal::of_status(500))?;
    Ok(&out[..len])
}
