//! Memory that the caller owns: handles, and what functions read and write.

use core::mem::MaybeUninit;
use core::ptr::NonNull;

use crate::{WSFRAME_ERROR_ARGUMENT, WSFRAME_ERROR_UNINITIALIZED, wsframe_status};

/// What lies in the storage of a handle.
#[repr(C)]
pub(crate) struct Held<T> {
    /// That of the handle's type, once it was initialized.
    mark: u64,
    pub(crate) value: T,
}

/// The storage of a handle, which is opaque to the caller.
pub(crate) trait Handle: Sized {
    /// What is kept in it.
    type Value;
    /// What tells storage that was initialized from any other.
    const MARK: u64;
    const FITS: () = assert!(
        size_of::<Held<Self::Value>>() <= size_of::<Self>() && align_of::<Held<Self::Value>>() <= align_of::<Self>()
    );
}

/// Puts the value into the storage.
///
/// # Safety
/// `handle` is null, or points to storage that nothing else uses.
pub(crate) unsafe fn init<H: Handle>(handle: *mut H, value: H::Value) -> Result<(), wsframe_status> {
    const { H::FITS };
    // SAFETY: that of this function.
    let storage: &mut MaybeUninit<H> = unsafe { out(handle) }?;
    // SAFETY: the storage is large enough and aligned: `FITS`.
    unsafe { storage.as_mut_ptr().cast::<Held<H::Value>>().write(Held { mark: H::MARK, value }) };
    Ok(())
}

/// The value in a handle.
///
/// # Safety
/// `handle` is null, or points to storage that nothing else changes while the result lives.
#[inline(always)]
pub(crate) unsafe fn get<'a, H: Handle>(handle: *const H) -> Result<&'a H::Value, wsframe_status> {
    // SAFETY: that of this function, and nothing is written.
    unsafe { value(handle.cast_mut()).map(|value| &*value) }
}

/// The value in a handle, to change.
///
/// # Safety
/// `handle` is null, or points to storage that nothing else uses while the result lives.
#[inline(always)]
pub(crate) unsafe fn get_mut<'a, H: Handle>(handle: *mut H) -> Result<&'a mut H::Value, wsframe_status> {
    // SAFETY: that of this function.
    unsafe { value(handle).map(|value| &mut *value) }
}

/// Where the value lies, if there is one.
///
/// # Safety
/// `handle` is null, or points to storage.
#[inline(always)]
unsafe fn value<H: Handle>(handle: *mut H) -> Result<*mut H::Value, wsframe_status> {
    if handle.is_null() || !handle.is_aligned() {
        return Err(WSFRAME_ERROR_ARGUMENT);
    }
    let held = handle.cast::<Held<H::Value>>();
    // SAFETY: storage begins with a mark, and what has the mark was written by `init`, or is a copy of it.
    unsafe { if (*held).mark == H::MARK { Ok(&raw mut (*held).value) } else { Err(WSFRAME_ERROR_UNINITIALIZED) } }
}

/// A place to write a result to.
///
/// # Safety
/// `to` is null, or points to memory of its type that nothing else uses while the result lives.
#[inline(always)]
pub(crate) unsafe fn out<'a, T>(to: *mut T) -> Result<&'a mut MaybeUninit<T>, wsframe_status> {
    if to.is_null() || !to.is_aligned() {
        return Err(WSFRAME_ERROR_ARGUMENT);
    }
    // SAFETY: not null, aligned, and the caller's word for the rest.
    Ok(unsafe { &mut *to.cast() })
}

/// A value of the caller's, to change.
///
/// # Safety
/// `at` is null, or points to a value of its type that nothing else uses while the result lives.
#[inline(always)]
pub(crate) unsafe fn place<'a, T>(at: *mut T) -> Result<&'a mut T, wsframe_status> {
    // SAFETY: that of this function; it has a value.
    unsafe { out(at).map(|place| place.assume_init_mut()) }
}

/// A number of the caller's, which is 0 now.
///
/// # Safety
/// As [`out`].
#[inline(always)]
pub(crate) unsafe fn zeroed<'a>(to: *mut usize) -> Result<&'a mut usize, wsframe_status> {
    // SAFETY: that of this function.
    unsafe { out(to) }.map(|number| number.write(0))
}

/// A struct of the caller's, to read.
///
/// # Safety
/// `from` is null, or points to a value of its type.
#[inline(always)]
pub(crate) unsafe fn read<'a, T>(from: *const T) -> Result<Option<&'a T>, wsframe_status> {
    if !from.is_aligned() {
        return Err(WSFRAME_ERROR_ARGUMENT);
    }
    // SAFETY: the caller's word.
    Ok(unsafe { from.as_ref() })
}

/// The bytes at `from`, which may be null if there are none.
///
/// # Safety
/// There are `len` bytes, which nothing changes while the result lives.
#[inline(always)]
pub(crate) unsafe fn bytes<'a>(from: *const u8, len: usize) -> Result<&'a [u8], wsframe_status> {
    let from = checked(from.cast_mut(), len)?;
    // SAFETY: not null, no longer than memory can be, and the caller's word for the rest.
    Ok(unsafe { core::slice::from_raw_parts(from.as_ptr(), len) })
}

/// The bytes at `from`, to change.
///
/// # Safety
/// There are `len` initialized bytes, which nothing else uses while the result lives.
#[inline(always)]
pub(crate) unsafe fn bytes_mut<'a>(from: *mut u8, len: usize) -> Result<&'a mut [u8], wsframe_status> {
    let from = checked(from, len)?;
    // SAFETY: as in `bytes`.
    Ok(unsafe { core::slice::from_raw_parts_mut(from.as_ptr(), len) })
}

/// Where bytes begin, for C: not nowhere if there are none.
pub(crate) fn start(bytes: &[u8]) -> *const u8 {
    static NOTHING: u8 = 0;
    if bytes.is_empty() { &raw const NOTHING } else { bytes.as_ptr() }
}

#[inline(always)]
fn checked(from: *mut u8, len: usize) -> Result<NonNull<u8>, wsframe_status> {
    match NonNull::new(from) {
        Some(from) if len <= isize::MAX as usize => Ok(from),
        None if len == 0 => Ok(NonNull::dangling()),
        _ => Err(WSFRAME_ERROR_ARGUMENT),
    }
}

/// Whether two pieces of memory have a byte in common.
#[inline(always)]
pub(crate) fn overlap<A, B>(a: *const A, a_len: usize, b: *const B, b_len: usize) -> bool {
    let (a, b) = (a.addr(), b.addr());
    let (begins_in_b, begins_in_a) = (a.wrapping_sub(b) < b_len, b.wrapping_sub(a) < a_len);
    (begins_in_b && a_len > 0) || (begins_in_a && b_len > 0)
}
