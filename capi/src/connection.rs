//! One end of a connection, with what an endpoint must do by itself.

use core::ffi::{CStr, c_char, c_void};
use core::time::Duration;

use codec::{
    Cause, Chunk, CloseCode, CloseFrame, Connection, DecodeError, Decoder, EncodeError, Event, Frame, Header,
    MessageKind, Outcome, Role, Rsv, Timing, Transport, Unmasked,
};

use crate::decoder::{self, Decode, wsframe_error, wsframe_event, wsframe_state};
use crate::encoder::{self, Either, Keys, Refusing, Send, either, wsframe_frame, wsframe_header, wsframe_key_source};
use crate::handle::{self, Handle};
use crate::tables::{WSFRAME_RULE_NONE, wsframe_rule};
use crate::{
    WSFRAME_ERROR_ABSENT, WSFRAME_ERROR_ARGUMENT, WSFRAME_ERROR_BUFFER_TOO_SMALL, WSFRAME_ERROR_CLOSE_CODE,
    WSFRAME_ERROR_NO_KEY, WSFRAME_ERROR_UTF8, WSFRAME_OK, role, status, wsframe_config, wsframe_role, wsframe_status,
};

/// The size of a wsframe_connection, in bytes.
pub const WSFRAME_CONNECTION_SIZE: usize = 512;
/// The alignment of a wsframe_connection, in bytes.
pub const WSFRAME_CONNECTION_ALIGN: usize = 8;

/// One end of a connection: a decoder, an encoder, and what an endpoint must do by itself: Pongs, Pings that notice a peer that
/// has vanished, the closing handshake, and the time that each may take. Storage as wsframe_decoder, initialized with
/// wsframe_connection_init(). Sockets and the clock are the caller's: read, wsframe_connection_decode() until it returns no event,
/// wsframe_connection_control() after each event, write, wsframe_connection_transport().
#[repr(C, align(8))]
pub struct wsframe_connection {
    /// Not for the caller.
    pub opaque: [u64; 64],
}

const _: () = assert!(size_of::<wsframe_connection>() == WSFRAME_CONNECTION_SIZE);
const _: () = assert!(align_of::<wsframe_connection>() == WSFRAME_CONNECTION_ALIGN);

impl Handle for wsframe_connection {
    type Value = Refusing<End>;
    const MARK: u64 = u64::from_ne_bytes(*b"connect\x01");
}

/// A connection of either end.
pub(crate) type End = Either<Connection<Decoder, Unmasked>, Connection<Decoder, Keys>>;

impl Decode for End {
    #[inline(always)]
    fn decode_whole<'b>(&mut self, input: &mut &'b mut [u8]) -> Option<Result<Chunk<'b>, DecodeError>> {
        either!(self, connection => connection.decode_whole(input))
    }

    fn decode_step<'d, 'b>(
        &'d mut self,
        input: &'b mut [u8],
    ) -> (&'b mut [u8], Result<Option<Event<'d, 'b>>, DecodeError>) {
        either!(self, connection => connection.decode_step(input))
    }

    fn control_offset(&self) -> u64 {
        self.decoder().control_offset()
    }
}

impl Send for End {
    fn encode(&mut self, out: &mut [u8], frame: Frame<'_>) -> Result<usize, EncodeError> {
        either!(self, connection => connection.encoder().encode(out, frame))
    }

    fn header(&mut self, kind: MessageKind, rsv: Rsv, fin: bool, len: usize) -> Result<Header, EncodeError> {
        either!(self, connection => connection.encoder().header(kind, rsv, fin, len))
    }

    fn is_message_open(&mut self) -> bool {
        either!(self, connection => connection.encoder().is_message_open())
    }

    fn frame_len(&self, payload_len: usize) -> usize {
        // 4 bytes of masking key more.
        let unmasked = codec::Encoder::server().frame_len(payload_len);
        if matches!(self, End::Client(_)) { unmasked.saturating_add(4) } else { unmasked }
    }
}

impl End {
    fn decoder(&self) -> &Decoder {
        either!(self, connection => connection.decoder())
    }

    fn outcome(&self) -> Option<Outcome<'_>> {
        either!(self, connection => connection.outcome())
    }
}

