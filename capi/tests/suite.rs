//! Builds libwsframe, and uses it as programs in C and C++ do. Needs a C and a C++ compiler, make, pkg-config, nm, valgrind, and the
//! libraries cJSON and nlohmann-json, with which the programs read the vectors.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;
use std::{env, fs};

const CAPI: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const C: [&str; 6] = ["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic"];
const CPP: [&str; 6] = ["c++", "-std=c++17", "-Wall", "-Wextra", "-Werror", "-pedantic"];

/// A folder for what is built here.
fn target() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
}

/// Runs a command, which must succeed, and returns what it printed.
fn run(command: &mut Command) -> String {
    let output = output(command);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}\n{text}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

fn output(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// Builds the library, in a folder of its own, since builds with other features would replace it.
fn build(features: &str) -> Output {
    output(
        Command::new(env!("CARGO"))
            .args(["build", "--release", "--locked", "--features", features])
            .args(["--manifest-path", &format!("{CAPI}/Cargo.toml"), "--target-dir"])
            .arg(target().join("library").join(features))
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS"),
    )
}

/// The folder with the libraries.
static LIBRARY: LazyLock<PathBuf> = LazyLock::new(|| {
    let output = build("");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    target().join("library/release")
});

/// The header, as cbindgen makes it of the sources.
fn generated_header() -> String {
    let config = cbindgen::Config::from_file(Path::new(CAPI).join("cbindgen.toml")).unwrap();
    let bindings = cbindgen::Builder::new().with_crate(CAPI).with_config(config).generate().unwrap();
    let mut text = Vec::new();
    bindings.write(&mut text);
    let text = String::from_utf8(text).unwrap();
    // A macro that is negative needs parentheses.
    let parenthesized = |line: &str| match line.rsplit_once(" -") {
        Some((macro_, digits)) if line.starts_with("#define ") => format!("{macro_} (-{digits})\n"),
        _ => format!("{line}\n"),
    };
    text.lines().map(parenthesized).collect()
}

#[test]
fn the_header_is_that_of_the_sources() {
    let path = Path::new(CAPI).join("include/wsframe.h");
    let generated = generated_header();
    if env::var_os("UPDATE_HEADER").is_some() {
        fs::write(&path, &generated).unwrap();
    }
    let is_same = fs::read_to_string(&path).unwrap() == generated;
    assert!(is_same, "include/wsframe.h is stale: run this test with UPDATE_HEADER=1 and look at the difference");
}

/// The functions that the header declares.
fn declared() -> BTreeSet<String> {
    let header = fs::read_to_string(Path::new(CAPI).join("include/wsframe.h")).unwrap();
    let names = header.lines().filter(|line| !line.starts_with([' ', '#', '}']) && !line.starts_with("typedef"));
    let names = names.filter_map(|line| line.split_once('(')?.0.rsplit([' ', '*']).next());
    names.filter(|name| name.starts_with("wsframe_")).map(str::to_owned).collect()
}

/// The names of the symbols that `nm` prints with these arguments.
fn symbols(args: &[&str], library: &str) -> BTreeSet<String> {
    let text = run(Command::new("nm").args(args).arg(LIBRARY.join(library)));
    let names = text.lines().filter_map(|line| line.split_whitespace().nth(2));
    names.map(str::to_owned).collect()
}

#[test]
fn the_symbols_are_those_of_the_header() {
    let declared = declared();
    assert!(declared.len() > 40, "{declared:?}");
    // Of the shared library, all that a linker sees.
    assert_eq!(symbols(&["-D", "--defined-only"], "libwsframe.so"), declared);
    let mut of_archive = symbols(&["-g", "--defined-only"], "libwsframe.a");
    of_archive.retain(|name| name.starts_with("wsframe"));
    assert_eq!(of_archive, declared);
    // And it needs nothing but the functions that every compiler expects.
    let needed = run(Command::new("nm").args(["-D", "--undefined-only"]).arg(LIBRARY.join("libwsframe.so")));
    let needed = needed.lines().filter_map(|line| line.trim().strip_prefix("U ")?.split('@').next());
    let expected = ["memcpy", "memmove", "memset", "memcmp", "bcmp", "strlen"];
    needed.for_each(|name| assert!(expected.contains(&name), "it needs {name}"));
}

#[test]
fn no_panic_is_reachable() {
    let without = build("prove-no-panic");
    assert!(without.status.success(), "{}", String::from_utf8_lossy(&without.stderr));
    let with = build("prove-no-panic,reachable-panic");
    let error = String::from_utf8_lossy(&with.stderr);
    assert!(!with.status.success(), "one reachable panic must keep it from linking");
    assert!(error.contains("wsframe_a_panic_is_reachable"), "it fails for another reason: {error}");
}

/// Compiles a program of this folder with the static library, and returns where it is.
fn compile(compiler: &[&str], source: &str, flags: &[&str]) -> PathBuf {
    let program = target().join(format!("{source}{}", flags.concat()).replace(['/', '=', ',', '.'], "_"));
    run(Command::new(compiler[0])
        .args(&compiler[1..])
        .args(["-g", "-O1"])
        .args(flags)
        .arg(format!("-I{CAPI}/include"))
        .arg(format!("{CAPI}/{source}"))
        .arg("-o")
        .arg(&program)
        .arg(LIBRARY.join("libwsframe.a"))
        // After the source, so that it is linked; a C++ program needs only headers.
        .args((compiler == C).then_some("-lcjson")));
    program
}

/// Runs the program as it is, under valgrind, and with the checks of the compiler for addresses and undefined behaviour.
fn run_thrice(compiler: &[&str], source: &str, args: &[PathBuf]) -> String {
    let program = compile(compiler, source, &[]);
    let printed = run(Command::new(&program).args(args));
    let valgrind = ["--quiet", "--error-exitcode=9", "--leak-check=full", "--track-origins=yes"];
    let checked = run(Command::new("valgrind").args(valgrind).arg(&program).args(args));
    assert_eq!(printed, checked);
    let sanitize = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"];
    let program = compile(compiler, source, &sanitize);
    assert_eq!(printed, run(Command::new(program).args(args)));
    printed
}

/// The files of vectors, without those for permessage-deflate.
fn vectors() -> Vec<PathBuf> {
    let folder = Path::new(CAPI).join("../tests/vectors");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|extension| extension == "json")).collect();
    files.sort();
    files
}

