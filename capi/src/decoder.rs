//! Received bytes to events.

use core::ffi::c_char;
use core::mem::MaybeUninit;
use core::ptr;

use codec::{Chunk, CloseCode, DecodeError, Decoder, Event, MessageKind, State};

use crate::handle::{self, Handle};
use crate::tables::{self, wsframe_rule};
use crate::{
    WSFRAME_BINARY, WSFRAME_ERROR_ABSENT, WSFRAME_ERROR_ARGUMENT, WSFRAME_ERROR_VIOLATION, WSFRAME_HAS_EVENT,
    WSFRAME_OK, WSFRAME_TEXT, role, status, wsframe_config, wsframe_opcode, wsframe_role, wsframe_status,
};

/// The size of a wsframe_decoder, in bytes.
pub const WSFRAME_DECODER_SIZE: usize = 256;
/// The alignment of a wsframe_decoder, in bytes.
pub const WSFRAME_DECODER_ALIGN: usize = 8;

/// Decodes what one end of a connection receives. The caller owns the storage, initializes it with wsframe_decoder_init(), and
/// may copy and move it as bytes: a copy continues from the same place in the stream. There is nothing to free. One thread may
/// use it at a time.
#[repr(C, align(8))]
pub struct wsframe_decoder {
    /// Not for the caller.
    pub opaque: [u64; 32],
}

const _: () = assert!(size_of::<wsframe_decoder>() == WSFRAME_DECODER_SIZE);
const _: () = assert!(align_of::<wsframe_decoder>() == WSFRAME_DECODER_ALIGN);

impl Handle for wsframe_decoder {
    type Value = Decoder;
    const MARK: u64 = u64::from_ne_bytes(*b"decoder\x01");
}

/// What an event is.
pub type wsframe_event_type = u8;

/// No event.
pub const WSFRAME_EVENT_NONE: wsframe_event_type = 0;
/// Payload of a text or binary message: all of it, or a piece.
pub const WSFRAME_EVENT_CHUNK: wsframe_event_type = 1;
/// A Close: answer it with a Close that has the same code, unless one was sent, then close the connection.
pub const WSFRAME_EVENT_CLOSE: wsframe_event_type = 8;
/// A Ping: answer it with a Pong that has the same payload, unless a Close was sent.
pub const WSFRAME_EVENT_PING: wsframe_event_type = 9;
/// A Pong.
pub const WSFRAME_EVENT_PONG: wsframe_event_type = 10;

/// In wsframe_event.flags: the first piece of its message.
pub const WSFRAME_STARTS_MESSAGE: u8 = 1;
/// In wsframe_event.flags: the last piece of its frame.
pub const WSFRAME_ENDS_FRAME: u8 = 2;
/// In wsframe_event.flags: the last piece of its message. With WSFRAME_STARTS_MESSAGE, the payload is a whole message, and if
/// it is text without reserved bits, it is valid UTF-8.
pub const WSFRAME_ENDS_MESSAGE: u8 = 4;

/// What wsframe_decode() found next.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wsframe_event {
    /// WSFRAME_EVENT_CHUNK, WSFRAME_EVENT_PING, WSFRAME_EVENT_PONG or WSFRAME_EVENT_CLOSE.
    pub r#type: wsframe_event_type,
    /// The kind of the message that a chunk belongs to: WSFRAME_TEXT or WSFRAME_BINARY. Otherwise the opcode.
    pub kind: wsframe_opcode,
    /// Of a chunk: WSFRAME_STARTS_MESSAGE, WSFRAME_ENDS_FRAME, WSFRAME_ENDS_MESSAGE. Otherwise 0.
    pub flags: u8,
    /// The reserved bits on the first frame of the message.
    pub rsv: u8,
    /// Of a Close: its code, or 0 if it has none (which applications are told as 1005). Otherwise 0.
    pub close_code: u16,
    /// Of a chunk: the number of frames of the message so far. Otherwise 0.
    pub fragments: u32,
    /// The payload, unmasked; of a Close, its reason, which is valid UTF-8. No NUL follows it. That of a chunk lies in the input, and
    /// may be changed there. That of a control frame lies in the handle, until the next event is asked for or the handle is moved.
    /// Null only if there is no event.
    pub payload: *const u8,
    /// The length of the payload, in bytes: of a control frame, at most 125.
    pub payload_len: usize,
    /// The offset in the stream of the first byte of the frame's header, in bytes.
    pub offset: u64,
    /// Of a chunk: how many bytes of payload the frame declares beyond it. Otherwise 0.
    pub frame_remaining: u64,
}

