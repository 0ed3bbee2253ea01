//! From a data set's name to its files: folders first, then the cache, then the mirrors.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use crate::{
    DataError, Manifest, Source, checksum, http,
    lock::Lock,
    manifest::{Entry, FileSpec, Npm, Release},
    npm,
    progress::Progress,
};

/// The files of a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// In the order of the manifest: for idx training images, training labels, test images, test labels.
    pub paths: Vec<PathBuf>,
    /// Which release they are, where there are several.
    pub release: Option<String>,
}

impl Manifest {
    /// The files of the data set `name`, fetched where they are not there yet.
    ///
    /// Every file has the size and checksum of the manifest; one that is there but has not is passed over.
    /// `progress` tells on stderr what is fetched: a bar on a terminal, else lines. Several processes may
    /// fetch at once: one does, the others wait.
    ///
    /// # Errors
    /// When the name is unknown, the cache cannot be written, or no place has the files; the message is one
    /// sentence with each place's reason.
    pub fn fetch(&self, name: &str, source: &Source, progress: bool) -> Result<Files, DataError> {
        let entry = self.entry(name)?;
        let mut search = Search { entry, source, progress: Progress::new(progress), reasons: Vec::new() };
        if let Some(found) = search.here()? {
            return Ok(found);
        }
        if source.offline {
            search.reason("offline".to_owned());
        } else if let Some(found) = search.elsewhere()? {
            return Ok(found);
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

    /// Fetches the releases in turn until one is complete.
    fn elsewhere(&mut self) -> Result<Option<Files>, DataError> {
        let cache = self.cache();
        fs::create_dir_all(&cache).map_err(DataError::io(&cache))?;
        let lock = Lock::wait(&cache, &self.entry.name, self.progress)?;
        // Another process may have fetched the set in the meantime.
        if let Some(found) = self.here()? {
            return Ok(Some(found));
        }
        for release in &self.entry.releases {
            self.download(release, &lock)?;
            if let Some(found) = self.here()? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Fetches what is missing of a release; what fails is a reason, not an error.
    fn download(&mut self, release: &Release, lock: &Lock) -> Result<(), DataError> {
        let mut missing = Vec::new();
        for file in &release.files {
            if self.find(file)?.is_none() {
                missing.push(file);
            }
        }
        for mirror in &release.mirrors {
            let host = mirror.split('/').nth(2).unwrap_or(mirror);
            if self.reasons.contains(&format!("{host}: {}", http::NO_ANSWER)) {
                continue;
            }
            while let Some(file) = missing.first() {
                match self.ask_mirror(file, mirror, host, lock)? {
                    Ok(()) => drop(missing.remove(0)),
                    Err(reason) => {
                        self.reason(format!("{host}: {reason}"));
                        break;
                    }
                }
            }
        }
        if let Some(npm) = release.npm.as_ref().filter(|_| !missing.is_empty())
            && let Err(reason) = self.ask_npm(&missing, npm, lock)
        {
            self.reason(format!("npm package {}: {reason}", npm.package));
        }
        Ok(())
    }

    fn ask_mirror(
        &self,
        file: &FileSpec,
        mirror: &str,
        host: &str,
        lock: &Lock,
    ) -> Result<Result<(), String>, DataError> {
        let file = file.published();
        let part = lock.part(&self.cache(), file.name);
        self.progress.say(&format!("{}: fetching {} from {host}", self.entry.name, file.name));
        let url = mirror.replace("{file}", file.name);
        match http::download(&http::agent(host), &url, &part, &file, self.progress) {
            Ok(()) => keep(&part, &self.cache().join(file.name)).map(Ok),
            Err(reason) => Ok(Err(reason)),
        }
    }

    fn ask_npm(&self, missing: &[&FileSpec], npm: &Npm, lock: &Lock) -> Result<(), String> {
        self.progress.say(&format!("{}: fetching npm package {}", self.entry.name, npm.package));
        let scratch = lock.part(&self.cache(), "npm");
        // One that was killed leaves its folder behind.
        let _ = fs::remove_dir_all(&scratch);
        fs::create_dir(&scratch).map_err(|error| error.to_string())?;
        let result = self.unpack(missing, npm, &scratch);
        let _ = fs::remove_dir_all(&scratch);
        result
    }

    fn unpack(&self, missing: &[&FileSpec], npm: &Npm, scratch: &Path) -> Result<(), String> {
        let archive = npm::pack(&npm.package, scratch)?;
        for file in missing {
            let file = file.unpacked().ok_or_else(|| format!("does not hold {}", file.name))?;
            let part = scratch.join("part");
            let inside = format!("{}/{}", npm.folder, file.name);
            if !npm::extract(&archive, &inside, &part).map_err(|error| error.to_string())? {
                return Err(format!("does not hold {inside}"));
            }
            if let Some(reason) = checksum::mismatch(&part, &file).map_err(|error| error.to_string())? {
                return Err(format!("{}: {reason}", file.name));
            }
            keep(&part, &self.cache().join(file.name)).map_err(|error| error.to_string())?;
        }
        Ok(())
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

/// Gives a complete, checked file its name: on disk first, then by rename.
fn keep(part: &Path, path: &Path) -> Result<(), DataError> {
    File::open(part).and_then(|file| file.sync_all()).map_err(DataError::io(part))?;
    fs::rename(part, path).map_err(DataError::io(path))
}
