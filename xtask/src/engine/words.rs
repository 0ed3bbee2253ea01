//! Counts, times and reasons as people say them.

/// Characters of a reason that are shown.
const LONGEST: usize = 240;

/// `1 trial`, `2 trials`.
pub(crate) fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// Seconds as people say them: `45 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`.
pub(crate) fn duration(seconds: f64) -> String {
    let s = seconds.max(0.0).round() as u64;
    match s {
        0..60 => format!("{s} s"),
        60..3600 => format!("{} min {} s", s / 60, s % 60),
        3600..86400 => format!("{} h {} min", s / 3600, s % 3600 / 60),
        _ => format!("{} d {} h", s / 86400, s % 86400 / 3600),
    }
}

/// The beginning of a reason, on one line: what libraries throw can have pages.
pub(crate) fn brief(reason: &str) -> String {
    let line = reason.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_as_people_say_them() {
        let said: Vec<_> = [0.4, 59.4, 200.0, 7500.0, 273_600.0].map(duration).into();
        assert_eq!(said, ["0 s", "59 s", "3 min 20 s", "2 h 5 min", "3 d 4 h"]);
    }

    #[test]
    fn long_reasons_are_cut() {
        assert_eq!(brief("short\n  frame #1"), "short frame #1");
        assert_eq!(brief(&"é".repeat(300)), "é".repeat(240) + "…");
    }
}
