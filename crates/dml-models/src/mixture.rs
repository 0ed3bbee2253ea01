//! The staged routine's step between two epochs: a mixture that was fitted on embeddings becomes
//! the prior.

use dml_priors::{Fitted, PriorConfig};
use ndarray::Array2;
use tch::Tensor;

use crate::convert::to_tensor;
use crate::error::ConfigError;
use crate::stack::Stack;

/// A Gaussian mixture of diagonal covariances.
#[derive(Debug)]
pub struct FittedMixture {
    /// `[components]`; they sum to 1.
    pub weights: Vec<f32>,
    /// `[components, latent_dim]`
    pub means: Array2<f32>,
    /// `[components, latent_dim]`, above 0.
    pub variances: Array2<f32>,
}

impl Stack {
    /// How many components a mixture has to have that must be fitted now, on the embeddings of the
    /// training images, before the next epoch; `None` where none is due. [`Stack::set_mixtures`]
    /// takes the mixtures.
    pub fn mixture_due(&self) -> Option<usize> {
        let config = &self.members[0].config;
        let first_stage = config.routine.first_stage()?;
        let components = config.prior.settings().fitted_components()?;
        let due = self.epoch >= first_stage && self.objective.mixture.is_none();
        due.then_some(components as usize)
    }

    /// Makes mixtures the priors of the members; one for each, or `None` for a member that has
    /// diverged.
    ///
    /// # Errors
    /// A mixture of another size than [`Stack::mixture_due`] says, or that is no distribution.
    ///
    /// # Panics
    /// When the prior is none that is fitted, and with another number of mixtures than of members.
    pub fn set_mixtures(&mut self, mixtures: Vec<Option<FittedMixture>>) -> Result<(), ConfigError> {
        assert_eq!(mixtures.len(), self.members.len(), "one mixture for each member");
        let config = &self.members[0].config;
        let PriorConfig::Mixture(prior) = config.prior else { panic!("{:?} is not fitted", config.prior) };
        let shape = (prior.components as usize, config.model.latent_dim as usize);
        let (mut weights, mut means, mut variances) = (vec![], vec![], vec![]);
        for mixture in mixtures {
            // The place of a member that has diverged is kept, so that the others go on.
            let mixture = mixture.unwrap_or_else(|| FittedMixture {
                weights: vec![1.0 / shape.0 as f32; shape.0],
                means: Array2::zeros(shape),
                variances: Array2::ones(shape),
            });
            weights.push(Tensor::from_slice(&mixture.weights));
            means.push(to_tensor(mixture.means.view()));
            variances.push(to_tensor(mixture.variances.view()));
        }
        let stacked = |tensors: &[Tensor]| Tensor::stack(tensors, 0).to_device(self.device);
        let fitted =
            Fitted { weights: stacked(&weights), means: stacked(&means), variances: stacked(&variances) };
        self.objective.mixture = Some(prior.fitted(&fitted)?);
        Ok(())
    }
}
