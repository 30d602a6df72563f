//! The arguments of the program.

use core::num::NonZeroUsize;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::LazyLock;

use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use wsframe::deflate::Agreement;
use wsframe::{Config, Role};
use wsframe_inspect::head;
use wsframe_inspect::stream::{self, Options};
use wsframe_inspect::text::Wanted;

use crate::output::Format;

/// Decodes captured WebSocket (RFC 6455) streams, and explains what broke.
#[derive(Debug, Parser)]
#[command(
    name = "wsframe",
    version = version(),
    after_help = "\
Examples:
  wsframe decode capture.bin             what a client sent, message by message
  wsframe decode --role client from-server.bin
  wsframe decode traffic.pcapng          both directions of each connection in a capture of packets
  wsframe proxy 127.0.0.1:9000 127.0.0.1:8080
  wsframe explain 1006                   what a close code means, and what to do
  wsframe explain LengthNotMinimal       what a rule of the protocol is, with an example

Exit code 0: done. 1: the stream broke the protocol. 2: the arguments or the input could not be used."
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The version, and which kernels the codec uses on this machine.
fn version() -> &'static str {
    static VERSION: LazyLock<String> =
        LazyLock::new(|| format!("{} (kernels: {})", env!("CARGO_PKG_VERSION"), wsframe::kernels()));
    &VERSION
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Decode(DecodeArgs),
    Proxy(ProxyArgs),
    Explain(ExplainArgs),
    Completions(CompletionsArgs),
    Man(ManArgs),
}

/// Decode the captured bytes of a connection: messages, control frames, and the first violation.
///
/// The input is the bytes of one direction, as they are or as text (hex digits, xxd, hexdump -C, od, Wireshark, arrays, byte
/// literals, base64), or a capture of packets (pcap, pcapng), of which every WebSocket is decoded in both directions. An HTTP
/// head in front (the opening handshake) is shown; if it offers or accepts permessage-deflate, compressed messages are
/// inflated. Offsets count from the first byte of a direction.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  wsframe decode from-client.bin         frames that a server received
  wsframe decode --role client from-server.bin
  wsframe decode --both from-client.bin from-server.bin
  wsframe decode --list traffic.pcapng   the connections of a capture of packets
  wsframe decode --stream 3 traffic.pcapng
  wsframe decode --frames --full capture.bin
  wsframe decode --json --stats capture.bin | jq .
  echo '81 85 37fa213d 7f9f4d5158  # Hello' | wsframe decode

Exit code 0: decoded. 1: the stream broke the protocol. 2: the arguments or the input could not be used.")]
pub(crate) struct DecodeArgs {
    /// The end that received the bytes.
    #[arg(long, value_enum, default_value = "server", conflicts_with = "both")]
    role: RoleArg,

    /// The form of the input, if its content does not tell it.
    #[arg(long, value_enum, value_name = "FORM")]
    input: Option<InputArg>,

    /// The same as --input hex.
    #[arg(long, conflicts_with = "input")]
    hex: bool,

    #[command(flatten)]
    pub(crate) show: ShowArgs,

    /// Feed the decoder so many bytes at a time (above 1 MiB counts as 1 MiB).
    #[arg(long, value_name = "BYTES")]
    pub(crate) chunk: Option<NonZeroUsize>,

    /// Decode both directions of one connection, each with its role.
    #[arg(long, num_args = 2, value_names = ["CLIENT_FILE", "SERVER_FILE"], conflicts_with = "file")]
    both: Option<Vec<PathBuf>>,

    /// List the connections of a capture: addresses, bytes, messages, how each ended.
    #[arg(long, conflicts_with_all = ["both", "stream"])]
    pub(crate) list: bool,

    /// Decode this connection of a capture only; the numbers are those of --list and of Wireshark's tcp.stream.
    #[arg(long, value_name = "NUMBER", conflicts_with = "both")]
    pub(crate) stream: Option<u64>,

