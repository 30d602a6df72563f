//! How far a long input is read: on a terminal's standard error, while the output goes elsewhere.

use core::time::Duration;
use std::io::{self, IsTerminal};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};

/// Shown only from this time on.
const DELAY: Duration = Duration::from_millis(500);

pub(crate) struct Progress {
    started: Instant,
    total: Option<u64>,
    bar: Option<ProgressBar>,
    enabled: bool,
}

impl Progress {
    /// For an input of so many bytes, if that is known.
    pub(crate) fn new(total: Option<u64>) -> Progress {
        // Lines on the same terminal show the progress themselves.
        let enabled = io::stderr().is_terminal() && !io::stdout().is_terminal();
        Progress { started: Instant::now(), total, bar: None, enabled }
    }

    pub(crate) fn update(&mut self, bytes: u64) {
        if !self.enabled || (self.bar.is_none() && self.started.elapsed() < DELAY) {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| match self.total {
            Some(total) => {
                let template = "{bar:40} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
                ProgressBar::new(total)
                    .with_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()))
            }
            None => {
                let template = "{spinner} {bytes}, {bytes_per_sec}";
                ProgressBar::no_length().with_style(
                    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner()),
                )
            }
        });
        bar.set_position(bytes);
    }

    pub(crate) fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}
