//! The vectors of `tests/vectors/`, read as any codec's runner would read them.

use std::path::Path;

use serde::Deserialize;

use crate::reference;
use crate::witness::Seen;

/// What must come out.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
#[allow(missing_docs, reason = "tests/vectors/README.md says what they are")]
pub enum Event {
    Message { kind: String, payload_hex: String },
    Ping { payload_hex: String },
    Pong { payload_hex: String },
    Close { code: Option<u16> },
    Violation { offset: u64, close_code: u16, rule: String },
}

impl Event {
    /// What a witness that is right delivers; nothing for a violation.
    pub fn seen(&self) -> Option<Seen> {
        Some(match self {
            Event::Message { kind, payload_hex } => Seen::Message { text: kind == "text", payload: unhex(payload_hex) },
            Event::Ping { payload_hex } => Seen::Ping(unhex(payload_hex)),
            Event::Pong { payload_hex } => Seen::Pong(unhex(payload_hex)),
            Event::Close { code } => Seen::Close(*code),
            Event::Violation { .. } => return None,
        })
    }
}

/// A record.
#[derive(Debug, Deserialize)]
pub struct Vector {
    /// What it shows.
    pub name: String,
    role: String,
    config: Option<serde_json::Value>,
    stream: String,
    /// What must come out, in order.
    pub events: Vec<Event>,
}

impl Vector {
    /// Whether the end that receives is the server.
    pub fn is_server(&self) -> bool {
        self.role == "server"
    }

    /// Whether there are no limits but those that everybody has.
    pub fn has_default_config(&self) -> bool {
        self.config.is_none()
    }

    /// The bytes.
    pub fn stream(&self) -> Vec<u8> {
        unhex(&self.stream)
    }

    /// Whether all of the frame that breaks a rule is there: only then must everybody have seen it.
    pub fn frame_is_whole(&self) -> bool {
        let Some(Event::Violation { offset, .. }) = self.events.last() else { return false };
        let stream = self.stream();
        let mut at = 0;
        // As lenient as can be: only where frames end matters.
        while let Some((start, end)) = reference::extent(&stream, at) {
            if (start..end).contains(&(*offset as usize)) {
                return end <= stream.len();
            }
            at = end;
        }
        false
    }
}

/// Every record of every file.
pub fn all() -> Vec<Vector> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors");
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the vectors are there") {
        let path = entry.expect("the folder can be read").path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let text = std::fs::read_to_string(&path).expect("the file can be read");
            all.extend(serde_json::from_str::<Vec<Vector>>(&text).expect("the file is an array of records"));
        }
    }
    all
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).expect("it is hex")).collect()
}
