//! Frames to bytes.

use core::ffi::{c_int, c_void};
use core::str;

use codec::{
    CloseCode, CloseFrame, EncodeError, Encoder, EncoderConfig, Frame, Header, KeySource, MaskKey, MessageKind, NoKey,
    Role, Rsv, Unmasked, Violation,
};

use crate::handle::{self, Handle};
use crate::tables::{self, WSFRAME_RULE_NONE, wsframe_rule};
use crate::{
    WSFRAME_BINARY, WSFRAME_CLOSE, WSFRAME_ERROR_ARGUMENT, WSFRAME_ERROR_BUFFER_TOO_SMALL, WSFRAME_ERROR_CLOSE_CODE,
    WSFRAME_ERROR_CLOSED, WSFRAME_ERROR_FORBIDDEN, WSFRAME_ERROR_NO_KEY, WSFRAME_ERROR_OVER_LIMIT, WSFRAME_OK,
    WSFRAME_PING, WSFRAME_PONG, WSFRAME_TEXT, role, rsv, status, wsframe_config, wsframe_opcode, wsframe_role,
    wsframe_status,
};

/// The size of a wsframe_encoder, in bytes.
pub const WSFRAME_ENCODER_SIZE: usize = 128;
/// The alignment of a wsframe_encoder, in bytes.
pub const WSFRAME_ENCODER_ALIGN: usize = 8;

/// Writes the frames that one end of a connection sends, and refuses what the protocol forbids. Storage as wsframe_decoder,
/// initialized with wsframe_encoder_init().
#[repr(C, align(8))]
pub struct wsframe_encoder {
    /// Not for the caller.
    pub opaque: [u64; 16],
}

const _: () = assert!(size_of::<wsframe_encoder>() == WSFRAME_ENCODER_SIZE);
const _: () = assert!(align_of::<wsframe_encoder>() == WSFRAME_ENCODER_ALIGN);

impl Handle for wsframe_encoder {
    type Value = Refusing<Either<Encoder<Unmasked>, Encoder<Keys>>>;
    const MARK: u64 = u64::from_ne_bytes(*b"encoder\x01");
}

/// What sends, and the rule for which it refused a frame last.
pub(crate) struct Refusing<S> {
    pub(crate) sender: S,
    pub(crate) refusal: wsframe_rule,
}

/// What belongs to a server, or the same of a client.
pub(crate) enum Either<S, C> {
    Server(S),
    Client(C),
}

/// The same for both ends.
macro_rules! either {
    ($either:expr, $end:ident => $do:expr) => {
        match $either {
            $crate::encoder::Either::Server($end) => $do,
            $crate::encoder::Either::Client($end) => $do,
        }
    };
}
pub(crate) use either;

/// Where a client's masking keys come from: a function that writes four bytes to `key` and returns 0, or returns anything
/// else if it has none. `context` is what was passed with it. Each key must be fresh, and unpredictable to whoever chooses the
/// payload (RFC 6455 section 10.3): take it from getrandom() or arc4random_buf(), or from a generator that they seeded. It
/// must not throw, and must not use the handle that it is called for.
pub type wsframe_key_source = Option<unsafe extern "C" fn(context: *mut c_void, key: *mut u8) -> c_int>;

/// A source of keys of the caller's.
pub(crate) struct Keys {
    source: unsafe extern "C" fn(*mut c_void, *mut u8) -> c_int,
    context: *mut c_void,
}

impl Keys {
    pub(crate) fn new(source: wsframe_key_source, context: *mut c_void) -> Result<Keys, wsframe_status> {
        Ok(Keys { source: source.ok_or(WSFRAME_ERROR_ARGUMENT)?, context })
    }
}

impl KeySource for Keys {
    #[inline]
    fn next_key(&mut self) -> Result<MaskKey, NoKey> {
        let mut key = [0; 4];
        // SAFETY: the caller passed a function that writes four bytes.
        match unsafe { (self.source)(self.context, key.as_mut_ptr()) } {
            0 => Ok(key),
            _ => Err(NoKey::new()),
        }
    }
}

