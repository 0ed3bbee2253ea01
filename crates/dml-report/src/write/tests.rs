use dml_spec::EquivalenceSpec;
use std::collections::BTreeMap;
use std::fs;
use tempfile::TempDir;

use super::*;
use crate::estimate::SCOPE;
use crate::synthetic::{Synthetic, blobs, common, spec, write_latent};

fn written(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.path().is_dir() {
            files.extend(written(&entry.path()));
        } else {
            files.insert(entry.path(), fs::read(entry.path()).unwrap());
        }
    }
    files
}

fn specs() -> ReportSpecs {
    let figure = "kind = 'latent'\nname = 'latent'\ntitle = 'Latent'\npanels = ['model.system']";
    let verdict = "name = 'decoder'\nproposal = 'A <decoder>'\ntreatment = { 'model.system' = 'dml_autoencoder', 'routine.alpha' = 0.5 }\n\
                   control = { 'model.system' = 'dml' }\neach = ['data.labelled_percent']\nscore = 'test_folds.knn.accuracy'";
    ReportSpecs {
        table: vec![spec()],
        verdict: vec![toml::from_str(verdict).unwrap()],
        figure: vec![toml::from_str(figure).unwrap()],
        ..common()
    }
}

fn request(expected: &[toml::Table]) -> Request {
    Request {
        name: "little".into(),
        claim: "Made up </script>.".into(),
        command: "cargo xtask sweep little".into(),
        file: "little.toml".into(),
        written: "All < after.".into(),
        stopped: 0,
        specs: specs(),
        expected: expected.to_vec(),
    }
}

/// A store with trials and results, in a folder of its own.
fn store(synthetic: &Synthetic) -> (TempDir, RunStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = RunStore::open(&folder.path().join("store")).unwrap();
    for trial in &synthetic.expected {
        store.add(trial).unwrap();
    }
    for result in &synthetic.results {
        store.finish(result).unwrap();
    }
    (folder, store)
}

/// What is said of a report of which something wrong is asked.
fn refusal(expected: &[toml::Table], change: impl FnOnce(&mut ReportSpecs)) -> String {
    let (folder, store) = store(&Synthetic::new(0));
    let mut request = request(expected);
    change(&mut request.specs);
    write_report(&request, &store, folder.path()).unwrap_err().to_string()
}

#[test]
fn a_report_with_holes_divergences_and_a_latent_space_is_the_same_twice() {
    let mut synthetic = Synthetic::new(3);
    synthetic.lose("dml", 10.0, 1);
    synthetic.diverge("dml_autoencoder", 0.1, 1);
    let (folder, store) = store(&synthetic);
    write_latent(&store.trial_directory(&synthetic.results[0].id), &blobs(40, 2, 0));
    let out = folder.path().join("report");
    let paths = write_report(&request(&synthetic.expected), &store, &out).unwrap();
    let first = written(&out);
    write_report(&request(&synthetic.expected), &store, &out).unwrap();
    assert_eq!(first, written(&out));
    assert_eq!((paths.trials, paths.results), (24, 23));

    let text = |name: &str| String::from_utf8(first[&out.join(name)].clone()).unwrap();
    let page = text("index.html");
    assert!(!page.contains("<!--slot ") && !page.contains("http:") || page.contains("http-equiv"));
    assert!(page.contains("<p>All &lt; after.</p>") && text("verdicts.md").starts_with("All < after.\n\n"));
    assert!(page.contains("Made up &lt;/script&gt;.") && page.contains("A &lt;decoder&gt;"));
    assert!(page.contains("23 of 24 trials have a result; of these 2 diverged."));
    let csv = text("results.csv");
    assert_eq!(csv.lines().filter(|line| line.contains(",missing,")).count(), 1);
    assert_eq!(csv.lines().filter(|line| line.contains(",diverged,")).count(), 2);
    let lines = text("results.jsonl");
    let results: Vec<TrialResult> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(results.len(), 23);
    let machine = folder.path().display().to_string();
    assert!(
        first.values().all(|bytes| !String::from_utf8_lossy(bytes).contains(&machine)),
        "no path of the machine"
    );
}

#[test]
fn a_report_of_nothing_yet_is_made_and_says_so() {
    let (folder, store) = store(&Synthetic::new(0));
    let out = folder.path().join("report");
    let paths = write_report(&request(&Synthetic::new(2).expected), &store, &out).unwrap();
    assert_eq!(paths.results, 0);
    let tables = fs::read_to_string(paths.tables).unwrap();
    assert!(tables.contains("16 of 16 cells have trials without a result"), "{tables}");
    assert!(fs::read_to_string(out.join("verdicts.md")).unwrap().contains("nothing can be said"));
}

