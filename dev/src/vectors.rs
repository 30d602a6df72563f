//! The vectors of `tests/vectors/`.

use std::path::Path;

use serde::Deserialize;
use wsframe::deflate::{Agreement, Direction, WindowBits};
use wsframe::{Config, Role, State};

use crate::{Event, unhex};

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limits {
    max_frame: Option<u64>,
    max_message: Option<u64>,
    max_fragments: Option<u32>,
}

/// What was agreed for the messages of one end.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    window: u8,
    takeover: bool,
}

impl Sent {
    fn direction(&self) -> Direction {
        Direction::new(WindowBits::new(self.window).expect("8 to 15"), self.takeover)
    }
}

/// A stream, and what must come out of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vector {
    /// What it shows.
    pub name: String,
    role: String,
    config: Option<Limits>,
    /// Where permessage-deflate was agreed: what holds for the stream.
    deflate: Option<Sent>,
    stream: String,
    /// What must come out, in order.
    pub events: Vec<Event>,
    state: String,
}

impl Vector {
    /// The end that receives.
    pub fn role(&self) -> Role {
        match self.role.as_str() {
            "server" => Role::Server,
            "client" => Role::Client,
            role => panic!("{}: role {role}", self.name),
        }
    }

    /// Whether there are no limits but those of the role.
    pub fn has_default_config(&self) -> bool {
        self.config.is_none()
    }

    /// The limits.
    pub fn config(&self) -> Config {
        let mut config = Config::preset(self.role());
        if let Some(limits) = &self.config {
            config = config
                .with_max_frame_len(limits.max_frame.unwrap_or(config.max_frame_len()))
                .with_max_message_len(limits.max_message.unwrap_or(config.max_message_len()))
                .with_max_fragments(limits.max_fragments.unwrap_or(config.max_fragments()));
        }
        config
    }

    /// Where permessage-deflate was agreed.
    pub fn agreed(&self) -> Option<Agreement> {
        let received = self.deflate.as_ref()?.direction();
        Some(Agreement::new(received, received))
    }

    /// The bytes.
    pub fn stream(&self) -> Vec<u8> {
        unhex(&self.stream)
    }

    /// Where the decoder is at the end.
    pub fn state(&self) -> State {
        match self.state.as_str() {
            "idle" => State::Idle,
            "in_message" => State::InMessage,
            "in_frame" => State::InFrame,
            "closed" => State::Closed,
            "failed" => State::Failed,
            state => panic!("{}: state {state}", self.name),
        }
    }
}

/// Every record of every file, but for those about permessage-deflate.
pub fn all() -> Vec<Vector> {
    let all = read("vectors");
    assert!(all.len() > 1600, "only {} vectors were found", all.len());
    all
}

/// Every record about permessage-deflate.
pub fn deflate() -> Vec<Vector> {
    let all = read("vectors/deflate");
    assert!(all.len() > 200, "only {} vectors were found", all.len());
    all
}

/// The records in a folder.
fn read(folder: &str) -> Vec<Vector> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests").join(folder);
    let mut all = Vec::new();
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .expect("the vectors are there")
        .map(|entry| entry.expect("the folder can be read").path())
        .collect();
    // In the same order everywhere.
    paths.sort();
    for path in paths {
        if path.extension().is_some_and(|extension| extension == "json") {
            let text = std::fs::read_to_string(&path).expect("the file can be read");
            let records: Vec<Vector> =
                serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            all.extend(records);
        }
    }
    all
}
