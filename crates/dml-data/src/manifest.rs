//! The data sets that are known by name: mirrors, sizes, checksums, licences.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{
    DataError,
    checksum::{Checksum, Variant},
};

const BUILTIN: &str = include_str!("../manifest.toml");

/// Where MedMNIST's files are, of all sizes.
const MEDMNIST: &str = "https://zenodo.org/records/10519652/files/{file}?download=1";

/// A list of data sets known by name; `manifest.toml` of this package explains its keys.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The sets, in the order of the file.
    #[serde(rename = "dataset")]
    pub datasets: Vec<Entry>,
    /// Sets of `MedMNIST`, which [`Manifest::parse`] turns into entries of `datasets`, one a size.
    #[serde(default)]
    medmnist: Vec<Medmnist>,
}

/// A set of `MedMNIST`, with the MD5 of each size of its images, 28, 64, 128 or 224.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Medmnist {
    name: String,
    title: String,
    license: String,
    md5: BTreeMap<String, String>,
}

impl Medmnist {
    /// One entry for each size, smallest first; 28 needs no number in a name.
    fn entries(&self) -> Vec<Entry> {
        let mut sizes: Vec<u32> = self.md5.keys().filter_map(|size| size.parse().ok()).collect();
        sizes.sort_unstable();
        let entry = |size: u32| {
            let name = if size == 28 { self.name.clone() } else { format!("{}_{size}", self.name) };
            let file = FileSpec {
                name: format!("{name}.npz"),
                bytes: None,
                sha256: None,
                md5: self.md5.get(&size.to_string()).cloned(),
                unpacked: None,
            };
            let mirrors = vec![MEDMNIST.to_owned()];
            Entry {
                name,
                title: format!("{}, {size}x{size}", self.title),
                license: self.license.clone(),
                source: "J. Yang, R. Shi, D. Wei et al. (2023): MedMNIST v2, Scientific Data 10, 41"
                    .to_owned(),
                format: Format::Medmnist,
                releases: vec![Release { name: None, mirrors, package: None, files: vec![file] }],
            }
        };
        sizes.into_iter().map(entry).collect()
    }
}

/// One data set of a [`Manifest`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What it is called in configurations.
    pub name: String,
    /// What it is, in a line.
    pub title: String,
    /// Its licence.
    pub license: String,
    /// Who made it, and where it is described.
    pub source: String,
    /// How its files are laid out.
    pub format: Format,
    /// Its releases, the preferred one first.
    #[serde(rename = "release")]
    pub releases: Vec<Release>,
}

/// How the files of a data set are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Format {
    /// Four idx files in the order training images, training labels, test images, test labels.
    Idx,
    /// One npz file in `MedMNIST`'s layout.
    Medmnist,
}

/// One release of a data set.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// Which one it is, where there are several.
    pub name: Option<String>,
    /// Addresses in which `{file}` stands for a file's name.
    pub mirrors: Vec<String>,
    /// A package that holds the files, for machines where only package registries answer.
    pub package: Option<Package>,
    /// Its files.
    #[serde(rename = "file")]
    pub files: Vec<FileSpec>,
}

/// Where in which package the files are, unpacked or with their `.gz`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// Who has it.
    pub registry: Registry,
    /// What it is called there; for npm `name@version`.
    pub name: String,
    /// The folder inside its archive.
    pub folder: String,
}

/// Where packages are had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Registry {
    /// Through `npm pack`.
    Npm,
    /// Through `apt-get download` and `dpkg-deb`.
    Debian,
}

impl std::fmt::Display for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(match self {
            Self::Npm => "npm",
            Self::Debian => "Debian",
        })
    }
}

/// One file as it is published, and how to tell that it is the right one.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileSpec {
    /// Its name, in which a `.gz` says that it is gzipped.
    pub name: String,
    /// Its size, where that is known.
    pub bytes: Option<u64>,
    /// Its SHA-256, where its publisher states it.
    pub sha256: Option<String>,
    /// Its MD5, where its publisher states that.
    pub md5: Option<String>,
    /// The same file without its `.gz`.
    pub unpacked: Option<Unpacked>,
}

/// Size and checksum of a file without its `.gz`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unpacked {
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: String,
}

impl Manifest {
    /// The manifest that comes with this crate: `mnist`, `fashion_mnist`, and `MedMNIST`'s sets of
    /// plane images with one label each, in four sizes.
    ///
    /// # Panics
    /// Never: that it parses is tested.
    pub fn builtin() -> Manifest {
        Manifest::parse(BUILTIN).expect("the built-in manifest parses")
    }