#[test]
fn what_nothing_could_come_of_is_named() {
    let trials = Synthetic::new(1).expected;
    let message = |change: fn(&mut ReportSpecs)| refusal(&trials, change);
    assert_eq!(
        message(|s| s.table[0].lower_is_better.push("likelihood.nnl".into())),
        "table \"table-1\": lower_is_better has \"likelihood.nnl\", which is not among its scores"
    );
    let any = |s: &mut ReportSpecs| {
        let any = "kind = 'range'\nname = 'any'\nsays = 'S'\neach = []\nscore = 'a'";
        s.prediction = vec![toml::from_str(any).unwrap()];
    };
    assert!(message(any).contains("prediction \"any\": any number would be right; at_least, below or both"));
    let none = |s: &mut ReportSpecs| {
        let none =
            "kind = 'range'\nname = 'none'\nsays = 'S'\neach = []\nscore = 'a'\nat_least = 0.9\nbelow = 0.1";
        s.prediction = vec![toml::from_str(none).unwrap()];
    };
    assert_eq!(message(none), "prediction \"none\": at_least is 0.9 and below 0.1; no number would be right");
    let names = |s: &mut ReportSpecs| {
        let names =
            "kind = 'score'\nname = 'names'\ntitle = 'T'\nx = 'model.system'\nscore = 'a'\nlines = []";
        s.figure = vec![toml::from_str(names).unwrap()];
    };
    assert_eq!(
        message(names),
        "figure \"names\": x is \"model.system\", which is a number in no trial; a key of numbers would be right"
    );
    let nobody = |s: &mut ReportSpecs| {
        s.verdict[0].treatment = toml::from_str("'model.system' = 'vea'").unwrap();
    };
    assert_eq!(
        message(nobody),
        "verdict \"decoder\": no trial of the sweep has the values of its treatment and select"
    );
}

#[test]
fn a_wrong_specification_is_named() {
    let message = |change: fn(&mut ReportSpecs)| refusal(&[], change);
    let trials = Synthetic::new(1).expected;
    let of_trials = |change: fn(&mut ReportSpecs)| refusal(&trials, change);
    assert_eq!(
        of_trials(|s| s.table[0].rows.push("model.sytem".into())),
        "table \"table-1\": no trial of the sweep has the key \"model.sytem\"; there are \"model.latent_dim\", \"model.system\""
    );
    assert!(
        of_trials(|s| s.verdict[0].each = vec!["percent".into()]).contains("verdict \"decoder\": no trial")
    );
    let choice = |s: &mut ReportSpecs| {
        let choose = "keys = ['routine.alpha']\nby = 's'\non = { 'evaluation.spilt' = 'validation' }";
        s.verdict[0].choose = Some(toml::from_str(choose).unwrap());
    };
    assert!(
        of_trials(choice)
            .contains("verdict \"decoder\": no trial of the sweep has the key \"evaluation.spilt\"")
    );
    assert_eq!(
        of_trials(|s| s.verdict[0].unpaired = vec!["routine".into(), "priro".into()]),
        "verdict \"decoder\": unpaired has \"priro\", which is neither a key nor a table of the sweep's trials"
    );
    let sections = |s: &mut ReportSpecs| s.baselines = toml::from_str("'model.sytem' = 'pca'").unwrap();
    assert!(of_trials(sections).contains("section \"baselines\": no trial of the sweep has the key"));
    let sections = |s: &mut ReportSpecs| drop(s.ignore.insert("model.sytem".into(), BTreeMap::new()));
    assert!(of_trials(sections).contains("section \"ignore\": no trial of the sweep has the key"));
    assert!(message(|s| s.table.push(s.table[0].clone())).contains("\"table-1\": it is there twice"));
    assert!(message(|s| s.table[0].name = "Table 1".into()).contains("a-z, 0-9 and -"));
    assert!(message(|s| s.table[0].best_within.push("seed".into())).contains("best_within has \"seed\""));
    let bound = |s: &mut ReportSpecs| {
        let bound =
            "kind = 'information'\nname = 'bound'\ntitle = 'T'\nami = 'a'\nkl = 'k'\nclasses = 1\nlines = []";
        s.figure = vec![toml::from_str(bound).unwrap()];
    };
    assert_eq!(message(bound), "figure \"bound\": classes is 1; it must be at least 2");
    let theorem = |s: &mut ReportSpecs| {
        let theorem = "kind = 'information'\nname = 'theorem'\nsays = 'S'\nami = 'a'\nkl = 'k'\nclasses = 0\ntolerance = 0.01";
        s.prediction = vec![toml::from_str(theorem).unwrap()];
    };
    assert_eq!(message(theorem), "prediction \"theorem\": classes is 0; it must be at least 2");
    assert!(message(|s| s.table[0].published = Some("table-7".into())).contains(
        "published is \"table-7\", and no published table has that name; there are table-1-mnist,"
    ));
}