    /// Decode the connections to this port of a capture, with or without an opening handshake.
    #[arg(long, value_name = "PORT", conflicts_with = "both")]
    pub(crate) port: Option<u16>,

    /// The captured bytes; - or nothing for standard input.
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
}

/// How streams are decoded and shown.
#[derive(Debug, clap::Args)]
pub(crate) struct ShowArgs {
    /// Print one JSON object a line.
    #[arg(long)]
    pub(crate) json: bool,

    /// Print whole payloads, not only their beginnings.
    #[arg(long)]
    full: bool,

    /// Print the header of each frame before its event: opcode, fin, reserved bits, mask key, bits of the length.
    #[arg(long)]
    frames: bool,

    /// Count messages, sizes, fragments and overhead of what was decoded.
    #[arg(long)]
    stats: bool,

    /// Inflate compressed messages, though no head names permessage-deflate; perhaps with the parameters that were agreed to,
    /// such as "server_max_window_bits=10; client_no_context_takeover".
    #[arg(long, value_name = "PARAMETERS", num_args = 0..=1, require_equals = true, default_missing_value = "", value_parser = agreement)]
    deflate: Option<Agreement>,

    /// The most payload in a frame, inclusive [default: 16 MiB for a server, 64 MiB for a client].
    #[arg(long, value_name = "BYTES")]
    max_frame: Option<u64>,

    /// The most payload in a message, inclusive; it bounds the program's memory [default: as --max-frame].
    #[arg(long, value_name = "BYTES")]
    max_message: Option<u64>,

    /// The most frames in a message, inclusive [default: 1048576].
    #[arg(long, value_name = "FRAMES")]
    max_fragments: Option<u32>,
}

/// The arguments, with the parameters behind --deflate joined to it: a file may stand there too.
pub(crate) fn joined(args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut joined: Vec<OsString> = Vec::new();
    for arg in args {
        let is_parameters = arg.to_str().is_some_and(|arg| {
            ["permessage-deflate", "server_", "client_"].iter().any(|start| arg.trim_start().starts_with(start))
        });
        match joined.last_mut().filter(|last| is_parameters && *last == "--deflate") {
            Some(last) => {
                last.push("=");
                last.push(arg);
            }
            None => joined.push(arg),
        }
    }
    joined
}

/// What was agreed, from the parameters of permessage-deflate.
fn agreement(parameters: &str) -> Result<Agreement, String> {
    let parameters = parameters.trim().trim_start_matches("permessage-deflate").trim_start_matches([';', ' ']);
    if parameters.is_empty() {
        return Ok(head::WIDEST);
    }
    match head::agreement(&format!("permessage-deflate; {parameters}")) {
        Ok(Some(agreement)) => Ok(agreement),
        Ok(None) => Ok(head::WIDEST),
        Err(error) => Err(format!(
            "{error}; the parameters are server_no_context_takeover, client_no_context_takeover, \
             server_max_window_bits=8..15, client_max_window_bits=8..15, separated by semicolons"
        )),
    }
}

impl DecodeArgs {
    /// The two files of --both.
    pub(crate) fn both(&self) -> Option<&[PathBuf]> {
        self.both.as_deref()
    }

    pub(crate) fn file(&self) -> &PathBuf {
        &self.file
    }

    /// The end that received a single stream.
    pub(crate) fn role(&self) -> Role {
        self.role.into()
    }

    /// The form that is asked for.
    pub(crate) fn wanted(&self) -> Option<Wanted> {
        let form = self.input.or(self.hex.then_some(InputArg::Hex))?;
        Some(match form {
            InputArg::Raw => Wanted::Raw,
            InputArg::Hex => Wanted::Hex,
            InputArg::Dump => Wanted::Dump,
            InputArg::Base64 => Wanted::Base64,
            InputArg::Pcap => Wanted::Capture,
        })
    }
}

