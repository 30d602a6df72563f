//! No libc, no start files: what is linked is this program, the codec and `core`.

fn main() {
    for arg in ["-nostdlib", "-nostartfiles", "-static", "-Wl,--gc-sections"] {
        println!("cargo:rustc-link-arg={arg}");
    }
}
