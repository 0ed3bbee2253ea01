//! Numbers in README.md and docs/results.md agree with the kept results that they name.
//!
//! Two kinds of comment, which a reader does not see, say where a number comes from:
//!
//! - `<!-- collapse tables/collapse.md -->` over a table: each of its rows is a row of that file of
//!   the report of the sweep `collapse`, which is made of `results/collapse.jsonl` alone.
//! - `<!-- collapse effects.csv; effect=beta; share low high -->` behind numbers: these are columns
//!   of the one line of that file which has these values, as rounded as the text has them. A number
//!   with a `%` is a hundredfold; where a column holds no number, it is the word before.
//!
//! A number with three decimals, as scores have them, is refused without such a comment behind it,
//! or one that says what it is instead: `<!-- not a result: published -->`.
//!
//! When results have changed, `UPDATE_NUMBERS=1 cargo test -p xtask numbers` writes them anew.

use std::collections::HashMap;
use std::fs;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use dml_store::RunStore;

use crate::experiment::Sweep;
use crate::kept;
use crate::report;

/// Around a comment.
const COMMENT: (&str, &str) = ("<!-- ", " -->");

/// What a comment behind numbers that are none begins with.
const NOT_A_RESULT: &str = "not a result: ";

/// As many decimals as a score has at least.
const DECIMALS_OF_SCORES: usize = 3;

/// Gives a file of the report of a sweep.
type File<'f> = &'f mut dyn FnMut(&str, &str) -> Result<String>;

/// The text with every number that names its file as the file has it.
fn updated(text: &str, file: File) -> Result<String> {
    let mut updated = String::new();
    // The rows of the file that the table here is of.
    let mut rows: Option<Vec<String>> = None;
    for line in text.lines() {
        let named = line.strip_prefix(COMMENT.0).and_then(|rest| rest.strip_suffix(COMMENT.1));
        let in_table = rows.as_ref().filter(|_| line.starts_with('|'));
        if let Some((sweep, name)) = named.and_then(|named| named.split_once(' ')) {
            let text = file(sweep, name)?;
            rows = Some(text.lines().filter(|row| row.starts_with('|')).map(str::to_string).collect());
            updated += line;
        } else if let Some(rows) = in_table {
            updated += row(line, rows)?;
        } else {
            rows = None;
            updated += &numbers(line, file).with_context(|| format!("in {line:?}"))?;
        }
        updated += "\n";
    }
    Ok(updated)
}

/// The row of the file that begins like this one.
fn row<'r>(line: &str, rows: &'r [String]) -> Result<&'r String> {
    let cells = line.split('|').skip(1);
    let alike = |row: &&String| row.split('|').skip(1).zip(cells.clone()).take_while(|(a, b)| a == b).count();
    let best = rows.iter().max_by_key(alike).filter(|row| alike(row) > 0);
    best.with_context(|| format!("no row of the report begins like {line:?}"))
}

/// A line in which the numbers before each comment are those of the comment's file.
fn numbers(line: &str, file: File) -> Result<String> {
    let (begin, end) = COMMENT;
    let (mut updated, mut rest) = (String::new(), line);
    while let Some((text, (comment, after))) =
        rest.split_once(begin).and_then(|(text, comment)| Some((text, comment.split_once(end)?)))
    {
        let is_result = !comment.starts_with(NOT_A_RESULT);
        updated += &if is_result { replaced(text, &cells(comment, file)?)? } else { text.to_string() };
        updated += &[begin, comment, end].concat();
        rest = after;
    }
    without_scores(rest)?;
    Ok(updated + rest)
}

/// Refuses text with a number that looks like a score.
fn without_scores(text: &str) -> Result<()> {
    let decimals = |number: &str| number.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let mut numbers = text.split(|c| !is_numeric(c)).map(|number| number.trim_end_matches('.'));
    match numbers.find(|number| decimals(number) >= DECIMALS_OF_SCORES) {
        Some(number) => bail!("{number} names no file, nor says <!-- {NOT_A_RESULT}… -->"),
        None => Ok(()),
    }
}

