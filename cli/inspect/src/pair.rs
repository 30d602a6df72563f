//! Both directions of a connection, as their bytes come.

use alloc::boxed::Box;

use wsframe::{Config, Role};

use crate::record::Record;
use crate::stream::{Ending, Options, Stream};

/// Both directions of a connection: what the server answers decides how the client's frames are read.
#[derive(Debug)]
pub struct Pair {
    /// What the server received.
    client: Box<Stream>,
    /// What the client received.
    server: Box<Stream>,
}

/// Where records go, with the end that sent what they are about; an error ends the run.
pub type Sink<'s, E> = &'s mut dyn FnMut(Role, &Record<'_>) -> Result<(), E>;

impl Pair {
    /// With the limits of the server and of the client.
    pub fn new(server: Config, client: Config, options: &Options) -> Pair {
        let mut from_client = Stream::new(Role::Server, server, options.clone());
        from_client.wait_for_answers();
        let mut from_server = Stream::new(Role::Client, client, options.clone());
        from_server.pause_at_answers();
        Pair { client: Box::new(from_client), server: Box::new(from_server) }
    }

    /// What the end with this role sent.
    pub fn sent_by(&self, sender: Role) -> &Stream {
        match sender {
            Role::Client => &self.client,
            Role::Server => &self.server,
        }
    }

    fn stream(&mut self, sender: Role) -> &mut Stream {
        match sender {
            Role::Client => &mut self.client,
            Role::Server => &mut self.server,
        }
    }

    /// Whether a WebSocket was asked for, or opened.
    pub fn is_upgraded(&self) -> bool {
        self.client.is_upgraded() || self.server.is_upgraded()
    }

    /// Takes the next bytes of a direction, which are unmasked in place.
    ///
    /// # Errors
    /// Those of `sink`.
    pub fn push<E>(&mut self, sender: Role, bytes: &mut [u8], sink: Sink<'_, E>) -> Result<(), E> {
        self.stream(sender).push(bytes, &mut |record| sink(sender, record))?;
        match sender {
            Role::Client => self.server.add_requests(self.client.take_requests()),
            Role::Server => loop {
                // What the client sent before the answer comes before what the server sends behind it.
                let answers = self.server.take_answers();
                if answers.len() == 0 {
                    break;
                }
                self.client.add_answers(answers, &mut |record| sink(Role::Client, record))?;
                self.server.push(&mut [], &mut |record| sink(Role::Server, record))?;
                self.server.add_requests(self.client.take_requests());
            },
        }
        Ok(())
    }

    /// So many bytes of a direction are missing.
    ///
    /// # Errors
    /// Those of `sink`.
    pub fn gap<E>(&mut self, sender: Role, length: u64, reason: &str, sink: Sink<'_, E>) -> Result<(), E> {
        self.stream(sender).gap(length, reason, &mut |record| sink(sender, record))
    }

    /// A direction is over.
    ///
    /// # Errors
    /// Those of `sink`.
    pub fn finish<E>(&mut self, sender: Role, sink: Sink<'_, E>) -> Result<Ending, E> {
        self.stream(sender).finish(None, &mut |record| sink(sender, record))
    }
}
