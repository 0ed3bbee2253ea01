//! What the curves of the terms say of one another.

use dml_models::{RoutineConfig, System};
use dml_priors::{Mixture, PriorConfig, PseudoInputs, Unit, Vamp};

use crate::common::{trained, trial};

/// Of each epoch: reconstruction (0 without a decoder), KL and unsupervised loss.
fn curves(stack: &dml_models::Stack) -> Vec<Option<[f64; 3]>> {
    let curves = &stack.members[0].curves;
    let at = |name: &str, epoch: usize| curves[name][epoch];
    let of_epoch = |epoch| {
        Some([at("reconstruction", epoch).unwrap_or(0.0), at("kl", epoch)?, at("unsupervised", epoch)?])
    };
    (0..curves["kl"].len()).map(of_epoch).collect()
}

/// The mean over steps of a sum is the sum of the means, to f32's rounding of a step.
#[test]
fn the_unsupervised_loss_is_reconstruction_and_weighted_kl_and_the_warm_up_starts_with_the_prior() {
    let staged = RoutineConfig::Staged { dml_epochs: 2, gamma: 1.0 };
    let joint = RoutineConfig::JointGamma { gamma: 1.0 };
    let late: [Option<f64>; 5] = [None, None, Some(1.0 / 3.0), Some(2.0 / 3.0), Some(1.0)];
    let early = [1.0 / 3.0, 2.0 / 3.0, 1.0, 1.0, 1.0].map(Some);
    for (system, routine, prior, factors) in [
        (System::Vae, joint.clone(), PriorConfig::Unit(Unit {}), early),
        (System::DmlPrior, joint, PriorConfig::Vamp(Vamp { components: 4, init: PseudoInputs::Data }), early),
        (System::MetricVae, staged, PriorConfig::Mixture(Mixture { components: 3 }), late),
    ] {
        let mut config = trial(system, routine);
        config.prior = prior;
        config.training.epochs = 5;
        (config.kl.beta, config.kl.warm_up_epochs) = (0.7, 3);
        for (curves, factor) in curves(&trained(&config)).into_iter().zip(factors) {
            assert_eq!(curves.is_some(), factor.is_some(), "{system:?}");
            if let (Some([reconstruction, kl, unsupervised]), Some(factor)) = (curves, factor) {
                let weighted = 0.7 * factor * kl;
                // A KL large enough that another factor would show.
                assert!(weighted.abs() > 1e-4 * unsupervised, "{system:?}: {weighted} of {unsupervised}");
                let apart = (unsupervised - reconstruction - weighted).abs();
                assert!(apart < 1e-6 * unsupervised.abs(), "{system:?}: {apart} of {unsupervised}");
            }
        }
    }
}

#[test]
fn free_bits_hold_up_each_dimension_or_all_of_them_together() {
    for prior in
        [PriorConfig::Unit(Unit {}), PriorConfig::Vamp(Vamp { components: 4, init: PseudoInputs::Data })]
    {
        let mut config = trial(System::Vae, RoutineConfig::JointGamma { gamma: 1.0 });
        config.model.latent_dim = 3;
        config.prior = prior;
        config.training.epochs = 1;
        config.kl.free_bits = 50.0;
        // No KL of fresh models comes near 50 nats a dimension: it stays at these, of 3 dimensions.
        let kl = trained(&config).members[0].curves["kl"][0];
        assert_eq!(kl, Some(150.0), "{:?}", config.prior);
    }
}
