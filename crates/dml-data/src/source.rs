//! Where data sets are looked for.

use std::{env, path::PathBuf};

use etcetera::BaseStrategy;

use crate::DataError;

/// Where data sets are looked for.
#[derive(Debug, Clone)]
pub struct Source {
    /// Folders that have files already; they are read only. A file may lie in the folder or in a
    /// sub-folder with the data set's name.
    pub folders: Vec<PathBuf>,
    /// Where fetched files are kept, in a sub-folder for each data set. It is made when it is
    /// needed.
    pub cache: PathBuf,
    /// No network.
    pub offline: bool,
}

impl Source {
    /// The places that the environment names.
    ///
    /// `DML_DATASETS` is a folder that has the files already (or several, separated as in `PATH`).
    /// The cache is `datasets` below the folder that `DML_CACHE` names, or else below `dml` in the
    /// user's cache folder (`~/.cache` on Linux).
    ///
    /// # Errors
    /// When `DML_CACHE` is not set and the user has no home folder.
    pub fn from_env(offline: bool) -> Result<Source, DataError> {
        let set = |name| env::var_os(name).filter(|value| !value.is_empty());
        let folders = set("DML_DATASETS").map_or_else(Vec::new, |value| env::split_paths(&value).collect());
        let root = match set("DML_CACHE") {
            Some(root) => PathBuf::from(root),
            None => etcetera::choose_base_strategy()
                .map_err(|_| {
                    DataError::Value("there is no home folder for a cache: set DML_CACHE to a folder".into())
                })?
                .cache_dir()
                .join("dml"),
        };
        Ok(Source { folders, cache: root.join("datasets"), offline })
    }
}
