//! Which of the kernels may run here: asked once, without `std`.
//!
//! `cpufeatures` asks the CPU, and whether the operating system saves the registers. On a target without an operating
//! system (`target_os = "none"`) it knows only the instruction sets of `-C target-feature`.
//!
//! `--cfg wsframe_force="portable"`, `"sse2"`, `"avx2"` or `"avx512"` at build time sets the most that is used. What the machine
//! does not have is never used.

/// A set of kernels, in the order of what a machine must have for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "other architectures have the portable one only"))]
pub(crate) enum Path {
    /// Loops that the compiler vectorises for its target.
    Portable,
    /// The same on x86-64, and `simdutf8` with SSE4.2 where there is that.
    Sse2,
    /// The same compiled for AVX2, and `simdutf8` with AVX2.
    Avx2,
    /// Unmasking and validating fused, with AVX-512 F and BW and BMI2.
    Avx512,
}

/// The best that this machine has and that the build allows.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(crate) fn path() -> Path {
    cpufeatures::new!(has_avx2, "avx2");
    cpufeatures::new!(has_avx512, "avx512f", "avx512bw", "bmi2");
    const MOST: Path = if cfg!(wsframe_force = "portable") {
        Path::Portable
    } else if cfg!(wsframe_force = "sse2") {
        Path::Sse2
    } else if cfg!(wsframe_force = "avx2") {
        Path::Avx2
    } else {
        Path::Avx512
    };
    if MOST >= Path::Avx512 && has_avx512::get() {
        Path::Avx512
    } else if MOST >= Path::Avx2 && has_avx2::get() {
        Path::Avx2
    } else if MOST >= Path::Sse2 {
        Path::Sse2
    } else {
        Path::Portable
    }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
pub(crate) fn path() -> Path {
    Path::Portable
}

/// Whether SSE4.2 code may be run.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(crate) fn has_sse42() -> bool {
    cpufeatures::new!(sse42, "sse4.2");
    sse42::get()
}

/// The name of the kernels that are used on this machine: `"portable"`, `"sse2"`, `"avx2"` or `"avx512"`.
///
/// They are chosen at run time, and can be limited at build time by `RUSTFLAGS='--cfg wsframe_force="avx2"'` and the like. On a
/// target without an operating system (`target_os = "none"`), the instruction sets are those of `-C target-feature`.
pub fn kernels() -> &'static str {
    match path() {
        Path::Portable => "portable",
        Path::Sse2 => "sse2",
        Path::Avx2 => "avx2",
        Path::Avx512 => "avx512",
    }
}