/// The cells that a comment speaks of.
fn cells(comment: &str, file: File) -> Result<Vec<String>> {
    let mut parts: Vec<&str> = comment.split("; ").collect();
    let columns = parts.pop().unwrap_or_default();
    ensure!(!parts.is_empty(), "{comment:?}: SWEEP FILE; KEY=VALUE; COLUMN would be right");
    let (sweep, name) =
        parts.remove(0).split_once(' ').with_context(|| format!("{comment:?} names no file"))?;
    let text = file(sweep, name)?;
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers()?.clone();
    let place = |column: &str| {
        let place = header.iter().position(|found| found == column);
        place.with_context(|| format!("{name} of {sweep} has no column {column:?}"))
    };
    let wanted = parts.iter().map(|part| {
        let (key, value) = part.split_once('=').with_context(|| format!("{part:?} is no KEY=VALUE"))?;
        Ok((place(key)?, value))
    });
    let wanted = wanted.collect::<Result<Vec<_>>>()?;
    let lines = reader.records().collect::<Result<Vec<_>, _>>()?;
    let mut found = lines.iter().filter(|line| wanted.iter().all(|(place, value)| line[*place] == **value));
    let (Some(line), None) = (found.next(), found.next()) else {
        bail!("{name} of {sweep} has no line, or several, with {}", parts.join("; "));
    };
    columns.split(' ').map(|column| Ok(line[place(column)?].to_string())).collect()
}

/// Text whose last numbers and words are these cells.
fn replaced(text: &str, cells: &[String]) -> Result<String> {
    let (mut text, mut end) = (text.to_string(), text.len());
    for cell in cells.iter().rev() {
        let value = cell.parse::<f64>().ok();
        let place = last(&text[..end], if value.is_some() { is_numeric } else { char::is_alphabetic });
        let place = place.with_context(|| format!("nothing stands there for {cell:?}"))?;
        let new = match value {
            Some(value) => written(value, &text[place.clone()], text[place.end..].starts_with('%'))?,
            None => cell.clone(),
        };
        end = place.start;
        text.replace_range(place, &new);
    }
    without_scores(&text[..end])?;
    Ok(text)
}

fn is_numeric(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, '.' | '+' | '-')
}

/// Where the last run of such characters with a letter or a digit in it stands.
fn last(text: &str, belongs: fn(char) -> bool) -> Option<Range<usize>> {
    let is_core = |c: char| belongs(c) && c.is_alphanumeric();
    let (at, c) = text.char_indices().rev().find(|(_, c)| is_core(*c))?;
    let end = at + c.len_utf8();
    let start = text[..end].char_indices().rev().take_while(|(_, c)| belongs(*c)).last()?.0;
    Some(start..end)
}

