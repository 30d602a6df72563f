//! The header of a frame, parsed and written: 2 to 14 bytes (RFC 6455 §5.2).

use core::fmt;

use crate::mask::MaskKey;
use crate::opcode::{MAX_CONTROL, Opcode, Rsv};
use crate::role::Role;
use crate::violation::Violation;

const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;

/// The header of a frame. Every value of this type is one that the protocol allows.
///
/// ```
/// use wsframe::{Header, Opcode, Role, Rsv};
///
/// // 256 bytes of binary, as in RFC 6455 §5.7.
/// let header = Header::parse(&[0x82, 0x7e, 0x01, 0x00], Role::Client, Rsv::NONE)?.unwrap();
/// assert_eq!((header.opcode(), header.payload_len(), header.encoded_len()), (Opcode::Binary, 256, 4));
/// assert_eq!(header.encode().as_ref(), [0x82, 0x7e, 0x01, 0x00]);
///
/// // Two bytes of it are not enough.
/// assert_eq!(Header::parse(&[0x82, 0x7e], Role::Client, Rsv::NONE), Ok(None));
/// # Ok::<(), wsframe::HeaderError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Header {
    fin: bool,
    rsv: Rsv,
    opcode: Opcode,
    mask_key: Option<MaskKey>,
    payload_len: u64,
}

impl Header {
    /// The longest header, in bytes: 2, 8 of extended length, 4 of masking key.
    pub const MAX_LEN: usize = 14;

    /// A header of these fields; `payload_len` in bytes.
    ///
    /// # Errors
    /// The [`Violation`] that a receiver would see: a control frame with a reserved bit, without `fin` or longer than
    /// 125 bytes, a Close frame of one byte, or a length of 2⁶³ or more.
    #[inline]
    pub const fn new(
        fin: bool,
        rsv: Rsv,
        opcode: Opcode,
        mask_key: Option<MaskKey>,
        payload_len: u64,
    ) -> Result<Header, Violation> {
        let may_carry_rsv = matches!(opcode, Opcode::Text | Opcode::Binary);
        if !may_carry_rsv && !rsv.is_empty() {
            return Err(Violation::ReservedBits);
        }
        if opcode.is_control() && !fin {
            return Err(Violation::ControlFragmented);
        }
        if let Err(violation) = check_control_len(opcode, payload_len) {
            return Err(violation);
        }
        if payload_len >> 63 != 0 {
            return Err(Violation::LengthTopBitSet);
        }
        Ok(Header { fin, rsv, opcode, mask_key, payload_len })
    }

    /// Reads the header at the front of `bytes`, which `receiver` received. `None` means that more bytes are needed. The
    /// header is [`encoded_len`](Header::encoded_len) bytes long, and bytes after it are not looked at.
    ///
    /// # Errors
    /// The rule that the header breaks by itself, as soon as the byte that decides is there. The order of frames and
    /// the limits are the [`Decoder`](crate::Decoder)'s to check.
    pub fn parse(bytes: &[u8], receiver: Role, allowed_rsv: Rsv) -> Result<Option<Header>, HeaderError> {
        let parsed = Header::parse_checked(bytes, receiver, allowed_rsv, |_| Ok(()), |_, _| Ok(()))?;
        Ok(parsed.map(|(header, _)| header))
    }

    /// [`Header::parse`] with two more checks, each made when the byte that decides it has been seen: `order` after the
    /// first byte, `limits` after the last length byte.
    #[inline]
    pub(crate) fn parse_checked(
        bytes: &[u8],
        receiver: Role,
        allowed_rsv: Rsv,
        order: impl FnOnce(Opcode) -> Result<(), Violation>,
        limits: impl FnOnce(Opcode, u64) -> Result<(), Violation>,
    ) -> Result<Option<(Header, usize)>, HeaderError> {
        let Some((&first, bytes)) = bytes.split_first() else { return Ok(None) };
        let (fin, rsv, opcode) = first_byte(first, allowed_rsv).map_err(HeaderError::at(0))?;
        order(opcode).map_err(HeaderError::at(0))?;

        let Some((&second, bytes)) = bytes.split_first() else { return Ok(None) };
        let short_len = second_byte(second, opcode, receiver).map_err(HeaderError::at(1))?;

        let Some((payload_len, len_bytes)) = extended_len(short_len, bytes)? else { return Ok(None) };
        let last_len_byte = 1 + len_bytes;
        limits(opcode, payload_len).map_err(HeaderError::at(last_len_byte))?;

        if !receiver.receives_masked() {
            return Ok(Some((Header { fin, rsv, opcode, mask_key: None, payload_len }, 2 + len_bytes)));
        }
        let Some(key) = bytes.get(len_bytes..).and_then(<[u8]>::first_chunk::<4>) else { return Ok(None) };
        Ok(Some((Header { fin, rsv, opcode, mask_key: Some(*key), payload_len }, 6 + len_bytes)))
    }