#[test]
fn an_equivalence_needs_a_margin_and_two_things_to_compare() {
    let trials = Synthetic::new(1).expected;
    let same = |margin: f64, scores: &str| -> EquivalenceSpec {
        toml::from_str(&format!(
            "name = 'same'\nsays = 'S'\neach = []\nscores = {scores}\nmargin = {margin:?}"
        ))
        .unwrap()
    };
    let refused = |spec: EquivalenceSpec| refusal(&trials, |s| s.equivalence = vec![spec]);
    assert_eq!(
        refused(same(-0.01, "['a', 'b']")),
        "equivalence \"same\": margin is -0.01; a difference above 0, such as 0.01, would be right"
    );
    assert_eq!(
        refused(same(0.01, "['a']")),
        "equivalence \"same\": scores has 1; two or more would be right"
    );
    let across = |key: &str| EquivalenceSpec { across: Some(key.to_owned()), ..same(0.01, "['a']") };
    let none = EquivalenceSpec { scores: vec![], ..across("model.system") };
    assert_eq!(refused(none), "equivalence \"same\": scores has 0; one or more would be right");
    assert_eq!(
        refused(across("loss.kind")),
        "equivalence \"same\": all trials of a case have the same \"loss.kind\"; a key of which they have several values would be right"
    );
    let of_one = EquivalenceSpec { each: vec!["model.system".to_owned()], ..across("model.system") };
    assert!(refused(of_one).contains("all trials of a case have the same \"model.system\""));
    let select = toml::from_str("'model.system' = 'dml'").unwrap();
    let of_selected = EquivalenceSpec { select, ..across("model.system") };
    assert!(refused(of_selected).contains("all trials of a case have the same \"model.system\""));
}

#[test]
fn nothing_is_judged_where_trials_were_stopped_because_they_looked_bad() {
    let synthetic = Synthetic::new(3);
    let (folder, store) = store(&synthetic);
    let out = folder.path().join("report");
    let written = |stopped: usize| {
        let mut request = Request { stopped, ..request(&synthetic.expected) };
        let range = "kind = 'range'\nname = 'p'\nsays = 'P'\neach = []\nscore = 's'\nbelow = 1.0";
        request.specs.prediction = vec![toml::from_str(range).unwrap()];
        write_report(&request, &store, &out).unwrap();
        ["verdicts.md", "index.html"].map(|name| fs::read_to_string(out.join(name)).unwrap())
    };
    for text in written(0) {
        assert!(
            text.contains("decided") && text.contains(SCOPE) && !text.contains("stopped early"),
            "{text}"
        );
    }
    assert!(out.join("predictions.md").exists());
    let [verdicts, page] = written(2);
    assert!(!out.join("predictions.md").exists(), "an earlier one went away");
    assert_eq!(verdicts, format!("All < after.\n\n{UNJUDGED}\n"));
    assert!(page.contains(UNJUDGED) && !page.contains("class=verdict>"));
    assert!(page.contains("2 of 24 trials were stopped early: they have no result."));
}

#[test]
fn a_result_that_cannot_be_read_is_a_hole_and_is_named() {
    let synthetic = Synthetic::new(1);
    let (folder, store) = store(&synthetic);
    let broken = &synthetic.results[0].id;
    fs::write(store.trial_directory(broken).join("result.json"), "{").unwrap();
    let paths = write_report(&request(&synthetic.expected), &store, &folder.path().join("out")).unwrap();
    assert_eq!(paths.results, synthetic.results.len() - 1);
    let [sentence] = &paths.unreadable[..] else { panic!("{:?}", paths.unreadable) };
    assert!(sentence.contains(broken) && sentence.contains("delete it to run the trial again"), "{sentence}");
}