#[test]
fn c_decodes_the_vectors() {
    assert_eq!(
        run_thrice(&C, "tests/vectors.c", &vectors()),
        "1697 streams, each whole, byte by byte and in pieces of 7\n"
    );
}

#[test]
fn cpp_decodes_the_vectors() {
    let printed = run_thrice(&CPP, "tests/vectors.cpp", &vectors());
    assert_eq!(printed, "1697 streams, each whole and byte by byte, by a connection\n");
}

#[test]
fn calls_that_are_wrong_get_a_status() {
    assert_eq!(run_thrice(&C, "tests/calls.c", &[]), "all calls right\n");
}

#[test]
fn the_header_is_c99_and_cpp17() {
    for (compiler, language, standard) in
        [("cc", "c", "c99"), ("cc", "c", "c11"), ("c++", "c++", "c++17"), ("c++", "c++", "c++20")]
    {
        run(Command::new(compiler)
            .args(["-x", language, &format!("-std={standard}"), "-Wall", "-Wextra", "-Werror", "-pedantic"])
            .args(["-fsyntax-only", &format!("{CAPI}/include/wsframe.h")])
            // It is compiled by itself, where it has nothing to be included once from.
            .arg("-Wno-pragma-once-outside-header"));
    }
}

#[test]
fn the_example_of_the_readme_compiles() {
    let readme = fs::read_to_string(Path::new(CAPI).join("README.md")).unwrap();
    let (_, code) = readme.split_once("```c\n").unwrap();
    let (code, _) = code.split_once("```").unwrap();
    let source = target().join("readme.c");
    fs::write(&source, format!("{code}\nint main(void)\n{{\n    (void)on_read;\n    return 0;\n}}\n")).unwrap();
    run(Command::new(C[0]).args(&C[1..]).arg("-fsyntax-only").arg(format!("-I{CAPI}/include")).arg(&source));
}

/// What `make install` puts where, used as README.md says.
#[test]
fn it_installs() {
    let root = target().join("installed");
    _ = fs::remove_dir_all(&root);
    run(Command::new("make")
        .args(["-C", CAPI, "install", "PREFIX=/usr"])
        .arg(format!("CARGO={}", env!("CARGO")))
        .arg(format!("DESTDIR={}", root.display()))
        .arg(format!("TARGET={}", target().join("library").display())));
    let pkg_config = |args: &[&str]| {
        let text = run(Command::new("pkg-config")
            .args(args)
            .arg("wsframe")
            .env("PKG_CONFIG_SYSROOT_DIR", &root)
            .env("PKG_CONFIG_LIBDIR", root.join("usr/lib/pkgconfig")));
        text.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(pkg_config(&["--modversion"]), [env!("CARGO_PKG_VERSION")]);
    let program = root.join("version");
    run(Command::new("cc")
        .args(pkg_config(&["--cflags"]))
        .arg(format!("{CAPI}/examples/version.c"))
        .arg("-o")
        .arg(&program)
        .args(pkg_config(&["--libs"])));
    let dependencies = run(Command::new("readelf").arg("-d").arg(&program));
    assert!(dependencies.contains("[libwsframe.so.1]"), "{dependencies}");
    let printed = run(Command::new(&program).env("LD_LIBRARY_PATH", root.join("usr/lib")));
    assert_eq!(printed, format!("libwsframe {}, interface 1\n", env!("CARGO_PKG_VERSION")));
}
