//! `dml embed`: embeddings of a trained model, for other programs.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use dml_data::Source;
use dml_data::files::write_aside;
use dml_data::npz::NpzWriter;

use crate::WrongCall;
use crate::train::device;
use crate::train::images::{Images, Split, refuse_overwritten};
use crate::train::model::Model;

#[derive(Debug, Args)]
pub(crate) struct EmbedArguments {
    /// What `dml fit` made, or a trial's directory, STORE/trials/ID, with its weights
    model: PathBuf,
    /// A folder of pictures, a picture, an npz, or a name of `dml data list`; without it, the data
    /// that the model was trained on
    images: Option<String>,
    /// Which part of a data set; without it, the test split, or the training split where there is
    /// no other
    #[arg(long, value_enum)]
    split: Option<Split>,
    /// Where to write: `embeddings` (n, d) f32, `labels` (n) i64, -1 for none, and `labelled` (n)
    /// bool, which is true where the model saw the label. `dml score` reads it. Of pictures, a
    /// .rows.csv beside it says which file each row is
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// auto, cpu or cuda:N
    #[arg(long, default_value = "auto")]
    device: String,
    /// Use only data that is on this machine
    #[arg(long)]
    offline: bool,
}

pub(crate) fn embed(arguments: &EmbedArguments) -> Result<ExitCode> {
    let out = &arguments.out;
    if out.extension().is_none_or(|extension| extension != "npz") {
        let sentence =
            format!("--out {} is no npz file; a name that ends in .npz would be right", out.display());
        return Err(WrongCall(sentence).into());
    }
    let device = device(&arguments.device)?;
    let source = Source::from_env(arguments.offline)?;
    let model = Model::open(&arguments.model, &source, device)?;
    let csv = out.with_extension("rows.csv");
    for out in [out, &csv] {
        refuse_overwritten(out, &arguments.model, &model, arguments.images.as_ref())?;
    }
    let own = arguments.split.unwrap_or(if model.data.test.is_some() { Split::Test } else { Split::Train });
    // The model's own data may also be named.
    let others = arguments.images.as_ref().filter(|images| !model.is_of(images));
    let images = match others {
        Some(images) => Images::read(images, arguments.split, &model, &source)?,
        None => Images::of_training_data(own, &model)?,
    };
    let embeddings = model.embed(images.pixels.view());
    let mut labelled = vec![false; images.labels.len()];
    if others.is_none() && own == Split::Train {
        model.labelled.iter().for_each(|&row| labelled[row] = true);
    }
    let labels: Vec<i64> = images.labels.iter().map(|&label| model.data.class_number(label)).collect();
    let mut file = NpzWriter::create(&arguments.out)?;
    file.add_f32("embeddings", embeddings.view())?;
    file.add_i64("labels", &labels)?;
    file.add_bool("labelled", &labelled)?;
    file.finish_after(|| write_rows(&csv, images.files.as_deref(), &labels))?;
    let (n, d) = embeddings.dim();
    crate::print(format_args!("{}: {n} embeddings of {d} dimensions", arguments.out.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// Says which file each row is; where there are no files, a CSV of ours that lies there is of other
/// embeddings, and goes away.
fn write_rows(csv: &Path, files: Option<&[String]>, labels: &[i64]) -> Result<()> {
    const HEADER: [&str; 3] = ["row", "file", "label"];
    let at = || csv.display().to_string();
    let Some(files) = files else {
        let is_ours = std::fs::read_to_string(csv).is_ok_and(|text| text.starts_with(&HEADER.join(",")));
        return if is_ours { std::fs::remove_file(csv).with_context(at) } else { Ok(()) };
    };
    let mut rows = csv::Writer::from_writer(Vec::new());
    rows.write_record(HEADER)?;
    for (row, (file, label)) in files.iter().zip(labels).enumerate() {
        rows.write_record([&row.to_string(), file, &label.to_string()])?;
    }
    write_aside(csv, &rows.into_inner()?).with_context(at)
}
