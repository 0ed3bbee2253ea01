//! The triplets of a batch that are active: counted, not listed.

use tch::{Device, Kind, Tensor};

use super::{Mining, Triplet};
use crate::pairs::Classes;

/// How often the active triplets of a batch take each distance. Constants to the gradient.
#[derive(Debug)]
pub(super) struct Active {
    /// In how many an anchor is with a positive, minus in how many it is with a negative, and 0 for
    /// what is no pair: `[..., batch, candidates]`, of the distances' kind.
    pub(super) counts: Tensor,
    /// How many there are: `[...]` integers.
    pub(super) number: Tensor,
}

impl Active {
    /// Of distances `[..., batch, candidates]` that need no gradient.
    pub(super) fn of(distances: &Tensor, classes: &Classes, loss: &Triplet) -> Self {
        if distances.device() == Device::Cpu {
            Self::on_host(distances, classes, loss)
        } else {
            Self::on_device(distances, classes, loss)
        }
    }

    /// An anchor's few positives are sorted; the active ones of a negative then follow one another.
    fn on_host(distances: &Tensor, classes: &Classes, loss: &Triplet) -> Self {
        let size = distances.size();
        let [batches @ .., batch, candidates] = &size[..] else { unreachable!("as many as classes have") };
        let flat = |t: &Tensor| t.reshape([-1]);
        let values = Vec::<f64>::try_from(flat(distances)).expect("one dimension");
        let [positive, negative] =
            [&classes.positive, &classes.negative].map(|t| Vec::<bool>::try_from(flat(t)).expect("the same"));
        // Rounded as the distances are.
        let in_f32 = distances.kind() == Kind::Float;
        let reach = |d: f64| if in_f32 { f64::from(d as f32 + loss.margin as f32) } else { d + loss.margin };
        let (batch, candidates) = (*batch as usize, *candidates as usize);
        let mut counts = vec![0_f32; values.len()];
        let mut numbers = vec![0_i64; batches.iter().product::<i64>() as usize];
        let (mut positives, mut reaches, mut entries) = (Vec::new(), Vec::new(), Vec::new());
        for (anchor, counts) in counts.chunks_exact_mut(candidates.max(1)).enumerate() {
            let own = anchor * candidates..(anchor + 1) * candidates;
            let (d, positive, negative) = (&values[own.clone()], &positive[own.clone()], &negative[own]);
            positives.clear();
            positives.extend((0..candidates).filter(|&p| positive[p]));
            positives.sort_unstable_by(|&p, &q| d[p].total_cmp(&d[q]));
            reaches.clear();
            reaches.extend(positives.iter().map(|&p| reach(d[p])));
            // By how much the number of negatives grows from one positive to the next.
            entries.clear();
            entries.resize(positives.len() + 1, 0);
            for n in (0..candidates).filter(|&n| negative[n]) {
                let first = reaches.partition_point(|&reach| reach <= d[n]);
                let end = match loss.mining {
                    Mining::SemiHard => positives.partition_point(|&p| d[p] < d[n]).max(first),
                    Mining::All | Mining::Hard => positives.len(),
                };
                entries[first] += 1;
                entries[end] -= 1;
                counts[n] = -((end - first) as f32);
            }
            let mut active: i64 = 0;
            for (&p, entry) in positives.iter().zip(&entries) {
                active += entry;
                counts[p] = active as f32;
                numbers[anchor / batch] += active;
            }
        }
        let counts = Tensor::from_slice(&counts).to_kind(distances.kind()).reshape(&size);
        Self { counts, number: Tensor::from_slice(&numbers).reshape(batches) }
    }

    /// By sorted rows; nothing waits for the device.
    fn on_device(distances: &Tensor, classes: &Classes, loss: &Triplet) -> Self {
        // What is no pair lies infinitely far beyond, or before, all others, and so falls out of
        // the counts.
        let negatives = super::to_negatives(distances, classes).sort(-1, false).0;
        let positives = super::to_positives(distances, classes).sort(-1, false).0;
        let mut n_negatives = n_below(&negatives, &(distances + loss.margin));
        let mut n_positives = -n_up_to(&(&positives + loss.margin), distances);
        match loss.mining {
            Mining::SemiHard => {
                n_negatives -= n_up_to(&negatives, distances);
                n_positives += n_below(&positives, distances);
            }
            Mining::All | Mining::Hard => n_positives += distances.size().last().copied().unwrap_or(0),
        }
        let n_negatives = n_negatives * &classes.positive;
        let counts = (&n_negatives - n_positives * &classes.negative).to_kind(distances.kind());
        Self { counts, number: super::total(&n_negatives) }
    }
}

/// For each value, how many numbers in its sorted row are below it.
fn n_below(sorted: &Tensor, values: &Tensor) -> Tensor {
    values.searchsorted(sorted, false, false, "left", None::<&Tensor>)
}

/// For each value, how many numbers in its sorted row are below or equal to it.
fn n_up_to(sorted: &Tensor, values: &Tensor) -> Tensor {
    values.searchsorted(sorted, false, true, "right", None::<&Tensor>)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::super::Distance;
    use super::*;

    proptest! {
        /// Quarters, so that many distances are equal, and many differ by the margin.
        #[test]
        fn the_host_and_the_device_count_alike(
            quarters in vec(0..9_u8, 2 * 7 * 7),
            labels in vec(-1..3_i64, 2 * 7),
            margin in 1..4_u8,
            semi_hard: bool,
            in_f32: bool,
        ) {
            let mining = if semi_hard { Mining::SemiHard } else { Mining::All };
            let margin = f64::from(margin) / 4.0;
            let loss = Triplet { margin, mining, distance: Distance::Euclidean, normalized: false };
            let kind = if in_f32 { Kind::Float } else { Kind::Double };
            let distances = (Tensor::from_slice(&quarters).to_kind(kind) / 4.0).reshape([2, 7, 7]);
            let classes = Classes::of_batch(&Tensor::from_slice(&labels).reshape([2, 7]));
            let host = Active::on_host(&distances, &classes, &loss);
            let device = Active::on_device(&distances, &classes, &loss);
            prop_assert_eq!(host.counts.kind(), kind);
            prop_assert!(host.counts.equal(&device.counts), "{}\n{}", host.counts, device.counts);
            prop_assert!(host.number.equal(&device.number), "{} {}", host.number, device.number);
        }
    }
}
