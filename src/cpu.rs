//! Which instruction sets may be used here: asked once, without `std`.
//!
//! `cpufeatures` asks the CPU and whether the operating system saves the registers. On a target without an operating
//! system (`target_os = "none"`) it knows only what the compiler was told by `-C target-feature`.

#[cfg(target_arch = "x86_64")]
cpufeatures::new!(has_avx2, "avx2");
#[cfg(target_arch = "x86_64")]
cpufeatures::new!(has_sse42, "sse4.2");

/// Whether AVX2 code may be run.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(crate) fn avx2() -> bool {
    has_avx2::get()
}

/// Whether SSE4.2 code may be run.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(crate) fn sse42() -> bool {
    has_sse42::get()
}