/// Which part of a message a frame is.
pub type wsframe_part = u8;

/// A whole message in one frame; control frames are always whole.
pub const WSFRAME_WHOLE: wsframe_part = 0;
/// The first fragment of a message, or the next one of the message that is open. Text may be cut inside a code point.
pub const WSFRAME_FRAGMENT: wsframe_part = 1;
/// The last fragment of a message.
pub const WSFRAME_LAST_FRAGMENT: wsframe_part = 2;

/// A frame to send, without its mask. What is not used stays 0. A whole text message is, in C, `wsframe_frame frame = {.opcode =
/// WSFRAME_TEXT, .payload = text, .payload_len = len};`, and in C++17 `wsframe_frame frame{};`, with these three assigned.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wsframe_frame {
    /// WSFRAME_TEXT, WSFRAME_BINARY, WSFRAME_PING, WSFRAME_PONG or WSFRAME_CLOSE. For each fragment of a message, the kind of
    /// the message: the encoder writes continuation frames.
    pub opcode: wsframe_opcode,
    /// WSFRAME_WHOLE, WSFRAME_FRAGMENT or WSFRAME_LAST_FRAGMENT.
    pub part: wsframe_part,
    /// The reserved bits of an extension, for a message or each of its fragments; they are written on its first frame. With a
    /// bit, text is not validated.
    pub rsv: u8,
    /// Of a Close: its code, or 0 for none.
    pub close_code: u16,
    /// The payload; of a Close, its reason, which is UTF-8, and is cut at the last character that fits if it has more than
    /// 123 bytes. It may be null if it has no bytes.
    pub payload: *const c_void,
    /// The length of the payload, in bytes: of a Ping or a Pong, at most 125.
    pub payload_len: usize,
}

/// The header of a frame, for writev(): its payload follows it, masked by the caller if `masked` is 1.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wsframe_header {
    /// The header as it goes over the wire, then zeros.
    pub bytes: [u8; 14],
    /// The length of the header, in bytes: 2 to 14.
    pub len: u8,
    /// 1 if the payload is to be masked with the key (a client), or 0.
    pub masked: u8,
    /// The masking key, for wsframe_mask(); zeros if there is none.
    pub mask_key: [u8; 4],
}

/// What sends frames: an encoder, or that of a connection.
pub(crate) trait Send {
    fn encode(&mut self, out: &mut [u8], frame: Frame<'_>) -> Result<usize, EncodeError>;
    fn header(&mut self, kind: MessageKind, rsv: Rsv, fin: bool, len: usize) -> Result<Header, EncodeError>;
    fn is_message_open(&mut self) -> bool;
    fn frame_len(&self, payload_len: usize) -> usize;
}

impl Send for Either<Encoder<Unmasked>, Encoder<Keys>> {
    #[inline(always)]
    fn encode(&mut self, out: &mut [u8], frame: Frame<'_>) -> Result<usize, EncodeError> {
        either!(self, encoder => encoder.encode(out, frame))
    }

    fn header(&mut self, kind: MessageKind, rsv: Rsv, fin: bool, len: usize) -> Result<Header, EncodeError> {
        either!(self, encoder => encoder.header(kind, rsv, fin, len))
    }

    fn is_message_open(&mut self) -> bool {
        either!(self, encoder => encoder.is_message_open())
    }

    fn frame_len(&self, payload_len: usize) -> usize {
        either!(self, encoder => encoder.frame_len(payload_len))
    }
}

fn kind(opcode: wsframe_opcode) -> Result<MessageKind, wsframe_status> {
    match opcode {
        WSFRAME_TEXT => Ok(MessageKind::Text),
        WSFRAME_BINARY => Ok(MessageKind::Binary),
        _ => Err(WSFRAME_ERROR_ARGUMENT),
    }
}

/// The frame of a Close.
fn close(code: u16, reason: &[u8]) -> Result<CloseFrame<'_>, Refused> {
    if code == 0 {
        return if reason.is_empty() { Ok(CloseFrame::EMPTY) } else { Err(WSFRAME_ERROR_ARGUMENT.into()) };
    }
    let reason = str::from_utf8(reason).map_err(|_| EncodeError::Forbidden(Violation::CloseReasonNotUtf8))?;
    let close = CloseCode::new(code).and_then(|code| CloseFrame::new(code, reason));
    Ok(close.map_err(EncodeError::CloseCode)?)
}

