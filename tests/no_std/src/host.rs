//! The little that a program needs of Linux on x86-64 without libc: start, read, write, exit, and the memory functions
//! that the compiler calls; and an allocator.

use core::alloc::{GlobalAlloc, Layout};
use core::arch::{asm, global_asm};
use core::sync::atomic::{AtomicUsize, Ordering};

// The stack is aligned to 16 bytes before the call.
global_asm!(".globl _start", "_start:", "xor ebp, ebp", "and rsp, -16", "call {main}", "ud2", main = sym main);

extern "C" fn main() -> ! {
    crate::run();
    // exit(0)
    system_call(60, 0, 0, 0);
    loop {}
}

fn system_call(number: usize, a: usize, b: usize, c: usize) -> isize {
    let result;
    // SAFETY: the callers pass the arguments that the kernel expects for `number`.
    unsafe {
        asm!("syscall", inlateout("rax") number as isize => result, in("rdi") a, in("rsi") b, in("rdx") c,
            out("rcx") _, out("r11") _, options(nostack));
    }
    result
}

/// Reads from standard input; 0 at its end or on an error.
pub fn read(buffer: &mut [u8]) -> usize {
    usize::try_from(system_call(0, 0, buffer.as_mut_ptr().addr(), buffer.len())).unwrap_or(0)
}

/// Writes to standard output.
pub fn write(bytes: &[u8]) {
    system_call(1, 1, bytes.as_ptr().addr(), bytes.len());
}

pub fn random_key() -> [u8; 4] {
    let mut key = [0; 4];
    // getrandom
    system_call(318, key.as_mut_ptr().addr(), key.len(), 0);
    key
}

// SAFETY of the four: the contracts are those of the C functions of the same names, and nothing else defines them.

#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, len: usize) -> *mut u8 {
    unsafe { asm!("rep movsb", inout("rcx") len => _, inout("rdi") to => _, inout("rsi") from => _, options(nostack)) };
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, len: usize) -> *mut u8 {
    if to.addr() <= from.addr() {
        return unsafe { memcpy(to, from, len) };
    }
    let last = len.wrapping_sub(1);
    unsafe {
        asm!("std", "rep movsb", "cld", inout("rcx") len => _, inout("rdi") to.wrapping_add(last) => _,
            inout("rsi") from.wrapping_add(last) => _, options(nostack));
    }
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, byte: i32, len: usize) -> *mut u8 {
    unsafe { asm!("rep stosb", inout("rcx") len => _, inout("rdi") to => _, in("al") byte as u8, options(nostack)) };
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(a: *const u8, b: *const u8, len: usize) -> i32 {
    for i in 0..len {
        let (a, b) = unsafe { (*a.add(i), *b.add(i)) };
        if a != b {
            return i32::from(a) - i32::from(b);
        }
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(a: *const u8, b: *const u8, len: usize) -> i32 {
    unsafe { memcmp(a, b, len) }
}

/// Hands out its memory once, front to back, and then refuses.
struct Once;

const MEMORY: usize = 1 << 16;
static mut ROOM: [u8; MEMORY] = [0; MEMORY];
static TAKEN: AtomicUsize = AtomicUsize::new(0);

// SAFETY: each byte of the room is handed out at most once.
unsafe impl GlobalAlloc for Once {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let len = layout.size().saturating_add(layout.align());
        let start = TAKEN.fetch_add(len, Ordering::Relaxed);
        if start.saturating_add(len) > MEMORY {
            return core::ptr::null_mut();
        }
        let at = (&raw mut ROOM).cast::<u8>().wrapping_add(start);
        at.wrapping_add(at.align_offset(layout.align()))
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static ALLOCATOR: Once = Once;
