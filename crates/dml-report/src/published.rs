//! The published numbers, compiled in: headers are dotted trial keys and score names, so that they
//! join by themselves.

use std::collections::{BTreeMap, BTreeSet};

use dml_spec::number;
use dml_store::lookup;

use crate::evidence::Evidence;
use crate::text::value_text;

const FILES: [(&str, &str); 5] = [
    ("table-1-mnist", include_str!("../published/table-1-mnist.csv")),
    ("table-2-organamnist", include_str!("../published/table-2-organamnist.csv")),
    ("table-3", include_str!("../published/table-3.csv")),
    ("table-4-mnist", include_str!("../published/table-4-mnist.csv")),
    ("metric-vae-losses", include_str!("../published/metric-vae-losses.csv")),
];

/// One published table.
#[derive(Debug, Clone)]
pub(crate) struct Published {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Published {
    /// A table of Safir et al. (2022), by its name in [`dml_spec::PUBLISHED`].
    pub(crate) fn load(name: &str) -> Option<Self> {
        let (_, text) = FILES.iter().find(|(known, _)| *known == name)?;
        let mut lines = text.lines().map(|line| line.split(',').map(String::from).collect::<Vec<_>>());
        let header = lines.next().unwrap_or_default();
        Some(Self { header, rows: lines.collect() })
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The row that speaks of a trial: every cell that is not empty and heads a key of the trial
    /// equals the trial's value.
    pub(crate) fn row_of(&self, trial: &toml::Table) -> Option<usize> {
        self.rows.iter().position(|row| {
            self.cells(row)
                .all(|(key, cell)| is_score(key) || lookup(trial, key).is_some_and(|value| says(cell, value)))
        })
    }

    /// The row that speaks of all these trials, if one does.
    pub(crate) fn row_of_all(&self, trials: &[&Evidence]) -> Option<usize> {
        let rows: BTreeSet<Option<usize>> = trials.iter().map(|t| self.row_of(t.trial)).collect();
        if rows.len() == 1 { rows.into_iter().next()? } else { None }
    }

    /// The published numbers of a row, as printed, by score name.
    pub(crate) fn scores(&self, row: usize) -> BTreeMap<&str, &str> {
        self.cells(&self.rows[row]).filter(|(key, _)| is_score(key)).collect()
    }

    fn cells<'a>(&'a self, row: &'a [String]) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.header
            .iter()
            .zip(row)
            .map(|(k, c)| (k.as_str(), c.as_str()))
            .filter(|(_, cell)| !cell.is_empty())
    }
}

/// Trial keys of the published files have one dot, scores two.
fn is_score(key: &str) -> bool {
    key.matches('.').count() == 2
}

fn says(cell: &str, value: &toml::Value) -> bool {
    match (cell.parse::<f64>(), number(value)) {
        (Ok(cell), Some(value)) => cell.total_cmp(&value).is_eq(),
        _ => cell == value_text(value),
    }
}

#[cfg(test)]
mod tests {
    use dml_spec::PUBLISHED;

    use super::*;

    #[test]
    fn every_published_number_is_there_once() {
        let counts = PUBLISHED.map(|name| {
            let table = Published::load(name).unwrap();
            (0..table.len()).map(|row| table.scores(row).len()).sum::<usize>()
        });
        // 30 rows x 2, 30 x 2, 42 x 2, 15 x 3, 120 x 1: as in the tables of the paper.
        assert_eq!(counts, [60, 60, 84, 45, 120]);
        for name in PUBLISHED {
            let table = Published::load(name).unwrap();
            for row in 0..table.len() {
                for (score, text) in table.scores(row) {
                    let value: f64 = text.parse().unwrap();
                    assert!((-0.01..=1.0).contains(&value), "{name} {score} {value}");
                }
            }
        }
    }

    #[test]
    fn a_trial_finds_its_row_by_number_and_by_name() {
        let table = Published::load("table-1-mnist").unwrap();
        let trial = |percent: f64, system: &str| -> toml::Table {
            format!(
                "data = {{ name = 'mnist', labelled_percent = {percent:?} }}\nmodel = {{ system = '{system}', latent_dim = 10 }}\n\
                 loss = {{ kind = 'triplet' }}\nroutine = {{ kind = 'alternate_epochs', alpha = 0.25 }}"
            )
            .parse()
            .unwrap()
        };
        let row = table.row_of(&trial(10.0, "dml_autoencoder")).unwrap();
        assert_eq!(table.scores(row)["test_folds.knn.accuracy"], "0.8478");
        let row = table.row_of(&trial(10.0, "dml")).unwrap();
        assert_eq!(table.scores(row)["test_folds.knn.ami"], "0.8838");
        assert!(table.row_of(&trial(50.0, "dml")).is_none());
        assert!(table.row_of(&trial(10.0, "pixels")).is_none());
    }
}
