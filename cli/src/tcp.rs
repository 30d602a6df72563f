//! TCP: the bytes of one direction in their order, from segments that come in any (RFC 9293 §3.4).

use core::ops::Bound;
use std::collections::BTreeMap;

/// How much may wait for what comes before it, in bytes; behind that, what is missing counts as lost.
const WAITING: usize = 16 * 1024 * 1024;

/// How far a number may be from the next one: more than any window in use.
const LEAD: u32 = 64 * 1024 * 1024;

/// What a segment that waits takes besides its bytes.
const OVERHEAD: usize = 128;

/// How long a missing piece may still come after the receiver has acknowledged it, in microseconds: packets may be captured in
/// another order than they went.
const PATIENCE: i64 = 100_000;

/// What comes next in a direction.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Bytes(Vec<u8>),
    /// So many bytes are missing, and nothing behind them is given.
    Gap {
        length: u64,
        reason: Reason,
    },
}

/// Why bytes are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    Lost,
    SnapLength,
}

impl Reason {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Reason::Lost => "lost",
            Reason::SnapLength => "snap length",
        }
    }
}

/// A segment as it was captured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment<'p> {
    pub(crate) sequence: u32,
    pub(crate) syn: bool,
    pub(crate) fin: bool,
    pub(crate) payload: &'p [u8],
    /// Bytes of the payload that were not captured.
    pub(crate) missing: u64,
}

/// One direction of a connection.
#[derive(Debug, Default)]
pub(crate) struct Direction {
    /// The sequence number of the next byte.
    next: Option<u32>,
    /// Whether the beginning of the connection told it; otherwise it is a guess until the first byte came.
    is_certain: bool,
    /// How many bytes were given: positions count from the first of them.
    given: u64,
    /// Segments that wait for what comes before them, by their position.
    waiting: BTreeMap<u64, Waiting>,
    waiting_bytes: usize,
    /// The position of the end, once it is known.
    end: Option<u64>,
    /// The position up to which the receiver has acknowledged, and since when it is behind a hole.
    acknowledged: u64,
    hole_since: Option<i64>,
    /// Nothing more is given.
    is_over: bool,
}

#[derive(Debug)]
struct Waiting {
    payload: Vec<u8>,
    missing: u64,
}

impl Direction {
    /// Whether all of it was given.
    pub(crate) fn is_finished(&self) -> bool {
        self.is_over || self.end.is_some_and(|end| end <= self.given)
    }

