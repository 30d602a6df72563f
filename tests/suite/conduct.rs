//! The connection against a model, for every sequence of operations; and two connections with a pipe between them.

use core::time::Duration;

use proptest::prelude::*;
use wsframe::{
    Assembler, Cause, CloseCode, CloseFrame, Connection, Decoder, Frame, Masking, MessageEvent, Role, State, Transport,
    Unmasked,
};
use wsframe_dev::frame;

/// What can happen to the server's end of a connection.
#[derive(Clone, Copy, Debug)]
enum Op {
    Ping,
    Close,
    Data,
    Violation,
    WeClose,
    WriteControl,
    Fail,
    End,
    /// Ten seconds pass.
    Wait,
}

const OPS: [Op; 9] =
    [Op::Ping, Op::Close, Op::Data, Op::Violation, Op::WeClose, Op::WriteControl, Op::Fail, Op::End, Op::Wait];

/// The states of the table, with what is due and since when, in seconds. Written apart from the crate.
#[derive(Clone, Debug)]
struct Model {
    state: char,
    /// The decoder takes no more.
    is_deaf: bool,
    now: u64,
    quiet: u64,
    since: u64,
    pong: bool,
    /// Our Ping: `-` none, `d` due, `w` written.
    ping: char,
}

impl Model {
    fn enter(&mut self, state: char) {
        (self.state, self.since, self.pong, self.ping) = (state, self.now, false, '-');
    }

    fn owe(&mut self) {
        if !self.pong && self.ping != 'd' {
            self.since = self.now;
        }
    }

    fn heard(&mut self) {
        if !self.is_deaf {
            self.quiet = self.now;
            self.ping = '-';
        }
    }

    fn step(&mut self, op: Op) {
        match (op, self.state) {
            (Op::End, _) => self.enter('E'),
            (Op::Wait, state) => {
                self.now += 10;
                if state == 'O' && self.ping == '-' && self.now >= self.quiet + 20 {
                    self.owe();
                    (self.ping, self.quiet) = ('d', self.now);
                }
                let limit = match state {
                    'O' if self.ping == 'w' && self.now >= self.quiet + 20 => 0,
                    'O' if self.pong || self.ping == 'd' => 40,
                    'S' | 'R' => 10,
                    'V' | 'D' | 'F' => 2,
                    _ => u64::MAX,
                };
                if self.now - self.since >= limit {
                    self.enter('E');
                }
            }
            (Op::Ping, 'O') => {
                self.heard();
                self.owe();
                self.pong = true;
            }
            (Op::Data | Op::Ping, _) => self.heard(),
            (Op::Close, state) if !self.is_deaf => {
                self.heard();
                self.is_deaf = true;
                match state {
                    'O' => self.enter('R'),
                    'S' => self.enter('D'),
                    _ => {}
                }
            }
            (Op::Violation | Op::Fail, state) if !self.is_deaf => {
                if matches!(op, Op::Violation) {
                    self.heard();
                }
                // A failure of the application is noticed only by a connection that has not ended.
                self.is_deaf = matches!(op, Op::Violation) || state == 'O' || state == 'S';
                match state {
                    'O' => self.enter('V'),
                    'S' => self.enter('F'),
                    _ => {}
                }
            }
            (Op::WeClose, 'O') => self.enter('S'),
            (Op::WriteControl, 'R') => self.enter('D'),
            (Op::WriteControl, 'V') => self.enter('F'),
            (Op::WriteControl, 'O') => {
                self.pong = false;
                if self.ping == 'd' {
                    self.ping = 'w';
                }
            }
            _ => {}
        }
    }
}

fn letter(connection: &mut Connection<Decoder, Unmasked>) -> char {
    match connection.transport() {
        Transport::Drop => 'E',
        Transport::Finish => match connection.outcome().unwrap().cause() {
            Cause::Violation(_) | Cause::Failed => 'F',
            _ => 'D',
        },
        _ if !connection.encoder().is_closed() => 'O',
        _ if !connection.has_control() => 'S',
        _ if connection.decoder().state() == State::Closed => 'R',
        _ => 'V',
    }
}

fn apply(connection: &mut Connection<Decoder, Unmasked>, op: Op, now: &mut u64) {
    let key = Some([0; 4]);
    let mut out = [0; 300];
    let mut receive = |first: u8, payload: &[u8]| {
        let mut bytes = frame(first, key, payload);
        let mut input = &mut bytes[..];
        while let Ok(Some(_)) = connection.decode(&mut input) {}
    };
    match op {
        Op::Ping => receive(0x89, b"?"),
        Op::Close => receive(0x88, b"\x03\xe8"),
        Op::Data => receive(0x82, b"data"),
        Op::Violation => receive(0x83, b""),
        Op::WeClose => _ = connection.close(&mut out, CloseFrame::EMPTY),
        Op::WriteControl => _ = connection.write_control(&mut out),
        Op::Fail => connection.fail(CloseFrame::EMPTY),
        Op::End => connection.end(),
        Op::Wait => {
            *now += 10;
            connection.at(Duration::from_secs(*now));
        }
    }
}

