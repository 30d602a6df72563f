//! `libwsframe`: the interface of wsframe for C and C++. `include/wsframe.h` is made of these items and of their documentation,
//! which is therefore written for readers of C.
//!
//! Every function that can fail returns a status, and checks what can be checked before it does anything. Nothing here
//! allocates, does I/O, or keeps state outside of the handles that the caller owns. No panic can be reached, which
//! `tests/suite.rs` proves by linking.

#![no_std]
#![allow(non_camel_case_types, reason = "the names are those of C")]

mod connection;
mod decoder;
mod encoder;
mod handle;
mod pieces;
mod tables;

use core::ffi::c_char;

use codec::{Config, EncoderConfig, Role, Rsv};

/// The version of this interface: a program that was compiled with this header works with a library whose
/// wsframe_abi_version() returns the same number.
pub const WSFRAME_ABI_VERSION: u32 = 1;

/// What a function returns: WSFRAME_OK, WSFRAME_HAS_EVENT, or one of the errors, which are negative. After an error, the handle is
/// as it was, and no result was stored, unless the function says otherwise.
pub type wsframe_status = i32;

/// Success. From wsframe_decode(): all of the input was taken, and more is needed.
pub const WSFRAME_OK: wsframe_status = 0;
/// From wsframe_decode(): the event was filled in. Call it again.
pub const WSFRAME_HAS_EVENT: wsframe_status = 1;
/// From wsframe_decode(): the peer broke a rule. wsframe_decoder_error() tells which, where, and the close code.
pub const WSFRAME_ERROR_VIOLATION: wsframe_status = -1;
/// A pointer is null that must not be, a pointer is not aligned for its type, a length is above PTRDIFF_MAX, bytes overlap that must
/// not, or a number is none of the constants for it.
pub const WSFRAME_ERROR_ARGUMENT: wsframe_status = -2;
/// The handle does not begin with the mark of its type: it was not initialized, or as something else.
pub const WSFRAME_ERROR_UNINITIALIZED: wsframe_status = -3;
/// The output has no room. The needed length was stored.
pub const WSFRAME_ERROR_BUFFER_TOO_SMALL: wsframe_status = -4;
/// A Close frame was sent, or is due, or the connection has ended: nothing may be sent any more (RFC 6455 section 5.5.1).
pub const WSFRAME_ERROR_CLOSED: wsframe_status = -5;
/// The protocol forbids the frame: every peer would refuse it. wsframe_encoder_refusal() tells the rule.
pub const WSFRAME_ERROR_FORBIDDEN: wsframe_status = -6;
/// The frame exceeds a limit that was set for what is sent. wsframe_encoder_refusal() tells which.
pub const WSFRAME_ERROR_OVER_LIMIT: wsframe_status = -7;
/// There is no such close code, or it is never sent (RFC 6455 section 7.4).
pub const WSFRAME_ERROR_CLOSE_CODE: wsframe_status = -8;
/// The source of masking keys failed, so the frame could not be masked.
pub const WSFRAME_ERROR_NO_KEY: wsframe_status = -9;
/// The text is not UTF-8.
pub const WSFRAME_ERROR_UTF8: wsframe_status = -10;
/// What was asked for is not there: no violation, no deadline, no latency, no end yet.
pub const WSFRAME_ERROR_ABSENT: wsframe_status = -11;

/// Which end of a connection.
pub type wsframe_role = u8;

/// The server: it receives masked frames, and sends frames that are not masked.
pub const WSFRAME_SERVER: wsframe_role = 1;
/// The client: it receives frames that are not masked, and sends masked ones.
pub const WSFRAME_CLIENT: wsframe_role = 2;

/// What a frame is, or the kind of a message: the opcodes of RFC 6455 section 5.2.
pub type wsframe_opcode = u8;

/// Text, which must be UTF-8.
pub const WSFRAME_TEXT: wsframe_opcode = 1;
/// Bytes.
pub const WSFRAME_BINARY: wsframe_opcode = 2;
/// The beginning or the end of the closing handshake.
pub const WSFRAME_CLOSE: wsframe_opcode = 8;
/// A request for a Pong.
pub const WSFRAME_PING: wsframe_opcode = 9;
/// The answer to a Ping.
pub const WSFRAME_PONG: wsframe_opcode = 10;

/// A reserved bit, which an extension uses: a compressed message under permessage-deflate (RFC 7692).
pub const WSFRAME_RSV1: u8 = 0x40;
/// A reserved bit.
pub const WSFRAME_RSV2: u8 = 0x20;
/// A reserved bit.
pub const WSFRAME_RSV3: u8 = 0x10;

/// Limits on data frames, inclusive, and the reserved bits that an agreed extension uses. Begin with wsframe_config_preset() or
/// wsframe_config_unlimited(), and change what is different: a limit of 0 is a limit of 0, and lets no data frame through.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wsframe_config {
    /// The most payload that a data frame may have, in bytes.
    pub max_frame_len: u64,
    /// The most payload that the frames of a message may have together, in bytes.
    pub max_message_len: u64,
    /// The most frames that a message may have.
    pub max_fragments: u32,
    /// The reserved bits that the first frame of a message may carry: the bitwise OR of WSFRAME_RSV1 to WSFRAME_RSV3. A
    /// message that carries one is not validated as text.
    pub allowed_rsv: u8,
}

