//! What a program that makes reports is told.

use serde::{Deserialize, Serialize};

use crate::spec::ReportSpecs;

/// All that a report is made of but the store's results. As TOML it goes to the program
/// `dml-report`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The sweep's name.
    pub name: String,
    /// What the sweep shows, one paragraph.
    pub claim: String,
    /// The command that runs the sweep and then writes its report.
    pub command: String,
    /// The sweep file, as it is named where something is wrong with it.
    pub file: String,
    /// When what the report compares was written down, one paragraph; empty of nothing.
    pub written: String,
    /// Trials that have no result because they were stopped early. A report with such judges
    /// nothing: what is missing looked bad, so what is left is better than all.
    pub stopped: usize,
    /// Tables, verdicts and figures.
    pub specs: ReportSpecs,
    /// Every trial of the sweep, all seeds.
    pub expected: Vec<toml::Table>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A specification of each kind.
    const SPECS: &str = r#"
        ignore = { "model.system" = { pixels = ["model.latent_dim"] } }
        baselines = { "model.system" = ["pixels", "pca"] }
        [[table]]
        name = "t"
        title = "T"
        select = { "a.x" = [1, 1.0, inf], "a.day" = 2026-01-01 }
        rows = ["a.x"]
        scores = ["s"]
        [[verdict]]
        name = "v"
        proposal = "It"
        treatment = { "a.x" = 1 }
        control = { "a.x" = 2 }
        each = []
        score = "s"
        choose = { keys = ["a.y"], by = "s", on = { "a.split" = "validation" } }
        [[equivalence]]
        name = "e"
        says = "they are alike"
        each = ["a.x"]
        scores = ["s", "t"]
        margin = 0.01
        [[prediction]]
        kind = "range"
        name = "p"
        says = "it is small"
        each = []
        score = "s"
        below = 0.1
        [[prediction]]
        kind = "information"
        name = "q"
        says = "it holds"
        ami = "s"
        kl = "t"
        classes = 10
        tolerance = 0.0
        [[effects]]
        name = "f"
        title = "F"
        score = "s"
        factors = ["a.x"]
        order = 2
        bar = 0.8
        [[figure]]
        kind = "score"
        name = "g"
        title = "G"
        x = "a.x"
        score = "s"
        lines = ["a.y"]
    "#;

    #[test]
    fn a_request_comes_through_as_it_was_with_every_kind_of_value_and_specification() {
        let trial = "seed = 9007199254740993\nempty = []\nlists = [[1, 2], []]\ntext = \"a\\nb\\\"\"\n[a]\nx = 1.0\nz = -0.0\nsmall = 5e-324\n[a.b]\nc = 1e300";
        let request = Request {
            name: "n".into(),
            claim: "two\nlines".into(),
            command: "cargo xtask sweep 'a b'".into(),
            file: "a b.toml".into(),
            written: "All before.".into(),
            stopped: 3,
            specs: toml::from_str(SPECS).unwrap(),
            expected: vec![trial.parse().unwrap(), "seed = 1".parse().unwrap()],
        };
        let back: Request = toml::from_str(&toml::to_string(&request).unwrap()).unwrap();
        assert_eq!(back, request);
        let x = |request: &Request| request.expected[0]["a"]["x"].is_float();
        assert!(x(&back) && x(&request), "a whole number that is a float stays one");
    }
}
