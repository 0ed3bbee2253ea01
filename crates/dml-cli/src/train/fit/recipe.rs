//! From a recipe and a number of images to a trial.

use std::path::Path;

use anyhow::{Context, Result};
use dml_store::{complete, lookup};
use toml::{Table, Value};

use crate::WrongCall;

const DEFAULT: &str = include_str!("recipe.toml");

/// Images that the default recipe shows in all, and bounds of its epochs: a small set is gone
/// through more often.
const SHOWN: usize = 1_000_000;
const EPOCHS: std::ops::RangeInclusive<usize> = 18..=100;

/// What is counted in epochs beside these themselves.
const COUNTED_IN_EPOCHS: [&str; 4] =
    ["pseudo_labels.rounds.first", "pseudo_labels.rounds.every", "routine.dml_epochs", "kl.warm_up_epochs"];

/// A value for a dotted key, from the command line.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    key: String,
    value: Value,
}

impl std::str::FromStr for Setting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let right = || format!("{text} is no setting; training.epochs=5 would be one");
        let (key, value) = text.split_once('=').ok_or_else(right)?;
        if key.split('.').any(str::is_empty) {
            return Err(right());
        }
        // What is no TOML is a word: model.system=dml.
        let parsed =
            format!("value = {value}").parse::<Table>().ok().and_then(|mut table| table.remove("value"));
        let value = parsed.unwrap_or_else(|| Value::String(value.trim().to_owned()));
        Ok(Self { key: key.trim().to_owned(), value })
    }
}

/// Settings of a training, which a trial is made of.
#[derive(Debug)]
pub(crate) struct Recipe {
    table: Table,
    /// Whether it is the default one, which follows the number of images.
    adapts: bool,
    settings: Vec<Setting>,
}

impl Recipe {
    /// Reads a recipe, a trial file whose data and evaluation do not count; the default one where
    /// no file is given.
    pub(crate) fn read(file: Option<&Path>, settings: &[Setting]) -> Result<Self> {
        let text = match file {
            Some(file) => std::fs::read_to_string(file).with_context(|| file.display().to_string())?,
            None => DEFAULT.to_owned(),
        };
        let mut table: Table = toml::from_str(&text)
            .with_context(|| file.map_or("the default recipe".into(), |file| file.display().to_string()))?;
        table.remove("data");
        table.remove("evaluation");
        if let Some(Setting { key, .. }) =
            settings.iter().find(|s| ["data", "evaluation"].contains(&s.key.split('.').next().unwrap_or("")))
        {
            let sentence =
                format!("--set {key} is for the training; data and evaluation are made by `dml fit`");
            return Err(WrongCall(sentence).into());
        }
        Ok(Self { table, adapts: file.is_none(), settings: settings.to_vec() })
    }

    /// How many epochs it has for so many images, where there is all time.
    pub(crate) fn epochs(&self, images: usize) -> Result<u32> {
        let all = self.training(images, None)?;
        let epochs = lookup(&all, "training.epochs").and_then(Value::as_integer);
        let epochs = epochs.and_then(|n| u32::try_from(n).ok());
        epochs.context("the recipe has no training.epochs; a number of at least 1 would be right")
    }

    /// The sections of the training, for so many images; with other epochs where that is asked for.
    pub(crate) fn training(&self, images: usize, epochs: Option<u32>) -> Result<Table> {
        let mut table = self.table.clone();
        let own = |key: &str| self.settings.iter().rev().find(|setting| setting.key == key);
        if self.adapts {
            let by_size = (SHOWN / images.max(1)).clamp(*EPOCHS.start(), *EPOCHS.end()) as i64;
            let set = own("training.epochs").and_then(|setting| setting.value.as_integer());
            let set = set.and_then(|n| u32::try_from(n).ok());
            let n = epochs.or(set).map_or(by_size, i64::from);
            // As in the recipe: after 8 of 18 epochs, and then after every second.
            let rounds = [("first", 4 * n / 9), ("every", n / 9)];
            for (key, value) in rounds {
                put(&mut table, &format!("pseudo_labels.rounds.{key}"), value.max(1).into())?;
            }
            // At least 8 steps an epoch.
            let batch = 1_usize << (images / 8).clamp(8, 512).ilog2();
            put(&mut table, "sampling.batch_size", (batch as i64).into())?;
            put(&mut table, "training.epochs", n.into())?;
        }
        if let (false, Some(n)) = (self.adapts, epochs) {
            shorten(&mut table, n.into())?;
        }
        for Setting { key, value } in &self.settings {
            put(&mut table, key, value.clone())?;
        }
        if let Some(epochs) = epochs {
            put(&mut table, "training.epochs", i64::from(epochs).into())?;
        }
        // After its only epoch a training needs no label any more.
        if lookup(&table, "training.epochs").and_then(Value::as_integer) == Some(1) {
            table.remove("pseudo_labels");
        }
        complete(&mut table);
        Ok(table)
    }
}

