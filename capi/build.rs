//! Gives the shared library its name for the dynamic linker, with the version of the interface.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libwsframe.so.1");
        // For `memcpy` and the like.
        println!("cargo::rustc-cdylib-link-arg=-lc");
        // A symbol that nobody defines is an error now, and not only where the library is loaded.
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,defs");
    }
}
