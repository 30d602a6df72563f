//! The first byte of a frame: the six opcodes of RFC 6455 §5.2, the two kinds of message, and the three bits that are
//! reserved for extensions.

use core::fmt;
use core::ops::BitOr;

/// What a frame is (RFC 6455 §5.2).
///
/// The protocol defines these six and reserves the others, so a `match` over them can be complete.
#[allow(
    clippy::exhaustive_enums,
    reason = "RFC 6455 defines six opcodes, and an extension that adds one is another protocol"
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Opcode {
    /// A further fragment of the open message.
    Continuation = 0x0,
    /// A text message, or its first fragment.
    Text = 0x1,
    /// A binary message, or its first fragment.
    Binary = 0x2,
    /// Start of the closing handshake.
    Close = 0x8,
    /// A request to answer with a Pong.
    Ping = 0x9,
    /// The answer to a Ping, or a sign of life.
    Pong = 0xA,
}

impl Opcode {
    /// The opcode of this value, or `None` for the reserved ones (0x3–0x7, 0xB–0xF) and for values of more than four bits.
    pub const fn from_u8(value: u8) -> Option<Opcode> {
        Some(match value {
            0x0 => Opcode::Continuation,
            0x1 => Opcode::Text,
            0x2 => Opcode::Binary,
            0x8 => Opcode::Close,
            0x9 => Opcode::Ping,
            0xA => Opcode::Pong,
            _ => return None,
        })
    }

    /// Whether this is Close, Ping or Pong: frames with at most 125 bytes of payload, which are never fragmented and may
    /// come between the fragments of a message (§5.5).
    pub const fn is_control(self) -> bool {
        self as u8 & 0x8 != 0
    }
}

/// The two kinds of message (RFC 6455 §5.6). The protocol has no third, so a `match` over them can be complete.
#[allow(clippy::exhaustive_enums, reason = "RFC 6455 defines two kinds of message")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// UTF-8 text.
    Text,
    /// Bytes.
    Binary,
}

impl MessageKind {
    /// The opcode of the first frame of a message of this kind.
    pub const fn opcode(self) -> Opcode {
        match self {
            MessageKind::Text => Opcode::Text,
            MessageKind::Binary => Opcode::Binary,
        }
    }
}

impl fmt::Display for MessageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            MessageKind::Text => "text",
            MessageKind::Binary => "binary",
        })
    }
}

/// Whether the payload of a message is validated as UTF-8: that of text is, unless an extension has transformed it.
#[inline]
pub(crate) const fn is_checked_text(kind: MessageKind, rsv: Rsv) -> bool {
    matches!(kind, MessageKind::Text) && rsv.is_empty()
}

/// The longest payload of a control frame, in bytes (RFC 6455 §5.5).
pub(crate) const MAX_CONTROL: usize = 125;

/// A set of the three header bits that are reserved for extensions (RFC 6455 §5.2).
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Rsv(u8);

impl Rsv {
    /// No bit.
    pub const NONE: Rsv = Rsv(0);
    /// The first bit, 0x40 of a frame's first byte: a compressed message under permessage-deflate (RFC 7692).
    pub const RSV1: Rsv = Rsv(0x40);
    /// The second bit, 0x20 of a frame's first byte.
    pub const RSV2: Rsv = Rsv(0x20);
    /// The third bit, 0x10 of a frame's first byte.
    pub const RSV3: Rsv = Rsv(0x10);

    /// The bits set in the first byte of a frame; the other bits of that byte are ignored.
    pub const fn from_first_byte(byte: u8) -> Rsv {
        Rsv(byte & 0x70)
    }

    /// The bits at their places in the first byte of a frame: a subset of 0x70.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether no bit is set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether each bit of `other` is set in `self`.
    pub const fn contains(self, other: Rsv) -> bool {
        other.0 & !self.0 == 0
    }

    /// The bits of `self` that are not set in `other`.
    pub const fn difference(self, other: Rsv) -> Rsv {
        Rsv(self.0 & !other.0)
    }
}

impl BitOr for Rsv {
    type Output = Rsv;

    fn bitor(self, other: Rsv) -> Rsv {
        Rsv(self.0 | other.0)
    }
}

/// The names of the bits.
impl fmt::Debug for Rsv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut is_first = true;
        for (bit, name) in [(Rsv::RSV1, "RSV1"), (Rsv::RSV2, "RSV2"), (Rsv::RSV3, "RSV3")] {
            if self.contains(bit) {
                f.write_str(if is_first { "" } else { "|" })?;
                f.write_str(name)?;
                is_first = false;
            }
        }
        if is_first { f.write_str("none") } else { Ok(()) }
    }
}
