//! The automaton of an endpoint: the closing handshake (RFC 6455 §5.5.1, §7), Pongs and keepalive (§5.5.2, §5.5.3). It knows
//! nothing of payloads. It is told of control frames, violations, the end of the transport and the time, and knows what is
//! owed and when to wake.

use core::time::Duration;

use crate::close_code::CloseCode;
use crate::close_frame::CloseFrame;
use crate::machine::Control;
use crate::opcode::MAX_CONTROL;

/// How long a connection waits for what.
///
/// | | default | what happens then |
/// |---|---|---|
/// | `ping_after` | 20 s without a received byte | a Ping is due |
/// | `pong_within` | 20 s after that without a received byte | the connection is lost: [`Cause::NoPong`](super::Cause::NoPong) |
/// | `close_within` | 10 s after our Close without the peer's | [`Cause::NoClose`](super::Cause::NoClose) |
/// | `linger` | 2 s after both Closes, for the transport to end | it is to be dropped |
///
/// A Pong or a Ping that is due and cannot be written for `ping_after + pong_within` ends the connection, too:
/// [`Cause::Stalled`](super::Cause::Stalled). Proxies often cut connections after 60 s without traffic, so `ping_after` should be
/// less. Times are kept in milliseconds, up to 49 days.
///
/// ```
/// use core::time::Duration;
/// use wsframe::Timing;
///
/// let timing = Timing::new().with_ping_after(Duration::from_secs(45)).with_close_within(Duration::from_secs(5));
/// assert_eq!(timing.ping_after(), Some(Duration::from_secs(45)));
/// assert_eq!(Timing::new().without_pings().ping_after(), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// In milliseconds; `u32::MAX` for never.
    ping_after: u32,
    pong_within: u32,
    close_within: u32,
    linger: u32,
}

impl Timing {
    /// The defaults.
    pub const fn new() -> Timing {
        Timing { ping_after: 20_000, pong_within: 20_000, close_within: 10_000, linger: 2_000 }
    }

    /// Sets after how long without a received byte a Ping is due.
    #[must_use]
    pub const fn with_ping_after(mut self, time: Duration) -> Timing {
        self.ping_after = millis(time);
        self
    }

    /// Sends no Pings, and does not notice a peer that has vanished.
    #[must_use]
    pub const fn without_pings(mut self) -> Timing {
        self.ping_after = u32::MAX;
        self
    }

    /// Sets how long after a Ping was due a byte must have been received.
    #[must_use]
    pub const fn with_pong_within(mut self, time: Duration) -> Timing {
        self.pong_within = millis(time);
        self
    }

    /// Sets how long to wait for the peer's Close after our own, and for room for our answer to the peer's.
    #[must_use]
    pub const fn with_close_within(mut self, time: Duration) -> Timing {
        self.close_within = millis(time);
        self
    }

    /// Sets how long to wait for the end of the transport once both Closes went through.
    #[must_use]
    pub const fn with_linger(mut self, time: Duration) -> Timing {
        self.linger = millis(time);
        self
    }

    /// After how long without a received byte a Ping is due; `None` for never.
    pub const fn ping_after(&self) -> Option<Duration> {
        if self.ping_after == u32::MAX { None } else { Some(Duration::from_millis(self.ping_after as u64)) }
    }

    /// How long after a Ping was due a byte must have been received.
    pub const fn pong_within(&self) -> Duration {
        Duration::from_millis(self.pong_within as u64)
    }

    /// How long to wait for the peer's Close, and for room for our answer.
    pub const fn close_within(&self) -> Duration {
        Duration::from_millis(self.close_within as u64)
    }

    /// How long to wait for the end of the transport.
    pub const fn linger(&self) -> Duration {
        Duration::from_millis(self.linger as u64)
    }
}

impl Default for Timing {
    fn default() -> Timing {
        Timing::new()
    }
}

const fn millis(time: Duration) -> u32 {
    let millis = time.as_millis();
    // The last value stands for never.
    if millis < u32::MAX as u128 { millis as u32 } else { u32::MAX - 1 }
}

