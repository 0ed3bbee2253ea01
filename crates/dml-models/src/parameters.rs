//! Named tensors that are learned, with a leading dimension of M members.

use tch::Tensor;

/// A parameter as the layers declare it: name, shape without the members' dimension, and how it
/// starts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Declaration {
    /// Unique, dotted.
    pub name: String,
    /// Shape of one member's.
    pub shape: Vec<i64>,
    /// First values.
    pub start: Start,
}

/// First values of a parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Start {
    /// Uniform between two bounds.
    Uniform(f64, f64),
    /// Normal of mean 0 and this standard deviation.
    Normal(f64),
    /// Set later by the stack, from training images.
    Images,
}

/// All learned tensors of a stack, in the order in which they were declared.
#[derive(Debug)]
pub struct Parameters {
    /// Unique dotted names.
    pub names: Vec<String>,
    /// `[M, ...]`, f32, without gradient tracking: a training step takes [`Parameters::leaves`].
    pub tensors: Vec<Tensor>,
}

impl Parameters {
    /// Fresh values: each member draws with its own seed.
    pub(crate) fn draw(declarations: &[Declaration], seeds: &[u64]) -> Self {
        let tensors = declarations.iter().map(|d| {
            let members: Vec<Tensor> = seeds.iter().map(|&seed| d.draw(seed)).collect();
            Tensor::stack(&members, 0)
        });
        Self { names: declarations.iter().map(|d| d.name.clone()).collect(), tensors: tensors.collect() }
    }

    /// Leaves that share memory with the parameters and track gradients, fresh for each step: a
    /// parameter that a step does not touch has no gradient at all, as after PyTorch's
    /// `zero_grad(set_to_none=True)`, and its optimiser state stays.
    pub fn leaves(&self) -> Vec<Tensor> {
        self.tensors.iter().map(|t| t.detach().set_requires_grad(true)).collect()
    }

    /// Number of learned values of one member.
    pub fn count(&self) -> usize {
        self.tensors.iter().map(|t| t.numel() / t.size()[0].max(1) as usize).sum()
    }
}

impl Start {
    /// Uniform in ±bound.
    pub(crate) fn within(bound: f64) -> Self {
        Self::Uniform(-bound, bound)
    }
}

impl Declaration {
    fn draw(&self, seed: u64) -> Tensor {
        let purpose = format!("weights/{}", self.name);
        match self.start {
            Start::Uniform(low, high) => {
                crate::random::uniform(seed, &purpose, 0, &self.shape) * (high - low) + low
            }
            // The sum takes the sign off the zeros of a deviation of 0.
            Start::Normal(std) => crate::random::normal(seed, &purpose, 0, &self.shape) * std + 0.0,
            Start::Images => Tensor::zeros(self.shape.as_slice(), (tch::Kind::Float, tch::Device::Cpu)),
        }
    }
}
