//! What a download says on stderr while it runs.

use std::{io::IsTerminal, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar on a terminal, plain lines elsewhere, or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    Silent,
    Lines,
    Bar,
}

impl Progress {
    pub(crate) fn new(wanted: bool) -> Progress {
        match (wanted, std::io::stderr().is_terminal()) {
            (false, _) => Progress::Silent,
            (true, false) => Progress::Lines,
            (true, true) => Progress::Bar,
        }
    }

    /// One line about what happens.
    pub(crate) fn say(self, line: &str) {
        if self != Progress::Silent {
            eprintln!("{line}");
        }
    }

    /// A bar for a file of `bytes` bytes; a spinner where the size is not known, hidden where nobody looks.
    pub(crate) fn bar(self, label: &str, bytes: Option<u64>) -> ProgressBar {
        let target =
            if self == Progress::Bar { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(bytes, target).with_message(label.to_owned());
        let template = match bytes {
            Some(_) => "{msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta}",
            None => "{spinner} {msg} {bytes} {bytes_per_sec}",
        };
        if self == Progress::Bar {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        bar.with_style(ProgressStyle::with_template(template).expect("the template is well-formed"))
    }
}
