//! `dml fit`: a model of anybody's images, in one command.

mod budget;
mod data;
mod estimate;
mod page;
mod recipe;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::Args;
use dml_data::{Dataset, Sampling, Source};
use dml_store::{Outcome, RunStore, TrialResult, canonical, flatten, names, trial_id};
use toml::{Table, Value};

use crate::pictures::{DATA, PictureArguments};
use crate::train::bar::Bar;
use crate::train::data_config::{DataConfig, Fold};
use crate::train::device;
use crate::train::model::Model;
use crate::train::run::{Signals, Went, run_all, watch_signals};
use crate::train::session::{Session, Threads, Voice};
use crate::train::trial::{EvaluatedSplit, EvaluationConfig, Trial};
use crate::{WrongCall, print, write_file};
use budget::Budget;
use recipe::{Recipe, Setting};

#[derive(Debug, Args)]
pub(crate) struct FitArguments {
    /// A folder of folders of pictures, one for each class and one for those without; a CSV with
    /// the columns `file` and `label`; an npz in `MedMNIST`'s layout; or a name of `dml data list`
    #[arg(required_unless_present = "images", conflicts_with = "images")]
    data: Option<PathBuf>,
    /// The directory of the model. Where it is there already, training goes on in it
    #[arg(long, value_name = "MODEL")]
    out: PathBuf,
    /// A trial file whose training is taken; its data and evaluation do not count
    #[arg(long, value_name = "FILE")]
    recipe: Option<PathBuf>,
    /// A value for a dotted key of the recipe, as training.epochs=5; may be given repeatedly
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<Setting>,
    /// Take about so long for everything, by fewer epochs than the recipe has; a model that was
    /// begun keeps its epochs
    #[arg(long)]
    minutes: Option<f64>,
    /// Trainings for the estimate of the accuracy, each without the labels of one part of the
    /// labelled images, which it is tested on; 0 for no estimate
    #[arg(long, default_value_t = 5)]
    folds: usize,
    /// A CSV with the columns `file` and `label`, as the page of a model exports it: labels that
    /// pictures get in place of those that they have. Files are sought from the current folder on,
    /// then from that of the CSV; lines of files that are gone are counted and passed over. May be
    /// given repeatedly: of two labels the later counts
    #[arg(long, value_name = "FILE")]
    corrections: Vec<PathBuf>,
    #[command(flatten)]
    how: PictureArguments,
    /// auto, cpu or cuda:N
    #[arg(long, default_value = "auto")]
    device: String,
    /// Threads for training and scoring; all cores without it
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Use only data that is on this machine
    #[arg(long)]
    offline: bool,
}

impl FitArguments {
    fn check(&self) -> Result<(), WrongCall> {
        if self.minutes.is_some_and(|minutes| minutes.is_nan() || minutes <= 0.0) {
            return Err(WrongCall("--minutes must be above 0".into()));
        }
        if self.folds == 1 {
            return Err(WrongCall("--folds 1 tests on nothing; it must be 0, or 2 at least".into()));
        }
        self.how.check()
    }

    /// The name or path of what is trained on.
    fn data(&self) -> String {
        self.how.path(self.data.as_deref()).display().to_string()
    }
}

