//! `xtask/libtorch.toml`: which wheels hold LibTorch, what to take from them, and its checksums.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde::Deserialize;

/// The file in an installed folder that is written last; `sha256sum -c` reads it.
pub(crate) const STAMP: &str = "SHA256SUMS";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    pub(crate) version: String,
    pub(crate) disk_megabytes: u64,
    pub(crate) python: String,
    pub(crate) platforms: Vec<String>,
    #[serde(rename = "wheel")]
    pub(crate) wheels: Vec<Wheel>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wheel {
    pub(crate) name: String,
    pub(crate) version: String,
    /// A folder to take whole, each file checked against `record`.
    pub(crate) headers: Option<String>,
    pub(crate) record: Option<Record>,
    #[serde(rename = "library")]
    pub(crate) libraries: Vec<Library>,
}

/// The wheel's list of its files' checksums (PEP 376), itself pinned.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    pub(crate) path: String,
    pub(crate) sha256: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Library {
    pub(crate) path: String,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

impl Manifest {
    /// The manifest this xtask was built with.
    pub(crate) fn ours() -> anyhow::Result<Self> {
        Self::parse(include_str!("../../libtorch.toml"))
    }

    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        toml::from_str(text).context("xtask/libtorch.toml")
    }

    /// The installed folder's name in the cache.
    pub(crate) fn folder(&self) -> String {
        format!("libtorch-{}-cpu", self.version)
    }

    fn libraries(&self) -> impl Iterator<Item = &Library> {
        self.wheels.iter().flat_map(|wheel| &wheel.libraries)
    }

    pub(crate) fn stamp(&self) -> String {
        self.libraries().fold(String::new(), |mut text, library| {
            let _ = writeln!(text, "{}  {}", library.sha256, library.path);
            text
        })
    }

    /// Whether `folder` comes from this very manifest and its libraries have their sizes.
    pub(crate) fn is_installed_in(&self, folder: &Path) -> bool {
        let size = |library: &Library| fs::metadata(folder.join(&library.path)).map_or(0, |file| file.len());
        fs::read_to_string(folder.join(STAMP)).is_ok_and(|text| text == self.stamp())
            && self.libraries().all(|library| size(library) == library.bytes)
    }
}

impl Wheel {
    /// How the wheel's file name begins: `name-version-`, dashes as underscores (PEP 427).
    pub(crate) fn file_prefix(&self) -> String {
        format!("{}-{}-", self.name.replace('-', "_"), self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_manifest_pins_every_library_and_the_headers() {
        let manifest = Manifest::ours().unwrap();
        assert_eq!(manifest.folder(), "libtorch-2.11.0-cpu");
        assert_eq!(manifest.libraries().count(), 5);
        for library in manifest.libraries() {
            assert_eq!(library.sha256.len(), 64, "{}", library.path);
            assert!(library.bytes > 0, "{}", library.path);
        }
        for wheel in &manifest.wheels {
            assert_eq!(wheel.headers.is_some(), wheel.record.is_some(), "{}", wheel.name);
        }
        assert_eq!(manifest.wheels[1].file_prefix(), "nvidia_cuda_cupti-13.0.85-");
    }

    #[test]
    fn an_unknown_key_in_the_manifest_is_named() {
        let text = include_str!("../../libtorch.toml").replace("disk_megabytes", "disc_megabytes");
        let error = format!("{:#}", Manifest::parse(&text).unwrap_err());
        assert!(error.contains("xtask/libtorch.toml") && error.contains("disc_megabytes"), "{error}");
    }

    #[test]
    fn a_stamp_lists_checksums_as_sha256sum_does() {
        let stamp = Manifest::ours().unwrap().stamp();
        assert!(stamp.contains(
            "be5e17cd7752a6af003978706379384c3108f6b68916bb1949e610f6397bb640  torch/lib/libc10.so\n"
        ));
    }
}