    /// How much waits for what comes before it, in bytes.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting_bytes
    }

    /// Whether a number is a little before that of the next byte.
    fn is_before(&self, sequence: u32) -> bool {
        self.next.is_some_and(|next| (1..=LEAD).contains(&next.wrapping_sub(sequence)))
    }

    /// Whether a number cannot be one of this direction: it is far from the next one, or behind the end.
    pub(crate) fn is_foreign(&self, sequence: u32) -> bool {
        let Some(next) = self.next else { return false };
        let ahead = sequence.wrapping_sub(next);
        let behind = next.wrapping_sub(sequence);
        let is_behind_end = self.end == Some(self.given) && (1..=u32::MAX / 2).contains(&ahead);
        is_behind_end || (ahead > LEAD && u64::from(behind) > self.given + u64::from(LEAD))
    }

    /// Whether a reset with this number is one of this direction: it is that of the next byte, or of one that was not captured.
    pub(crate) fn may_reset(&self, sequence: u32) -> bool {
        self.next.is_none_or(|next| sequence.wrapping_sub(next) <= LEAD)
    }

    /// Whether this is the first number of a connection that has this direction already.
    pub(crate) fn is_same_start(&self, sequence: u32) -> bool {
        let first = self.next.map(|next| next.wrapping_sub(self.given as u32));
        first.is_none_or(|first| first == sequence.wrapping_add(1))
    }

    /// The receiver says which number it expects next.
    pub(crate) fn acknowledge(&mut self, number: u32, now: i64, on: &mut impl FnMut(Piece)) {
        let next = *self.next.get_or_insert(number);
        let ahead = number.wrapping_sub(next) as i32;
        if ahead > 0 {
            self.acknowledged = self.acknowledged.max(self.given + u64::from(ahead as u32));
        }
        self.look_for_hole(now, on);
    }

    pub(crate) fn take(&mut self, segment: Segment<'_>, now: i64, on: &mut impl FnMut(Piece)) {
        let mut sequence = segment.sequence;
        let len = segment.payload.len() as u64 + segment.missing;
        if segment.syn {
            sequence = sequence.wrapping_add(1);
            self.is_certain = true;
        } else if !self.is_certain && self.given == 0 && len > 0 && self.is_before(sequence) {
            // What was acknowledged may be captured before it.
            self.next = Some(sequence);
        }
        let next = *self.next.get_or_insert(sequence);
        if self.is_over {
            return;
        }
        // Numbers before the next byte are those of bytes that came again.
        let position = self.given as i64 + i64::from(sequence.wrapping_sub(next) as i32);
        let end = position + len as i64;
        if segment.fin && end >= 0 {
            self.end = Some(end as u64);
        }
        if len > 0 && end > self.given as i64 {
            let again = (self.given as i64 - position).max(0) as usize;
            let payload = segment.payload.get(again..).unwrap_or_default();
            let missing = segment.missing.min((end - self.given as i64) as u64);
            self.place(position.max(self.given as i64) as u64, payload, missing, on);
        }
        self.look_for_hole(now, on);
    }

    fn place(&mut self, position: u64, payload: &[u8], missing: u64, on: &mut impl FnMut(Piece)) {
        if position > self.given {
            if self.waiting.get(&position).is_none_or(|known| known.payload.len() < payload.len()) {
                self.waiting_bytes += payload.len() + OVERHEAD;
                let before = self.waiting.insert(position, Waiting { payload: payload.to_vec(), missing });
                self.waiting_bytes -= before.map_or(0, |before| before.payload.len() + OVERHEAD);
            }
            if self.waiting_bytes > WAITING {
                self.lose(on);
            }
            return;
        }
        self.give(payload, missing, on);
        while !self.is_over
            && let Some((&position, _)) = self.waiting.range((Bound::Unbounded, Bound::Included(self.given))).next()
            && let Some(waiting) = self.waiting.remove(&position)
        {
            self.waiting_bytes -= waiting.payload.len() + OVERHEAD;
            let again = (self.given - position) as usize;
            if let Some(payload) = waiting.payload.get(again..)
                && (!payload.is_empty() || waiting.missing > 0)
            {
                self.give(payload, waiting.missing, on);
            }
        }
    }

    fn give(&mut self, payload: &[u8], missing: u64, on: &mut impl FnMut(Piece)) {
        self.given += payload.len() as u64;
        self.next = self.next.map(|next| next.wrapping_add(payload.len() as u32));
        if !payload.is_empty() {
            on(Piece::Bytes(payload.to_vec()));
        }
        if missing > 0 {
            self.stop(missing, Reason::SnapLength, on);
        }
    }

    /// The position up to which the receiver has the bytes; the number of the end is no byte.
    fn received(&self) -> u64 {
        self.end.map_or(self.acknowledged, |end| self.acknowledged.min(end))
    }

    /// Bytes that the receiver has, or that are followed by others, and that do not come any more, are lost in the capture.
    fn look_for_hole(&mut self, now: i64, on: &mut impl FnMut(Piece)) {
        let received = self.received();
        // A number more may be that of a FIN that was not captured.
        let is_hole = received > self.given + 1 || (received > self.given && !self.waiting.is_empty());
        match self.hole_since {
            _ if !is_hole => self.hole_since = None,
            None => self.hole_since = Some(now),
            Some(since) if now - since >= PATIENCE => self.lose(on),
            Some(_) => {}
        }
    }

    /// The connection is over: what is missing does not come any more.
    pub(crate) fn finish(&mut self, on: &mut impl FnMut(Piece)) {
        let is_missing = !self.waiting.is_empty()
            || self.end.is_some_and(|end| end > self.given)
            || self.received() > self.given + 1;
        if is_missing {
            self.lose(on);
        }
    }

    /// What is missing counts as lost.
    pub(crate) fn lose(&mut self, on: &mut impl FnMut(Piece)) {
        if self.is_over {
            return;
        }
        let next = self.waiting.keys().next().copied();
        let known_end = self.end.unwrap_or(self.acknowledged);
        let length = next.unwrap_or(known_end).saturating_sub(self.given);
        self.stop(length, Reason::Lost, on);
    }

    fn stop(&mut self, length: u64, reason: Reason, on: &mut impl FnMut(Piece)) {
        self.is_over = true;
        self.waiting = BTreeMap::new();
        self.waiting_bytes = 0;
        on(Piece::Gap { length, reason });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a direction gives for segments of `sent`: where they begin, how long they are, how much of them was captured.
    fn given(sent: &[u8], first: u32, segments: &[(usize, usize, usize)]) -> Vec<Piece> {
        let mut direction = Direction::default();
        let mut pieces = Vec::new();
        let syn = Segment { sequence: first.wrapping_sub(1), syn: true, fin: false, payload: &[], missing: 0 };
        direction.take(syn, 0, &mut |piece| pieces.push(piece));
        for (at, len, captured) in segments {
            let payload = &sent[*at..at + captured];
            let sequence = first.wrapping_add(*at as u32);
            let missing = (len - captured) as u64;
            let segment = Segment { sequence, syn: false, fin: false, payload, missing };
            direction.take(segment, 0, &mut |piece| pieces.push(piece));
        }
        direction.finish(&mut |piece| pieces.push(piece));
        pieces
    }

    fn bytes(pieces: &[Piece]) -> Vec<u8> {
        let bytes = pieces.iter().map(|piece| match piece {
            Piece::Bytes(bytes) => &bytes[..],
            Piece::Gap { .. } => &[],
        });
        bytes.collect::<Vec<_>>().concat()
    }

    #[test]
    fn a_missing_piece_is_a_gap_of_its_size() {
        let sent = b"0123456789";
        let pieces = given(sent, 5, &[(0, 3, 3), (7, 3, 3)]);
        assert_eq!(pieces, [Piece::Bytes(b"012".into()), Piece::Gap { length: 4, reason: Reason::Lost }]);
        // What the snap length cut is missing too, and nothing behind it is given.
        let pieces = given(sent, 5, &[(0, 5, 3), (5, 5, 5)]);
        assert_eq!(pieces, [Piece::Bytes(b"012".into()), Piece::Gap { length: 2, reason: Reason::SnapLength }]);
    }

    #[test]
    fn empty_segments_behind_the_end_are_no_gap() {
        let mut direction = Direction::default();
        let mut pieces = Vec::new();
        let segment = |sequence, fin, payload| Segment { sequence, syn: false, fin, payload, missing: 0 };
        direction.take(segment(100, true, &b"ab"[..]), 0, &mut |piece| pieces.push(piece));
        direction.take(segment(103, false, b""), 1, &mut |piece| pieces.push(piece));
        direction.acknowledge(103, 2, &mut |piece| pieces.push(piece));
        direction.finish(&mut |piece| pieces.push(piece));
        assert_eq!(pieces, [Piece::Bytes(b"ab".into())]);
    }

    #[test]
    fn what_the_receiver_acknowledged_and_nobody_captured_is_lost_after_a_while() {
        let mut direction = Direction::default();
        let mut pieces = Vec::new();
        let segment = |sequence, payload| Segment { sequence, syn: false, fin: false, payload, missing: 0 };
        direction.take(segment(100, b"ab"), 0, &mut |piece| pieces.push(piece));
        direction.acknowledge(112, 1, &mut |piece| pieces.push(piece));
        assert_eq!(pieces.len(), 1);
        direction.take(segment(112, b"cd"), 2, &mut |piece| pieces.push(piece));
        assert_eq!(pieces.len(), 1, "it may still come");
        direction.acknowledge(114, PATIENCE + 1, &mut |piece| pieces.push(piece));
        assert_eq!(pieces[1..], [Piece::Gap { length: 10, reason: Reason::Lost }]);
    }

    proptest! {
        #[test]
        fn segments_in_any_order_with_overlaps_give_what_was_sent(
            sent in proptest::collection::vec(any::<u8>(), 1..400),
            first in prop_oneof![any::<u32>(), Just(u32::MAX - 7)],
            cuts in proptest::collection::vec((0_usize..400, 1_usize..60), 0..60),
            seed in any::<u64>(),
        ) {
            // Every byte is in one segment, and some are in several.
            let whole = (0..sent.len()).step_by(37).map(|at| (at, 37));
            let mut segments: Vec<(usize, usize, usize)> = whole
                .chain(cuts)
                .filter(|(at, _)| *at < sent.len())
                .map(|(at, len)| (at, len.min(sent.len() - at)))
                .map(|(at, len)| (at, len, len))
                .collect();
            let mut state = seed;
            for i in (1..segments.len()).rev() {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                segments.swap(i, (state >> 33) as usize % (i + 1));
            }
            let pieces = given(&sent, first, &segments);
            prop_assert!(pieces.iter().all(|piece| matches!(piece, Piece::Bytes(_))));
            prop_assert_eq!(bytes(&pieces), sent);
        }
    }
}