/// How long a connection waits for what, in milliseconds. Begin with wsframe_timing_preset(), and change what is different: 0 is no
/// time at all.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wsframe_timing {
    /// After how long without a received byte a Ping is due; UINT32_MAX for never. 20,000 if nothing else is set.
    pub ping_after_ms: u32,
    /// How long after that a byte must have been received: otherwise the connection is lost. 20,000.
    pub pong_within_ms: u32,
    /// How long to wait for the peer's Close after ours, and for room for ours. 10,000.
    pub close_within_ms: u32,
    /// How long to wait for the end of the transport once our Close was encoded and none is waited for: see
    /// wsframe_connection_wrote_close(). 2,000.
    pub linger_ms: u32,
}

/// What to do with the transport.
pub type wsframe_transport = u8;

/// Read, and write what there is.
pub const WSFRAME_TRANSPORT_OPEN: wsframe_transport = 0;
/// Write what there is, then shut down writing, and read on until the end, which is discarded (RFC 6455 section 7.1.1).
pub const WSFRAME_TRANSPORT_FINISH: wsframe_transport = 1;
/// Write what there is, and read on until the end, which is discarded: the server closes first.
pub const WSFRAME_TRANSPORT_AWAIT: wsframe_transport = 2;
/// Drop it. Nothing is to be read or written any more.
pub const WSFRAME_TRANSPORT_DROP: wsframe_transport = 3;

/// Why a connection ended.
pub type wsframe_cause = u8;

/// We sent a Close first, and the peer answered it.
pub const WSFRAME_CAUSE_CLOSED_BY_US: wsframe_cause = 0;
/// The peer sent a Close first.
pub const WSFRAME_CAUSE_CLOSED_BY_PEER: wsframe_cause = 1;
/// The peer broke the protocol: wsframe_connection_error() tells how.
pub const WSFRAME_CAUSE_VIOLATION: wsframe_cause = 2;
/// The application gave up: wsframe_connection_fail().
pub const WSFRAME_CAUSE_FAILED: wsframe_cause = 3;
/// The transport ended without a Close of the peer.
pub const WSFRAME_CAUSE_LOST: wsframe_cause = 4;
/// The peer did not answer our Close in time.
pub const WSFRAME_CAUSE_NO_CLOSE: wsframe_cause = 5;
/// The peer sent nothing in time, not even the Pong to our Ping.
pub const WSFRAME_CAUSE_NO_PONG: wsframe_cause = 6;
/// There was no room for a Pong or Ping for too long: the peer does not read.
pub const WSFRAME_CAUSE_STALLED: wsframe_cause = 7;

/// How a connection ended.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wsframe_outcome {
    /// WSFRAME_CAUSE_CLOSED_BY_US and so on.
    pub cause: wsframe_cause,
    /// 1 if both ends sent a Close, and in order: what a browser calls wasClean.
    pub clean: u8,
    /// 1 if a message or a frame of the peer was cut off.
    pub unfinished: u8,
    /// What the application is told: the peer's code, 1005 if its Close had none, our own after a violation or
    /// wsframe_connection_fail(), and 1006 if no Close came.
    pub code: u16,
    /// The code in the Close that we sent; 1005 if it had none, 0 if none was sent.
    pub sent: u16,
    /// The code in the Close that was received; 1005 if it had none, 0 if none came.
    pub received: u16,
    /// The reason in the peer's Close, of the violation, or of wsframe_connection_fail(): UTF-8, without a NUL behind it. It may lie
    /// in the handle, so it is good until the connection is used or moved. Never null.
    pub reason: *const c_char,
    /// The length of the reason, in bytes.
    pub reason_len: usize,
}

/// Fills in the times that a connection has if it is given none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsframe_timing_preset(timing: *mut wsframe_timing) -> wsframe_status {
    status(|| {
        let preset = Timing::new();
        let millis = |time: Duration| time.as_millis() as u32;
        // SAFETY: the caller passes a timing to write to, or null.
        unsafe { handle::out(timing) }?.write(wsframe_timing {
            ping_after_ms: preset.ping_after().map_or(u32::MAX, millis),
            pong_within_ms: millis(preset.pong_within()),
            close_within_ms: millis(preset.close_within()),
            linger_ms: millis(preset.linger()),
        });
        Ok(WSFRAME_OK)
    })
}

