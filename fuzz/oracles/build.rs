//! Looks for the C library wslay, and tells the program the versions of the witnesses.

use std::process::Command;

/// The version of a package in the lock file.
fn locked(lock: &str, package: &str) -> String {
    let mut entries = lock.split("[[package]]");
    let entry =
        entries.find_map(|entry| entry.trim_start().strip_prefix(&format!("name = \"{package}\"\nversion = \"")));
    entry.and_then(|rest| rest.split('"').next()).unwrap_or("unknown").to_owned()
}

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // The lock file of the workspace that builds this: the root's, or the fuzz targets' own.
    let lock = ["../../Cargo.lock", "../Cargo.lock"].map(|path| {
        println!("cargo::rerun-if-changed={path}");
        std::fs::read_to_string(path).unwrap_or_default()
    });
    for (variable, package) in
        [("TUNGSTENITE", "tungstenite"), ("SOCKUDO", "sockudo-ws"), ("FASTWEBSOCKETS", "fastwebsockets")]
    {
        println!("cargo::rustc-env={variable}_VERSION={}", locked(&lock.concat(), package));
    }
    // Not from its header, which in Debian's 1.1.1 still names an older version.
    let wslay = Command::new("dpkg-query").args(["-W", "-f", "${Version}", "libwslay1"]).output();
    let wslay = wslay.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    println!("cargo::rustc-env=WSLAY_VERSION={wslay}");
    println!("cargo::rustc-check-cfg=cfg(have_wslay)");
    // The C compiler prints a path if it finds the library, and the bare name if it does not.
    let found = Command::new("cc").arg("-print-file-name=libwslay.so").output();
    if found.is_ok_and(|output| output.stdout.contains(&b'/')) {
        println!("cargo::rustc-cfg=have_wslay");
        println!("cargo::rustc-link-lib=dylib=wslay");
    } else {
        println!("cargo::warning=libwslay was not found (Debian: libwslay-dev): the witness wslay is left out");
    }
}
