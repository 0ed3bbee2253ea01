//! What a trial leaves beside its result: for the report's figures, and for other programs. None of
//! it is needed for a table.

mod geodesics;
mod pictures;
mod provenance;
mod tensorboard;

use anyhow::Result;
use dml_data::npz::NpzWriter;
use dml_store::names;
use ndarray::{Array2, Axis};
use rand::seq::index::sample;

use crate::train::evaluate::evaluated_split;
use crate::train::session::{Job, Member, Session};

pub(crate) use provenance::write_provenance;
pub(crate) use tensorboard::TensorBoard;

/// Images that the latent space is drawn with.
const DRAWN: usize = 2000;

/// Writes `latent.npz`, the pictures of a trial, and geodesics where it asks for them.
pub(crate) fn write(
    session: &Session,
    job: &Job,
    embeddings: &Array2<f32>,
    member: Option<Member>,
) -> Result<()> {
    let data = &session.loaded().dataset;
    let split = evaluated_split(&job.trial, data)?;
    // The same images for every trial of a data set, so that latent spaces can be compared point by
    // point.
    let labelled = split.labelled_rows();
    let (n, mut random) = (labelled.len(), dml_data::random::keyed(0, "artifacts", 0));
    let mut rows: Vec<usize> =
        sample(&mut random, n, DRAWN.min(n)).iter().map(|place| labelled[place]).collect();
    rows.sort_unstable();
    let mut file = NpzWriter::create(&job.directory.join(names::LATENT))?;
    file.add_f32("embeddings", embeddings.select(Axis(0), &rows).view())?;
    file.add_i64(
        "labels",
        &rows.iter().map(|&row| data.class_number(split.labels[row])).collect::<Vec<_>>(),
    )?;
    file.add_i64("rows", &rows.iter().map(|&row| row as i64).collect::<Vec<_>>())?;
    if let Some((mean, logvar)) = member.and_then(|member| member.stack.prior_components(member.index)) {
        file.add_f32("components_mean", mean.view())?;
        file.add_f32("components_logvar", logvar.view())?;
    }
    file.finish()?;
    pictures::of_dataset(session.store.root(), job, data, split, &rows)?;
    if let Some(member) = member {
        pictures::of_decoder(job, data, split, embeddings, member)?;
        geodesics::write(session, job, embeddings, &rows, member)?;
    }
    Ok(())
}
