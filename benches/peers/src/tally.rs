//! What a codec found: counted while it is timed, compared with the reference before.

use std::hint::black_box;
use std::rc::Rc;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Binary,
}

pub struct Message {
    pub kind: Kind,
    pub payload: Vec<u8>,
}

/// What has been found so far.
#[derive(Default)]
pub struct Tally {
    pub messages: u64,
    pub bytes: u64,
    pub pings: u64,
    check: Option<Box<Check>>,
}

struct Check {
    expected: Rc<Vec<Message>>,
    gathered: Vec<u8>,
    wrong: Option<String>,
}

impl Tally {
    pub fn checking(expected: Rc<Vec<Message>>) -> Tally {
        Tally { check: Some(Box::new(Check { expected, gathered: Vec::new(), wrong: None })), ..Tally::default() }
    }

    /// Whether what is found is compared.
    pub fn is_checking(&self) -> bool {
        self.check.is_some()
    }

    /// A whole message, which the codec has validated if it is text.
    #[inline]
    pub fn message(&mut self, kind: Kind, payload: &[u8]) {
        if let Some(check) = &mut self.check {
            check.compare(self.messages, kind, payload);
        }
        self.messages += 1;
        self.bytes += payload.len() as u64;
        black_box(payload);
    }

    /// A whole message of a codec that leaves UTF-8 to its caller: the harness does that part of the work, with the
    /// quickest validator that there is.
    #[inline]
    pub fn message_to_validate(&mut self, kind: Kind, payload: &[u8]) -> Result<(), String> {
        if kind == Kind::Text {
            simdutf8::basic::from_utf8(payload).map_err(|_| "text is not UTF-8")?;
        }
        self.message(kind, payload);
        Ok(())
    }

    /// A piece of a message, of a decoder that does not assemble.
    #[inline]
    pub fn piece(&mut self, kind: Kind, payload: &[u8], ends_message: bool) {
        if let Some(check) = &mut self.check {
            check.gathered.extend_from_slice(payload);
            if ends_message {
                let gathered = std::mem::take(&mut check.gathered);
                check.compare(self.messages, kind, &gathered);
            }
        }
        self.messages += u64::from(ends_message);
        self.bytes += payload.len() as u64;
        black_box(payload);
    }

    #[inline]
    pub fn ping(&mut self, payload: &[u8]) {
        self.pings += 1;
        black_box(payload);
    }

    /// What was wrong or missing, after one pass.
    pub fn verdict(self) -> Result<(), String> {
        let Some(check) = self.check else { return Ok(()) };
        match check.wrong {
            Some(wrong) => Err(wrong),
            None if self.messages != check.expected.len() as u64 => {
                Err(format!("{} messages instead of {}", self.messages, check.expected.len()))
            }
            None => Ok(()),
        }
    }
}

impl Check {
    #[cold]
    fn compare(&mut self, index: u64, kind: Kind, payload: &[u8]) {
        let wrong = match self.expected.get(index as usize) {
            None => Some("a message too many".to_owned()),
            Some(message) if message.kind != kind => Some(format!("message {index} is {kind:?}")),
            Some(message) if message.payload != payload => Some(format!(
                "message {index} of {} bytes has another content ({} bytes)",
                message.payload.len(),
                payload.len()
            )),
            Some(_) => None,
        };
        if self.wrong.is_none() {
            self.wrong = wrong;
        }
    }
}