/// The size of a wsframe_connection for this library, in bytes: WSFRAME_CONNECTION_SIZE, for bindings.
#[unsafe(no_mangle)]
pub extern "C" fn wsframe_connection_size() -> usize {
    WSFRAME_CONNECTION_SIZE
}

/// Initializes one end of a connection, after the opening handshake. `connection` is storage of the caller's; `receiving` has the
/// limits of what is accepted, and null stands for wsframe_config_preset(); `sending` those of what is sent, and null stands for
/// wsframe_config_unlimited(); for `timing`, null stands for wsframe_timing_preset(). A client needs a source of masking keys; for a server, `keys` and
/// `context` are ignored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsframe_connection_init(
    connection: *mut wsframe_connection,
    role: wsframe_role,
    receiving: *const wsframe_config,
    sending: *const wsframe_config,
    timing: *const wsframe_timing,
    keys: wsframe_key_source,
    context: *mut c_void,
) -> wsframe_status {
    status(|| {
        let role = self::role(role)?;
        // SAFETY: the caller passes these three, or null.
        let (receiving, sending, timing) =
            unsafe { (handle::read(receiving)?, handle::read(sending)?, handle::read(timing)?) };
        let receiving = wsframe_config::receiving(receiving, role)?;
        let sending = wsframe_config::sending(sending)?;
        let timing = timing.map_or(Timing::new(), |timing| {
            let millis = |millis: u32| Duration::from_millis(millis.into());
            let times = Timing::new()
                .with_ping_after(millis(timing.ping_after_ms))
                .with_pong_within(millis(timing.pong_within_ms))
                .with_close_within(millis(timing.close_within_ms))
                .with_linger(millis(timing.linger_ms));
            if timing.ping_after_ms == u32::MAX { times.without_pings() } else { times }
        });
        let sender = match role {
            Role::Server => {
                End::Server(Connection::<Decoder, _>::server_with_config(receiving, sending).with_timing(timing))
            }
            Role::Client => {
                let keys = Keys::new(keys, context)?;
                End::Client(Connection::<Decoder, _>::client_with_config(keys, receiving, sending).with_timing(timing))
            }
        };
        // SAFETY: the caller passes storage, or null.
        unsafe { handle::init(connection, Refusing { sender, refusal: WSFRAME_RULE_NONE }) }?;
        Ok(WSFRAME_OK)
    })
}

/// As wsframe_decode(): every event is returned, and the connection notes what it owes for it, so Pings and Closes need no answer
/// of the caller's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsframe_connection_decode(
    connection: *mut wsframe_connection,
    input: *mut *mut u8,
    len: *mut usize,
    event: *mut wsframe_event,
) -> wsframe_status {
    status(|| {
        // SAFETY: the caller passes a connection, or null.
        let inside = unsafe { handle::get_mut(connection) }?;
        // SAFETY: the caller passes these as `wsframe_decode` takes them.
        unsafe { decoder::decode(connection, &mut inside.sender, input, len, event) }
    })
}

/// Fills in the violation that wsframe_connection_decode() reported. WSFRAME_ERROR_ABSENT if there was none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsframe_connection_error(
    connection: *const wsframe_connection,
    error: *mut wsframe_error,
) -> wsframe_status {
    status(|| {
        // SAFETY: the caller passes a connection and an error to write to, or null.
        let (inside, to) = unsafe { (handle::get(connection)?, handle::out(error)?) };
        to.write(wsframe_error::new(inside.sender.decoder().error().ok_or(WSFRAME_ERROR_ABSENT)?));
        Ok(WSFRAME_OK)
    })
}

/// Stores the number of bytes taken so far, as wsframe_decoder_position().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsframe_connection_position(
    connection: *const wsframe_connection,
    position: *mut u64,
) -> wsframe_status {
    status(|| {
        // SAFETY: the caller passes a connection and a number to write to, or null.
        let (inside, to) = unsafe { (handle::get(connection)?, handle::out(position)?) };
        to.write(inside.sender.decoder().position());
        Ok(WSFRAME_OK)
    })
}

