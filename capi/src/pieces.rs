//! What can be used apart from a connection: UTF-8, the mask, the accept value of the handshake.

use core::ffi::c_char;

use codec::handshake::{accept_key, is_key};
use codec::{Mask, Utf8Validator};

use crate::handle::{self, Handle};
use crate::{WSFRAME_ERROR_ARGUMENT, WSFRAME_ERROR_UTF8, WSFRAME_OK, status, wsframe_status};

/// The size of a wsframe_utf8, in bytes.
pub const WSFRAME_UTF8_SIZE: usize = 16;
/// The alignment of a wsframe_utf8, in bytes.
pub const WSFRAME_UTF8_ALIGN: usize = 8;

/// Validates UTF-8 that comes in pieces, cut anywhere. Storage as wsframe_decoder, initialized with wsframe_utf8_init().
#[repr(C, align(8))]
pub struct wsframe_utf8 {
    /// Not for the caller.
    pub opaque: [u64; 2],
}

const _: () = assert!(size_of::<wsframe_utf8>() == WSFRAME_UTF8_SIZE);
const _: () = assert!(align_of::<wsframe_utf8>() == WSFRAME_UTF8_ALIGN);

impl Handle for wsframe_utf8 {
    type Value = Utf8Validator;
    const MARK: u64 = u64::from_ne_bytes(*b"utf8   \x01");
}

/// The size of a wsframe_utf8 for this library, in bytes: WSFRAME_UTF8_SIZE, for bindings.
#[unsafe(no_mangle)]
pub extern "C" fn wsframe_utf8_size() -> usize {
    WSFRAME_UTF8_SIZE
}

/// Initializes a validator, which has seen no text. `utf8` is storage of the caller's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsframe_utf8_init(utf8: *mut wsframe_utf8) -> wsframe_status {
    status(|| {
        // SAFETY: the caller passes storage, or null.
        unsafe { handle::init(utf8, Utf8Validator::new()) }?;
        Ok(WSFRAME_OK)
    })
}

/// Takes the next piece of a text, which may be null if it has no bytes. WSFRAME_OK means that the text can still become valid;
/// WSFRAME_ERROR_UTF8 that it cannot, whatever follows, and `*index` is that of the byte in this piece which decided. From
/// then on, every piece that is not empty fails at its first byte. `index` may be null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsframe_utf8_update(
    utf8: *mut wsframe_utf8,
    piece: *const u8,
    len: usize,
    index: *mut usize,
) -> wsframe_status {
    status(|| {
        // SAFETY: the caller passes a validator, or null.
        let validator = unsafe { handle::get_mut(utf8) }?;
        if handle::overlap(utf8, size_of::<wsframe_utf8>(), piece, len) || !index.is_aligned() {
            return Err(WSFRAME_ERROR_ARGUMENT);
        }
        // SAFETY: the caller passes the piece.
        match validator.update(unsafe { handle::bytes(piece, len) }?) {
            Ok(()) => Ok(WSFRAME_OK),
            Err(error) => {
                if !index.is_null() {
                    // SAFETY: not null, and aligned; the caller passes a number to write to.
                    unsafe { index.write(error.index()) };
                }
                Err(WSFRAME_ERROR_UTF8)
            }
        }
    })
}

/// Stores 1 if the text so far is valid as it stands, or 0 if a code point is open or it is broken.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsframe_utf8_is_complete(utf8: *const wsframe_utf8, is_complete: *mut u8) -> wsframe_status {
    status(|| {
        // SAFETY: the caller passes a validator and a number to write to, or null.
        let (validator, to) = unsafe { (handle::get(utf8)?, handle::out(is_complete)?) };
        to.write(validator.is_complete().into());
        Ok(WSFRAME_OK)
    })
}

/// Masks or unmasks a piece of a payload in place, and turns the key (four bytes) so that the next call continues with the next
/// piece. The bytes may be null if there are none, and must not overlap the key.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsframe_mask(key: *mut u8, bytes: *mut u8, len: usize) -> wsframe_status {
    status(|| {
        if handle::overlap(key, 4, bytes, len) {
            return Err(WSFRAME_ERROR_ARGUMENT);
        }
        // SAFETY: the caller passes the bytes, and four bytes of key, or null.
        let (bytes, key) = unsafe { (handle::bytes_mut(bytes, len)?, handle::out(key.cast::<[u8; 4]>())?) };
        // SAFETY: the caller's key has a value.
        let turned = unsafe { key.assume_init_mut() };
        Mask::new(*turned).apply(bytes);
        turned.rotate_left(bytes.len() % 4);
        Ok(WSFRAME_OK)
    })
}

/// The length of a value of Sec-WebSocket-Accept with the NUL behind it, in bytes.
pub const WSFRAME_ACCEPT_SIZE: usize = 29;

/// Stores the value of Sec-WebSocket-Accept that proves that a server has read this value of Sec-WebSocket-Key (RFC 6455 section
/// 4.2.2): 28 characters and a NUL, which is WSFRAME_ACCEPT_SIZE bytes. `key` need not end with a NUL. WSFRAME_ERROR_ARGUMENT if it
/// is not 16 bytes in base64, which is 24 characters: such a request is to be refused with the status 400.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsframe_accept_key(key: *const c_char, len: usize, accept: *mut c_char) -> wsframe_status {
    status(|| {
        // SAFETY: the caller passes the key, and room for the value, or null.
        let (key, to) = unsafe { (handle::bytes(key.cast(), len)?, handle::out(accept.cast())?) };
        if !is_key(key) {
            return Err(WSFRAME_ERROR_ARGUMENT);
        }
        let value = accept_key(key);
        let mut text = [0; WSFRAME_ACCEPT_SIZE];
        text.iter_mut().zip(value.as_str().bytes()).for_each(|(to, from)| *to = from);
        to.write(text);
        Ok(WSFRAME_OK)
    })
}