    /// The same header with another key, or none.
    pub(crate) const fn with_key(self, mask_key: Option<MaskKey>) -> Header {
        Header { mask_key, ..self }
    }

    /// Whether this is the last frame of its message.
    pub const fn fin(&self) -> bool {
        self.fin
    }

    /// The bits of extensions.
    pub const fn rsv(&self) -> Rsv {
        self.rsv
    }

    /// What the frame is.
    pub const fn opcode(&self) -> Opcode {
        self.opcode
    }

    /// The masking key, if the frame is masked.
    pub const fn mask_key(&self) -> Option<MaskKey> {
        self.mask_key
    }

    /// The length of the payload that follows the header, in bytes: below 2⁶³.
    pub const fn payload_len(&self) -> u64 {
        self.payload_len
    }

    /// The length of the header itself, in bytes: 2 to 14.
    pub const fn encoded_len(&self) -> usize {
        encoded_len(self.payload_len, self.mask_key.is_some())
    }

    /// The header as it goes over the wire, its length in the shortest form.
    #[inline]
    pub const fn encode(&self) -> HeaderBytes {
        let mut bytes = [0; Header::MAX_LEN];
        let rest = self.write(&mut bytes).len();
        HeaderBytes { bytes, len: (Header::MAX_LEN - rest) as u8 }
    }

    /// Writes the header to the front of `frame` and returns the rest of it. `frame` must have room for the header.
    #[inline(always)]
    pub(crate) const fn write<'f>(&self, frame: &'f mut [u8]) -> &'f mut [u8] {
        let first = if self.fin { FIN } else { 0 } | self.rsv.bits() | self.opcode as u8;
        let mask_bit = if self.mask_key.is_some() { MASKED } else { 0 };
        let rest = match self.payload_len {
            len @ 0..126 => put(frame, [first, mask_bit | len as u8]),
            len @ 126..0x1_0000 => {
                let [a, b] = (len as u16).to_be_bytes();
                put(frame, [first, mask_bit | 126, a, b])
            }
            len => {
                let [a, b, c, d, e, f, g, h] = len.to_be_bytes();
                put(frame, [first, mask_bit | 127, a, b, c, d, e, f, g, h])
            }
        };
        match self.mask_key {
            Some(key) => put(rest, key),
            None => rest,
        }
    }
}

/// Writes all of `bytes` to the front of `to` and returns the rest of it, which is empty if they do not fit.
#[inline(always)]
const fn put<const N: usize>(to: &mut [u8], bytes: [u8; N]) -> &mut [u8] {
    match to.split_first_chunk_mut() {
        Some((front, rest)) => {
            *front = bytes;
            rest
        }
        None => {
            debug_assert!(false, "the caller makes room for the header");
            &mut []
        }
    }
}

/// Shows whether there is a key, and hides it.
impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Header")
            .field("fin", &self.fin)
            .field("rsv", &self.rsv)
            .field("opcode", &self.opcode)
            .field("masked", &self.mask_key.is_some())
            .field("payload_len", &self.payload_len)
            .finish()
    }
}

/// The length of the header of a frame with `payload_len` bytes of payload, in bytes.
pub(crate) const fn encoded_len(payload_len: u64, masked: bool) -> usize {
    let len = match payload_len {
        0..126 => 2,
        126..0x1_0000 => 4,
        _ => 10,
    };
    if masked { len + 4 } else { len }
}