    /// A manifest from TOML text, in the layout of `manifest.toml` of this package.
    ///
    /// # Errors
    /// When the text is not a manifest, or a file has not exactly one of `sha256` and `md5`; the
    /// message names it.
    pub fn parse(text: &str) -> Result<Manifest, DataError> {
        let mut manifest: Manifest = toml::from_str(text)?;
        manifest.datasets.extend(manifest.medmnist.iter().flat_map(Medmnist::entries));
        for entry in &manifest.datasets {
            for file in entry.releases.iter().flat_map(|release| &release.files) {
                if file.sha256.is_some() == file.md5.is_some() {
                    return Err(DataError::Value(format!(
                        "the manifest of data sets is not valid: {} of {} needs a sha256 or an md5, one of them",
                        file.name, entry.name
                    )));
                }
            }
        }
        Ok(manifest)
    }

    /// The data set called `name`.
    ///
    /// # Errors
    /// When there is none; the message lists those that are.
    pub fn entry(&self, name: &str) -> Result<&Entry, DataError> {
        // Each of MedMNIST's by its smallest size, so that the list stays short.
        let known = self.datasets.iter().map(|entry| entry.name.as_str());
        let known = known.filter(|name| !["_64", "_128", "_224"].iter().any(|size| name.ends_with(size)));
        self.datasets.iter().find(|entry| entry.name == name).ok_or_else(|| DataError::UnknownName {
            name: name.to_owned(),
            known: known.collect::<Vec<_>>().join(", "),
        })
    }
}

impl FileSpec {
    /// All files that are welcome for this one; the unpacked one first, as it is read faster.
    pub(crate) fn variants(&self) -> impl Iterator<Item = Variant<'_>> {
        self.unpacked().into_iter().chain([self.published()])
    }

    /// The file as published.
    pub(crate) fn published(&self) -> Variant<'_> {
        let checksum = match (&self.sha256, &self.md5) {
            (Some(sha256), _) => Checksum::Sha256(sha256),
            (None, md5) => Checksum::Md5(md5.as_deref().unwrap_or_default()),
        };
        Variant { name: &self.name, bytes: self.bytes, checksum }
    }

    /// The file without its `.gz`, where it has one and its checksum is known.
    pub(crate) fn unpacked(&self) -> Option<Variant<'_>> {
        let (unpacked, name) = (self.unpacked.as_ref()?, self.name.strip_suffix(".gz")?);
        Some(Variant { name, bytes: Some(unpacked.bytes), checksum: Checksum::Sha256(&unpacked.sha256) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_builtin_manifest_knows_the_papers_data_sets() {
        let manifest = Manifest::builtin();
        let names: Vec<&str> = manifest.datasets.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names[..4], ["mnist", "fashion_mnist", "organamnist", "pathmnist"]);
        let mnist = &manifest.entry("mnist").unwrap().releases[0];
        assert!(mnist.files.iter().all(|file| file.unpacked().is_some()));
        assert_eq!(manifest.entry("organamnist").unwrap().releases.len(), 2);
        for file in manifest.datasets.iter().flat_map(|entry| &entry.releases).flat_map(|r| &r.files) {
            let (Checksum::Sha256(digits) | Checksum::Md5(digits)) = file.published().checksum;
            assert!(digits.len() == 64 || digits.len() == 32, "{}: {digits}", file.name);
        }
    }

    #[test]
    fn every_size_of_a_set_of_medmnist_is_a_set() {
        let manifest = Manifest::builtin();
        let [small, large] = ["pathmnist", "organamnist_224"].map(|name| manifest.entry(name).unwrap());
        assert!(small.title.ends_with("89,996 + 10,004 + 7,180, 28x28"), "{}", small.title);
        let file = &large.releases[0].files[0];
        assert_eq!((file.name.as_str(), large.format), ("organamnist_224.npz", Format::Medmnist));
        // 11 sets of four sizes, of which organamnist at 28 stands for itself, with its two
        // releases.
        assert_eq!(manifest.datasets.iter().filter(|entry| entry.format == Format::Medmnist).count(), 44);
        let mut names: Vec<&str> = manifest.datasets.iter().map(|entry| entry.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), manifest.datasets.len(), "no name stands for two sets");
    }

    #[test]
    fn a_manifest_that_is_wrong_is_named() {
        let error = Manifest::builtin().entry("mnits").unwrap_err().to_string();
        assert!(error.contains("`mnits`") && error.contains("mnist, fashion_mnist, organamnist"), "{error}");
        let none = BUILTIN.replace("md5 = \"68e3f8846a6bd62f0c9bf841c0d9eacc\"", "");
        let error = Manifest::parse(&none).unwrap_err().to_string();
        assert!(error.contains("organamnist.npz of organamnist needs a sha256 or an md5"), "{error}");
        let error = Manifest::parse(&BUILTIN.replace("license", "licence")).unwrap_err().to_string();
        assert!(error.contains("licence"), "{error}");
    }
}
