//! Which trials, in which store: what every command on a sweep takes.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use dml_store::RunStore;

use crate::WrongCall;
use crate::experiment::Sweep;
use crate::kept;

/// The sweep, the number of its seeds and the run store.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Selected {
    /// A sweep of xtask/sweeps, or the path of a sweep file
    #[arg(default_value = "quick", value_name = "NAME|FILE")]
    pub name: String,
    /// Runs every trial with N seeds, the base's and those after it [default: what the sweep file
    /// says]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub seeds: Option<u32>,
    /// The run store [default: runs in the checkout, with the results that it keeps in results/]
    #[arg(long, value_name = "DIR")]
    pub store: Option<PathBuf>,
}

/// A word of a command line as a shell reads it.
pub(crate) fn quoted(word: &str) -> String {
    shlex::try_quote(word).map_or_else(|_| word.into(), Cow::into_owned)
}

impl Selected {
    /// Reads the sweep and opens the store, which takes in what the checkout keeps of the sweep's
    /// results.
    pub(crate) fn open(&self, root: &Path) -> Result<(Sweep, RunStore)> {
        let sweep = Sweep::find(root, &self.name, self.seeds).context(WrongCall)?;
        let store = self.store.clone().unwrap_or_else(|| root.join("runs"));
        let store = RunStore::open(&store).context(WrongCall)?;
        if self.store.is_none() {
            kept::take(&root.join(kept::FOLDER), &sweep, &store)?;
        }
        Ok((sweep, store))
    }

    /// The same selection as words of a command line, quoted for a shell.
    pub(crate) fn words(&self) -> Vec<String> {
        let mut words = vec![quoted(&self.name)];
        words.extend(self.seeds.map(|n| format!("--seeds {n}")));
        words
            .extend(self.store.as_ref().map(|store| format!("--store {}", quoted(&store.to_string_lossy()))));
        words
    }
}