/// The states of the table in `connection.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// O.
    Open,
    /// S: we closed, and wait for the peer's Close.
    Closing,
    /// R: the peer closed, and our answer is due.
    Replying,
    /// V: the peer broke a rule, or the application failed, and our Close is due.
    Failing,
    /// D: both Closes are through.
    Done,
    /// F: our Close after a failure is through, or cannot be sent any more.
    Failed,
    /// E.
    Ended,
}

/// Why a connection ends, as far as that does not follow from its decoder and encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    Undecided,
    ClosedByUs,
    ClosedByPeer,
    Violation,
    Failed,
    Lost,
    NoClose,
    NoPong,
    Stalled,
}

/// Our own Ping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ping {
    None,
    /// Nothing was heard for a while, so it is due.
    Due,
    /// It was written, and nothing was heard since it was due.
    Waiting,
    /// It was written, and something was heard, but not its Pong.
    Unanswered,
}

/// Times are in microseconds since the caller's fixed point.
#[derive(Clone)]
pub(super) struct Conduct {
    /// The latest time that was told.
    now: u64,
    /// When the last byte was received; while our Ping is due or waiting, when it became due.
    quiet: u64,
    /// While open, when the first duty that was not written became due; later, when the phase began.
    since: u64,
    /// When our Ping was written.
    written: u64,
    /// What the application failed with, after it did.
    failure_reason: &'static str,
    failure_code: Option<CloseCode>,
    timing: Timing,
    /// The round trip of our last Ping, in microseconds; `u32::MAX` before the first.
    latency: u32,
    /// The low bits of the position up to which bytes were heard.
    position: u32,
    /// The number of our last Ping, which is its payload.
    serial: u32,
    pub(super) phase: Phase,
    pub(super) why: Why,
    ping: Ping,
    /// Whether a time was told.
    is_timed: bool,
    /// Whether `since` is to be set by the next call that knows the time.
    starts: bool,
    /// Whether a duty is due, while open.
    owes: bool,
    /// Whether a message was cut off when the connection ended.
    pub(super) unfinished: bool,
    /// Whether a Pong is due, and its payload.
    owes_pong: bool,
    pong_len: u8,
    pong: [u8; MAX_CONTROL],
}

impl Conduct {
    pub(super) const fn new(timing: Timing) -> Conduct {
        Conduct {
            now: 0,
            is_timed: false,
            since: 0,
            quiet: 0,
            written: 0,
            failure_reason: "",
            failure_code: None,
            timing,
            latency: u32::MAX,
            position: 0,
            serial: 0,
            phase: Phase::Open,
            why: Why::Undecided,
            ping: Ping::None,
            starts: false,
            owes: false,
            unfinished: false,
            owes_pong: false,
            pong_len: 0,
            pong: [0; MAX_CONTROL],
        }
    }

    pub(super) const fn set_timing(&mut self, timing: Timing) {
        self.timing = timing;
    }

    /// A new phase begins.
    fn enter(&mut self, phase: Phase, why: Why) {
        self.phase = phase;
        if self.why == Why::Undecided {
            self.why = why;
        }
        self.starts = phase != Phase::Ended;
        self.owe_nothing();
    }

    fn owe_nothing(&mut self) {
        (self.owes, self.owes_pong, self.ping) = (false, false, Ping::None);
    }

    /// We sent a Close.
    pub(super) fn closed_by_us(&mut self) {
        if self.phase == Phase::Open {
            self.phase = Phase::Closing;
            self.starts = true;
            self.owe_nothing();
        }
    }

    /// A control frame was received.
    pub(super) fn received(&mut self, control: &Control<'_>) {
        match control {
            Control::Ping(payload) if self.phase == Phase::Open => {
                self.pong_len = 0;
                for (to, from) in self.pong.iter_mut().zip(*payload) {
                    *to = *from;
                    self.pong_len += 1;
                }
                self.owes_pong = true;
                if !self.owes {
                    (self.owes, self.starts) = (true, true);
                }
            }
            Control::Pong(payload) if self.is_written() && **payload == self.ping_payload() => {
                let took = self.now.saturating_sub(self.written);
                self.latency = u32::try_from(took).unwrap_or(u32::MAX - 1);
                self.ping = Ping::None;
            }
            Control::Close(_) => match self.phase {
                Phase::Open => self.enter(Phase::Replying, Why::ClosedByPeer),
                Phase::Closing => self.enter(Phase::Done, Why::ClosedByUs),
                _ => {}
            },
            _ => {}
        }
    }