/// Why a frame was refused.
pub(crate) struct Refused {
    status: wsframe_status,
    rule: wsframe_rule,
    /// For lack of room, the length of the frame.
    needed: usize,
}

impl From<wsframe_status> for Refused {
    fn from(status: wsframe_status) -> Refused {
        Refused { status, rule: WSFRAME_RULE_NONE, needed: 0 }
    }
}

impl From<EncodeError> for Refused {
    #[cold]
    fn from(error: EncodeError) -> Refused {
        match error {
            EncodeError::BufferTooSmall { needed } => {
                Refused { needed, ..Refused::from(WSFRAME_ERROR_BUFFER_TOO_SMALL) }
            }
            EncodeError::Closed => WSFRAME_ERROR_CLOSED.into(),
            EncodeError::Forbidden(violation) => {
                Refused { rule: tables::rule(violation), ..Refused::from(WSFRAME_ERROR_FORBIDDEN) }
            }
            EncodeError::OverLimit(violation) => {
                Refused { rule: tables::rule(violation), ..Refused::from(WSFRAME_ERROR_OVER_LIMIT) }
            }
            EncodeError::CloseCode(_) => WSFRAME_ERROR_CLOSE_CODE.into(),
            EncodeError::NoKey => WSFRAME_ERROR_NO_KEY.into(),
            _ => WSFRAME_ERROR_ARGUMENT.into(),
        }
    }
}

impl wsframe_frame {
    /// # Safety
    /// The payload has its length.
    #[inline(always)]
    unsafe fn frame(&self) -> Result<Frame<'_>, Refused> {
        // SAFETY: that of this function.
        let payload = unsafe { handle::bytes(self.payload.cast(), self.payload_len) }?;
        match self.opcode {
            WSFRAME_TEXT | WSFRAME_BINARY => {
                let (kind, rsv) = (kind(self.opcode)?, rsv(self.rsv)?);
                match self.part {
                    WSFRAME_WHOLE => Ok(Frame::opaque(kind, rsv, payload)),
                    WSFRAME_FRAGMENT | WSFRAME_LAST_FRAGMENT => {
                        Ok(Frame::fragment(kind, payload, self.part == WSFRAME_LAST_FRAGMENT).with_rsv(rsv))
                    }
                    _ => Err(WSFRAME_ERROR_ARGUMENT.into()),
                }
            }
            // Control frames have no bits, and are whole.
            _ if self.rsv != 0 || self.part != WSFRAME_WHOLE => Err(WSFRAME_ERROR_ARGUMENT.into()),
            WSFRAME_PING => Ok(Frame::ping(payload)),
            WSFRAME_PONG => Ok(Frame::pong(payload)),
            WSFRAME_CLOSE => Ok(Frame::close(close(self.close_code, payload)?)),
            _ => Err(WSFRAME_ERROR_ARGUMENT.into()),
        }
    }
}

