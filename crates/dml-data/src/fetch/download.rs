//! From mirrors and packages to files in the cache.

mod http;
mod lock;
mod package;

use std::{fs, path::Path};

use super::{Files, Search};
use crate::{
    DataError, checksum, files,
    manifest::{FileSpec, Package, Release},
};
use lock::Lock;

/// What came of asking a mirror for a file.
enum Asked {
    /// It is in the cache, checked.
    Kept,
    /// The mirror does not give it, for this reason.
    NotGiven(String),
}

impl Search<'_> {
    /// Fetches the releases in turn until one is complete.
    pub(super) fn elsewhere(&mut self) -> Result<Option<Files>, DataError> {
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
                    Asked::Kept => drop(missing.remove(0)),
                    Asked::NotGiven(reason) => {
                        self.reason(format!("{host}: {reason}"));
                        break;
                    }
                }
            }
        }
        if let Some(package) = release.package.as_ref().filter(|_| !missing.is_empty())
            && let Err(reason) = self.ask_registry(&missing, package, lock)
        {
            self.reason(format!("{} package {}: {reason}", package.registry, package.name));
        }
        Ok(())
    }

    fn ask_mirror(&self, file: &FileSpec, mirror: &str, host: &str, lock: &Lock) -> Result<Asked, DataError> {
        let file = file.published();
        let part = lock.part(&self.cache(), file.name);
        self.progress.say(&format!("{}: fetching {} from {host}", self.entry.name, file.name));
        let url = mirror.replace("{file}", file.name);
        match http::download(&http::agent(host), &url, &part, &file, self.progress) {
            Ok(()) => keep(&part, &self.cache().join(file.name)).map(|()| Asked::Kept),
            Err(reason) => Ok(Asked::NotGiven(reason)),
        }
    }

    fn ask_registry(&self, missing: &[&FileSpec], package: &Package, lock: &Lock) -> Result<(), String> {
        let (name, Package { registry, name: package_name, .. }) = (&self.entry.name, package);
        self.progress.say(&format!("{name}: fetching {registry} package {package_name}"));
        let scratch = lock.part(&self.cache(), "package");
        // One that was killed leaves its folder behind.
        let _ = fs::remove_dir_all(&scratch);
        fs::create_dir(&scratch).map_err(|error| error.to_string())?;
        let result = self.unpack(missing, package, &scratch);
        let _ = fs::remove_dir_all(&scratch);
        result
    }

    fn unpack(&self, missing: &[&FileSpec], package: &Package, scratch: &Path) -> Result<(), String> {
        let archive = package::fetch(package, scratch)?;
        for file in missing {
            let file = file.unpacked().ok_or_else(|| format!("does not hold {}", file.name))?;
            let part = scratch.join("part");
            let inside = format!("{}/{}", package.folder, file.name);
            if !package::extract(&archive, &inside, &part).map_err(|error| error.to_string())? {
                return Err(format!("does not hold {inside}"));
            }
            if let Some(reason) = checksum::mismatch(&part, &file).map_err(|error| error.to_string())? {
                return Err(format!("{}: {reason}", file.name));
            }
            keep(&part, &self.cache().join(file.name)).map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}

/// Gives a complete, checked file its name.
fn keep(part: &Path, path: &Path) -> Result<(), DataError> {
    files::rename_whole(part, path).map_err(DataError::io(path))
}