impl wsframe_config {
    fn receiving(config: Option<&wsframe_config>, role: Role) -> Result<Config, wsframe_status> {
        let Some(config) = config else { return Ok(Config::preset(role)) };
        Ok(Config::preset(role)
            .with_max_frame_len(config.max_frame_len)
            .with_max_message_len(config.max_message_len)
            .with_max_fragments(config.max_fragments)
            .with_allowed_rsv(rsv(config.allowed_rsv)?))
    }

    fn sending(config: Option<&wsframe_config>) -> Result<EncoderConfig, wsframe_status> {
        let Some(config) = config else { return Ok(EncoderConfig::new()) };
        Ok(EncoderConfig::new()
            .with_max_frame_len(config.max_frame_len)
            .with_max_message_len(config.max_message_len)
            .with_max_fragments(config.max_fragments)
            .with_allowed_rsv(rsv(config.allowed_rsv)?))
    }
}

/// The bits of an extension, if they are such bits.
fn rsv(bits: u8) -> Result<Rsv, wsframe_status> {
    let rsv = Rsv::from_first_byte(bits);
    if rsv.bits() == bits { Ok(rsv) } else { Err(WSFRAME_ERROR_ARGUMENT) }
}

fn role(role: wsframe_role) -> Result<Role, wsframe_status> {
    match role {
        WSFRAME_SERVER => Ok(Role::Server),
        WSFRAME_CLIENT => Ok(Role::Client),
        _ => Err(WSFRAME_ERROR_ARGUMENT),
    }
}

/// The status that a body comes to.
#[inline(always)]
fn status(body: impl FnOnce() -> Result<wsframe_status, wsframe_status>) -> wsframe_status {
    match body() {
        Ok(status) | Err(status) => status,
    }
}

/// The version of the library's interface: WSFRAME_ABI_VERSION when it was built.
#[unsafe(no_mangle)]
pub extern "C" fn wsframe_abi_version() -> u32 {
    WSFRAME_ABI_VERSION
}

/// The version of the library, such as "0.1.0": static text.
#[unsafe(no_mangle)]
pub extern "C" fn wsframe_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}

/// What a status means, in a few words: static text, for every number.
#[unsafe(no_mangle)]
pub extern "C" fn wsframe_status_text(status: wsframe_status) -> *const c_char {
    match status {
        WSFRAME_OK => c"success",
        WSFRAME_HAS_EVENT => c"there is an event",
        WSFRAME_ERROR_VIOLATION => c"the peer broke the protocol",
        WSFRAME_ERROR_ARGUMENT => c"an argument is not valid",
        WSFRAME_ERROR_UNINITIALIZED => c"the handle was not initialized",
        WSFRAME_ERROR_BUFFER_TOO_SMALL => c"the output has no room",
        WSFRAME_ERROR_CLOSED => c"a Close frame was sent or is due, and nothing may follow it",
        WSFRAME_ERROR_FORBIDDEN => c"the protocol forbids this frame",
        WSFRAME_ERROR_OVER_LIMIT => c"over the limit that was set for what is sent",
        WSFRAME_ERROR_CLOSE_CODE => c"this close code cannot be sent",
        WSFRAME_ERROR_NO_KEY => c"the source of masking keys failed",
        WSFRAME_ERROR_UTF8 => c"the text is not UTF-8",
        WSFRAME_ERROR_ABSENT => c"it is not there",
        _ => c"no such status",
    }
    .as_ptr()
}

/// Fills in the limits of what a server or a client accepts if it sets none: 16 MiB (server) or 64 MiB (client) for a frame and
/// for a message, 1,048,576 fragments, no reserved bits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsframe_config_preset(config: *mut wsframe_config, role: wsframe_role) -> wsframe_status {
    status(|| {
        // SAFETY: the caller passes a config to write to, or null.
        let to = unsafe { handle::out(config) }?;
        let preset = Config::preset(self::role(role)?);
        to.write(wsframe_config {
            max_frame_len: preset.max_frame_len(),
            max_message_len: preset.max_message_len(),
            max_fragments: preset.max_fragments(),
            allowed_rsv: preset.allowed_rsv().bits(),
        });
        Ok(WSFRAME_OK)
    })
}

/// Fills in no limits and no reserved bits: what an encoder has if it is given no config.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsframe_config_unlimited(config: *mut wsframe_config) -> wsframe_status {
    status(|| {
        let none = EncoderConfig::new();
        // SAFETY: the caller passes a config to write to, or null.
        unsafe { handle::out(config) }?.write(wsframe_config {
            max_frame_len: none.max_frame_len(),
            max_message_len: none.max_message_len(),
            max_fragments: none.max_fragments(),
            allowed_rsv: none.allowed_rsv().bits(),
        });
        Ok(WSFRAME_OK)
    })
}

#[cfg(feature = "reachable-panic")]
#[allow(missing_docs)]
#[unsafe(no_mangle)]
pub extern "C" fn wsframe_panics(index: usize) -> u8 {
    [1, 2, 3][index]
}

#[cfg(feature = "prove-no-panic")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    unsafe extern "C" {
        fn wsframe_a_panic_is_reachable() -> !;
    }
    // SAFETY: never called: the symbol does not exist.
    unsafe { wsframe_a_panic_is_reachable() }
}

/// For builds without optimization, which keep checks that can never fail.
#[cfg(not(feature = "prove-no-panic"))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    unsafe extern "C" {
        fn abort() -> !;
    }
    // SAFETY: the function of the C library, which has no conditions.
    unsafe { abort() }
}
