//! Each rule of the protocol that a peer can break: its close code, its section of RFC 6455, and texts for the peer, for
//! the log and for whoever has to fix the sender.

use core::fmt;

use crate::close_code::CloseCode;

/// The longest reason that fits a Close frame, in bytes: 125 less the two of the code (RFC 6455 §5.5).
pub(crate) const MAX_REASON: usize = 123;

macro_rules! violations {
    ($(
        $variant:ident, $code:ident, $section:literal, $reason:literal {
            meaning: $meaning:literal,
            deciding_byte: $deciding:literal,
            remedy: $remedy:literal,
            example: $example:literal,
        }
    )*) => {
        /// A rule of the protocol that the peer broke, or a limit of this end that it exceeded.
        ///
        /// If one byte breaks several rules, the one that is listed first here is reported.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Violation {
            $(
                #[doc = concat!($meaning, "\n\nClose code [`", stringify!($code), "`](CloseCode::", stringify!($code),
                    "); RFC 6455 §", $section, ". Decided by ", $deciding, ". Example: `", $example, "`.")]
                $variant,
            )*
        }

        impl Violation {
            /// Every violation, in the order of precedence.
            pub const ALL: &'static [Violation] = &[$(Violation::$variant),*];

            /// The name of the variant.
            pub const fn name(self) -> &'static str {
                match self { $(Violation::$variant => stringify!($variant),)* }
            }

            /// The code to close the connection with: 1002, 1007, 1008 or 1009.
            pub const fn close_code(self) -> CloseCode {
                match self { $(Violation::$variant => CloseCode::$code,)* }
            }

            /// The section of RFC 6455 that has the rule, such as `"5.2"`.
            pub const fn section(self) -> &'static str {
                match self { $(Violation::$variant => $section,)* }
            }

            /// A few words for the peer: at most 123 bytes, so that they fit a Close frame.
            pub const fn reason(self) -> &'static str {
                match self { $(Violation::$variant => $reason,)* }
            }

            /// What the rule is, in a sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $(Violation::$variant => $meaning,)* }
            }

            /// Which byte of the stream decides that the rule is broken.
            pub const fn deciding_byte(self) -> &'static str {
                match self { $(Violation::$variant => $deciding,)* }
            }

            /// How to fix the sender.
            pub const fn remedy(self) -> &'static str {
                match self { $(Violation::$variant => $remedy,)* }
            }
        }

        impl Violation {
            /// A minimal stream, in hex with white space, that breaks this rule and no other. A server with
            /// [`Config::SERVER`](crate::Config::SERVER) refuses it; that of [`MaskUnexpected`](Violation::MaskUnexpected)
            /// is refused by a client, and that of [`TooManyFragments`](Violation::TooManyFragments) by a limit of one. Those of
            /// [`DeflateCorrupt`](Violation::DeflateCorrupt) and, by a limit of 99 bytes,
            /// [`InflatedTooLong`](Violation::InflatedTooLong) are refused where permessage-deflate was agreed.
            pub const fn example(self) -> &'static str {
                match self { $(Violation::$variant => $example,)* }
            }
        }

        $(const _: () = assert!($reason.len() <= MAX_REASON);)*
    };
}

