//! How much a KL counts in an objective: free bits and warm-up.

use tch::Tensor;

/// KL loss with free bits: Σ over terms of max(`minimum`, mean over the batch of the term), in nats
/// (Kingma et al. 2016, "Improved variational inference with inverse autoregressive flow").
///
/// The published rule leaves the grouping of dimensions open. Here each dimension is its own group
/// where the KL is a sum over dimensions ([`crate::Density::kl_per_dimension`]); where it is not,
/// the total is the one group: pass `kl.unsqueeze(-1)`. The minimum is held against the mean over
/// the batch, as published, not against each row. A term below it has zero gradient. `minimum` = 0
/// turns the rule off: it does not cut off a Monte-Carlo estimate that is negative.
///
/// # Shapes
/// `terms` is `[..., b, terms]`; the result is `[...]`.
pub fn free_bits(terms: &Tensor, minimum: f64) -> Tensor {
    let means = terms.mean_dim(-2, false, None); // [..., terms]
    let kept = if minimum > 0.0 { means.clamp_min(minimum) } else { means };
    kept.sum_dim_intlist(-1, false, None)
}

/// Factor on the KL in an epoch, in [0, 1]: `epoch` / `warm_up_epochs`, at most 1 (linear warm-up,
/// Sønderby et al. 2016, "Ladder variational autoencoders").
///
/// Epochs count from 1, so the first one already has a prior and number `warm_up_epochs` is the
/// first at full weight. `warm_up_epochs` = 0 is no warm-up: 1 always.
pub fn warm_up(epoch: usize, warm_up_epochs: usize) -> f64 {
    if epoch >= warm_up_epochs { 1.0 } else { epoch as f64 / warm_up_epochs as f64 }
}

#[cfg(test)]
mod tests {
    use tch::Tensor;

    use super::{free_bits, warm_up};

    #[test]
    fn warm_up_rises_linearly_to_one_and_stays() {
        let factors: Vec<f64> = (1..=6).map(|epoch| warm_up(epoch, 4)).collect();
        assert_eq!(factors, [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]);
        assert!(warm_up(1, 0).to_bits() == 1f64.to_bits());
    }

    #[test]
    fn free_bits_holds_each_terms_batch_mean_up_and_stops_its_gradient() {
        // Two models, two rows, two terms; means of the terms: (2, 0.5) and (0.25, -1).
        let terms = Tensor::from_slice(&[1.0, 0.9, 3.0, 0.1, 0.5, -1.0, 0.0, -1.0]).reshape([2, 2, 2]);
        let terms = terms.set_requires_grad(true);
        let loss = free_bits(&terms, 1.0);
        assert_eq!(loss, Tensor::from_slice(&[3.0, 2.0]));
        loss.sum(None).backward();
        assert_eq!(
            terms.grad(),
            Tensor::from_slice(&[0.5, 0.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0]).reshape([2, 2, 2])
        );
        assert_eq!(free_bits(&terms, 0.0), Tensor::from_slice(&[2.5, -0.75]));
    }
}