/// Brings forward what a recipe has after some epochs, where it gets fewer of them than it has.
fn shorten(table: &mut Table, epochs: i64) -> Result<()> {
    let integer = |table: &Table, key: &str| lookup(table, key).and_then(Value::as_integer);
    let before = integer(table, "training.epochs").unwrap_or(epochs);
    for key in COUNTED_IN_EPOCHS {
        if let Some(n) = integer(table, key) {
            // Of some epochs one is left, of none none.
            let fewer = (n.saturating_mul(epochs) / before.max(1)).max(n.min(1));
            put(table, key, fewer.into())?;
        }
    }
    Ok(())
}

/// Puts a value under a dotted key.
fn put(table: &mut Table, key: &str, value: Value) -> Result<()> {
    let (mut at, mut rest) = (table, key);
    while let Some((first, after)) = rest.split_once('.') {
        let inner = at.entry(first).or_insert_with(|| Value::Table(Table::new()));
        let Value::Table(inner) = inner else {
            return Err(WrongCall(format!("--set {key}: {first} is a value, not a section")).into());
        };
        (at, rest) = (inner, after);
    }
    at.insert(rest.to_owned(), value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn integer(table: &Table, key: &str) -> i64 {
        lookup(table, key).and_then(Value::as_integer).unwrap_or_else(|| panic!("{key}"))
    }

    #[test]
    fn a_recipe_without_training_has_rounds_too() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, "pseudo_labels = { kind = 'none', rounds = { first = 8, every = 2 } }")
            .unwrap();
        let table = Recipe::read(Some(file.path()), &[]).unwrap().training(100, Some(3)).unwrap();
        assert_eq!(["training.epochs", "pseudo_labels.rounds.first"].map(|key| integer(&table, key)), [3, 8]);
    }

    #[test]
    fn a_recipe_that_gets_fewer_epochs_is_shortened_as_a_whole() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = "training.epochs = 20\nroutine = { kind = 'staged', dml_epochs = 10, gamma = 1.0 }\nkl.warm_up_epochs = ";
        let of = |warm_up: u32, epochs: Option<u32>| {
            std::fs::write(&file, format!("{text}{warm_up}")).unwrap();
            let table = Recipe::read(Some(file.path()), &[]).unwrap().training(100, epochs).unwrap();
            ["training.epochs", "routine.dml_epochs", "kl.warm_up_epochs"].map(|key| integer(&table, key))
        };
        assert_eq!(of(5, None), [20, 10, 5]);
        assert_eq!(of(5, Some(20)), [20, 10, 5]);
        assert_eq!(of(5, Some(8)), [8, 4, 2]);
        assert_eq!(of(5, Some(2)), [2, 1, 1]);
        assert_eq!(of(0, Some(8)), [8, 4, 0], "no warm-up");
    }

    #[test]
    fn the_default_recipe_follows_the_number_of_images() {
        let recipe = Recipe::read(None, &[]).unwrap();
        let expected = [
            (60_000, 18, 8, 2, 512),
            (20_000, 50, 22, 5, 512),
            (1_000, 100, 44, 11, 64),
            (1, 100, 44, 11, 8),
        ];
        for (images, epochs, first, every, batch) in expected {
            let table = recipe.training(images, None).unwrap();
            let found = [
                "training.epochs",
                "pseudo_labels.rounds.first",
                "pseudo_labels.rounds.every",
                "sampling.batch_size",
            ]
            .map(|key| integer(&table, key));
            assert_eq!(found, [epochs, first, every, batch], "{images} images");
        }
        let table = recipe.training(60_000, Some(2)).unwrap();
        assert_eq!(
            (integer(&table, "training.epochs"), integer(&table, "pseudo_labels.rounds.every")),
            (2, 1)
        );
    }

    #[test]
    fn a_training_of_one_epoch_guesses_no_label() {
        let settings: Vec<Setting> =
            ["pseudo_labels.rounds.balanced=false"].map(|text| text.parse().unwrap()).into();
        let recipe = Recipe::read(None, &settings).unwrap();
        let kind = |epochs: u32| {
            let table = recipe.training(60_000, Some(epochs)).unwrap();
            lookup(&table, "pseudo_labels.kind").and_then(Value::as_str).map(String::from)
        };
        assert_eq!([1, 2].map(kind), ["none", "propagation"].map(|kind| Some(kind.to_owned())));
    }

    #[test]
    fn settings_come_last_and_are_toml_or_words() {
        let settings: Vec<Setting> = [
            "training.epochs=5",
            "model.system=dml_autoencoder",
            "loss={kind=\"triplet\", margin=0.2}",
            "seed=7",
        ]
        .map(|text| text.parse().unwrap())
        .into();
        let recipe = Recipe::read(None, &settings).unwrap();
        let table = recipe.training(1000, None).unwrap();
        assert_eq!((recipe.epochs(1000).unwrap(), integer(&table, "seed")), (5, 7));
        assert_eq!(table["model"]["system"].as_str(), Some("dml_autoencoder"));
        assert_eq!(table["loss"].as_table().unwrap().len(), 2, "a table is replaced whole");
        for wrong in ["epochs", "=5", "training..epochs=5"] {
            assert!(wrong.parse::<Setting>().unwrap_err().contains("training.epochs=5"), "{wrong}");
        }
        let of_data: Setting = "data.name=x".parse().unwrap();
        assert!(Recipe::read(None, &[of_data]).unwrap_err().to_string().contains("made by `dml fit`"));
    }
}