/// Stores where in the stream the connection is, as wsframe_decoder_state().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsframe_connection_state(
    connection: *const wsframe_connection,
    state: *mut wsframe_state,
) -> wsframe_status {
    status(|| {
        // SAFETY: the caller passes a connection and a number to write to, or null.
        let (inside, to) = unsafe { (handle::get(connection)?, handle::out(state)?) };
        to.write(decoder::state(inside.sender.decoder().state()));
        Ok(WSFRAME_OK)
    })
}

/// As wsframe_encode(), with the connection's encoder. A Close begins the closing handshake: what still comes is decoded until the
/// peer's Close. Once a Close was received or is due, every frame is WSFRAME_ERROR_CLOSED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsframe_connection_encode(
    connection: *mut wsframe_connection,
    frame: *const wsframe_frame,
    out: *mut u8,
    room: usize,
    written: *mut usize,
) -> wsframe_status {
    status(|| {
        // SAFETY: the caller passes a number to write to and a connection, or null.
        let (written, sending) = unsafe { (handle::zeroed(written)?, handle::get_mut(connection)?) };
        // SAFETY: the caller passes these as `wsframe_encode` takes them.
        unsafe { encoder::encode(connection, sending, frame, out, room, written) }
    })
}

/// As wsframe_encode_header(), with the connection's encoder. No other frame may be written between the header and its payload.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsframe_connection_encode_header(
    connection: *mut wsframe_connection,
    frame: *const wsframe_frame,
    header: *mut wsframe_header,
) -> wsframe_status {
    status(|| {
        // SAFETY: the caller passes these as `wsframe_encode_header` takes them.
        unsafe { encoder::encode_header(handle::get_mut(connection)?, frame, header) }
    })
}

/// Stores the length of a frame with `payload_len` bytes of payload, in bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsframe_connection_frame_len(
    connection: *const wsframe_connection,
    payload_len: usize,
    len: *mut usize,
) -> wsframe_status {
    status(|| {
        // SAFETY: the caller passes a connection, or null.
        unsafe { encoder::frame_len(handle::get(connection)?, payload_len, len) }
    })
}

/// As wsframe_encoder_refusal(), for the connection's encoder.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsframe_connection_refusal(
    connection: *const wsframe_connection,
    rule: *mut wsframe_rule,
) -> wsframe_status {
    status(|| {
        // SAFETY: the caller passes a connection and a number to write to, or null.
        let (inside, to) = unsafe { (handle::get(connection)?, handle::out(rule)?) };
        to.write(inside.refusal);
        Ok(WSFRAME_OK)
    })
}

/// The most that wsframe_connection_control() writes at once, in bytes.
pub const WSFRAME_MAX_CONTROL: usize = 276;

/// Writes what is due (a Pong, a Ping of the keepalive, a Close) to the front of `out`, as far as it fits, and stores how many
/// bytes that was: at most WSFRAME_MAX_CONTROL, and 0 if nothing is due. Call it after each event, so that every Ping is answered,
/// and before waiting. `out` may be null if `room` is 0; it must not overlap the connection.
///
/// If something is due still, it returns WSFRAME_ERROR_BUFFER_TOO_SMALL, or WSFRAME_ERROR_NO_KEY if the source of masking keys failed;
/// `*written` is the length of what was written before that.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsframe_connection_control(
    connection: *mut wsframe_connection,
    out: *mut u8,
    room: usize,
    written: *mut usize,
) -> wsframe_status {
    status(|| {
        // SAFETY: the caller passes a number to write to and a connection, or null.
        let (written, inside) = unsafe { (handle::zeroed(written)?, handle::get_mut(connection)?) };
        if handle::overlap(connection, WSFRAME_CONNECTION_SIZE, out, room) {
            return Err(WSFRAME_ERROR_ARGUMENT);
        }
        // SAFETY: the caller passes the room.
        let out = unsafe { handle::bytes_mut(out, room) }?;
        *written = either!(&mut inside.sender, connection => connection.write_control(out));
        match either!(&inside.sender, connection => connection.has_control()) {
            false => Ok(WSFRAME_OK),
            // The longest frame that can be due would have fitted.
            true if out.len() - *written >= MAX_CONTROL_FRAME => Err(WSFRAME_ERROR_NO_KEY),
            true => Err(WSFRAME_ERROR_BUFFER_TOO_SMALL),
        }
    })
}