/// Encodes a frame by the sender in the handle at `storage`, whose `written` is 0.
///
/// # Safety
/// The pointers are null, or point to what [`wsframe_encode`] takes.
#[inline(always)]
pub(crate) unsafe fn encode<H>(
    storage: *mut H,
    sending: &mut Refusing<impl Send>,
    frame: *const wsframe_frame,
    out: *mut u8,
    room: usize,
    written: &mut usize,
) -> Result<wsframe_status, wsframe_status> {
    sending.refusal = WSFRAME_RULE_NONE;
    // SAFETY: the caller passes a frame, or null.
    let frame = unsafe { handle::read(frame) }?.ok_or(WSFRAME_ERROR_ARGUMENT)?;
    if handle::overlap(storage, size_of::<H>(), out, room)
        || handle::overlap(frame.payload, frame.payload_len, out, room)
    {
        return Err(WSFRAME_ERROR_ARGUMENT);
    }
    // SAFETY: the caller passes the room, which nothing else uses: neither the payload nor the handle.
    let out = unsafe { handle::bytes_mut(out, room) }?;
    // SAFETY: the caller's word.
    let result = unsafe { frame.frame() }.and_then(|frame| sending.sender.encode(out, frame).map_err(Refused::from));
    let (status, len) = match result {
        Ok(len) => (WSFRAME_OK, len),
        Err(refused) => {
            sending.refusal = refused.rule;
            (refused.status, refused.needed)
        }
    };
    *written = len;
    Ok(status)
}

/// Gives the header of a frame by the sender.
///
/// # Safety
/// The pointers are null, or point to what [`wsframe_encode_header`] takes.
pub(crate) unsafe fn encode_header(
    sending: &mut Refusing<impl Send>,
    frame: *const wsframe_frame,
    header: *mut wsframe_header,
) -> Result<wsframe_status, wsframe_status> {
    sending.refusal = WSFRAME_RULE_NONE;
    // SAFETY: the caller passes a frame and a header to write to, or null.
    let (frame, to) = unsafe { (handle::read(frame)?.ok_or(WSFRAME_ERROR_ARGUMENT)?, handle::out(header)?) };
    let (kind, rsv) = (kind(frame.opcode)?, rsv(frame.rsv)?);
    if frame.part > WSFRAME_LAST_FRAGMENT || frame.payload_len > isize::MAX as usize {
        return Err(WSFRAME_ERROR_ARGUMENT);
    }
    // The encoder would take it for the last fragment.
    let is_second = frame.part == WSFRAME_WHOLE && sending.sender.is_message_open();
    let result = match is_second {
        true => Err(EncodeError::Forbidden(Violation::ContinuationExpected)),
        false => sending.sender.header(kind, rsv, frame.part != WSFRAME_FRAGMENT, frame.payload_len),
    };
    match result {
        Ok(made) => {
            let (encoded, key) = (made.encode(), made.mask_key());
            let mut bytes = [0; 14];
            bytes.iter_mut().zip(encoded.as_ref()).for_each(|(to, from)| *to = *from);
            to.write(wsframe_header {
                bytes,
                len: encoded.as_ref().len() as u8,
                masked: key.is_some().into(),
                mask_key: key.unwrap_or_default(),
            });
            Ok(WSFRAME_OK)
        }
        Err(error) => {
            let refused = Refused::from(error);
            sending.refusal = refused.rule;
            Err(refused.status)
        }
    }
}

/// Stores how long a frame of the sender is.
///
/// # Safety
/// The pointer is null, or points to a number.
pub(crate) unsafe fn frame_len(
    sending: &Refusing<impl Send>,
    payload_len: usize,
    len: *mut usize,
) -> Result<wsframe_status, wsframe_status> {
    if payload_len > isize::MAX as usize {
        return Err(WSFRAME_ERROR_ARGUMENT);
    }
    // SAFETY: the caller passes a number to write to, or null.
    unsafe { handle::out(len) }?.write(sending.sender.frame_len(payload_len));
    Ok(WSFRAME_OK)
}

/// The size of a wsframe_encoder for this library, in bytes: WSFRAME_ENCODER_SIZE, for bindings.
#[unsafe(no_mangle)]
pub extern "C" fn wsframe_encoder_size() -> usize {
    WSFRAME_ENCODER_SIZE
}

