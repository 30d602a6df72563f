//! Builds the loops in C and C++ and libwsframe, looks for the libraries wslay and Boost.Beast, and tells the program the compiler's
//! version.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// What a program prints, if it runs.
fn output(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).output().ok()?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

/// The version of Boost, such as "1.74", if its headers are there.
fn boost() -> Option<String> {
    let compiler = cc::Build::new().cpp(true).get_compiler();
    let mut child = Command::new(compiler.path())
        .args(["-E", "-P", "-x", "c++", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    child
        .stdin
        .take()?
        .write_all(b"#include <boost/beast/version.hpp>\n#include <boost/version.hpp>\nBOOST_LIB_VERSION")
        .ok()?;
    let output = child.wait_with_output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.lines().last()?.trim().trim_matches('"').replace('_', "."))
}

/// Builds libwsframe, and the loops in C with the static library, as one shared object: two static libraries made by rustc cannot be
/// in one program. Returns the folder.
fn loops() -> PathBuf {
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it"));
    let status = Command::new(std::env::var_os("CARGO").expect("cargo sets it"))
        .args(["build", "--release", "--locked", "--manifest-path", "../../capi/Cargo.toml", "--target-dir"])
        .arg(out.join("capi"))
        .status();
    assert!(status.is_ok_and(|status| status.success()), "libwsframe could not be built");
    let status = Command::new(cc::Build::new().get_compiler().path())
        .args(["-shared", "-fPIC", "-O3", "-fvisibility=hidden", "-Wl,--exclude-libs,ALL", "-I../../capi/include"])
        .arg("c/wsframe.c")
        .arg(out.join("capi/release/libwsframe.a"))
        .arg("-o")
        .arg(out.join("libwsframe_loops.so"))
        .status();
    assert!(status.is_ok_and(|status| status.success()), "the loops could not be compiled");
    out
}

fn main() {
    for path in ["build.rs", "c", "../../capi", "../../src"] {
        println!("cargo::rerun-if-changed={path}");
    }
    println!("cargo::rustc-check-cfg=cfg(have_wslay, have_beast)");
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    println!("cargo::rustc-env=RUSTC_VERSION={}", output(&rustc, &["--version"]).unwrap_or_default());

    let folder = loops();
    println!("cargo::rustc-link-search=native={}", folder.display());
    println!("cargo::rustc-link-lib=dylib=wsframe_loops");
    println!("cargo::rustc-link-arg=-Wl,-rpath,{}", folder.display());

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

    let boost = boost();
    println!("cargo::rustc-env=BOOST_VERSION={}", boost.as_deref().unwrap_or("unknown"));
    if boost.is_some() {
        println!("cargo::rustc-cfg=have_beast");
        cc::Build::new().cpp(true).std("c++17").flag("-w").file("c/beast.cpp").compile("beast_loops");
    } else {
        println!("cargo::warning=Boost.Beast was not found (Debian: libboost-dev): the comparison leaves it out");
    }
}