pub(crate) fn fit(arguments: &FitArguments) -> Result<ExitCode> {
    arguments.check()?;
    let recipe = Recipe::read(arguments.recipe.as_deref(), &arguments.set)?;
    // Of so many images its batches and epochs are the largest; of what there is, once it is read.
    check_recipe(&recipe, &arguments.set, 5000)?;
    let (out, source) = (&arguments.out, Source::from_env(arguments.offline)?);
    let signals = watch_signals()?;
    let mut session = session(arguments, source, &signals)?;
    let name = data::bring(arguments, &recipe)?;
    let path = beside_model(out, &name);
    let dataset = dml_data::load(&path, &session.source, true)?;
    data::check_labels(&dataset.train.labels, &arguments.data())?;
    data::tell_copies(&dataset.train, &path)?;
    let folds = arguments.folds.min(dataset.n_labelled_images());
    let table = trial_of(arguments, &recipe, &dataset, &name, folds)?;
    let n = dataset.train.labels.len();
    drop(dataset);

    let trial = parsed(&table)?;
    let epochs = u64::from(trial.train.training.epochs);
    let bar = Bar::new(epochs * (1 + folds as u64));
    session.voice.bar = Some(bar.clone());
    bar.begin("training", 0);
    let id = trial_id(&table);
    forget_without_weights(out, &trial, session.store.result(&id)?)?;
    let went = run_all(&mut session, std::slice::from_ref(&id), 1)?;
    let is_there = session.store.result(&id)?;
    if let Some(code) = signals.exit_code() {
        bar.end();
        eprintln!("interrupted; the same command goes on from here");
        return Ok(code);
    }
    let Some(result) = is_there.filter(|_| went == Went::Well) else {
        bar.end();
        ensure!(went == Went::Wrong, "another process trains {}; wait for it", out.display());
        return Ok(ExitCode::FAILURE);
    };
    if let Outcome::Diverged { epoch, reason } = &result.outcome {
        bail!(
            "the training diverged in epoch {epoch} ({reason}); a smaller rate may help: --set training.learning_rate=0.001"
        );
    }
    bar.end();
    page::write(out, &Model::open(out, &session.source, session.device)?)?;
    print(format_args!("{}: a model of {n} images, {epochs} epochs", out.display()))?;
    let code = match folds {
        0 | 1 => ExitCode::SUCCESS,
        _ => estimate::estimate(out, &mut session, &result, folds, &bar, &signals)?,
    };
    print(format_args!(
        "{}: a map of the images, and those to label next",
        out.join("index.html").display()
    ))?;
    Ok(code)
}