/// Initializes an encoder for the end with this role. `encoder` is storage of the caller's; `config` has the limits of what is sent,
/// and null stands for wsframe_config_unlimited(). A client needs a source of masking keys; for a server, `keys` and `context` are ignored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsframe_encoder_init(
    encoder: *mut wsframe_encoder,
    role: wsframe_role,
    config: *const wsframe_config,
    keys: wsframe_key_source,
    context: *mut c_void,
) -> wsframe_status {
    status(|| {
        let role = self::role(role)?;
        // SAFETY: the caller passes a config, or null.
        let config: EncoderConfig = wsframe_config::sending(unsafe { handle::read(config) }?)?;
        let sender = match role {
            Role::Server => Either::Server(Encoder::server_with_config(config)),
            Role::Client => Either::Client(Encoder::client_with_config(Keys::new(keys, context)?, config)),
        };
        // SAFETY: the caller passes storage, or null.
        unsafe { handle::init(encoder, Refusing { sender, refusal: WSFRAME_RULE_NONE }) }?;
        Ok(WSFRAME_OK)
    })
}

/// Writes a frame to the front of `out`, which has room for `room` bytes, and stores its length in bytes in `*written`. 131 bytes
/// are enough for every control frame, and 14 more than the payload for every frame; wsframe_encoder_frame_len() tells exactly.
///
/// `out` may be null if `room` is 0. The output must not overlap the payload or the encoder. If the room is too small, it
/// returns WSFRAME_ERROR_BUFFER_TOO_SMALL, and `*written` is the length that is needed; after every other error it is 0. On an error
/// nothing was written to `out`, and the encoder is as it was, but for wsframe_encoder_refusal().
///
/// Text must be UTF-8, across fragments too, and so must the reason of a Close: otherwise it is WSFRAME_ERROR_FORBIDDEN. A code
/// that may not be sent is WSFRAME_ERROR_CLOSE_CODE, and a reason without a code WSFRAME_ERROR_ARGUMENT. After a Close, frames that
/// could be sent otherwise are WSFRAME_ERROR_CLOSED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsframe_encode(
    encoder: *mut wsframe_encoder,
    frame: *const wsframe_frame,
    out: *mut u8,
    room: usize,
    written: *mut usize,
) -> wsframe_status {
    status(|| {
        // SAFETY: the caller passes a number to write to and an encoder, or null.
        let (written, sending) = unsafe { (handle::zeroed(written)?, handle::get_mut(encoder)?) };
        // SAFETY: the caller passes these as they are described above.
        unsafe { encode(encoder, sending, frame, out, room, written) }
    })
}

/// Fills in the header alone of a text or binary frame with `frame->payload_len` bytes of payload, which the caller writes
/// after it: for writev(). `frame->payload` is not looked at, so the caller is responsible for the length, for masking, and for the
/// UTF-8 of the message from there on: after a header with payload, the rest of a text message is not validated. Control frames are
/// WSFRAME_ERROR_ARGUMENT. Errors as those of wsframe_encode(), but never for lack of room.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsframe_encode_header(
    encoder: *mut wsframe_encoder,
    frame: *const wsframe_frame,
    header: *mut wsframe_header,
) -> wsframe_status {
    status(|| {
        // SAFETY: the caller passes these as they are described above.
        unsafe { encode_header(handle::get_mut(encoder)?, frame, header) }
    })
}

/// Stores the length of a frame with `payload_len` bytes of payload, header and all, in bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsframe_encoder_frame_len(
    encoder: *const wsframe_encoder,
    payload_len: usize,
    len: *mut usize,
) -> wsframe_status {
    status(|| {
        // SAFETY: the caller passes an encoder, or null.
        unsafe { frame_len(handle::get(encoder)?, payload_len, len) }
    })
}

/// Stores the rule for which the last call of wsframe_encode() or wsframe_encode_header() refused its frame, after
/// WSFRAME_ERROR_FORBIDDEN and WSFRAME_ERROR_OVER_LIMIT. WSFRAME_RULE_NONE if that call refused nothing, or for another reason.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsframe_encoder_refusal(
    encoder: *const wsframe_encoder,
    rule: *mut wsframe_rule,
) -> wsframe_status {
    status(|| {
        // SAFETY: the caller passes an encoder and a number to write to, or null.
        let (sending, to) = unsafe { (handle::get(encoder)?, handle::out(rule)?) };
        to.write(sending.refusal);
        Ok(WSFRAME_OK)
    })
}
