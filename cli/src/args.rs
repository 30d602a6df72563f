//! The arguments of the program.

use core::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::LazyLock;

use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use wsframe::{Config, Role};

/// Decodes captured WebSocket (RFC 6455) streams, and explains what broke.
#[derive(Debug, Parser)]
#[command(
    name = "wsframe",
    version = version(),
    after_help = "\
Examples:
  wsframe decode capture.bin             what a client sent, message by message
  wsframe decode --role client from-server.bin
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
    Explain(ExplainArgs),
    Completions(CompletionsArgs),
    Man(ManArgs),
}

/// Decode the captured bytes of a connection: messages, control frames, and the first violation.
///
/// The input is the bytes of one direction, such as a proxy writes down. A stream that begins with an HTTP head (the
/// opening handshake) is recognised; if the head offers or accepts permessage-deflate, compressed messages are inflated.
/// Offsets count from the first byte of the input.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  wsframe decode from-client.bin         frames that a server received
  wsframe decode --role client from-server.bin
  wsframe decode --both from-client.bin from-server.bin
  wsframe decode --frames --full capture.bin
  wsframe decode --json --stats capture.bin | jq .
  echo '81 85 37fa213d 7f9f4d5158  # Hello' | wsframe decode --hex

Exit code 0: decoded. 1: the stream broke the protocol. 2: the arguments or the input could not be used.")]
pub(crate) struct DecodeArgs {
    /// The end that received the bytes.
    #[arg(long, value_enum, default_value = "server", conflicts_with = "both")]
    role: RoleArg,

    /// The input is hex text; white space and comments from # to the end of the line are skipped.
    #[arg(long)]
    pub(crate) hex: bool,

    /// Print one JSON object a line.
    #[arg(long)]
    pub(crate) json: bool,

    /// Print whole payloads, not only their beginnings.
    #[arg(long)]
    pub(crate) full: bool,

    /// Print the header of each frame before its event: opcode, fin, reserved bits, mask key, bits of the length.
    #[arg(long)]
    pub(crate) frames: bool,

    /// Count messages, sizes, fragments and overhead.
    #[arg(long)]
    pub(crate) stats: bool,

    /// Inflate compressed messages, though no head names permessage-deflate.
    #[arg(long)]
    pub(crate) deflate: bool,

    /// Feed the decoder so many bytes at a time (above 1 MiB counts as 1 MiB).
    #[arg(long, value_name = "BYTES")]
    pub(crate) chunk: Option<NonZeroUsize>,

    /// The most payload in a frame, inclusive [default: 16 MiB for a server, 64 MiB for a client].
    #[arg(long, value_name = "BYTES")]
    max_frame: Option<u64>,

    /// The most payload in a message, inclusive; it bounds the program's memory [default: as --max-frame].
    #[arg(long, value_name = "BYTES")]
    max_message: Option<u64>,

    /// The most frames in a message, inclusive [default: 1048576].
    #[arg(long, value_name = "FRAMES")]
    max_fragments: Option<u32>,

    /// Decode both directions of one connection, each with its role.
    #[arg(long, num_args = 2, value_names = ["CLIENT_FILE", "SERVER_FILE"], conflicts_with = "file")]
    both: Option<Vec<PathBuf>>,

    /// The captured bytes; - or nothing for standard input.
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
}

impl DecodeArgs {
    /// The streams to decode: who sent them, and the end that received them.
    pub(crate) fn streams(&self) -> Vec<(&PathBuf, Role)> {
        match self.both.as_deref() {
            Some([client, server]) => vec![(client, Role::Server), (server, Role::Client)],
            _ => vec![(&self.file, self.role.into())],
        }
    }

    pub(crate) fn config(&self, role: Role) -> Config {
        let mut config = Config::preset(role);
        if let Some(bytes) = self.max_frame {
            config = config.with_max_frame_len(bytes);
        }
        if let Some(bytes) = self.max_message.or(self.max_frame) {
            config = config.with_max_message_len(bytes);
        }
        if let Some(frames) = self.max_fragments {
            config = config.with_max_fragments(frames);
        }
        config
    }
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
  wsframe explain --json 1009")]
pub(crate) struct ExplainArgs {
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,

    /// A close code, or the name of a rule or code.
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
    #[arg(value_name = "COMMAND", value_parser = ["decode", "explain", "completions", "man"])]
    pub(crate) command: Option<String>,
}