    /// The peer broke a rule, or the application failed.
    pub(super) fn fails(&mut self, why: Why) {
        match self.phase {
            Phase::Open => self.enter(Phase::Failing, why),
            // No second Close.
            Phase::Closing => self.enter(Phase::Failed, why),
            _ => {}
        }
    }

    /// The Close that was due is written.
    pub(super) fn wrote_close(&mut self) {
        match self.phase {
            Phase::Replying => self.enter(Phase::Done, Why::ClosedByPeer),
            Phase::Failing => self.enter(Phase::Failed, self.why),
            _ => {}
        }
    }

    /// The transport is gone.
    pub(super) fn ends(&mut self) {
        self.enter(Phase::Ended, Why::Lost);
    }

    /// The peer does not read.
    #[cfg(feature = "tokio")]
    pub(super) fn stalls(&mut self) {
        self.enter(Phase::Ended, Why::Stalled);
    }

    /// Whether a Pong or a Ping is due.
    pub(super) const fn owes(&self) -> bool {
        self.owes
    }

    /// What the application failed with.
    pub(super) const fn failure(&self) -> Option<CloseFrame<'static>> {
        match (self.failure_code, self.why) {
            (None, Why::Failed) => Some(CloseFrame::EMPTY),
            (Some(code), Why::Failed) => Some(CloseFrame::from_parts(Some(code), self.failure_reason)),
            _ => None,
        }
    }

    pub(super) fn set_failure(&mut self, close: CloseFrame<'static>) {
        (self.failure_code, self.failure_reason) = (close.code(), close.reason());
    }

    fn is_written(&self) -> bool {
        matches!(self.ping, Ping::Waiting | Ping::Unanswered)
    }

    /// Our Ping's payload: its number.
    pub(super) fn ping_payload(&self) -> [u8; 8] {
        u64::from(self.serial).to_be_bytes()
    }

    /// The payload of the Pong that is due.
    pub(super) fn pong(&self) -> Option<&[u8]> {
        if self.owes_pong { self.pong.get(..self.pong_len.into()) } else { None }
    }

    pub(super) fn ping_is_due(&self) -> bool {
        self.ping == Ping::Due
    }

    pub(super) fn wrote_pong(&mut self) {
        self.owes_pong = false;
        self.wrote();
    }

    pub(super) fn wrote_ping(&mut self) {
        self.ping = Ping::Waiting;
        self.written = self.now;
        self.wrote();
    }

    /// A duty was written: the peer reads.
    fn wrote(&mut self) {
        self.owes = self.owes_pong || self.ping == Ping::Due;
        self.starts = self.owes;
    }

    /// What happened since the last call that knew the time happened at `time`.
    fn settle(&mut self, time: u64, position: u64) {
        if self.starts {
            (self.since, self.starts) = (time, false);
        }
        if position as u32 != self.position {
            self.position = position as u32;
            self.hears(time);
        }
    }

    /// Bytes were received at `time`.
    fn hears(&mut self, time: u64) {
        self.quiet = time;
        // Whoever sends is alive. A Ping that was written may still be answered, which measures the latency.
        match self.ping {
            Ping::Due => (self.ping, self.owes) = (Ping::None, self.owes_pong),
            Ping::Waiting => self.ping = Ping::Unanswered,
            Ping::None | Ping::Unanswered => {}
        }
    }

    /// It is `now`, and bytes were received that are not decoded yet. They came before whatever this moment ends.
    #[cfg(feature = "tokio")]
    pub(super) fn heard_at(&mut self, now: Duration) {
        self.now = in_micros(now).max(self.now);
        self.hears(self.now);
    }

    /// What happened since the last call that knew the time happened `now`, which ends nothing.
    #[cfg(feature = "tokio")]
    pub(super) fn date(&mut self, now: Duration, position: u64) {
        self.now = in_micros(now).max(self.now);
        self.settle(self.now, position);
    }

    /// Whether something happened since the last call that knew the time.
    #[cfg(feature = "tokio")]
    pub(super) const fn is_undated(&self) -> bool {
        self.starts
    }

    /// It is `now`, and the peer has read something that it had let wait: it is alive, and will read what is due.
    #[cfg(feature = "tokio")]
    pub(super) fn peer_reads(&mut self, now: Duration) {
        self.heard_at(now);
        if self.owes {
            self.since = self.now;
        }
    }

    /// It is `now`, and our Close is through just now, or still on its way.
    pub(super) fn lingers_from(&mut self, now: Duration) {
        if matches!(self.phase, Phase::Done | Phase::Failed) {
            self.now = in_micros(now).max(self.now);
            (self.since, self.starts) = (self.now, false);
        }
    }

    /// It is `now`; `position` bytes were received.
    pub(super) fn at(&mut self, now: Duration, position: u64) {
        let now = in_micros(now);
        if !self.is_timed {
            (self.now, self.quiet, self.is_timed) = (now, now, true);
        }
        let now = now.max(self.now);
        self.now = now;
        self.settle(now, position);
        if now >= self.next_ping() {
            self.serial = self.serial.wrapping_add(1);
            (self.ping, self.quiet) = (Ping::Due, now);
            if !self.owes {
                (self.owes, self.since) = (true, now);
            }
        }
        if let Some((deadline, why)) = self.expiry()
            && now >= deadline
        {
            self.enter(Phase::Ended, why);
        }
    }

    /// When `at` is to be called next. A caller that asks waits from the time that it told last, so what happened since then
    /// happened then.
    pub(super) fn deadline(&mut self, position: u64) -> Option<Duration> {
        if !self.is_timed {
            return None;
        }
        self.settle(self.now, position);
        let expiry = self.expiry().map(|(deadline, _)| deadline);
        let earliest = expiry.unwrap_or(u64::MAX).min(self.next_ping());
        (earliest != u64::MAX).then(|| Duration::from_micros(earliest))
    }

    /// When the next Ping is due; `u64::MAX` for never.
    fn next_ping(&self) -> u64 {
        match (self.phase, self.ping) {
            (Phase::Open, Ping::None | Ping::Unanswered) if self.timing.ping_after != u32::MAX => {
                self.quiet.saturating_add(micros(self.timing.ping_after))
            }
            // One at a time.
            _ => u64::MAX,
        }
    }

    /// When the phase ends by itself, and why.
    fn expiry(&self) -> Option<(u64, Why)> {
        let timing = &self.timing;
        let later = |millis: u32| self.since.saturating_add(micros(millis));
        match self.phase {
            Phase::Open => {
                let pong = (self.ping == Ping::Waiting)
                    .then(|| (self.quiet.saturating_add(micros(timing.pong_within)), Why::NoPong));
                let patience = match timing.ping_after {
                    u32::MAX => timing.pong_within,
                    millis => millis,
                };
                let stalled =
                    self.owes.then(|| (later(patience).saturating_add(micros(timing.pong_within)), Why::Stalled));
                pong.into_iter().chain(stalled).min_by_key(|(deadline, _)| *deadline)
            }
            Phase::Closing => Some((later(timing.close_within), Why::NoClose)),
            Phase::Replying => Some((later(timing.close_within), Why::ClosedByPeer)),
            Phase::Failing | Phase::Done | Phase::Failed => Some((later(timing.linger), self.why)),
            Phase::Ended => None,
        }
    }

    pub(super) const fn latency(&self) -> Option<Duration> {
        if self.latency == u32::MAX { None } else { Some(Duration::from_micros(self.latency as u64)) }
    }
}

fn in_micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

const fn micros(millis: u32) -> u64 {
    millis as u64 * 1000
}
