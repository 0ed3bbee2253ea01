//! What a process that runs trials has at hand. What it does with them is in `run`.

use std::cell::{Cell, OnceCell};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use dml_data::files::sha256;
use dml_data::{Dataset, Source};
use dml_eval::readout::Lengths;
use dml_models::{Stack, TrainingData};
use dml_store::{Claim, Event, RunStore};
use ndarray::ArrayView2;
use tch::Device;

use crate::train::bar::Bar;
use crate::train::data_config::ImageChoice;
use crate::train::log::Log;
use crate::train::rung::Rung;
use crate::train::training_data;
use crate::train::trial::Trial;

/// A trial that this process has claimed.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) id: String,
    pub(crate) directory: PathBuf,
    pub(crate) trial: Trial,
    /// The trial as its result has it.
    pub(crate) table: toml::Table,
    pub(crate) log: Log,
    pub(crate) _claim: Claim,
}

/// What all trials of a process share.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) device: Device,
    pub(crate) checkpoint_seconds: u64,
    pub(crate) tensorboard: bool,
    pub(crate) threads: Threads,
    pub(crate) store: RunStore,
    /// Set by a signal, or when no one reads standard output any more.
    pub(crate) interrupted: Arc<AtomicBool>,
    pub(crate) voice: Voice,
    /// Where trials stop before their end.
    pub(crate) rung: Option<Rung>,
    pub(crate) source: Source,
    pub(crate) loaded: Option<Loaded>,
}

/// How many threads trials are trained with, on which the last digits of sums depend.
#[derive(Debug)]
pub(crate) struct Threads {
    /// With which trials begin.
    asked: u16,
    /// With which those at hand are trained.
    now: Cell<u16>,
}

impl Threads {
    pub(crate) fn of(asked: u16) -> Self {
        let threads = Self { asked, now: Cell::new(asked) };
        threads.take(None);
        threads
    }

    /// Those at hand go on with so many, as they began, or begin.
    pub(crate) fn take(&self, begun_with: Option<u16>) {
        let n = begun_with.unwrap_or(self.asked);
        tch::set_num_threads(n.into());
        self.now.set(n);
    }

    pub(crate) fn now(&self) -> u16 {
        self.now.get()
    }
}

/// The data set of the last trial, kept for the next.
#[derive(Debug)]
pub(crate) struct Loaded {
    images: ImageChoice,
    pub(crate) dataset: Dataset,
    pub(crate) training: TrainingData,
    /// Of the training images, once it was asked for.
    images_sha256: OnceCell<String>,
}

impl Loaded {
    /// Names the training images by their content and their shape.
    pub(crate) fn images_sha256(&self) -> &str {
        self.images_sha256.get_or_init(|| {
            let images = self.dataset.train.images.as_standard_layout();
            let pixels = sha256(images.as_slice().expect("it is in standard layout"));
            sha256(format!("{:?} {:?} {pixels}", self.dataset.shape, images.dim()).as_bytes())
        })
    }
}

/// A model of a stack.
#[derive(Clone, Copy)]
pub(crate) struct Member<'a> {
    pub(crate) stack: &'a Stack,
    pub(crate) index: usize,
}

impl<'a> Member<'a> {
    /// How long its decoder finds ways between embeddings; `None` without a decoder.
    pub(crate) fn decoded_lengths(self, data: &'a TrainingData) -> Option<Box<Lengths<'a>>> {
        // Made when it is asked for, and once.
        let geometry = OnceCell::new();
        let made = move || self.stack.latent_geometry(self.index, data).expect("there is a decoder");
        let lengths = move |from: ArrayView2<f32>, to: ArrayView2<f32>| {
            geometry.get_or_init(made).line_lengths(from, to)
        };
        let system = self.stack.members[self.index].config.model.system;
        system.has_decoder().then(|| Box::new(lengths) as Box<Lengths>)
    }
}

impl Session {
    /// Loads the data set of a trial, unless it is the one at hand.
    pub(crate) fn load(&mut self, trial: &Trial) -> Result<()> {
        let images = trial.data.images();
        if self.loaded.as_ref().is_some_and(|loaded| loaded.images == images) {
            return Ok(());
        }
        self.loaded = None;
        let dataset = trial.data.load(&self.source)?;
        let training = training_data(&dataset.train, &dataset, self.device);
        self.loaded = Some(Loaded { images, dataset, training, images_sha256: OnceCell::new() });
        Ok(())
    }

    pub(crate) fn loaded(&self) -> &Loaded {
        self.loaded.as_ref().expect("loaded before the group runs")
    }

    pub(crate) fn say(&self, event: &Event) {
        self.voice.say(event);
    }
}

/// Tells, from any thread, the process that started this one, or a person.
#[derive(Debug, Clone)]
pub(crate) struct Voice {
    pub(crate) interrupted: Arc<AtomicBool>,
    /// What shows a person how far it is; a process gets a line for each event.
    pub(crate) bar: Option<Bar>,
}

impl Voice {
    /// When no one reads any more, what started this process is gone, and it ends as after a
    /// signal.
    pub(crate) fn say(&self, event: &Event) {
        if let Some(bar) = &self.bar {
            return bar.show(event);
        }
        let mut out = std::io::stdout().lock();
        if out.write_all(event.line().as_bytes()).and_then(|()| out.flush()).is_err() {
            self.interrupted.store(true, Ordering::Relaxed);
        }
    }
}
