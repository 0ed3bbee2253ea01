use dml_store::canonical;

use super::*;

const HEAD: &str = "claim = 'c'\ncommand = 'x'\nseeds = 1\nseconds_per_trial = 1.0\n";

#[test]
fn an_unknown_sweep_is_answered_with_the_known_ones() {
    let root = sweeps(&[("table-1", "[base]\nseed = 0\n"), ("quick", "[base]\nseed = 0\n")]);
    fs::write(root.path().join("xtask/sweeps/notes.md"), "").unwrap();
    assert_eq!(Sweep::find(root.path(), "quick", None).unwrap().name, "quick");
    let message = Sweep::find(root.path(), "quik", None).unwrap_err().to_string();
    assert_eq!(
        message,
        "there is no sweep \"quik\"; quick is the nearest of quick, table-1, and the path of a sweep file would be right too"
    );
}

fn sweeps(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("xtask/sweeps");
    fs::create_dir_all(&folder).unwrap();
    for (name, text) in files {
        fs::write(folder.join(format!("{name}.toml")), format!("{HEAD}{text}")).unwrap();
    }
    root
}

#[test]
fn a_sweep_takes_anothers_base_and_says_only_what_differs() {
    let base = "[base]\nseed = 0\nmodel = { system = 'dml', encoder = { kind = 'mlp', hidden = [8] } }\nepochs = 20\n";
    let small =
        "extends = 'whole'\n[base]\nepochs = 2\nmodel = { encoder = { kind = 'conv', channels = [4] } }\n";
    let smaller = "extends = 'small'\n[base]\nepochs = 1\n";
    let root = sweeps(&[("whole", base), ("small", small), ("smaller", smaller)]);
    let trials = Sweep::find(root.path(), "small", Some(2)).unwrap().trials;
    assert_eq!(trials.len(), 2);
    let expected =
        "seed = 1\nmodel = { system = 'dml', encoder = { kind = 'conv', channels = [4] } }\nepochs = 2";
    assert_eq!(canonical(trials[1].table.clone()), expected.parse().unwrap());
    let smaller = &Sweep::find(root.path(), "smaller", None).unwrap().trials[0].table;
    assert_eq!(smaller["epochs"], 1.into());
    assert_eq!(smaller["model"], trials[0].table["model"]);
}