impl wsframe_event {
    const NONE: wsframe_event = wsframe_event {
        r#type: WSFRAME_EVENT_NONE,
        kind: 0,
        flags: 0,
        rsv: 0,
        close_code: 0,
        fragments: 0,
        payload: ptr::null(),
        payload_len: 0,
        offset: 0,
        frame_remaining: 0,
    };

    #[inline(always)]
    fn chunk(chunk: &Chunk<'_>) -> wsframe_event {
        let flags = if chunk.starts_message() { WSFRAME_STARTS_MESSAGE } else { 0 }
            | if chunk.ends_frame() { WSFRAME_ENDS_FRAME } else { 0 }
            | if chunk.ends_message() { WSFRAME_ENDS_MESSAGE } else { 0 };
        wsframe_event {
            r#type: WSFRAME_EVENT_CHUNK,
            kind: if chunk.kind() == MessageKind::Text { WSFRAME_TEXT } else { WSFRAME_BINARY },
            flags,
            rsv: chunk.rsv().bits(),
            close_code: 0,
            fragments: chunk.fragments(),
            payload: chunk.payload().as_ptr(),
            payload_len: chunk.payload().len(),
            offset: chunk.offset(),
            frame_remaining: chunk.frame_remaining(),
        }
    }

    fn control(event: wsframe_event_type, payload: &[u8]) -> wsframe_event {
        let (payload, payload_len) = (handle::start(payload), payload.len());
        wsframe_event { r#type: event, kind: event, payload, payload_len, ..wsframe_event::NONE }
    }
}

/// A rule that the peer broke, and where.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wsframe_error {
    /// The rule: WSFRAME_RULE_RESERVED_BITS and so on. wsframe_describe_rule() has more about it.
    pub rule: wsframe_rule,
    /// The code to close the connection with: 1002, 1007, 1008 or 1009.
    pub close_code: u16,
    /// The offset in the stream of the byte that decided, in bytes.
    pub offset: u64,
    /// The section of RFC 6455 that has the rule, such as "5.2": static text.
    pub section: *const c_char,
    /// A few words for the peer, as the reason of a Close frame: static text of at most 123 bytes.
    pub reason: *const c_char,
}

impl wsframe_error {
    pub(crate) fn new(error: DecodeError) -> wsframe_error {
        let info = tables::info(error.violation());
        let (rule, close_code) = (info.rule, info.close_code);
        wsframe_error { rule, close_code, offset: error.offset(), section: info.section, reason: info.reason }
    }
}

/// Where in the stream a decoder is.
pub type wsframe_state = u8;

/// Between two messages.
pub const WSFRAME_STATE_IDLE: wsframe_state = 0;
/// Between two frames of a message.
pub const WSFRAME_STATE_IN_MESSAGE: wsframe_state = 1;
/// Inside a frame: part of its header or payload has been taken.
pub const WSFRAME_STATE_IN_FRAME: wsframe_state = 2;
/// After a Close frame: what follows is discarded.
pub const WSFRAME_STATE_CLOSED: wsframe_state = 3;
/// After a violation, or after wsframe_connection_fail().
pub const WSFRAME_STATE_FAILED: wsframe_state = 4;

pub(crate) fn state(state: State) -> wsframe_state {
    match state {
        State::Idle => WSFRAME_STATE_IDLE,
        State::InMessage => WSFRAME_STATE_IN_MESSAGE,
        State::InFrame => WSFRAME_STATE_IN_FRAME,
        State::Closed => WSFRAME_STATE_CLOSED,
        _ => WSFRAME_STATE_FAILED,
    }
}