/// Removes the result of a training whose weights are gone: without one it is trained again.
fn forget_without_weights(out: &Path, trial: &Trial, result: Option<TrialResult>) -> Result<()> {
    let is_scored = result.is_some_and(|result| matches!(result.outcome, Outcome::Scored { .. }));
    let has_weights = trial.train.model.system.is_baseline() || out.join(names::WEIGHTS).exists();
    let path = out.join(names::RESULT);
    if is_scored && !has_weights {
        fs::remove_file(&path).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

fn beside_model(model: &Path, name: &str) -> String {
    if name == DATA { model.join(name).display().to_string() } else { name.to_owned() }
}

fn session(arguments: &FitArguments, source: Source, signals: &Signals) -> Result<Session> {
    let device = device(&arguments.device)?;
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get().min(64) as u16);
    let threads = arguments.threads.unwrap_or(cores);
    rayon::ThreadPoolBuilder::new().num_threads(threads.into()).build_global()?;
    Ok(Session {
        device,
        checkpoint_seconds: 30,
        tensorboard: false,
        threads: Threads::of(threads),
        store: RunStore::of_one_trial(&arguments.out),
        voice: Voice { interrupted: Arc::clone(&signals.asked), bar: None },
        interrupted: Arc::clone(&signals.asked),
        rung: None,
        source,
        loaded: None,
    })
}

/// The trial of the model, which is written, or is there already.
fn trial_of(
    arguments: &FitArguments,
    recipe: &Recipe,
    dataset: &Dataset,
    name: &str,
    folds: usize,
) -> Result<Table> {
    let n = dataset.train.labels.len();
    let path = arguments.out.join(names::TRIAL);
    let whole = |epochs: Option<u32>| whole(recipe, n, epochs, name);
    if path.exists() {
        let (_, before) = Trial::read(&path)?;
        let epochs = before["training"].get("epochs").and_then(Value::as_integer);
        // A budget gave the epochs then, by how fast the machine was.
        let epochs = epochs.filter(|_| arguments.minutes.is_some()).and_then(|n| u32::try_from(n).ok());
        let now = whole(epochs)?;
        if let Some((key, then, now)) = difference(&before, &now) {
            let of_epochs = ["training.epochs", "routine.dml_epochs", "kl.warm_up_epochs"];
            let by_time = of_epochs.contains(&key.as_str()) || key.starts_with("pseudo_labels");
            let hint = if by_time { "; where --minutes gave it, give --minutes again" } else { "" };
            bail!(
                "{} was begun with {key} = {then}, not {now}; use another --out, or delete it{hint}",
                arguments.out.display()
            );
        }
        if let Some(epochs) = epochs {
            let out = arguments.out.display();
            eprintln!("{out}: goes on with {epochs} epochs, as it was begun; --minutes does not change them");
        }
        return Ok(before);
    }
    let epochs = match arguments.minutes {
        Some(minutes) => {
            let budget = Budget { minutes, folds, most: recipe.epochs(n)? };
            Some(budget.epochs(&parsed(&whole(None)?)?, dataset, device(&arguments.device)?)?)
        }
        None => None,
    };
    let table = whole(epochs)?;
    data::make(&arguments.out)?;
    write_file(&path, toml::to_string(&table)?.as_bytes())?;
    Ok(table)
}

/// A trial of the recipe, for so many images.
fn whole(recipe: &Recipe, images: usize, epochs: Option<u32>, name: &str) -> Result<Table> {
    let mut table = recipe.training(images, epochs)?;
    let nothing = EvaluationConfig::of(EvaluatedSplit::None, vec![], vec![]);
    insert_sections(&mut table, name, Fold { index: 0, of: 1 }, &nothing)?;
    parsed(&table)?;
    Ok(canonical(table))
}

/// Refuses a recipe that is none for so many images; a wrong call where settings were given.
fn check_recipe(recipe: &Recipe, settings: &[Setting], images: usize) -> Result<()> {
    let checked = whole(recipe, images, None, DATA).map(|_| ());
    checked.map_err(|wrong| if settings.is_empty() { wrong } else { WrongCall(format!("{wrong:#}")).into() })
}

fn parsed(table: &Table) -> Result<Trial> {
    let text = toml::to_string(table)?;
    // Its lines are in no file, so their numbers would mean nothing.
    let told = |mistakes: Vec<String>| {
        let told: Vec<&str> = mistakes
            .iter()
            .map(|m| {
                m.split_once(": ")
                    .filter(|(line, _)| line.starts_with("line "))
                    .map_or(m.as_str(), |(_, m)| m)
            })
            .collect();
        anyhow!("the recipe: {}", told.join("; "))
    };
    Trial::parse(&text).map(|(trial, _)| trial).map_err(told)
}

/// The first key in which two trials differ, with both values.
fn difference(before: &Table, now: &Table) -> Option<(String, String, String)> {
    let (before, now) = (flatten(before), flatten(now));
    let text = |value: Option<&&Value>| value.map_or("nothing".into(), ToString::to_string);
    let mut keys: Vec<&String> = before.keys().chain(now.keys()).collect();
    keys.sort();
    let key = keys.into_iter().find(|key| before.get(*key) != now.get(*key))?;
    Some((key.clone(), text(before.get(key)), text(now.get(key))))
}

/// Puts in what a training is of, with all labels but those of a fold, and what is scored of it.
fn insert_sections(table: &mut Table, name: &str, fold: Fold, evaluation: &EvaluationConfig) -> Result<()> {
    let data = DataConfig {
        name: name.to_owned(),
        labelled_percent: 100.0,
        labelled_sampling: Sampling::Given,
        validation: 0,
        fold,
        binarize: false,
    };
    table.insert("data".into(), Value::try_from(data)?);
    table.insert("evaluation".into(), Value::try_from(evaluation)?);
    Ok(())
}
