//! The files of a checkpoint.
//!
//! `checkpoint.json` names the tensors' file of its epoch; it is written after that file, by
//! rename, and files that nothing names any more are removed after it. So at any moment the
//! directory holds one whole checkpoint, or none. What stood in `checkpoint.json` before may be
//! kept as `checkpoint.before.json`, with its tensors.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Display;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use dml_data::files;
use serde::{Deserialize, Serialize};
use tch::{Device, TchError, Tensor};

/// Version of the files.
pub(super) const FORMAT: u32 = 1;

const LATEST: &str = "checkpoint.json";
const BEFORE: &str = "checkpoint.before.json";

/// What stands in [`LATEST`] and [`BEFORE`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Checkpoint {
    pub(super) format: u32,
    pub(super) epoch: u32,
    pub(super) tensors: String,
    pub(super) sha256: String,
    pub(super) adam_steps: BTreeMap<String, u32>,
    pub(super) memory_next: i64,
    pub(super) diverged: Option<(u32, String)>,
    pub(super) curves: BTreeMap<String, Vec<Option<f64>>>,
    /// Older versions did not count them.
    #[serde(default)]
    pub(super) seconds: f64,
    /// Older versions did not say.
    #[serde(default)]
    pub(super) threads: Option<u16>,
}

impl Checkpoint {
    /// Writes the latest one, whose tensors are there; of those before it that of the epoch `kept`
    /// stays.
    pub(super) fn write(&self, folder: &Path, kept: Option<u32>) -> io::Result<()> {
        let before = folder.join(BEFORE);
        let kept = kept.filter(|&epoch| epoch != self.epoch);
        // What is damaged is not kept.
        let all = Self::read_all(folder).unwrap_or_default();
        let kept = all.into_iter().map(|(_, other)| other).find(|other| Some(other.epoch) == kept);
        match &kept {
            Some(kept) => write_aside(&before, &kept.json())?,
            None if before.exists() => fs::remove_file(&before).map_err(|e| fail(&before, e))?,
            None => {}
        }
        write_aside(&folder.join(LATEST), &self.json())?;
        let named = [Some(&self.tensors), kept.as_ref().map(|kept| &kept.tensors)];
        for entry in fs::read_dir(folder).map_err(|e| fail(folder, e))? {
            let entry = entry.map_err(|e| fail(folder, e))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with("checkpoint-") && !named.contains(&Some(&name)) {
                fs::remove_file(entry.path()).map_err(|e| fail(&entry.path(), e))?;
            }
        }
        Ok(())
    }

    fn json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("plain data")
    }

    /// Those that are there, the latest first, with the files that they stand in.
    pub(super) fn read_all(folder: &Path) -> io::Result<Vec<(PathBuf, Self)>> {
        let mut all = Vec::new();
        for path in [folder.join(LATEST), folder.join(BEFORE)] {
            let read = Self::read_file(&path)?;
            all.extend(read.map(|checkpoint| (path, checkpoint)));
        }
        all.sort_by_key(|(_, checkpoint)| std::cmp::Reverse(checkpoint.epoch));
        Ok(all)
    }

    /// The one of an epoch, and its tensors' file, which is whole.
    pub(super) fn read(folder: &Path, epoch: u32) -> io::Result<(Self, PathBuf)> {
        let all = Self::read_all(folder)?;
        let Some((json, checkpoint)) = all.into_iter().find(|(_, checkpoint)| checkpoint.epoch == epoch)
        else {
            return Err(fail(&folder.join(LATEST), format!("is not of epoch {epoch}")));
        };
        if checkpoint.format != FORMAT {
            let found = checkpoint.format;
            return Err(fail(&json, format!("checkpoint of format {found}, this version reads {FORMAT}")));
        }
        let path = folder.join(&checkpoint.tensors);
        let sha256 = files::sha256_of_file(&path).map_err(|e| fail(&path, e))?;
        if sha256 != checkpoint.sha256 {
            let name = json.file_name().unwrap_or_default().display();
            return Err(fail(&path, format!("is damaged: its sha256 is not the one in {name}")));
        }
        Ok((checkpoint, path))
    }

    /// `None` where there is no file.
    fn read_file(path: &Path) -> io::Result<Option<Self>> {
        match fs::read(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(fail(path, error)),
            Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|e| fail(path, e)),
        }
    }
}

fn write_aside(path: &Path, bytes: &[u8]) -> io::Result<()> {
    files::write_aside(path, bytes).map_err(|e| fail(path, e))
}

/// Writes the tensors' file of an epoch; its name and its checksum.
pub(super) fn write_tensors_of(
    folder: &Path,
    epoch: u32,
    tensors: &[(String, Tensor)],
) -> io::Result<(String, String)> {
    let name = format!("checkpoint-{epoch}.safetensors");
    let path = folder.join(&name);
    write_tensors(&path, tensors)?;
    Ok((name, files::sha256_of_file(&path)?))
}

/// Writes named tensors so that a reader sees all of them or none.
pub(super) fn write_tensors(path: &Path, tensors: &[(String, Tensor)]) -> io::Result<()> {
    let aside = path.with_extension("writing");
    let on_host: Vec<(&str, Tensor)> =
        tensors.iter().map(|(name, t)| (name.as_str(), t.to_device(Device::Cpu).contiguous())).collect();
    // What the system says against the file is a sentence; the library's own errors are none.
    fs::File::create(&aside).map_err(|e| fail(path, e))?;
    Tensor::write_safetensors(&on_host, &aside)
        .map_err(|error| because(path, "could not be written whole", &error))?;
    files::rename_whole(&aside, path)
}

pub(super) fn read_tensors(path: &Path) -> io::Result<BTreeMap<String, Tensor>> {
    fs::File::open(path).map_err(|e| fail(path, e))?;
    let tensors = Tensor::read_safetensors(path)
        .map_err(|error| because(path, "is not a whole safetensors file", &error))?;
    Ok(tensors.into_iter().collect())
}

pub(super) fn fail(path: &Path, why: impl Display) -> io::Error {
    io::Error::other(format!("{}: {why}", path.display()))
}

/// What is wrong with a file, and what the library says of it.
#[derive(Debug, thiserror::Error)]
#[error("{}: {what}", path.display())]
struct Broken {
    path: PathBuf,
    what: &'static str,
    source: Box<dyn Error + Send + Sync>,
}

fn because(path: &Path, what: &'static str, error: &TchError) -> io::Error {
    // Its own sentence is the first line; pages of its call stack may follow.
    let source = error.to_string().lines().next().unwrap_or_default().into();
    io::Error::other(Broken { path: path.to_owned(), what, source })
}