violations! {
    ReservedBits, PROTOCOL_ERROR, "5.2", "reserved bit set without an extension" {
        meaning: "A reserved bit is set that no agreed extension defines, or any on a control or continuation frame.",
        deciding_byte: "the 1st byte of the frame",
        remedy: "Do not compress unless permessage-deflate was agreed in the handshake; set RSV1 on a message's first frame only. At the first byte of a stream, look for an HTTP head in front of the frames: \"G\" and \"H\" look like RSV1.",
        example: "c1 80 00000000",
    }
    ReservedOpcode, PROTOCOL_ERROR, "5.2", "reserved opcode" {
        meaning: "The opcode is none of the six that are defined: 0x3-0x7 and 0xB-0xF are reserved.",
        deciding_byte: "the 1st byte of the frame",
        remedy: "Use opcodes 0, 1, 2, 8, 9 and 10 only; an odd opcode often means that an earlier length was wrong.",
        example: "83 80 00000000",
    }
    ControlFragmented, PROTOCOL_ERROR, "5.5", "fragmented control frame" {
        meaning: "A Close, Ping or Pong frame without the FIN bit: control frames must not be fragmented.",
        deciding_byte: "the 1st byte of the frame",
        remedy: "Send each control frame in one piece, with FIN set and at most 125 bytes of payload.",
        example: "09 80 00000000",
    }
    ContinuationUnexpected, PROTOCOL_ERROR, "5.4", "continuation frame without a message to continue" {
        meaning: "A continuation frame came while no fragmented message was open.",
        deciding_byte: "the 1st byte of the frame",
        remedy: "Start each message with a text or binary frame; continue only after a data frame without FIN.",
        example: "80 80 00000000",
    }
    ContinuationExpected, PROTOCOL_ERROR, "5.4", "new message inside a fragmented message" {
        meaning: "A text or binary frame came while a fragmented message was still open.",
        deciding_byte: "the 1st byte of the frame",
        remedy: "Finish a fragmented message before the next; do not let two threads send messages at the same time.",
        example: "01 80 00000000 81 80 00000000",
    }
    TooManyFragments, POLICY_VIOLATION, "7.4.1", "too many fragments in a message" {
        meaning: "The message has more fragments than the receiver's limit; empty ones count.",
        deciding_byte: "the 1st byte of the frame above the limit",
        remedy: "Send fewer and larger fragments.",
        example: "01 80 00000000 80 80 00000000",
    }
    MaskMissing, PROTOCOL_ERROR, "5.1", "client frame is not masked" {
        meaning: "A server received a frame that is not masked: a client must mask each frame.",
        deciding_byte: "the 2nd byte of the frame",
        remedy: "Mask every frame that a client sends with a new random key; check that the client code is not in server mode.",
        example: "81 02 6869",
    }
    MaskUnexpected, PROTOCOL_ERROR, "5.1", "server frame is masked" {
        meaning: "A client received a masked frame: a server must not mask.",
        deciding_byte: "the 2nd byte of the frame",
        remedy: "Send frames from a server unmasked; check that the server code is not in client mode.",
        example: "81 82 00000000 6869",
    }
    ControlTooLong, PROTOCOL_ERROR, "5.5", "control frame longer than 125 bytes" {
        meaning: "A Close, Ping or Pong frame declares more than 125 bytes of payload.",
        deciding_byte: "the 2nd byte of the frame",
        remedy: "Keep Ping and Pong payloads within 125 bytes, and close reasons within 123 bytes of UTF-8.",
        example: "89 fe 007e 00000000",
    }
    CloseBodyOneByte, PROTOCOL_ERROR, "5.5.1", "close body of one byte" {
        meaning: "A Close frame with one byte of payload: a body begins with a code of two bytes.",
        deciding_byte: "the 2nd byte of the frame",
        remedy: "Send a Close frame with an empty body, or with a code of two bytes in network byte order.",
        example: "88 81 00000000 03",
    }
    LengthTopBitSet, PROTOCOL_ERROR, "5.2", "top bit of a 64-bit length set" {
        meaning: "The top bit of a 64-bit payload length is set: it must be 0.",
        deciding_byte: "the 1st byte of the extended length",
        remedy: "Write lengths as unsigned numbers in network byte order; a negative or byte-swapped number looks like this.",
        example: "82 ff 8000000000000000 00000000",
    }
    LengthNotMinimal, PROTOCOL_ERROR, "5.2", "length not in its shortest form" {
        meaning: "The payload length is written in more bytes than it needs.",
        deciding_byte: "the last length byte",
        remedy: "Use 7 bits up to 125, 16 bits up to 65535, and 64 bits only above that.",
        example: "82 fe 0001 00000000 21",
    }
    FrameTooLong, MESSAGE_TOO_BIG, "7.4.1", "frame longer than the limit" {
        meaning: "The frame declares more payload than the receiver's limit for a frame.",
        deciding_byte: "the last length byte",
        remedy: "Send smaller messages, or split them into fragments below the limit.",
        example: "82 ff 0000000001000001 00000000",
    }
    MessageTooLong, MESSAGE_TOO_BIG, "7.4.1", "message longer than the limit" {
        meaning: "The declared lengths of the message's frames add up to more than the receiver's limit for a message.",
        deciding_byte: "the last length byte of the frame that goes past the limit",
        remedy: "Split the data into several messages; fragments of one message all count.",
        example: "02 81 00000000 21 80 ff 0000000001000000 00000000",
    }
    InflatedTooLong, MESSAGE_TOO_BIG, "7.4.1", "message longer than the limit when inflated" {
        meaning: "A compressed message (permessage-deflate) inflates to more than the receiver's limit for a message.",
        deciding_byte: "the byte that inflates to the first byte above the limit",
        remedy: "Split the data into several messages; the limit counts what a message inflates to.",
        example: "c1 86 00000000 4a4ca43d0000",
    }
    CloseCodeForbidden, PROTOCOL_ERROR, "7.4", "close code not allowed" {
        meaning: "A Close frame carries a code that may not be sent: only 1000-1003, 1007-1014 and 3000-4999 may.",
        deciding_byte: "the 2nd byte of the close code",
        remedy: "Close with 1000, or with 4000-4999 for codes of your own; 1005, 1006 and 1015 are for local use only.",
        example: "88 82 00000000 03ed",
    }
    CloseReasonNotUtf8, INVALID_PAYLOAD, "5.5.1", "close reason is not UTF-8" {
        meaning: "The reason in a Close frame is not valid UTF-8.",
        deciding_byte: "the first byte after which the reason cannot become valid UTF-8, or its last byte",
        remedy: "Encode the reason as UTF-8, and shorten it only between characters.",
        example: "88 83 00000000 03e8 ff",
    }
    DeflateCorrupt, INVALID_PAYLOAD, "7.4.1", "compressed message does not inflate" {
        meaning: "A compressed message (permessage-deflate, RFC 7692) is not deflated data, or does not end between two blocks.",
        deciding_byte: "the byte that cannot be inflated, or the last byte of the message",
        remedy: "Compress each message with a sync flush and leave out its last four bytes, 00 00 ff ff, once for the message; refer to earlier messages only if context takeover was agreed.",
        example: "c1 81 00000000 07",
    }
    TextNotUtf8, INVALID_PAYLOAD, "8.1", "text is not UTF-8" {
        meaning: "A text message is not valid UTF-8.",
        deciding_byte: "the first byte after which the text cannot become valid UTF-8, or the last byte of the message",
        remedy: "Encode text as UTF-8 before masking; send other bytes as a binary message.",
        example: "81 81 00000000 ff",
    }
}

impl Violation {
    /// Whether this is a limit of the receiver, and not a rule of the protocol.
    pub(crate) const fn is_limit(self) -> bool {
        matches!(
            self,
            Violation::TooManyFragments
                | Violation::FrameTooLong
                | Violation::MessageTooLong
                | Violation::InflatedTooLong
        )
    }

    /// The violation of this [name](Violation::name).
    pub fn from_name(name: &str) -> Option<Violation> {
        Violation::ALL.iter().copied().find(|violation| violation.name() == name)
    }
}

/// The reason, the section and the close code.
impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (RFC 6455 section {}, close code {})", self.reason(), self.section(), self.close_code().get())
    }
}

impl core::error::Error for Violation {}
