//! Which of the kernels may run here: asked once, without `std`.
//!
//! On x86-64, `cpufeatures` asks the CPU, and whether the operating system saves the registers. On a target without an
//! operating system (`target_os = "none"`) it knows only the instruction sets of `-C target-feature`. On other architectures,
//! the target decides.
//!
//! `--cfg wsframe_force="portable"`, `"sse2"`, `"ssse3"`, `"avx2"` or `"avx512"` at build time sets the most that is used.
//! What the machine does not have is never used.

/// A set of kernels; those of x86-64 in the order of what a machine must have for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Path {
    /// Integers.
    Portable,
    /// XOR in registers of 16 bytes; text as [`Path::Portable`].
    #[cfg(target_arch = "x86_64")]
    Sse2,
    /// Text in registers of 16 bytes, too.
    #[cfg(target_arch = "x86_64")]
    Ssse3,
    /// Registers of 32 bytes.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// Text in registers of 64 bytes, with AVX-512 F and BW; XOR as [`Path::Avx2`].
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// Registers of 16 bytes.
    #[cfg(all(target_arch = "aarch64", target_feature = "neon", target_endian = "little"))]
    Neon,
    /// Registers of 16 bytes.
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    Simd128,
}

/// The best that this machine has and that the build allows.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(crate) fn path() -> Path {
    cpufeatures::new!(has_ssse3, "ssse3");
    cpufeatures::new!(has_avx2, "avx2");
    cpufeatures::new!(has_avx512, "avx512f", "avx512bw");
    const MOST: Path = if cfg!(wsframe_force = "portable") {
        Path::Portable
    } else if cfg!(wsframe_force = "sse2") {
        Path::Sse2
    } else if cfg!(wsframe_force = "ssse3") {
        Path::Ssse3
    } else if cfg!(wsframe_force = "avx2") {
        Path::Avx2
    } else {
        Path::Avx512
    };
    if MOST >= Path::Avx512 && has_avx512::get() {
        Path::Avx512
    } else if MOST >= Path::Avx2 && has_avx2::get() {
        Path::Avx2
    } else if MOST >= Path::Ssse3 && has_ssse3::get() {
        Path::Ssse3
    } else if MOST >= Path::Sse2 && cfg!(target_feature = "sse2") {
        Path::Sse2
    } else {
        Path::Portable
    }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
pub(crate) fn path() -> Path {
    if cfg!(wsframe_force = "portable") {
        return Path::Portable;
    }
    #[cfg(all(target_arch = "aarch64", target_feature = "neon", target_endian = "little"))]
    return Path::Neon;
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    return Path::Simd128;
    #[cfg(not(any(
        all(target_arch = "aarch64", target_feature = "neon", target_endian = "little"),
        all(target_arch = "wasm32", target_feature = "simd128")
    )))]
    Path::Portable
}

/// The name of the kernels that are used on this machine: `"portable"`, `"sse2"`, `"ssse3"`, `"avx2"` or `"avx512"`, `"neon"`
/// (aarch64), `"simd128"` (wasm32 with that target feature).
///
/// On x86-64 they are chosen at run time; on a target without an operating system (`target_os = "none"`), the instruction sets
/// are those of `-C target-feature`. They can be limited at build time by `RUSTFLAGS='--cfg wsframe_force="avx2"'` and the
/// like.
pub fn kernels() -> &'static str {
    match path() {
        Path::Portable => "portable",
        #[cfg(target_arch = "x86_64")]
        Path::Sse2 => "sse2",
        #[cfg(target_arch = "x86_64")]
        Path::Ssse3 => "ssse3",
        #[cfg(target_arch = "x86_64")]
        Path::Avx2 => "avx2",
        #[cfg(target_arch = "x86_64")]
        Path::Avx512 => "avx512",
        #[cfg(all(target_arch = "aarch64", target_feature = "neon", target_endian = "little"))]
        Path::Neon => "neon",
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        Path::Simd128 => "simd128",
    }
}