impl ShowArgs {
    pub(crate) fn format(&self) -> Format {
        Format::new(self.json, self.full)
    }

    /// What is said of a stream.
    pub(crate) fn options(&self) -> Options {
        Options {
            frames: self.frames,
            stats: self.stats,
            // JSON has no bytes around a violation, and does not wait for them.
            dump: !self.json,
            waits: true,
            deflate: self.deflate,
            inflate: Some(stream::zlib),
        }
    }

    pub(crate) fn config(&self, role: Role) -> Config {
        stream::config(role, self.max_frame, self.max_message, self.max_fragments)
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum InputArg {
    /// The bytes as they are.
    Raw,
    /// Hex digits in pairs: with blanks, colons, commas, prefixes; arrays; byte literals; comments from # on.
    Hex,
    /// Rows with an offset: xxd, hexdump -C, od -Ax -tx1, Wireshark, tcpdump -X.
    Dump,
    /// Base64, with either alphabet.
    Base64,
    /// A capture of packets: pcap or pcapng.
    Pcap,
}

/// Forward connections to a server, and decode both directions while they go.
///
/// Every byte is passed on as it came, before it is decoded. It ends with the last WebSocket that is open, or with Ctrl-C.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  wsframe proxy 127.0.0.1:9000 127.0.0.1:8080     then connect to ws://127.0.0.1:9000/
  wsframe proxy --json 9000 example.test:80 | jq .
  wsframe proxy --keep 9000 8080                  until Ctrl-C

Exit code 0: all connections kept the protocol. 1: one broke it. 2: the arguments could not be used.")]
pub(crate) struct ProxyArgs {
    #[command(flatten)]
    pub(crate) show: ShowArgs,

    /// Go on when no connection is left, until Ctrl-C.
    #[arg(long)]
    pub(crate) keep: bool,

    /// Where to listen: ADDRESS:PORT, or a port of 127.0.0.1.
    #[arg(value_name = "LISTEN")]
    pub(crate) listen: String,

    /// The server: HOST:PORT, or a port of 127.0.0.1.
    #[arg(value_name = "TARGET")]
    pub(crate) target: String,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum RoleArg {
    /// The bytes came from a client: masked frames.
    Server,
    /// The bytes came from a server: unmasked frames.
    Client,
}

impl From<RoleArg> for Role {
    fn from(role: RoleArg) -> Role {
        match role {
            RoleArg::Server => Role::Server,
            RoleArg::Client => Role::Client,
        }
    }
}

/// Explain a close code or a rule of the protocol; without either, list all close codes.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  wsframe explain                        all close codes, a line each
  wsframe explain 1006                   a close code: meaning, cause, remedy, whether to reconnect
  wsframe explain 4321                   a code of the application's own
  wsframe explain MaskMissing            a rule: meaning, section, remedy, an example stream
  wsframe explain NotUpgrade             a refusal of the opening handshake: status, remedy
  wsframe explain 0x3ea                  a close code in hex
  wsframe explain 'text is not UTF-8'    the reason of a Close frame that wsframe sends
  wsframe explain --json 1009")]
pub(crate) struct ExplainArgs {
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,

    /// A close code, the name of a rule, code or refusal, or a reason that wsframe sends.
    #[arg(value_name = "CODE|RULE")]
    pub(crate) word: Option<String>,
}

/// Print a completion script for a shell.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  wsframe completions bash > /etc/bash_completion.d/wsframe
  wsframe completions fish > ~/.config/fish/completions/wsframe.fish")]
pub(crate) struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

/// Print the man page of the program or of one of its commands.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  wsframe man > /usr/local/share/man/man1/wsframe.1
  wsframe man decode | man -l -")]
pub(crate) struct ManArgs {
    /// The command; without it, the program.
    #[arg(value_name = "COMMAND", value_parser = ["decode", "proxy", "explain", "completions", "man"])]
    pub(crate) command: Option<String>,
}
