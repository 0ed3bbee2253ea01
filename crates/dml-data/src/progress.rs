//! What a download says on stderr while it runs.

use std::io::IsTerminal;

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
}