/// What decodes, in two ways that are kept apart: most messages come whole, and take the short one.
pub(crate) trait Decode {
    fn decode_whole<'b>(&mut self, input: &mut &'b mut [u8]) -> Option<Result<Chunk<'b>, DecodeError>>;

    #[allow(clippy::type_complexity, reason = "the rest of the input, and the result")]
    fn decode_step<'d, 'b>(
        &'d mut self,
        input: &'b mut [u8],
    ) -> (&'b mut [u8], Result<Option<Event<'d, 'b>>, DecodeError>);

    fn control_offset(&self) -> u64;
}

impl Decode for Decoder {
    #[inline(always)]
    fn decode_whole<'b>(&mut self, input: &mut &'b mut [u8]) -> Option<Result<Chunk<'b>, DecodeError>> {
        Decoder::decode_whole(self, input)
    }

    fn decode_step<'d, 'b>(
        &'d mut self,
        input: &'b mut [u8],
    ) -> (&'b mut [u8], Result<Option<Event<'d, 'b>>, DecodeError>) {
        Decoder::decode_step(self, input)
    }

    fn control_offset(&self) -> u64 {
        Decoder::control_offset(self)
    }
}

/// The next event of `decoder`, which lies in the handle at `storage`.
///
/// # Safety
/// The three pointers are null, or point to what [`wsframe_decode`] takes.
#[inline(always)]
pub(crate) unsafe fn decode<H>(
    storage: *mut H,
    decoder: &mut impl Decode,
    input: *mut *mut u8,
    len: *mut usize,
    event: *mut wsframe_event,
) -> Result<wsframe_status, wsframe_status> {
    // SAFETY: the caller passes a place for each of them, or null.
    let (input, len, to) = unsafe { (handle::place(input)?, handle::place(len)?, handle::out(event)?) };
    if handle::overlap(storage, size_of::<H>(), *input, *len) {
        return Err(WSFRAME_ERROR_ARGUMENT);
    }
    // SAFETY: the caller passes the input, which nothing else uses.
    let mut rest = unsafe { handle::bytes_mut(*input, *len) }?;
    if let Some(Ok(chunk)) = decoder.decode_whole(&mut rest) {
        to.write(wsframe_event::chunk(&chunk));
        (*input, *len) = (rest.as_mut_ptr(), rest.len());
        return Ok(WSFRAME_HAS_EVENT);
    }
    // After a violation, the decoder says the same again.
    let (status, left) = step(decoder, rest, to);
    *input = input.wrapping_add(*len - left.min(*len));
    *len = left;
    Ok(status)
}

/// Everything but a whole message; returns how much of the input is left.
#[inline(never)]
fn step(decoder: &mut impl Decode, input: &mut [u8], to: &mut MaybeUninit<wsframe_event>) -> (wsframe_status, usize) {
    let (rest, found) = decoder.decode_step(input);
    let (status, event) = match found {
        Ok(Some(Event::Chunk(chunk))) => (WSFRAME_HAS_EVENT, wsframe_event::chunk(&chunk)),
        Ok(Some(Event::Ping(payload))) => (WSFRAME_HAS_EVENT, wsframe_event::control(WSFRAME_EVENT_PING, payload)),
        Ok(Some(Event::Pong(payload))) => (WSFRAME_HAS_EVENT, wsframe_event::control(WSFRAME_EVENT_PONG, payload)),
        Ok(Some(Event::Close(close))) => {
            let close_code = close.code().map_or(0, CloseCode::get);
            let event = wsframe_event::control(WSFRAME_EVENT_CLOSE, close.reason().as_bytes());
            (WSFRAME_HAS_EVENT, wsframe_event { close_code, ..event })
        }
        Ok(None) => (WSFRAME_OK, wsframe_event::NONE),
        Err(_) => (WSFRAME_ERROR_VIOLATION, wsframe_event::NONE),
    };
    // That of a control frame is in the decoder.
    let is_control = !matches!(event.r#type, WSFRAME_EVENT_NONE | WSFRAME_EVENT_CHUNK);
    let offset = if is_control { decoder.control_offset() } else { event.offset };
    to.write(wsframe_event { offset, ..event });
    (status, rest.len())
}

/// The size of a wsframe_decoder for this library, in bytes: WSFRAME_DECODER_SIZE, for bindings that cannot read the header.
#[unsafe(no_mangle)]
pub extern "C" fn wsframe_decoder_size() -> usize {
    WSFRAME_DECODER_SIZE
}

/// Initializes a decoder for the end with this role, at the beginning of a stream: with the byte that follows the HTTP head.
/// `decoder` is storage of the caller's; `config` is read now, and null stands for wsframe_config_preset(). A decoder that was used
/// begins anew.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsframe_decoder_init(
    decoder: *mut wsframe_decoder,
    role: wsframe_role,
    config: *const wsframe_config,
) -> wsframe_status {
    status(|| {
        let role = self::role(role)?;
        // SAFETY: the caller passes a config, or null.
        let config = wsframe_config::receiving(unsafe { handle::read(config) }?, role)?;
        // SAFETY: the caller passes storage, or null.
        unsafe { handle::init(decoder, Decoder::with_config(role, config)) }?;
        Ok(WSFRAME_OK)
    })
}