#[inline]
fn first_byte(byte: u8, allowed_rsv: Rsv) -> Result<(bool, Rsv, Opcode), Violation> {
    let fin = byte & FIN != 0;
    let rsv = Rsv::from_first_byte(byte);
    let code = byte & 0x0f;
    // "MUST be 0 unless an extension is negotiated that defines meanings for non-zero values." Extensions work on
    // messages: their bits stand on the first frame. Opcodes from 8 are control frames, known or not.
    let is_first_of_message = (1..8).contains(&code);
    let allowed_rsv = if is_first_of_message { allowed_rsv } else { Rsv::NONE };
    if !allowed_rsv.contains(rsv) {
        return Err(Violation::ReservedBits);
    }
    // "If an unknown opcode is received, the receiving endpoint MUST _Fail the WebSocket Connection_."
    let opcode = Opcode::from_u8(code).ok_or(Violation::ReservedOpcode)?;
    // "All control frames [...] MUST NOT be fragmented."
    if opcode.is_control() && !fin {
        return Err(Violation::ControlFragmented);
    }
    Ok((fin, rsv, opcode))
}

/// The 7 bits of length.
#[inline]
fn second_byte(byte: u8, opcode: Opcode, receiver: Role) -> Result<u8, Violation> {
    // "The server MUST close the connection upon receiving a frame that is not masked. [...] A client MUST close a
    // connection if it detects a masked frame."
    match (byte & MASKED != 0, receiver) {
        (false, Role::Server) => return Err(Violation::MaskMissing),
        (true, Role::Client) => return Err(Violation::MaskUnexpected),
        _ => {}
    }
    let len = byte & !MASKED;
    check_control_len(opcode, len.into())?;
    Ok(len)
}

/// The rules for the length of a control frame. As the second byte writes it, 126 and 127 stand for longer payloads.
#[inline]
const fn check_control_len(opcode: Opcode, len: u64) -> Result<(), Violation> {
    // "All control frames MUST have a payload length of 125 bytes or less."
    if opcode.is_control() && len > MAX_CONTROL as u64 {
        return Err(Violation::ControlTooLong);
    }
    // "If there is a body, the first two bytes of the body MUST be a 2-byte unsigned integer."
    if matches!(opcode, Opcode::Close) && len == 1 {
        return Err(Violation::CloseBodyOneByte);
    }
    Ok(())
}

/// The payload length, and how many bytes beyond the first two spell it.
#[inline]
fn extended_len(short_len: u8, bytes: &[u8]) -> Result<Option<(u64, usize)>, HeaderError> {
    // "The minimal number of bytes MUST be used to encode the length."
    match short_len {
        126 => match bytes.first_chunk() {
            None => Ok(None),
            Some(len) => match u16::from_be_bytes(*len) {
                ..126 => Err(HeaderError::at(3)(Violation::LengthNotMinimal)),
                len => Ok(Some((len.into(), 2))),
            },
        },
        127 => match (bytes.first(), bytes.first_chunk()) {
            // "The most significant bit MUST be 0."
            (Some(0x80..), _) => Err(HeaderError::at(2)(Violation::LengthTopBitSet)),
            (_, None) => Ok(None),
            (_, Some(len)) => match u64::from_be_bytes(*len) {
                ..0x1_0000 => Err(HeaderError::at(9)(Violation::LengthNotMinimal)),
                len => Ok(Some((len, 8))),
            },
        },
        len => Ok(Some((len.into(), 0))),
    }
}

/// The rule that a header breaks, and which of its bytes decides that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderError {
    violation: Violation,
    index: usize,
}

impl HeaderError {
    fn at(index: usize) -> impl Fn(Violation) -> HeaderError {
        move |violation| HeaderError { violation, index }
    }

    /// The rule that was broken.
    pub const fn violation(&self) -> Violation {
        self.violation
    }

    /// The index in the header of the byte that decides: 0 to 9.
    pub const fn index(&self) -> usize {
        self.index
    }
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {} of the header", self.violation, self.index)
    }
}

impl core::error::Error for HeaderError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(&self.violation)
    }
}

/// An encoded header: 2 to 14 bytes, for `writev` and the like.
#[derive(Clone, Copy)]
pub struct HeaderBytes {
    /// The header, then zeros.
    bytes: [u8; Header::MAX_LEN],
    len: u8,
}

impl AsRef<[u8]> for HeaderBytes {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.len as usize).unwrap_or(&self.bytes)
    }
}

/// Shows the length, and hides the key among the bytes.
impl fmt::Debug for HeaderBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeaderBytes").field("len", &self.len).finish_non_exhaustive()
    }
}
