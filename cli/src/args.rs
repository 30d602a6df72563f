//! The arguments of the program.

use core::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use wsframe::{Config, Role};

/// Decodes captured WebSocket (RFC 6455) streams, and says which rule broke, and where.
#[derive(Debug, Parser)]
#[command(name = "wsframe", version)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Decode(DecodeArgs),
}

/// Decodes the bytes of one direction of a connection: messages, control frames, and the first violation.
///
/// A stream that begins with an HTTP head (the opening handshake) is recognised. Exit code 0: decoded. 1: the stream
/// broke the protocol. 2: the arguments or the input could not be used.
#[derive(Debug, clap::Args)]
pub(crate) struct DecodeArgs {
    /// The end that received the bytes.
    #[arg(long, value_enum, default_value = "server")]
    pub(crate) role: RoleArg,

    /// The input is hex text; white space and comments from # to the end of the line are skipped.
    #[arg(long)]
    pub(crate) hex: bool,

    /// One JSON object a line.
    #[arg(long)]
    pub(crate) json: bool,

    /// Feed the decoder so many bytes at a time (above 1 MiB counts as 1 MiB).
    #[arg(long, value_name = "BYTES")]
    pub(crate) chunk: Option<NonZeroUsize>,

    /// The most payload in a frame, inclusive [default: 16 MiB for a server, 64 MiB for a client].
    #[arg(long, value_name = "BYTES")]
    pub(crate) max_frame: Option<u64>,

    /// The most payload in a message, inclusive; it bounds the program's memory [default: as --max-frame].
    #[arg(long, value_name = "BYTES")]
    pub(crate) max_message: Option<u64>,

    /// The most frames in a message, inclusive [default: 65536].
    #[arg(long, value_name = "FRAMES")]
    pub(crate) max_fragments: Option<u32>,

    /// The captured bytes; - or nothing for standard input.
    #[arg(value_name = "FILE", default_value = "-")]
    pub(crate) file: PathBuf,
}

impl DecodeArgs {
    pub(crate) fn role(&self) -> Role {
        match self.role {
            RoleArg::Server => Role::Server,
            RoleArg::Client => Role::Client,
        }
    }

    pub(crate) fn config(&self) -> Config {
        let mut config = Config::preset(self.role());
        if let Some(bytes) = self.max_frame {
            config = config.max_frame_len(bytes);
        }
        if let Some(bytes) = self.max_message {
            config = config.max_message_len(bytes);
        }
        if let Some(frames) = self.max_fragments {
            config = config.max_fragments(frames);
        }
        config
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum RoleArg {
    /// The bytes came from a client: masked frames.
    Server,
    /// The bytes came from a server: unmasked frames.
    Client,
}