/// 2 bytes of header, 4 of masking key, 125 of payload.
const MAX_CONTROL_FRAME: usize = 131;

// A Pong, a Ping with 8 bytes of payload, and a Close.
const _: () = assert!(WSFRAME_MAX_CONTROL == MAX_CONTROL_FRAME + 14 + MAX_CONTROL_FRAME);

/// Stores 1 if wsframe_connection_control() has something to write, or 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsframe_connection_has_control(
    connection: *const wsframe_connection,
    has_control: *mut u8,
) -> wsframe_status {
    status(|| {
        // SAFETY: the caller passes a connection and a number to write to, or null.
        let (inside, to) = unsafe { (handle::get(connection)?, handle::out(has_control)?) };
        to.write(either!(&inside.sender, connection => connection.has_control()).into());
        Ok(WSFRAME_OK)
    })
}

/// Fails the connection for a reason of the application's own, such as 1003, 1008 or 1011 (RFC 6455 section 7.1.7): a Close is
/// due, as after a violation, and from here on all input is discarded. After our own Close there is no second one; after the
/// peer's, after a violation, the end, or an earlier call, this does nothing. `reason` is null, or text that ends with a NUL and
/// stays as it is for as long as the connection is used, such as a literal; more than 123 bytes are cut. WSFRAME_ERROR_CLOSE_CODE if
/// the code may not be sent, WSFRAME_ERROR_UTF8 if the reason is not UTF-8.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsframe_connection_fail(
    connection: *mut wsframe_connection,
    code: u16,
    reason: *const c_char,
) -> wsframe_status {
    status(|| {
        // SAFETY: the caller passes a connection, or null.
        let inside = unsafe { handle::get_mut(connection) }?;
        let reason = match reason.is_null() {
            true => "",
            // SAFETY: the caller passes text that ends with a NUL.
            false => unsafe { CStr::from_ptr(reason) }.to_str().map_err(|_| WSFRAME_ERROR_UTF8)?,
        };
        let code = CloseCode::new(code).map_err(|_| WSFRAME_ERROR_CLOSE_CODE)?;
        let close = CloseFrame::new(code, reason).map_err(|_| WSFRAME_ERROR_CLOSE_CODE)?;
        either!(&mut inside.sender, connection => connection.fail(close));
        Ok(WSFRAME_OK)
    })
}

/// Tells the connection the time, in microseconds since any fixed point of the caller's (CLOCK_MONOTONIC). Without it, nothing
/// times out; a time before an earlier one is ignored. A peer that the caller does not read from is silent. Call it first whenever there is something to do, and at the latest at
/// wsframe_connection_deadline().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsframe_connection_at(connection: *mut wsframe_connection, now_us: u64) -> wsframe_status {
    status(|| {
        // SAFETY: the caller passes a connection, or null.
        let inside = unsafe { handle::get_mut(connection) }?;
        either!(&mut inside.sender, connection => connection.at(Duration::from_micros(now_us)));
        Ok(WSFRAME_OK)
    })
}

/// Stores when to call wsframe_connection_at() next, in the same time. WSFRAME_ERROR_ABSENT if there is nothing to wait for, or
/// no time was told yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsframe_connection_deadline(
    connection: *mut wsframe_connection,
    deadline_us: *mut u64,
) -> wsframe_status {
    status(|| {
        // SAFETY: the caller passes a connection and a number to write to, or null.
        let (inside, to) = unsafe { (handle::get_mut(connection)?, handle::out(deadline_us)?) };
        let deadline = either!(&mut inside.sender, connection => connection.deadline()).ok_or(WSFRAME_ERROR_ABSENT)?;
        // Rounded up: at that time it must have been reached.
        to.write(deadline.as_nanos().div_ceil(1000) as u64);
        Ok(WSFRAME_OK)
    })
}