/// A value with as many decimals as the old number has, and a sign where that has one.
fn written(value: f64, old: &str, percent: bool) -> Result<String> {
    let old_value: f64 = old.parse().with_context(|| format!("{old:?} is no number"))?;
    let decimals = old.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let value = if percent { 100.0 * value } else { value };
    // A number that is as near as its decimals can be stays, whichever way a half is rounded.
    if (value - old_value).abs() <= 0.5 * 10_f64.powi(-(decimals as i32)) + 1e-9 {
        return Ok(old.to_string());
    }
    let sign = if old.starts_with('+') && value >= 0.0 { "+" } else { "" };
    Ok(format!("{sign}{value:.decimals$}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EFFECTS: &str =
        "effects,effect,share,low,high\neffects,beta,0.31234,0.3,0.325\neffects,\"a, b\",0.1,,\n";
    const TABLE: &str = "### Title\n\n| a | b | score |\n| --- | --- | --: |\n| x | 1 | 0.5 ± 0.1 |\n| x | 2 | 0.75 |\n\nA note.\n";

    fn made_up(sweep: &str, name: &str) -> Result<String> {
        match (sweep, name) {
            ("s", "effects.csv") => Ok(EFFECTS.to_string()),
            ("s", "tables/t.md") => Ok(TABLE.to_string()),
            ("s", "predictions.csv") => Ok("prediction,fate\np,held\n".to_string()),
            _ => bail!("{sweep} has no {name}"),
        }
    }

    fn checked(text: &str) -> Result<String> {
        updated(text, &mut made_up)
    }

    #[test]
    fn numbers_and_tables_that_name_a_file_become_what_it_has_and_others_stay() {
        let text = "\
Beta has 99% (10% to +3.00%) <!-- s effects.csv; effect=beta; share low high --> of it, others 9 and -0.20<!-- s effects.csv; effect=a, b; share -->.

It **failed**<!-- s predictions.csv; prediction=p; fate -->, above 0.12 and not 0.123<!-- not a result: published -->.

<!-- s tables/t.md -->
| a | b | score |
| --- | --- | --: |
| x | 2 | 0.9 |
| x | 1 | 0.5 ± 0.1 |

| x | 2 | 0.9 |
";
        let expected = "\
Beta has 31% (30% to +32.50%) <!-- s effects.csv; effect=beta; share low high --> of it, others 9 and 0.10<!-- s effects.csv; effect=a, b; share -->.

It **held**<!-- s predictions.csv; prediction=p; fate -->, above 0.12 and not 0.123<!-- not a result: published -->.

<!-- s tables/t.md -->
| a | b | score |
| --- | --- | --: |
| x | 2 | 0.75 |
| x | 1 | 0.5 ± 0.1 |

| x | 2 | 0.9 |
";
        assert_eq!(checked(text).unwrap(), expected);
        assert_eq!(checked(expected).unwrap(), expected);
    }

    #[test]
    fn a_comment_that_names_nothing_is_refused() {
        let refused = |text: &str| format!("{:#}", checked(text).unwrap_err());
        assert!(
            refused("1 <!-- s effects.csv; effect=gamma; share -->")
                .contains("no line, or several, with effect=gamma")
        );
        assert!(refused("1 <!-- s effects.csv; effects=effects; share -->").contains("or several"));
        assert!(
            refused("1 <!-- s effects.csv; effect=beta; shares -->").contains("has no column \"shares\"")
        );
        assert!(
            refused("no number <!-- s effects.csv; effect=beta; share -->")
                .contains("nothing stands there for")
        );
        assert!(refused("1 <!-- a remark -->").contains("SWEEP FILE; KEY=VALUE; COLUMN would be right"));
        assert!(refused("It is 0.123.").contains("0.123 names no file"));
        assert!(
            refused("0.123 and 0.2 <!-- s effects.csv; effect=beta; share -->").contains("0.123 names no")
        );
        assert!(refused("0.2 <!-- s effects.csv; effect=beta; share -->, -0.1234").contains("-0.1234 names"));
        assert!(refused("<!-- s tables/u.md -->").contains("s has no tables/u.md"));
        assert!(
            refused("<!-- s tables/t.md -->\n| y | 1 | 0.5 |").contains("no row of the report begins like")
        );
    }

    #[test]
    fn numbers_of_readme_and_results_are_those_of_the_kept_results() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut made = HashMap::new();
        let mut file = |sweep: &str, name: &str| -> Result<String> {
            if !made.contains_key(sweep) {
                made.insert(sweep.to_string(), folder.path().join(sweep));
                report_of_kept(root, sweep, folder.path())?;
            }
            let path = made[sweep].join(name);
            fs::read_to_string(&path).with_context(|| format!("the report of {sweep} has no {name}"))
        };
        for name in ["README.md", "docs/results.md"] {
            let path = root.join(name);
            let text = fs::read_to_string(&path).unwrap();
            let new = updated(&text, &mut file).with_context(|| name.to_string()).unwrap();
            if std::env::var_os("UPDATE_NUMBERS").is_some() {
                fs::write(&path, &new).unwrap();
                continue;
            }
            for (old, new) in text.lines().zip(new.lines()) {
                assert_eq!(old, new, "{name} is not what results/ says; UPDATE_NUMBERS=1 writes it anew");
            }
        }
        assert!(made.contains_key("collapse"), "docs/results.md quotes it");
    }

    /// Makes the report of a sweep from `results/NAME.jsonl` alone.
    fn report_of_kept(root: &Path, sweep: &str, folder: &Path) -> Result<()> {
        let kept = root.join(kept::FOLDER);
        ensure!(kept::path(&kept, sweep).is_file(), "no results of {sweep} are kept");
        let of = Sweep::find(root, sweep, None)?;
        let store = RunStore::open(&folder.join("store"))?;
        kept::take(&kept, &of, &store)?;
        report::make(&of, &store, &folder.join(sweep)).map(drop)
    }
}