/// Takes the next event off the front of the input, unmasking payload in place: `*input` and `*len` are moved past what was
/// taken, and `*event` is filled in. Returns
///
/// - WSFRAME_HAS_EVENT for an event: call it again;
/// - WSFRAME_OK if all of the input was taken, and more is needed: the buffer is free for the next read of this or another
///   connection. An input of no bytes, which may be null, gives this;
/// - WSFRAME_ERROR_VIOLATION at the first byte that breaks a rule: all that was complete before it has been returned. `*len`
///   is 0 then, and each further call returns the same;
/// - another error if it was called wrongly, which changes nothing.
///
/// After a Close, it discards what comes. Without an event, the type in `*event` is WSFRAME_EVENT_NONE, and the rest zeros.
/// The input must not overlap the decoder. The other three are objects of the caller's own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsframe_decode(
    decoder: *mut wsframe_decoder,
    input: *mut *mut u8,
    len: *mut usize,
    event: *mut wsframe_event,
) -> wsframe_status {
    status(|| {
        // SAFETY: the caller passes a decoder, or null.
        let inside = unsafe { handle::get_mut(decoder) }?;
        // SAFETY: the caller passes these as they are described above.
        unsafe { decode(decoder, inside, input, len, event) }
    })
}

/// Fills in the violation that wsframe_decode() reported. WSFRAME_ERROR_ABSENT if there was none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsframe_decoder_error(
    decoder: *const wsframe_decoder,
    error: *mut wsframe_error,
) -> wsframe_status {
    status(|| {
        // SAFETY: the caller passes a decoder and an error to write to, or null.
        let (decoder, to) = unsafe { (handle::get(decoder)?, handle::out(error)?) };
        to.write(wsframe_error::new(decoder.error().ok_or(WSFRAME_ERROR_ABSENT)?));
        Ok(WSFRAME_OK)
    })
}

/// Stores the number of bytes taken so far. After a violation, it is one more than the offset of the deciding byte; after a
/// Close, the offset of its end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsframe_decoder_position(
    decoder: *const wsframe_decoder,
    position: *mut u64,
) -> wsframe_status {
    status(|| {
        // SAFETY: the caller passes a decoder and a number to write to, or null.
        let (decoder, to) = unsafe { (handle::get(decoder)?, handle::out(position)?) };
        to.write(decoder.position());
        Ok(WSFRAME_OK)
    })
}

/// Stores where in the stream the decoder is. If it is anything but WSFRAME_STATE_CLOSED when the transport ends, the
/// connection was lost, and an endpoint reports 1006 to its application.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsframe_decoder_state(
    decoder: *const wsframe_decoder,
    state: *mut wsframe_state,
) -> wsframe_status {
    status(|| {
        // SAFETY: the caller passes a decoder and a number to write to, or null.
        let (decoder, to) = unsafe { (handle::get(decoder)?, handle::out(state)?) };
        to.write(self::state(decoder.state()));
        Ok(WSFRAME_OK)
    })
}
