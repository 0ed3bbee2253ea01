//! What is scored of a decoder's geometry, not of embeddings.

use dml_models::{OverGeodesic, TrainingData};
use dml_store::Scores;

use crate::train::session::Member;

/// The distances that training takes, in lengths of the geodesic; nothing without a decoder.
pub(super) fn over_geodesic(member: Member, data: &TrainingData, pairs: usize) -> Scores {
    let Some(found) = member.stack.over_geodesic(member.index, data, pairs) else { return Scores::new() };
    let OverGeodesic { line, graph, geodesic, whole_line } = found;
    let scores = [("line", line), ("graph", graph), ("geodesic", geodesic), ("whole_line", whole_line)];
    scores.map(|(name, ratio)| (format!("over_geodesic.{name}"), ratio)).into()
}