/// All sequences of up to six operations, each step of each against the model.
#[test]
fn every_sequence_of_six_operations_is_that_of_the_model() {
    fn walk(connection: &Connection<Decoder, Unmasked>, model: &Model, done: &mut Vec<Op>, count: &mut usize) {
        if done.len() == 6 {
            *count += 1;
            return;
        }
        for op in OPS {
            let (mut connection, mut model, mut now) = (connection.clone(), model.clone(), model.now);
            done.push(op);
            apply(&mut connection, op, &mut now);
            // The caller looks when to wake, as callers do.
            let deadline = connection.deadline();
            model.step(op);
            let due = model.state == 'R' || model.state == 'V' || model.pong || model.ping == 'd';
            assert_eq!((letter(&mut connection), connection.has_control()), (model.state, due), "{done:?}: {model:?}");
            assert_eq!(deadline.is_none(), model.state == 'E', "{done:?}");
            assert_eq!(connection.outcome().is_some(), matches!(model.state, 'D' | 'F' | 'E'), "{done:?}");
            walk(&connection, &model, done, count);
            done.pop();
        }
    }
    let mut connection = Connection::<Decoder, _>::server();
    connection.at(Duration::ZERO);
    let model = Model { state: 'O', is_deaf: false, now: 0, quiet: 0, since: 0, pong: false, ping: '-' };
    let mut count = 0;
    walk(&connection, &model, &mut Vec::new(), &mut count);
    assert_eq!(count, 531_441);
}

/// One of two ends, with what it wrote and has not been delivered.
struct End<K> {
    connection: Connection<Assembler, K>,
    wire: Vec<u8>,
    delivered: usize,
    sent: Vec<String>,
    received: Vec<String>,
    is_in_message: bool,
    /// Whether it shut down writing, or dropped the transport.
    has_finished: bool,
}

#[derive(Clone, Debug)]
enum Act {
    Send(usize),
    Fragment(usize, bool),
    Ping,
    Close(u16),
    Fail,
    /// So many bytes of the other end's arrive.
    Deliver(usize),
    WriteControl(usize),
    Wait(u64),
}

impl<K: Masking> End<K> {
    fn new(connection: Connection<Assembler, K>) -> End<K> {
        End {
            connection,
            wire: Vec::new(),
            delivered: 0,
            sent: Vec::new(),
            received: Vec::new(),
            is_in_message: false,
            has_finished: false,
        }
    }

    fn act(&mut self, act: &Act, now: &mut u64) {
        let End { connection, wire, sent, .. } = self;
        match act {
            Act::Send(len) if !self.is_in_message => {
                let text = "ä".repeat(*len);
                if connection.encoder().append(wire, &*text).is_ok() {
                    sent.push(text);
                }
            }
            Act::Fragment(len, fin) => {
                let text = "é".repeat(*len);
                if connection.encoder().append(wire, Frame::text_fragment(&text, *fin)).is_ok() {
                    match sent.last_mut() {
                        Some(last) if self.is_in_message => last.push_str(&text),
                        _ => sent.push(text),
                    }
                    self.is_in_message = !fin;
                }
            }
            Act::Ping => _ = connection.encoder().append(wire, Frame::ping(b"by hand")),
            Act::Close(code) => {
                let close = CloseFrame::new(CloseCode::new(*code).unwrap(), "reason").unwrap();
                _ = connection.append_close(wire, close);
            }
            Act::Fail => connection.fail(CloseFrame::from_static(CloseCode::INTERNAL_ERROR, "failed")),
            Act::WriteControl(room) => self.write_control(*room),
            Act::Wait(millis) => {
                *now += millis;
                connection.at(Duration::from_millis(*now));
            }
            _ => {}
        }
    }

    fn write_control(&mut self, room: usize) {
        let mut out = vec![0; room];
        let len = self.connection.write_control(&mut out[..]);
        assert!(len <= 276);
        self.wire.extend_from_slice(&out[..len]);
    }

    /// The next `len` bytes that the other end wrote arrive here.
    fn take<L: Masking>(&mut self, from: &mut End<L>, len: usize, now: u64) {
        self.connection.at(Duration::from_millis(now));
        let end = from.wire.len().min(from.delivered + len);
        let mut bytes = from.wire[from.delivered..end].to_vec();
        from.delivered = end;
        let mut input = &mut bytes[..];
        loop {
            match self.connection.decode(&mut input) {
                Ok(Some(MessageEvent::Message(message))) => self.received.push(message.text().unwrap().to_owned()),
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(error) => panic!("neither end breaks the protocol: {error}"),
            }
        }
        self.connection.deadline();
    }