/// Stores how long the peer took to answer the last Ping of the keepalive, in microseconds. WSFRAME_ERROR_ABSENT if none was
/// answered.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsframe_connection_latency(
    connection: *const wsframe_connection,
    latency_us: *mut u64,
) -> wsframe_status {
    status(|| {
        // SAFETY: the caller passes a connection and a number to write to, or null.
        let (inside, to) = unsafe { (handle::get(connection)?, handle::out(latency_us)?) };
        let latency = either!(&inside.sender, connection => connection.latency()).ok_or(WSFRAME_ERROR_ABSENT)?;
        to.write(latency.as_micros() as u64);
        Ok(WSFRAME_OK)
    })
}

/// Tells that our Close, or some of what stands before it in the caller's output, was written only now: the transport has its time to
/// end (`linger_ms`) from here on. Without it, that time runs from when the Close was encoded, which is too early for a caller whose
/// output waits for a peer that reads slowly. As long as no Close went either way, it does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsframe_connection_wrote_close(
    connection: *mut wsframe_connection,
    now_us: u64,
) -> wsframe_status {
    status(|| {
        // SAFETY: the caller passes a connection, or null.
        let inside = unsafe { handle::get_mut(connection) }?;
        either!(&mut inside.sender, connection => connection.wrote_close(Duration::from_micros(now_us)));
        Ok(WSFRAME_OK)
    })
}

/// Stores what to do with the transport: WSFRAME_TRANSPORT_OPEN and so on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsframe_connection_transport(
    connection: *const wsframe_connection,
    transport: *mut wsframe_transport,
) -> wsframe_status {
    status(|| {
        // SAFETY: the caller passes a connection and a number to write to, or null.
        let (inside, to) = unsafe { (handle::get(connection)?, handle::out(transport)?) };
        to.write(match either!(&inside.sender, connection => connection.transport()) {
            Transport::Open => WSFRAME_TRANSPORT_OPEN,
            Transport::Finish => WSFRAME_TRANSPORT_FINISH,
            Transport::Await => WSFRAME_TRANSPORT_AWAIT,
            _ => WSFRAME_TRANSPORT_DROP,
        });
        Ok(WSFRAME_OK)
    })
}

/// Tells the connection that the transport is gone: reading gave its end, or reading or writing failed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsframe_connection_end(connection: *mut wsframe_connection) -> wsframe_status {
    status(|| {
        // SAFETY: the caller passes a connection, or null.
        let inside = unsafe { handle::get_mut(connection) }?;
        either!(&mut inside.sender, connection => connection.end());
        Ok(WSFRAME_OK)
    })
}

/// Fills in how the connection ended. WSFRAME_ERROR_ABSENT as long as that is not decided.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsframe_connection_outcome(
    connection: *const wsframe_connection,
    outcome: *mut wsframe_outcome,
) -> wsframe_status {
    status(|| {
        // SAFETY: the caller passes a connection and an outcome to write to, or null.
        let (inside, to) = unsafe { (handle::get(connection)?, handle::out(outcome)?) };
        let ended = inside.sender.outcome().ok_or(WSFRAME_ERROR_ABSENT)?;
        to.write(wsframe_outcome {
            cause: match ended.cause() {
                Cause::ClosedByUs => WSFRAME_CAUSE_CLOSED_BY_US,
                Cause::ClosedByPeer => WSFRAME_CAUSE_CLOSED_BY_PEER,
                Cause::Violation(_) => WSFRAME_CAUSE_VIOLATION,
                Cause::Failed => WSFRAME_CAUSE_FAILED,
                Cause::NoClose => WSFRAME_CAUSE_NO_CLOSE,
                Cause::NoPong => WSFRAME_CAUSE_NO_PONG,
                Cause::Stalled => WSFRAME_CAUSE_STALLED,
                _ => WSFRAME_CAUSE_LOST,
            },
            clean: ended.is_clean().into(),
            unfinished: ended.is_unfinished().into(),
            code: ended.code().get(),
            sent: ended.sent().map_or(0, CloseCode::get),
            received: ended.received().map_or(0, CloseCode::get),
            reason: handle::start(ended.reason().as_bytes()).cast(),
            reason_len: ended.reason().len(),
        });
        Ok(WSFRAME_OK)
    })
}
