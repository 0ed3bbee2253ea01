use super::*;
use crate::evidence::join;
use crate::synthetic::{Synthetic, common, spec};

fn build(synthetic: &Synthetic) -> Table {
    build_of(&spec(), synthetic)
}

fn build_of(spec: &TableSpec, synthetic: &Synthetic) -> Table {
    let specs = common();
    let trials = join(&synthetic.results, &synthetic.expected, &specs.ignore);
    Table::build(spec, &specs.baselines, &trials, &Ranks::of(&trials))
}

#[test]
fn ours_stands_beside_the_published_with_interval_and_number_of_seeds() {
    let table = build(&Synthetic::new(3));
    insta::assert_snapshot!(table.markdown(), @r#"
    ### Table 1: DML & friends

    | labelled percent | system | alpha | knn accuracy (test folds) | published | knn ami (test folds) | published |
    | --- | --- | --- | --: | --: | --: | --: |
    | 0.1 | dml | – | 0.6153 ± 0.0331 (3) | 0.6556 | 0.5153 ± 0.0331 (3) | 0.4983 |
    | 0.1 | dml_autoencoder | 0.5 | **0.7153 ± 0.0331** (3) | 0.8798 | **0.6153 ± 0.0331** (3) | 0.7725 |
    | 0.1 | dml_autoencoder | 1 | 0.7020 ± 0.0248 (3) ≈ | 0.8589 | 0.6020 ± 0.0248 (3) ≈ | 0.7463 |
    | 0.1 | pixels | – | 0.7653 ± 0.0331 (3) ‡ | – | 0.6653 ± 0.0331 (3) ‡ | – |
    | 10 | dml | – | 0.8133 ± 0.0331 (3) | 0.9502 | 0.7133 ± 0.0331 (3) | 0.8838 |
    | 10 | dml_autoencoder | 0.5 | **0.9133 ± 0.0331** (3) | 0.7925 | **0.8133 ± 0.0331** (3) | 0.6606 |
    | 10 | dml_autoencoder | 1 | 0.9000 ± 0.0248 (3) ≈ | 0.857 | 0.8000 ± 0.0248 (3) ≈ | 0.7407 |
    | 10 | pixels | – | 0.9633 ± 0.0331 (3) ‡ | – | 0.8633 ± 0.0331 (3) ‡ | – |

    Mean over seeds ± half of its 95% t interval (number of seeds). Bold: the best model of its group; ≈: a model whose interval overlaps the best one's. Intervals are over seeds alone: all seeds share one test set, and what another would give they do not cover.

    ‡: a baseline that is at least as good as the best model of its group.

    Baselines that this sweep does not run: system pca.

    No published number has a seed or an interval.

    24 rows of the published table have no trial in this sweep.

    Made up.
    "#);
}

#[test]
fn holes_divergences_and_missing_scores_are_shown_as_such() {
    let mut synthetic = Synthetic::new(3);
    synthetic.lose("dml", 10.0, 1);
    synthetic.lose("dml_autoencoder", 0.1, 3);
    synthetic.diverge("dml", 0.1, 1);
    synthetic.diverge("dml_autoencoder", 10.0, 3);
    synthetic.unscore("pixels", 10.0, "test_folds.knn.ami");
    insta::assert_snapshot!(build(&synthetic).markdown(), @r#"
    ### Table 1: DML & friends

    | labelled percent | system | alpha | knn accuracy (test folds) | published | knn ami (test folds) | published |
    | --- | --- | --- | --: | --: | --: | --: |
    | 0.1 | dml | – | 0.6220 ± 0.0847 (2 of 3, 1 diverged) | 0.6556 | 0.5220 ± 0.0847 (2 of 3, 1 diverged) | 0.4983 |
    | 0.1 | dml_autoencoder | 0.5 | · (0 of 3) | 0.8798 | · (0 of 3) | 0.7725 |
    | 0.1 | dml_autoencoder | 1 | · (0 of 3) | 0.8589 | · (0 of 3) | 0.7463 |
    | 0.1 | pixels | – | 0.7653 ± 0.0331 (3) | – | 0.6653 ± 0.0331 (3) | – |
    | 10 | dml | – | **0.8200 ± 0.0847** (2 of 3) | 0.9502 | **0.7200 ± 0.0847** (2 of 3) | 0.8838 |
    | 10 | dml_autoencoder | 0.5 | diverged (3) | 0.7925 | diverged (3) | 0.6606 |
    | 10 | dml_autoencoder | 1 | diverged (3) | 0.857 | diverged (3) | 0.7407 |
    | 10 | pixels | – | 0.9633 ± 0.0331 (3) ‡ | – | not scored | – |

    Mean over seeds ± half of its 95% t interval (number of seeds). Bold: the best model of its group; ≈: a model whose interval overlaps the best one's. Intervals are over seeds alone: all seeds share one test set, and what another would give they do not cover.

    6 of 16 cells have trials without a result: “·” is a hole.

    In 6 of 16 cells training diverged for some seeds, which the mean leaves out; these are no best, and are not compared with it.

    ‡: a baseline that is at least as good as the best model of its group.

    Baselines that this sweep does not run: system pca.

    No published number has a seed or an interval.

    24 rows of the published table have no trial in this sweep.

    Made up.
    "#);
}

#[test]
fn a_baseline_without_any_of_the_scores_is_no_row_and_a_model_without_them_is() {
    let mut synthetic = Synthetic::new(2);
    for score in ["test_folds.knn.accuracy", "test_folds.knn.ami"] {
        synthetic.unscore("pixels", 10.0, score);
        synthetic.unscore("dml", 10.0, score);
    }
    let markdown = build(&synthetic).markdown();
    assert!(markdown.contains("| 0.1 | pixels |") && !markdown.contains("| 10 | pixels |"), "{markdown}");
    assert!(markdown.contains("| 10 | dml | – | not scored |"), "{markdown}");
    assert!(markdown.contains("does not run: system pca."), "{markdown}");
}

#[test]
fn a_seed_counts_with_all_its_trials_or_not_at_all() {
    let mut synthetic = Synthetic::new(3);
    let over_alpha = TableSpec {
        rows: vec!["data.labelled_percent".into(), "model.system".into()],
        published: None,
        ..spec()
    };
    let of_autoencoder = |synthetic: &Synthetic| {
        let cell = &build_of(&over_alpha, synthetic).rows[1].cells[0];
        (cell.ours.unwrap().n, cell.asked)
    };
    assert_eq!(of_autoencoder(&synthetic), (3, 3));
    let place = synthetic.results.iter().position(|result| {
        let (system, alpha) = (&result.trial["model"]["system"], &result.trial["routine"]["alpha"]);
        let percent = result.trial["data"]["labelled_percent"].as_float();
        (system.as_str(), alpha.as_float(), percent) == (Some("dml_autoencoder"), Some(1.0), Some(0.1))
    });
    synthetic.results.remove(place.unwrap());
    assert_eq!(of_autoencoder(&synthetic), (2, 3));
}

#[test]
fn what_diverged_is_no_best_and_not_compared_with_it() {
    let marks = |diverged: &[&str]| {
        let mut synthetic = Synthetic::new(3);
        for system in diverged {
            synthetic.diverge(system, 0.1, 1);
        }
        let rows = build(&synthetic).rows;
        rows[..4].iter().map(|row| row.cells[0].mark).collect::<Vec<_>>()
    };
    // dml 0.615, its autoencoders 0.715 and 0.702, pixels 0.765.
    assert_eq!(marks(&[]), [Mark::None, Mark::Best, Mark::Overlaps, Mark::Reaches]);
    assert_eq!(marks(&["dml_autoencoder"]), [Mark::Best, Mark::None, Mark::None, Mark::Reaches]);
    assert_eq!(marks(&["pixels"]), [Mark::None, Mark::Best, Mark::Overlaps, Mark::None]);
}

#[test]
fn one_seed_has_no_interval_and_says_so() {
    insta::assert_snapshot!(build(&Synthetic::new(1)).latex(), @r#"
    % needs \usepackage{booktabs,graphicx}; a wide table is larger in a sidewaystable of the package rotating
    \begin{table}
    \centering
    \caption{Table 1: DML \& friends}
    \label{tab:table-1}
    \resizebox{\ifdim\width>\textwidth\textwidth\else\width\fi}{!}{%
    \begin{tabular}{lllrrrr}
    \toprule
    labelled percent & system & alpha & knn accuracy (test folds) & published & knn ami (test folds) & published \\
    \midrule
    0.1 & dml & -- & 0.6020 (1) & 0.6556 & 0.5020 (1) & 0.4983 \\
    0.1 & dml\_autoencoder & 0.5 & \textbf{0.7020} (1) & 0.8798 & \textbf{0.6020} (1) & 0.7725 \\
    0.1 & dml\_autoencoder & 1 & 0.6920 (1) & 0.8589 & 0.5920 (1) & 0.7463 \\
    0.1 & pixels & -- & 0.7520 (1) $\ddagger$ & -- & 0.6520 (1) $\ddagger$ & -- \\
    10 & dml & -- & 0.8000 (1) & 0.9502 & 0.7000 (1) & 0.8838 \\
    10 & dml\_autoencoder & 0.5 & \textbf{0.9000} (1) & 0.7925 & \textbf{0.8000} (1) & 0.6606 \\
    10 & dml\_autoencoder & 1 & 0.8900 (1) & 0.857 & 0.7900 (1) & 0.7407 \\
    10 & pixels & -- & 0.9500 (1) $\ddagger$ & -- & 0.8500 (1) $\ddagger$ & -- \\
    \bottomrule
    \end{tabular}}
    \par\raggedright\footnotesize One seed: there are no intervals, and the number in bold is only the largest of its group, which need not be the better model. Run more seeds.
    \par\raggedright\footnotesize $\ddagger$: a baseline that is at least as good as the best model of its group.
    \par\raggedright\footnotesize Baselines that this sweep does not run: system pca.
    \par\raggedright\footnotesize No published number has a seed or an interval.
    \par\raggedright\footnotesize 24 rows of the published table have no trial in this sweep.
    \par\raggedright\footnotesize Made up.
    \end{table}
    "#);
}

#[test]
fn csv_has_every_number_under_a_dotted_name() {
    insta::assert_snapshot!(build(&Synthetic::new(2)).csv(), @r#"
    data.labelled_percent,model.system,routine.alpha,test_folds.knn.accuracy.mean,test_folds.knn.accuracy.low,test_folds.knn.accuracy.high,test_folds.knn.accuracy.seeds,test_folds.knn.accuracy.asked,test_folds.knn.accuracy.diverged,test_folds.knn.accuracy.published,test_folds.knn.accuracy.mark,test_folds.knn.ami.mean,test_folds.knn.ami.low,test_folds.knn.ami.high,test_folds.knn.ami.seeds,test_folds.knn.ami.asked,test_folds.knn.ami.diverged,test_folds.knn.ami.published,test_folds.knn.ami.mark
    0.1,dml,,0.608667,0.523959,0.693375,2,2,0,0.6556,overlaps,0.508667,0.423959,0.593375,2,2,0,0.4983,overlaps
    0.1,dml_autoencoder,0.5,0.708667,0.623959,0.793375,2,2,0,0.8798,best,0.608667,0.523959,0.693375,2,2,0,0.7725,best
    0.1,dml_autoencoder,1,0.697000,0.633469,0.760531,2,2,0,0.8589,overlaps,0.597000,0.533469,0.660531,2,2,0,0.7463,overlaps
    0.1,pixels,,0.758667,0.673959,0.843375,2,2,0,,baseline_reaches_best,0.658667,0.573959,0.743375,2,2,0,,baseline_reaches_best
    10,dml,,0.806667,0.721959,0.891375,2,2,0,0.9502,overlaps,0.706667,0.621959,0.791375,2,2,0,0.8838,overlaps
    10,dml_autoencoder,0.5,0.906667,0.821959,0.991375,2,2,0,0.7925,best,0.806667,0.721959,0.891375,2,2,0,0.6606,best
    10,dml_autoencoder,1,0.895000,0.831469,0.958531,2,2,0,0.857,overlaps,0.795000,0.731469,0.858531,2,2,0,0.7407,overlaps
    10,pixels,,0.956667,0.871959,1.041375,2,2,0,,baseline_reaches_best,0.856667,0.771959,0.941375,2,2,0,,baseline_reaches_best
    "#);
}

#[test]
fn a_mean_over_more_than_seeds_is_owned_up_to() {
    let mut spec = spec();
    spec.rows = vec!["model.system".into()];
    spec.best_within = vec![];
    let synthetic = Synthetic::new(2);
    let table = build_of(&spec, &synthetic);
    assert!(
        table.notes.iter().any(|n| n.contains("more than the seed: data.labelled_percent")),
        "{:?}",
        table.notes
    );
    assert!(table.rows.iter().all(|row| row.cells[0].asked == 2), "the unit stays the seed");
}

#[test]
fn a_published_row_that_another_table_shows_is_not_left_out() {
    let mut spec = spec();
    spec.select = toml::from_str("'data.labelled_percent' = 0.1").unwrap();
    let synthetic = Synthetic::new(1);
    let table = build_of(&spec, &synthetic);
    let note = "24 rows of the published table have no trial in this sweep.";
    assert!(table.notes.iter().any(|n| n == note), "{:?}", table.notes);
}

#[test]
fn a_published_number_stands_only_beside_a_mean_of_the_same() {
    let published = |percents: &[&str]| {
        let mut spec = spec();
        spec.rows = vec!["model.system".into()];
        spec.best_within.clear();
        spec.select =
            toml::from_str(&format!("'data.labelled_percent' = [{}]", percents.join(", "))).unwrap();
        let table = build_of(&spec, &Synthetic::new(1));
        let dml = |row: &&Row| row.values[0].as_ref().is_some_and(|v| value_text(v) == "dml");
        table.rows.iter().find(dml).unwrap().cells[0].published.clone()
    };
    assert_eq!(published(&["0.1"]).as_deref(), Some("0.6556"));
    assert_eq!(published(&["0.1", "10"]), None, "they are two rows of the paper");
}

#[test]
fn a_sweep_with_nothing_in_it_gives_a_table_that_says_so() {
    let table = build(&Synthetic::new(0));
    assert!(table.markdown().contains("no trial for this table"));
}

#[test]
fn latex_prints_comparison_signs() {
    let mut spec = spec();
    spec.note = "a < b > c_d".into();
    let latex = build_of(&spec, &Synthetic::new(0)).latex();
    assert!(latex.contains(r"a \textless{} b \textgreater{} c\_d"), "{latex}");
}
