//! `dml search`: images that a model holds for like one.

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use dml_eval::{NearestOfClasses, nearest};

use crate::train::images::{Images, Split};
use crate::train::model::ModelArguments;

#[derive(Debug, Args)]
pub(crate) struct SearchArguments {
    #[command(flatten)]
    model: ModelArguments,
    /// The picture to look for
    image: String,
    /// Where to look: a folder of pictures, an npz, or a name of `dml data list`; without it, the
    /// images that the model was trained on
    #[arg(long = "in", value_name = "IMAGES")]
    within: Option<String>,
    /// How many to show
    #[arg(short, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..))]
    k: u16,
}

pub(crate) fn search(arguments: &SearchArguments) -> Result<ExitCode> {
    let (model, source) = arguments.model.open()?;
    let query = Images::read(&arguments.image, None, &model, &source)?;
    if query.labels.len() != 1 {
        bail!("{} holds {} images; one picture would be right", arguments.image, query.labels.len());
    }
    let images = match &arguments.within {
        Some(within) => Images::read(within, None, &model, &source)?,
        None => Images::of_training_data(Split::Train, &model)?,
    };
    let (query, embeddings) = (model.embed(query.pixels.view()), model.embed(images.pixels.view()));
    // Checked, as `nearest` asks for: weights that diverged give such numbers, too.
    NearestOfClasses::of(query.view(), &[0], 1, embeddings.view())?;
    crate::print("  distance  class  file")?;
    for &row in &nearest(embeddings.view(), query.view(), arguments.k.into()) {
        let row = row as usize;
        let one = embeddings.select(ndarray::Axis(0), &[row]);
        let distance = NearestOfClasses::of(one.view(), &[0], 1, query.view())?.distances[[0, 0]].sqrt();
        let label = usize::try_from(images.labels[row]).ok().map(|place| model.class_name(place));
        crate::print(format_args!(
            "{distance:>10.4}  {:<5}  {}",
            label.unwrap_or_else(|| "-".into()),
            images.name(row)
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}
