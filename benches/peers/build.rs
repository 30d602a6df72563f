//! Looks for the C library wslay, and tells the program the compiler's version.

use std::process::Command;

/// What a program prints, if it runs.
fn output(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).output().ok()?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(have_wslay)");
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    println!("cargo::rustc-env=RUSTC_VERSION={}", output(&rustc, &["--version"]).unwrap_or_default());
    // The C compiler prints a path if it finds the library, and the bare name if it does not.
    let found = output("cc", &["-print-file-name=libwslay.so"]).is_some_and(|path| path.contains('/'));
    // Not from its header, which in Debian's 1.1.1 still names an older version.
    let version = output("dpkg-query", &["-W", "-f", "${Version}", "libwslay1"]).filter(|version| !version.is_empty());
    println!("cargo::rustc-env=WSLAY_VERSION={}", version.unwrap_or_else(|| "unknown".to_owned()));
    if found {
        println!("cargo::rustc-cfg=have_wslay");
        println!("cargo::rustc-link-lib=dylib=wslay");
    } else {
        println!("cargo::warning=libwslay was not found (Debian: libwslay-dev): the comparison leaves wslay out");
    }
}