#[test]
fn what_all_tables_select_is_said_once_and_each_has_the_last_word() {
    let table = |name: &str, select: &str| {
        format!(
            "[[table]]\nname = '{name}'\ntitle = 't'\nrows = ['seed']\nscores = ['s']\nselect = {select}\n"
        )
    };
    let base = "[base]\nseed = 0\nepochs = 20\n[select]\nepochs = 20\n";
    let own =
        "extends = 'whole'\n".to_string() + &table("a", "{ seed = 0 }") + &table("b", "{ epochs = 10 }");
    let root = sweeps(&[("whole", base), ("own", &own), ("none", &format!("select = {{}}\n{own}"))]);
    let selected = |name: &str| {
        let tables = Sweep::find(root.path(), name, None).unwrap().file.table;
        tables.iter().map(|table| toml::to_string(&table.select.0).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(selected("own"), ["epochs = 20\nseed = 0\n", "epochs = 10\n"]);
    assert_eq!(selected("none"), ["seed = 0\n", "epochs = 10\n"]);
}

#[test]
fn what_a_report_asks_for_and_trials_do_not_have_is_told_before_any_runs() {
    let table = "[[table]]\nname = 'a'\ntitle = 't'\nrows = ['epohs']\nscores = ['s']\n";
    let root = sweeps(&[("own", &format!("[base]\nseed = 0\nepochs = 20\n{table}"))]);
    let error = format!("{:#}", Sweep::find(root.path(), "own", None).unwrap_err());
    assert!(
        error.ends_with(
            "own.toml: table \"a\": no trial of the sweep has the key \"epohs\"; there are none like it"
        ),
        "{error}"
    );
}

#[test]
fn a_sweep_of_sweeps_has_each_trial_once() {
    let one = "[base]\nseed = 0\na = 1\n[[grid]]\na = [1, 2]\n";
    let other = "[base]\nseed = 0\na = 1\n[[grid]]\na = [2, 3]\n";
    let root = sweeps(&[("one", one), ("other", other), ("all", "include = ['one', 'other']\n")]);
    let values: Vec<_> = Sweep::find(root.path(), "all", None)
        .unwrap()
        .trials
        .iter()
        .map(|trial| trial.table["a"].as_integer().unwrap())
        .collect();
    assert_eq!(values, [1, 2, 3]);
}

#[test]
fn sweeps_that_build_on_each_other_are_refused() {
    let root = sweeps(&[
        ("a", "extends = 'b'\n"),
        ("b", "extends = 'a'\n"),
        ("c", "include = ['d']\n"),
        ("d", "include = ['c']\n"),
    ]);
    for name in ["a", "c"] {
        let message = format!("{:#}", Sweep::find(root.path(), name, None).unwrap_err());
        assert!(message.contains("may not build on each other"), "{message}");
    }
    let root = sweeps(&[("a", "extends = '../sweeps/a'\n")]);
    let message = format!("{:#}", Sweep::find(root.path(), "a", None).unwrap_err());
    assert!(message.contains("is a path"), "{message}");
}

/// What reading a sweep complains about, without the folder.
fn complaint(root: &Path, name: &str) -> String {
    let folder = format!("{}/", root.display());
    format!("{:#}", Sweep::find(root, name, None).unwrap_err()).replace(&folder, "")
}

#[test]
fn a_mistyped_name_is_answered_with_the_sweeps_that_there_are() {
    let root = sweeps(&[
        ("table-1", "[base]\nseed = 0\n"),
        ("one", "extends = 'tabel-1'\n"),
        ("all", "include = ['one', 'nothing-like-it']\n"),
    ]);
    insta::assert_snapshot!(complaint(root.path(), "one"), @r#"xtask/sweeps/one.toml: line 5: there is no sweep "tabel-1"; table-1 is the nearest of all, one, table-1"#);
    insta::assert_snapshot!(complaint(root.path(), "all"), @r#"xtask/sweeps/all.toml: line 5: there is no sweep "nothing-like-it"; there are all, one, table-1"#);
}

#[test]
fn all_mistakes_of_a_sweep_file_are_told_at_once() {
    let file = "sedes = 3\nextends = 'tabel-1'\n[[table]]\nname = 't'\n[[verdict]]\neach = 3\n";
    let grids = "[base]\nseed = -1\nepochs = 20\n[[grid]]\nepoch = 2\n[[grid]]\nepochs = 'x'\n";
    let root = sweeps(&[("one", file), ("two", grids), ("three", "extends = 'two'\n")]);
    insta::assert_snapshot!(complaint(root.path(), "one"), @r#"
    xtask/sweeps/one.toml: line 5: there is no key `sedes`; `seeds` is the nearest
    xtask/sweeps/one.toml: line 6: there is no sweep "tabel-1"; there are one, three, two
    xtask/sweeps/one.toml: line 7: `table` has no `title`, `rows`, `scores`
    xtask/sweeps/one.toml: line 9: `verdict` has no `name`, `proposal`, `treatment`, `control`, `score`
    xtask/sweeps/one.toml: line 10: `each` is the integer `3`; an array would be right
    "#);
    insta::assert_snapshot!(complaint(root.path(), "two"), @r#"
    xtask/sweeps/two.toml: line 6: `seed` is -1; 0 or more would be right
    xtask/sweeps/two.toml: line 9: there is no key `epoch`; `epochs` is the nearest
    xtask/sweeps/two.toml: line 11: `epochs` is given the string "x"; integer like the base's 20 would be right
    "#);
    insta::assert_snapshot!(complaint(root.path(), "three"), @r#"
    named by xtask/sweeps/three.toml: xtask/sweeps/two.toml: line 6: `seed` is -1; 0 or more would be right
    xtask/sweeps/two.toml: line 9: there is no key `epoch`; `epochs` is the nearest
    xtask/sweeps/two.toml: line 11: `epochs` is given the string "x"; integer like the base's 20 would be right
    "#);
}

#[test]
fn a_file_anywhere_extends_what_lies_beside_it_or_else_what_is_shipped() {
    let root = sweeps(&[("whole", "[base]\nseed = 0\nepochs = 20\n"), ("own", "[base]\nseed = 5\n")]);
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, format!("{HEAD}{text}")).unwrap();
        Sweep::find(root.path(), path.to_str().unwrap(), None)
            .map(|sweep| canonical(sweep.trials[0].table.clone()))
    };
    let trial = |text: &str| text.parse::<toml::Table>().unwrap();
    assert_eq!(write("mine.toml", "extends = 'whole'\n").unwrap(), trial("seed = 0\nepochs = 20"));
    assert_eq!(write("own.toml", "[base]\nseed = 7\n").unwrap(), trial("seed = 7"));
    assert_eq!(write("again.toml", "extends = 'own'\n").unwrap(), trial("seed = 7"));
    // Called as the shipped one.
    let whole = write("whole.toml", "extends = 'whole'\n[base]\nepochs = 2\n");
    assert_eq!(whole.unwrap(), trial("seed = 0\nepochs = 2"));
}

#[test]
fn too_many_seeds_are_a_mistake_of_the_file_that_asks_for_them() {
    let root = sweeps(&[("table-1", "[base]\nseed = 0\n"), ("one", "extends = 'table-1'\n")]);
    let one = root.path().join("xtask/sweeps/one.toml");
    let text = fs::read_to_string(&one).unwrap();
    fs::write(&one, text.replace("seeds = 1", "seeds = 4000000000")).unwrap();
    insta::assert_snapshot!(complaint(root.path(), "one"), @"xtask/sweeps/one.toml: line 3: 4000000000 seeds make 4000000000 trials; at most 100000 would be right");
}

#[test]
fn seeds_of_the_command_line_have_no_line() {
    let root = sweeps(&[("one", "[base]\nseed = 0\n")]);
    let error = Sweep::find(root.path(), "one", Some(4_000_000_000)).unwrap_err().to_string();
    assert!(
        error.ends_with("one.toml: 4000000000 seeds make 4000000000 trials; at most 100000 would be right"),
        "{error}"
    );
}

#[test]
fn the_sweep_of_the_guide_is_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let guide = fs::read_to_string(root.join("docs/your-own-images.md")).unwrap();
    let (_, rest) = guide.split_once("```toml\n").unwrap();
    let (file, _) = rest.split_once("```").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.toml");
    fs::write(&path, file).unwrap();
    let sweep = Sweep::find(root, path.to_str().unwrap(), None).unwrap();
    assert_eq!(sweep.trials.len(), 9, "three weights, three seeds");
    assert_eq!(sweep.file.table.len(), 1);
}
