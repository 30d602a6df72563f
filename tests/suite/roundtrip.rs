//! Random sequences of operations, through the encoder and the decoder of the other role, at random cuts.

use proptest::prelude::*;
use wsframe::{
    CloseCode, CloseFrame, Config, EncodeError, Encoder, EncoderConfig, Frame, Masking, MessageKind, Role, Rsv, State,
};
use wsframe_dev::{Event, assemble, decode};

#[derive(Clone, Debug)]
enum Op {
    Text(String),
    Binary(Vec<u8>),
    TextFragment(String, bool),
    Fragment(MessageKind, bool, Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(u16, String),
}

fn op() -> impl Strategy<Value = Op> {
    let text = || "(\\PC|[a-z]{0,40}|é){0,60}";
    let bytes = |most| prop::collection::vec(any::<u8>(), 0..most);
    prop_oneof![
        4 => text().prop_map(Op::Text),
        4 => bytes(400).prop_map(Op::Binary),
        4 => (text(), any::<bool>()).prop_map(|(text, fin)| Op::TextFragment(text, fin)),
        4 => (any::<bool>(), any::<bool>(), bytes(200)).prop_map(|(text, fin, payload)| {
            Op::Fragment(if text { MessageKind::Text } else { MessageKind::Binary }, fin, payload)
        }),
        2 => bytes(130).prop_map(Op::Ping),
        2 => bytes(130).prop_map(Op::Pong),
        1 => (prop_oneof![Just(1000), Just(1014), 3000u16..5000], text()).prop_map(|(code, reason)| Op::Close(code, reason)),
    ]
}

/// What was sent, put together by hand.
#[derive(Default)]
struct Sent {
    stream: Vec<u8>,
    events: Vec<Event>,
    open: Option<(MessageKind, u64, u32, Vec<u8>)>,
    closed: bool,
}

impl Sent {
    fn fragment(&mut self, kind: MessageKind, offset: u64, fin: bool, payload: &[u8]) {
        let (kind, offset, fragments, mut message) = self.open.take().unwrap_or((kind, offset, 0, Vec::new()));
        message.extend_from_slice(payload);
        if !fin {
            self.open = Some((kind, offset, fragments + 1, message));
            return;
        }
        self.events.push(Event::Message {
            text: kind == MessageKind::Text,
            rsv: 0,
            offset,
            fragments: fragments + 1,
            payload: message,
        });
    }
}

/// Sends what the encoder accepts.
fn send<K: Masking>(mut encoder: Encoder<K>, ops: &[Op]) -> Sent {
    let mut sent = Sent::default();
    let mut out = [0; 5000];
    for op in ops {
        out.fill(0xee);
        let offset = sent.stream.len() as u64;
        let result = match op {
            Op::Text(text) => encoder.text(&mut out, text),
            Op::Binary(payload) => encoder.binary(&mut out, payload),
            Op::TextFragment(text, fin) => encoder.encode(&mut out, Frame::text_fragment(text, *fin)),
            Op::Fragment(kind, fin, payload) => encoder.encode(&mut out, Frame::fragment(*kind, payload, *fin)),
            Op::Ping(payload) => encoder.ping(&mut out, payload),
            Op::Pong(payload) => encoder.pong(&mut out, payload),
            Op::Close(code, reason) => {
                let close = CloseFrame::new(CloseCode::new(*code).unwrap(), reason).unwrap();
                encoder.close(&mut out, close)
            }
        };
        let len = match result {
            Ok(len) => len,
            Err(error) => {
                assert!(out.iter().all(|byte| *byte == 0xee), "the output was touched");
                assert_eq!(sent.closed, error == EncodeError::Closed);
                continue;
            }
        };
        sent.stream.extend_from_slice(&out[..len]);
        match op {
            Op::Text(text) => sent.fragment(MessageKind::Text, offset, true, text.as_bytes()),
            Op::Binary(payload) => sent.fragment(MessageKind::Binary, offset, true, payload),
            Op::TextFragment(text, fin) => sent.fragment(MessageKind::Text, offset, *fin, text.as_bytes()),
            Op::Fragment(kind, fin, payload) => sent.fragment(*kind, offset, *fin, payload),
            Op::Ping(payload) => sent.events.push(Event::Ping { offset, payload: payload.clone() }),
            Op::Pong(payload) => sent.events.push(Event::Pong { offset, payload: payload.clone() }),
            Op::Close(code, reason) => {
                let mut end = reason.len().min(123);
                while !reason.is_char_boundary(end) {
                    end -= 1;
                }
                sent.events.push(Event::Close { offset, code: Some(*code), reason: reason[..end].to_owned() });
                sent.closed = true;
            }
        }
    }
    sent
}

fn check(sent: &Sent, peer: Role, config: Config, cuts: &[usize]) {
    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (sent.stream.len() + 1)).collect();
    cuts.extend([0, sent.stream.len()]);
    cuts.sort_unstable();
    let pieces = || cuts.windows(2).map(|cut| &sent.stream[cut[0]..cut[1]]);
    let state = match (sent.closed, &sent.open) {
        (true, _) => State::Closed,
        (false, Some(_)) => State::InMessage,
        (false, None) => State::Idle,
    };
    assert_eq!(decode(peer, config, pieces()), (sent.events.clone(), state));
    assert_eq!(assemble(peer, config, pieces()), (sent.events.clone(), state));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn what_one_end_sends_is_what_the_other_receives(
        ops in prop::collection::vec(op(), 0..30),
        cuts in prop::collection::vec(any::<usize>(), 0..20),
        key in any::<[u8; 4]>(),
        max_frame in prop_oneof![Just(u64::MAX), 0u64..300],
        max_message in prop_oneof![Just(u64::MAX), 0u64..500],
        max_fragments in prop_oneof![Just(u32::MAX), 0u32..5],
    ) {
        let config = Config::SERVER.with_max_frame_len(max_frame).with_max_message_len(max_message).with_max_fragments(max_fragments);
        let sending = EncoderConfig::new()
            .with_max_frame_len(max_frame)
            .with_max_message_len(max_message)
            .with_max_fragments(max_fragments);
        let mut key = key;
        let keys = || {
            key = key.map(|byte| byte.wrapping_mul(5).wrapping_add(1));
            key
        };
        check(&send(Encoder::client_with_config(keys, sending), &ops), Role::Server, config, &cuts);
        check(&send(Encoder::server_with_config(sending), &ops), Role::Client, config, &cuts);
    }

    #[test]
    fn any_bytes_give_the_same_at_any_cut(
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(vec![0x81u8, 0x01, 0x80, 0x02, 0x89, 0x88, 0x85, 0x00])], 0..200),
        cuts in prop::collection::vec(any::<usize>(), 0..20),
    ) {
        for role in [Role::Server, Role::Client] {
            let config = Config::preset(role).with_allowed_rsv(Rsv::RSV1);
            let whole = decode(role, config, [&bytes[..]]);
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]);
            prop_assert_eq!(decode(role, config, pieces), whole);
        }
    }
}
