//! What is scored of posteriors themselves, not of embeddings.

use dml_data::Split;
use dml_eval::agreement::adjusted_mutual_information;
use dml_store::Scores;
use ndarray::ArrayView2;

use crate::train::session::Member;

/// The KL at the end of training; and the purity of the prior's components, the agreement (AMI) of
/// an image's most probable one with its class.
pub(super) fn posterior(member: Member, images: ArrayView2<u8>, split: &Split) -> Scores {
    let Some(posteriors) = member.stack.posteriors(member.index, images) else { return Scores::new() };
    let mut scores = Scores::from([("posterior.kl".into(), posteriors.kl)]);
    if let Some(components) = posteriors.components {
        let of_labelled = |row: usize| (split.labels[row], components[row]);
        let (labels, components): (Vec<_>, Vec<_>) =
            split.labelled_rows().into_iter().map(of_labelled).unzip();
        let purity = adjusted_mutual_information(&labels, &components);
        scores.insert("posterior.component_ami".into(), purity);
    }
    scores
}
