use std::collections::VecDeque;

use tch::Tensor;

use super::At;

/// Steps that are remembered.
const MEMORY: usize = 8;

/// What earlier steps of each curve say of the energy's second derivatives.
pub(super) struct History {
    /// Place and gradient moved by, `[..., n, unknowns]`, and the inverse of their product, `[...,
    /// n, 1]`, which is zero for a curve that did not take the step, or learned nothing from it.
    steps: VecDeque<[Tensor; 3]>,
    /// The first guess of the inverse second derivative, `[..., n, 1]`.
    scale: Tensor,
}

/// Where to go from a place.
pub(super) struct Slope {
    /// `[..., n, unknowns]`
    pub(super) direction: Tensor,
    /// By how much the energy falls along it at first, `[..., n]`.
    pub(super) expected: Tensor,
}

impl History {
    pub(super) fn new(scale: &Tensor) -> Self {
        Self { steps: VecDeque::new(), scale: scale.unsqueeze(-1) }
    }

    /// That of some of the curves.
    pub(super) fn of(&self, numbers: &Tensor) -> Self {
        let some = |t: &Tensor| t.index_select(-2, numbers);
        Self {
            steps: self.steps.iter().map(|step| step.each_ref().map(some)).collect(),
            scale: some(&self.scale),
        }
    }

    /// The two loops of Liu and Nocedal 1989.
    pub(super) fn direction(&self, gradient: &Tensor) -> Slope {
        let mut direction = -gradient;
        let mut weights = Vec::new();
        for [moved, turned, inverse] in self.steps.iter().rev() {
            let weight = product(moved, &direction) * inverse;
            direction -= turned * &weight;
            weights.push(weight);
        }
        direction *= &self.scale;
        for ([moved, turned, inverse], weight) in self.steps.iter().zip(weights.iter().rev()) {
            direction += moved * (weight - product(turned, &direction) * inverse);
        }
        let expected = -product(&direction, gradient).squeeze_dim(-1);
        Slope { direction, expected }
    }

    pub(super) fn remember(&mut self, from: &At, to: &At, accepted: &Tensor) {
        let (moved, turned) = (&to.place - &from.place, &to.gradient - &from.gradient);
        let (along, squared) = (product(&moved, &turned), product(&turned, &turned));
        // Only an energy that bends upwards tells of a minimum.
        let learned = along.gt(0.0).logical_and(&squared.gt(0.0)).logical_and(&accepted.unsqueeze(-1));
        self.scale = (&along / squared).where_self(&learned, &self.scale);
        let inverse = along.reciprocal().where_self(&learned, &along.zeros_like());
        let [moved, turned] = [moved, turned].map(|t| t.where_self(&learned, &t.zeros_like()));
        self.steps.push_back([moved, turned, inverse]);
        if self.steps.len() > MEMORY {
            self.steps.pop_front();
        }
    }
}

fn product(a: &Tensor, b: &Tensor) -> Tensor {
    (a * b).sum_dim_intlist(-1, true, None)
}
