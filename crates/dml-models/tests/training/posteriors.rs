//! What a trained posterior says.

use dml_models::{RoutineConfig, System};
use dml_priors::{PriorConfig, PseudoInputs, Unit, Vamp};
use tch::{Kind, Tensor};

use crate::common::{device, images, trained, trial};

#[test]
fn the_kl_is_that_of_the_weights_at_the_end_and_components_are_numbered() {
    let n = images().nrows();
    for (prior, k) in [
        (PriorConfig::Unit(Unit {}), 1),
        (PriorConfig::Vamp(Vamp { components: 4, init: PseudoInputs::Data }), 4),
    ] {
        let mut config = trial(System::MetricVae, RoutineConfig::JointGamma { gamma: 1.0 });
        config.prior = prior;
        let stack = trained(&config);
        let posteriors = stack.posteriors(0, images().view()).unwrap();
        let components = posteriors.components.unwrap();
        assert_eq!(components.len(), n);
        assert!(components.iter().all(|component| (0..k).contains(component)), "{components:?}");
        if k > 1 {
            assert!(posteriors.kl > 0.0);
            continue;
        }
        let pixels: Vec<f32> = images().iter().map(|&pixel| f32::from(pixel) / 255.0).collect();
        let pixels = Tensor::from_slice(&pixels).reshape([1, n as i64, -1]).to_device(device());
        let q = stack.model.posterior(&stack.parameters.tensors, &pixels);
        let [mean, logvar] =
            [&q.mean, &q.logvar].map(|t| Vec::<f64>::try_from(t.to_kind(Kind::Double).view([-1])).unwrap());
        let term = |(m, l): (&f64, &f64)| 0.5 * (m * m + l.exp() - 1.0 - l);
        let expected = mean.iter().zip(&logvar).map(term).sum::<f64>() / n as f64;
        assert!((posteriors.kl - expected).abs() < 1e-5 * expected, "{} against {expected}", posteriors.kl);
    }
    assert_eq!(
        trained(&trial(System::Dml, RoutineConfig::JointAlpha { alpha: 0.5 })).posteriors(0, images().view()),
        None
    );
}
