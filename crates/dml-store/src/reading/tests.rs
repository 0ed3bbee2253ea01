use std::collections::BTreeMap;

use serde::Deserialize;

use super::*;

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    name: String,
    seeds: u32,
    table: Vec<Part>,
    figure: Vec<Figure>,
    grid: BTreeMap<String, f64>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    title: String,
    score: String,
    widths: Vec<u8>,
    #[serde(default)]
    rows: Vec<String>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum Figure {
    Score { x: String },
    Images { file: String },
}

fn read(text: &str) -> (Option<File>, String) {
    let (file, mistakes) = read_toml::<File>(text);
    (file, mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

#[test]
fn all_mistakes_are_told_in_the_order_of_their_lines_and_the_rest_is_read() {
    let text = "sedes = 3\nname = 7\nseeds = 4\n\
        [grid]\na = 1.0\nb = 'x'\n\
        [[table]]\ntitle = 't'\nscore = 's'\nwidths = []\nrow = []\nrows = ['a', 2]\n\
        [[table]]\nrows = []\nscore = 3\n\
        [[figure]]\nkind = 'score'\nx = 'a'\nlines = []\n\
        [[figure]]\nkind = 'picture'\n";
    let (file, told) = read(text);
    insta::assert_snapshot!(told, @r#"
    line 1: there is no key `sedes`; `seeds` is the nearest
    line 2: `name` is the integer `7`; a string would be right
    line 6: `b` is the string "x"; a number would be right
    line 11: there is no key `row`; `rows` is the nearest
    line 12: `rows` is the integer `2`; a string would be right
    line 13: `table` has no `title`, `widths`
    line 15: `score` is the integer `3`; a string would be right
    line 19: there is no key `lines`; there are `x`
    line 21: `kind`: there is no `picture`; there are `score`, `images`
    "#);
    let file = file.unwrap();
    assert_eq!((file.seeds, file.grid.len(), file.table.len(), file.figure.len()), (4, 1, 1, 1));
    assert_eq!(file.figure, [Figure::Score { x: "a".into() }]);
}

#[test]
fn what_is_no_toml_is_told_line_by_line_and_nothing_is_read() {
    let (file, told) = read("name = \nseeds = 3\nx = = 2\n");
    insta::assert_snapshot!(told, @r"
    line 1: string values must be quoted, expected literal string
    line 3: extra `=`, expected nothing
    line 3: unexpected key or value, expected newline, `#`
    ");
    assert_eq!(file, None);
}

#[test]
fn a_word_is_near_where_a_third_of_its_letters_would_have_to_change() {
    let known = ["seeds", "claim", "command"];
    assert_eq!(nearest("sedes", known), Some("seeds"));
    assert_eq!(nearest("comand", known), Some("command"));
    assert_eq!(nearest("epochs", known), None);
    assert_eq!(nearest("x", []), None);
}

#[test]
fn a_text_without_mistakes_has_none() {
    let text = "name = 'n'\nseeds = 1\n";
    assert_eq!(read(text), (Some(File { name: "n".into(), seeds: 1, ..File::default() }), String::new()));
    assert_eq!(line_of(text, &["seeds"]), Some(2));
    assert_eq!(line_of("a = 1", &["a", "b"]), None);
}

#[test]
fn of_a_table_that_is_read_as_a_whole_the_wrong_value_is_named() {
    let text = "[[figure]]\nkind = 'score'\nx = 3\n[[figure]]\nkind = 'images'\nfile = ['a']\n";
    let (file, told) = read(text);
    insta::assert_snapshot!(told, @r"
    line 3: `x` is the integer `3`; a string would be right
    line 6: `file` is the sequence; a string would be right
    ");
    assert_eq!(file.unwrap().figure.len(), 0);
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Trial {
    seed: u64,
    training: Training,
    views: Views,
    instance: toml::Value,
    pseudo_labels: toml::Value,
    distance: toml::Value,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Training {
    epochs: u32,
    precision: String,
    schedule: String,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Views {
    rotation: f64,
    scale: f64,
    shear: f64,
    shift: f64,
    brightness: f64,
    contrast: f64,
}

#[test]
fn a_trial_that_lacks_later_keys_has_their_neutral_values_and_its_own_lines() {
    let told = |text: &str| {
        let (trial, mistakes) = read_trial::<Trial>(text);
        (trial, mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    };
    let (trial, none) = told("seed = 1\n[training]\nepochs = 2\n");
    assert_eq!(none, "");
    let trial = trial.unwrap();
    assert_eq!((trial.training.precision.as_str(), trial.views.shift), ("f32", 0.0));
    assert_eq!(trial.instance["weight"].as_float(), Some(0.0));
    let (_, all) = told("sede = 1\n[training]\nepochs = '2'\nprecison = 'bf16'\n[views]\nscale = 1.0\n");
    insta::assert_snapshot!(all, @r#"
    this has no `seed`
    line 1: there is no key `sede`; `seed` is the nearest
    line 3: `epochs` is the string "2"; an integer from 0 to 4294967295 would be right
    line 4: there is no key `precison`; `precision` is the nearest
    line 5: `views` has no `rotation`, `shear`, `shift`
    "#);
}
