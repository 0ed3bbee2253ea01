//! `dml embed`: embeddings of a trained model, for other programs.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use dml_data::npz::NpzWriter;

use crate::check_npz_out;
use crate::pictures::{is_of_dml, refuse_foreign_csv, write_csv};
use crate::train::images::{Images, Split, refuse_read_or_part};
use crate::train::model::{Model, ModelArguments};

#[derive(Debug, Args)]
pub(crate) struct EmbedArguments {
    #[command(flatten)]
    model: ModelArguments,
    /// A folder of pictures, a picture, an npz, or a name of `dml data list`; without it, the data
    /// that the model was trained on
    images: Option<String>,
    /// Which part of a data set; without it, the test split, or the training split where there is
    /// no other
    #[arg(long, value_enum)]
    split: Option<Split>,
    /// Where to write: `embeddings` (n, d) f32, `labels` (n) i64, -1 for none, and `labelled` (n)
    /// bool, which is true where the model saw the label. `dml score` reads it. Of pictures, a
    /// .rows.csv beside it says of each row the file, the label and the name of its class
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

pub(crate) fn embed(arguments: &EmbedArguments) -> Result<ExitCode> {
    let out = &arguments.out;
    check_npz_out(out)?;
    let (model, source) = arguments.model.open()?;
    let csv = out.with_extension("rows.csv");
    for out in [out, &csv] {
        refuse_read_or_part(out, &arguments.model.directory, &model, arguments.images.as_ref())?;
    }
    let own = arguments.split.unwrap_or(if model.data.test.is_some() { Split::Test } else { Split::Train });
    // The model's own data may also be named.
    let others = arguments.images.as_ref().filter(|images| !model.is_of(images));
    let images = match others {
        Some(images) => Images::read(images, arguments.split, &model, &source)?,
        None => Images::of_training_data(own, &model)?,
    };
    for out in [out, &csv] {
        images.refuse_own_file(out)?;
    }
    if images.files.is_some() {
        refuse_foreign_csv(&csv)?;
    }
    let embeddings = model.embed(images.pixels.view());
    let seen: Vec<bool> = if others.is_some() {
        images.is_seen(&model)
    } else {
        let is_seen = |row| own == Split::Train && model.labelled.binary_search(&row).is_ok();
        (0..images.labels.len()).map(is_seen).collect()
    };
    let labelled: Vec<bool> =
        seen.into_iter().zip(&images.labels).map(|(seen, &label)| seen && label >= 0).collect();
    let labels: Vec<i64> = images.labels.iter().map(|&label| model.data.class_number(label)).collect();
    let mut file = NpzWriter::create(&arguments.out)?;
    file.add_f32("embeddings", embeddings.view())?;
    file.add_i64("labels", &labels)?;
    file.add_bool("labelled", &labelled)?;
    file.finish_after(|| write_rows(&csv, &images, &model))?;
    let (n, d) = embeddings.dim();
    crate::print(format_args!("{}: {n} embeddings of {d} dimensions", arguments.out.display()))?;
    if let Some((n, names)) = images.strangers_among(&(0..n).collect::<Vec<usize>>()) {
        crate::print(format_args!(
            "{n} of them are in {names}, no class of the model, and have the label -1"
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Says which file each row is; where there are no files, a CSV of ours that lies there is of other
/// embeddings, and goes away.
fn write_rows(csv: &Path, images: &Images, model: &Model) -> Result<()> {
    let Some(files) = &images.files else {
        return if is_of_dml(csv) {
            std::fs::remove_file(csv).with_context(|| csv.display().to_string())
        } else {
            Ok(())
        };
    };
    let of_row = |(row, (file, &label)): (usize, (&String, &i32))| {
        let own = usize::try_from(label).ok().map(|place| model.class_name(place));
        let class = own.or_else(|| images.strangers.get(&row).cloned()).unwrap_or_default();
        [file.clone(), model.data.class_number(label).to_string(), class]
    };
    write_csv(csv, files.iter().zip(&images.labels).enumerate().map(of_row))
}
