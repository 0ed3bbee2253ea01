//! From a data set's name to its files: folders first, then the cache, then the mirrors.

#[cfg(feature = "fetch")]
mod download;

use std::path::PathBuf;

use crate::{
    DataError, Manifest, Source, checksum,
    manifest::{Entry, FileSpec},
    progress::Progress,
};

/// The files of a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// In the order of the manifest: for idx training images, training labels, test images, test
    /// labels.
    pub paths: Vec<PathBuf>,
    /// Which release they are, where there are several.
    pub release: Option<String>,
}

impl Manifest {
    /// The files of the data set `name`, fetched where they are not there yet.
    ///
    /// Every file has the size and checksum of the manifest; one that is there but has not is
    /// passed over. `progress` tells on stderr what is fetched: a bar on a terminal, else lines.
    /// Several processes may fetch at once: one does, the others wait.
    ///
    /// # Errors
    /// When the name is unknown, the cache cannot be written, or no place has the files; the
    /// message is one sentence with each place's reason.
    pub fn fetch(&self, name: &str, source: &Source, progress: bool) -> Result<Files, DataError> {
        let entry = self.entry(name)?;
        let mut search = Search { entry, source, progress: Progress::new(progress), reasons: Vec::new() };
        for folder in source.folders.iter().filter(|folder| !folder.is_dir()) {
            search.reason(format!("{} of DML_DATASETS is no folder", folder.display()));
        }
        if let Some(found) = search.here()? {
            return Ok(found);
        }
        if source.offline {
            search.reason("offline".to_owned());
        } else {
            #[cfg(feature = "fetch")]
            if let Some(found) = search.elsewhere()? {
                return Ok(found);
            }
            #[cfg(not(feature = "fetch"))]
            search.reason("nothing is downloaded without dml-data's feature `fetch`".to_owned());
        }
        let mut files: Vec<&str> = Vec::new();
        for file in entry.releases.iter().flat_map(|release| &release.files) {
            if !files.contains(&file.name.as_str()) {
                files.push(&file.name);
            }
        }
        Err(DataError::Unavailable {
            name: name.to_owned(),
            reasons: search.reasons.join("; "),
            files: files.join(", "),
        })
    }
}

/// The search for one data set, and why it has not succeeded so far.
struct Search<'a> {
    entry: &'a Entry,
    source: &'a Source,
    progress: Progress,
    reasons: Vec<String>,
}

impl Search<'_> {
    /// The files of the first release that is complete in the folders and the cache.
    fn here(&mut self) -> Result<Option<Files>, DataError> {
        for release in &self.entry.releases {
            let mut paths = Vec::new();
            for file in &release.files {
                paths.extend(self.find(file)?);
            }
            if paths.len() == release.files.len() {
                return Ok(Some(Files { paths, release: release.name.clone() }));
            }
        }
        Ok(None)
    }

    /// The first right file in the folders and the cache; one that is there but wrong is a reason.
    fn find(&mut self, file: &FileSpec) -> Result<Option<PathBuf>, DataError> {
        let name = &self.entry.name;
        let folders = self.source.folders.iter().flat_map(|folder| [folder.join(name), folder.clone()]);
        for folder in folders.chain([self.cache()]) {
            for variant in file.variants() {
                let path = folder.join(variant.name);
                if !path.is_file() {
                    continue;
                }
                match checksum::mismatch(&path, &variant)? {
                    None => return Ok(Some(path)),
                    Some(reason) => self.reason(format!("{}: {reason}", path.display())),
                }
            }
        }
        Ok(None)
    }

    fn cache(&self) -> PathBuf {
        self.source.cache.join(&self.entry.name)
    }

    fn reason(&mut self, reason: String) {
        if !self.reasons.contains(&reason) {
            self.progress.say(&format!("{}: {reason}", self.entry.name));
            self.reasons.push(reason);
        }
    }
}
