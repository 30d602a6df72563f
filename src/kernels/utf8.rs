//! Which kernel validates a run of UTF-8.

#[cfg(target_arch = "x86_64")]
use super::{avx512, cpu};

/// How many bytes at the end of `text` are the beginning of a code point whose rest is not there: 0 to 3.
#[inline]
pub(crate) fn open_len(text: &[u8]) -> usize {
    for (back, byte) in (1..=3).zip(text.iter().rev()) {
        let len = match byte {
            0x80..=0xbf => continue,
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0.. => 4,
            _ => 0,
        };
        return if len > back { back } else { 0 };
    }
    0
}

/// `None` if `text` is not UTF-8, but for a code point that may be open at its end, which is not decided here; otherwise
/// whether it is known to be all ASCII.
#[cfg(target_arch = "x86_64")]
#[inline]
#[allow(unsafe_code, reason = "kernels that need an instruction set")]
pub(crate) fn see(text: &[u8]) -> Option<bool> {
    use simdutf8::basic::imp::x86;
    match cpu::path() {
        // SAFETY: the machine has AVX-512 F and BW and BMI2.
        cpu::Path::Avx512 => unsafe { avx512::see(text) },
        _ if text.len() < SHORT => see_by_core(text),
        // SAFETY: the machine has AVX2.
        cpu::Path::Avx2 => see_whole(text, |whole| unsafe { x86::avx2::validate_utf8(whole).is_ok() }),
        cpu::Path::Sse2 if cpu::has_sse42() => {
            // SAFETY: the machine has SSE4.2.
            see_whole(text, |whole| unsafe { x86::sse42::validate_utf8(whole).is_ok() })
        }
        _ => see_by_core(text),
    }
}

/// By the kernel that the target's features allow at compile time.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
pub(crate) fn see(text: &[u8]) -> Option<bool> {
    if text.len() < SHORT {
        return see_by_core(text);
    }
    see_whole(text, |whole| simdutf8::basic::from_utf8(whole).is_ok())
}

/// Below this length, in bytes, `simdutf8` costs more than it saves.
const SHORT: usize = 32;

fn see_by_core(text: &[u8]) -> Option<bool> {
    match core::str::from_utf8(text) {
        // "The end of the input was reached unexpectedly", not "an unexpected byte".
        Err(error) if error.error_len().is_some() => None,
        _ => Some(false),
    }
}

/// `is_valid` decides over all code points that are whole, and the automaton over one that is open.
fn see_whole(text: &[u8], is_valid: impl FnOnce(&[u8]) -> bool) -> Option<bool> {
    let whole_len = text.len() - open_len(text);
    is_valid(text.get(..whole_len).unwrap_or_default()).then_some(false)
}