    fn is_over(&self) -> bool {
        self.connection.transport() == Transport::Drop
    }

    /// What a caller does that is awake: writes what is due, and does what `transport` says.
    fn turn(&mut self) {
        self.write_control(300);
        if matches!(self.connection.transport(), Transport::Finish | Transport::Drop) {
            self.has_finished = true;
        }
    }
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => (0..200_usize).prop_map(Act::Send),
        3 => (0..100_usize, any::<bool>()).prop_map(|(len, fin)| Act::Fragment(len, fin)),
        2 => Just(Act::Ping),
        1 => prop_oneof![Just(1000_u16), Just(1001), Just(4000)].prop_map(Act::Close),
        1 => Just(Act::Fail),
        8 => (0..300_usize).prop_map(Act::Deliver),
        4 => (0..200_usize).prop_map(Act::WriteControl),
        2 => prop_oneof![0..100_u64, 0..15_000_u64].prop_map(Act::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(600) })]

    #[test]
    fn two_ends_agree_and_come_to_an_end(acts in prop::collection::vec((any::<bool>(), act()), 0..60), lost in prop::option::of(0..60_usize), who in any::<bool>()) {
        let mut key = 7_u32;
        let keys = move || { key = key.wrapping_mul(0x9e37_79b9).wrapping_add(1); key.to_le_bytes() };
        let mut server = End::new(Connection::<Assembler, _>::server());
        let mut client = End::new(Connection::<Assembler, _>::client(keys));
        let mut now = 0;
        let (mut is_lost, mut failed) = (false, false);
        for (i, (at_server, act)) in acts.iter().enumerate() {
            if lost == Some(i) {
                is_lost = true;
                server.connection.end();
                client.connection.end();
                break;
            }
            failed |= matches!(act, Act::Fail);
            match (at_server, act) {
                (true, Act::Deliver(len)) => server.take(&mut client, *len, now),
                (false, Act::Deliver(len)) => client.take(&mut server, *len, now),
                (true, act) => server.act(act, &mut now),
                (false, act) => client.act(act, &mut now),
            }
        }
        // From here on, both are awake, everything arrives, and one of them wants to go.
        let timed_out = server.is_over() || client.is_over();
        if who {
            _ = server.connection.append_close(&mut server.wire, CloseFrame::EMPTY);
        } else {
            _ = client.connection.append_close(&mut client.wire, CloseFrame::EMPTY);
        }
        let quiet = now;
        while !server.is_over() || !client.is_over() {
            server.turn();
            client.turn();
            server.take(&mut client, usize::MAX / 2, now);
            client.take(&mut server, usize::MAX / 2, now);
            server.turn();
            client.turn();
            // Whoever has finished, or is gone, ends the transport for the other.
            if server.has_finished { client.connection.end(); }
            if client.is_over() { server.connection.end(); }
            now += 500;
            server.connection.at(Duration::from_millis(now));
            client.connection.at(Duration::from_millis(now));
            prop_assert!(now - quiet <= 52_500, "they do not come to an end");
        }

        // What each wrote is legal for an independent reader, and ends with its Close.
        for (role, wire) in [(Role::Client, &server.wire), (Role::Server, &client.wire)] {
            let mut decoder = Decoder::new(role);
            let result = decoder.for_each(&mut wire.clone(), |_| ());
            prop_assert_eq!(result, Ok(()));
            prop_assert_eq!(decoder.position(), wire.len() as u64, "written after the Close");
        }
        // What was delivered is what was sent, in order.
        for (sent, received) in [(&client.sent, &server.received), (&server.sent, &client.received)] {
            prop_assert!(received.len() <= sent.len() && received.iter().zip(sent).all(|(a, b)| a == b));
        }
        let (ours, theirs) = (server.connection.outcome().unwrap(), client.connection.outcome().unwrap());
        if !is_lost && !timed_out && !failed && ours.is_clean() && theirs.is_clean() {
            let by_us = [ours, theirs].iter().filter(|outcome| outcome.cause() == Cause::ClosedByUs).count();
            let crossed = ours.cause() == Cause::ClosedByUs && theirs.cause() == Cause::ClosedByUs;
            prop_assert!(by_us == 1 || crossed, "{:?}, {:?}", ours, theirs);
            if !crossed {
                prop_assert_eq!(ours.code(), theirs.code());
            }
            prop_assert_eq!((ours.sent(), ours.received()), (theirs.received(), theirs.sent()));
        }
    }
}
