//! `dml data`: which data sets there are, and what is in them.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::{Args, Subcommand};
use dml_data::{Dataset, Manifest, Source, Split, class_counts, sample_sheet};

use crate::pictures::{self, PictureArguments};
use crate::{check_npz_out, print, write_file};

#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// Names of the known data sets, and where their files are
    List,
    /// Bring a data set into the cache, checked against its checksums
    ///
    /// `DML_DATASETS` may name a folder that has the files already; `DML_CACHE` moves the cache.
    Fetch {
        /// A name of `dml data list`
        name: String,
        /// Only look on this machine
        #[arg(long)]
        offline: bool,
    },
    /// Count images per split and class, and draw samples
    Show {
        /// A name of `dml data list`, or the path of an npz in MedMNIST's layout; labels of -1 are
        /// none
        name: String,
        /// Write a PNG of sample images, one row a class
        #[arg(long, value_name = "FILE")]
        png: Option<PathBuf>,
        /// Sample images a class
        #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
        per_class: u16,
        /// Only look on this machine
        #[arg(long)]
        offline: bool,
    },
    /// Make a data set of your own pictures, some of them with a label
    ///
    /// A data set is an npz in `MedMNIST`'s layout, with -1 for no label, which `dml data show`,
    /// trial files (`data.name`) and NumPy read. Beside it stands a CSV with the file and class of
    /// each training image.
    Import(ImportArguments),
}

#[derive(Debug, Args)]
pub(crate) struct ImportArguments {
    /// A folder of folders, one for each class, or a CSV with the columns `file` and `label`
    #[arg(required_unless_present = "images", conflicts_with = "images")]
    pictures: Option<PathBuf>,
    /// Where to write the npz; the CSV stands beside it
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Sorted pictures for the test set, a folder or list as the others; in the same classes
    #[arg(long, value_name = "PICTURES", conflicts_with = "images")]
    test: Option<PathBuf>,
    #[command(flatten)]
    how: PictureArguments,
}

pub(crate) fn run(command: &DataCommand) -> Result<ExitCode> {
    match command {
        DataCommand::List => list()?,
        DataCommand::Import(arguments) => import(arguments)?,
        DataCommand::Fetch { name, offline } => {
            for path in dml_data::fetch(name, &Source::from_env(*offline)?, true)? {
                print(path.display())?;
            }
        }
        DataCommand::Show { name, png, per_class, offline } => {
            png.as_deref().map_or(Ok(()), refuse_other)?;
            let dataset = dml_data::load(name, &Source::from_env(*offline)?, true)?;
            show(&dataset)?;
            if let Some(path) = png {
                let (shape, classes) = (dataset.shape, dataset.n_classes());
                let sheet = sample_sheet(&dataset.train, shape, classes, (*per_class).into(), 0)?;
                write_file(path, &sheet)?;
                eprintln!("samples: {}", path.display());
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Refuses to write a picture in the place of what is none, as the data set is not.
fn refuse_other(png: &Path) -> Result<()> {
    let start = || -> std::io::Result<[u8; 8]> {
        let mut start = [0; 8];
        File::open(png)?.read_exact(&mut start).map(|()| start)
    };
    let is_png = || start().is_ok_and(|start| start == *b"\x89PNG\r\n\x1a\n");
    let is_other = png.metadata().is_ok_and(|found| found.is_file() && found.len() > 0) && !is_png();
    ensure!(!is_other, "{} is there, and no PNG; use another --png", png.display());
    Ok(())
}

fn list() -> Result<()> {
    let here = Source::from_env(true)?;
    for entry in Manifest::builtin().datasets {
        let files = dml_data::fetch(&entry.name, &here, false);
        let place = files.ok().and_then(|f| f.first()?.parent().map(|p| p.display().to_string()));
        let place = place.unwrap_or_else(|| format!("not fetched; dml data fetch {}", entry.name));
        print(format_args!("{:<18} {} ({}): {place}", entry.name, entry.title, entry.license))?;
    }
    Ok(())
}

fn import(arguments: &ImportArguments) -> Result<()> {
    let ImportArguments { pictures, out, test, how } = arguments;
    check_npz_out(out)?;
    how.check()?;
    let pictures = how.path(pictures.as_deref());
    for list in [pictures].into_iter().chain(test.as_deref()) {
        pictures::refuse_overwritten(list, out)?;
    }
    let read = how.read(pictures)?;
    let test = test.as_deref().map(|path| how.read_test(path, &read)).transpose()?;
    pictures::write(&read, test.as_ref(), out)?;
    let csv = out.with_extension("csv");
    let (n, without) = (read.files.len(), read.labels.iter().filter(|&&label| label < 0).count());
    for (label, name) in read.classes.iter().enumerate() {
        let of_class = read.labels.iter().filter(|&&other| other == label as i32).count();
        print(format_args!("{of_class:>8} {name}"))?;
    }
    print(format_args!(
        "{without:>8} without a label\n{n:>8} in {}, and their files in {}",
        out.display(),
        csv.display()
    ))?;
    test.map_or(Ok(()), |test| print(format_args!("{:>8} for testing", test.files.len())))
}

fn show(dataset: &Dataset) -> Result<()> {
    let release = dataset.release.as_ref().map_or_else(String::new, |release| format!(", release {release}"));
    print(format_args!(
        "{}{release}: {} classes, images of {}",
        dataset.name,
        dataset.n_classes(),
        dataset.shape
    ))?;
    let splits: Vec<(&str, &Split)> = [("train", Some(&dataset.train)), ("test", dataset.test.as_ref())]
        .into_iter()
        .chain([("validation", dataset.validation.as_ref())])
        .filter_map(|(name, split)| Some((name, split?)))
        .collect();
    let row = |name: &str, cells: Vec<usize>| {
        let cells = cells.iter().map(|n| format!("{n:>12}")).collect::<Vec<_>>().concat();
        print(format_args!("{name:>5}{cells}"))
    };
    let names: Vec<String> = splits.iter().map(|(name, _)| format!("{name:>12}")).collect();
    print(format_args!("class{}", names.concat()))?;
    let counts: Vec<_> = splits.iter().map(|(_, split)| class_counts(split, dataset.n_classes())).collect();
    for (class, number) in dataset.classes.iter().enumerate() {
        row(&number.to_string(), counts.iter().map(|of_split| of_split[class]).collect())?;
    }
    let without: Vec<usize> =
        splits.iter().map(|(_, split)| split.labels.len() - split.labelled_rows().len()).collect();
    if without.iter().any(|&n| n > 0) {
        row("none", without)?;
    }
    row("all", splits.iter().map(|(_, split)| split.labels.len()).collect())
}
