//! From a curve to a geodesic: the energy is brought down, with the ends held.

mod lbfgs;
mod modes;

use tch::{Kind, Tensor};

use crate::curves::{decode, energy};
use crate::{Curves, Decoder};
use lbfgs::{History, Slope};
use modes::Modes;

/// Curves that are refined at once: as many as one product of matrices makes good use of.
const AT_ONCE: i64 = 128;
/// Part of the expected decrease that a step has to bring (Armijo).
const SUFFICIENT: f64 = 1e-4;

/// How far a curve is refined into a geodesic.
///
/// All points between the ends move, in the vibration modes of a string, which make the energy in a
/// flat space a sum of squares; L-BFGS (Liu and Nocedal 1989) takes each curve of a stack down with
/// a step of its own. A geodesic is found that the start leads to, which need not be the shortest:
/// a start along [`Graph::paths`](crate::Graph::paths) goes round what a straight line runs into.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Refinement {
    /// Evaluations of the energy and its gradient, at most.
    pub iterations: usize,
    /// A curve is done when a step is expected to lower its energy by less than this part, which
    /// moves its length by half of it.
    pub tolerance: f64,
}

impl Default for Refinement {
    /// 60 evaluations, and 1e-3.
    fn default() -> Self {
        Self { iterations: 60, tolerance: 1e-3 }
    }
}

impl Refinement {
    /// Geodesics from these curves, with the same ends; without a graph, see [`Curves::joining`].
    ///
    /// No curve ends with more energy than it began with, and one that coincides with its ends
    /// stays there.
    pub fn refine(&self, decoder: &Decoder, curves: &Curves) -> Curves {
        let points = curves.points.detach();
        let n = points.size()[points.dim() - 3];
        if curves.segments() < 2 || n == 0 {
            return Curves { points };
        }
        let block = |start: i64| self.block(decoder, &points.narrow(-3, start, AT_ONCE.min(n - start)));
        let blocks: Vec<Tensor> = (0..n).step_by(AT_ONCE as usize).map(block).collect();
        Curves { points: Tensor::cat(&blocks, -3) }
    }

    fn block(&self, decoder: &Decoder, points: &Tensor) -> Tensor {
        let _guard = tch::no_grad_guard();
        let all = Problem::new(decoder, points);
        let mut state = State::new(all.of(None), points);
        let mut places = state.at.place.copy();
        for _ in 1..self.iterations {
            if let Some(pending) = self.pending(&state) {
                let _ = places.index_copy_(-2, &state.numbers, &state.at.place);
                if pending.numel() == 0 {
                    break;
                }
                state = state.of(&pending);
            }
            state.step(self.tolerance);
        }
        let _ = places.index_copy_(-2, &state.numbers, &state.at.place);
        let inner = &all.line + all.modes.points(&places, all.dim);
        // The ends themselves, bit for bit.
        let last = points.size()[points.dim() - 2] - 1;
        let inner = inner.narrow(-2, 1, last - 1);
        Tensor::cat(&[points.narrow(-2, 0, 1), inner, points.narrow(-2, last, 1)], -2)
    }

    /// The curves that some model is not done with; `None` while those that are done are too few to
    /// be left out.
    fn pending(&self, state: &State) -> Option<Tensor> {
        let At { energy, gradient, .. } = &state.at;
        let expected = state.history.direction(gradient).expected;
        let n = *energy.size().last().expect("[..., n]");
        let pending = expected.gt_tensor(&(energy * self.tolerance)).reshape([-1, n]).any_dim(0, false);
        let pending = pending.nonzero().squeeze_dim(-1);
        (4 * pending.size()[0] <= 3 * n).then_some(pending)
    }
}

/// Curves on their way down.
struct State<'a> {
    /// Which curves of the block they are, `[n]`.
    numbers: Tensor,
    problem: Problem<'a>,
    at: At,
    history: History,
    /// The part of the direction that is tried next, `[..., n]`.
    step: Tensor,
}

impl<'a> State<'a> {
    fn new(problem: Problem<'a>, points: &Tensor) -> Self {
        let at = problem.evaluate(&problem.modes.of(&(points - &problem.line)));
        let n = *at.energy.size().last().expect("[..., n]");
        Self {
            numbers: Tensor::arange(n, (Kind::Int64, points.device())),
            history: History::new(&flat_scale(points, &at.energy)),
            step: at.energy.ones_like(),
            problem,
            at,
        }
    }

    /// Some of the curves.
    fn of(&self, numbers: &Tensor) -> Self {
        let At { place, energy, gradient } = &self.at;
        Self {
            numbers: self.numbers.index_select(0, numbers),
            problem: self.problem.of(Some(numbers)),
            at: At {
                place: place.index_select(-2, numbers),
                energy: energy.index_select(-1, numbers),
                gradient: gradient.index_select(-2, numbers),
            },
            history: self.history.of(numbers),
            step: self.step.index_select(-1, numbers),
        }
    }

    /// Each curve takes its step, or will try a shorter one; one that is done stays, whatever
    /// becomes of those of other models.
    fn step(&mut self, tolerance: f64) {
        let (at, step) = (&self.at, &self.step);
        let Slope { direction, expected } = self.history.direction(&at.gradient);
        let there = self.problem.evaluate(&(&at.place + direction * step.unsqueeze(-1)));
        // What is not finite is below nothing.
        let accepted = there
            .energy
            .le_tensor(&(&at.energy - &expected * step * SUFFICIENT))
            .logical_and(&expected.gt_tensor(&(&at.energy * tolerance)));
        self.history.remember(at, &there, &accepted);
        // The least place of a parabola through both energies, with the slope here.
        let excess = (&there.energy - &at.energy) / &expected + step;
        let shorter = (step * step / (excess * 2.0)).nan_to_num(0.0, 0.0, 0.0);
        let shorter = shorter.minimum(&(step * 0.5)).maximum(&(step * 0.1));
        self.step = step.ones_like().where_self(&accepted, &shorter);
        self.at = there.or(at, &accepted);
    }
}

/// A place in the space of the modes, `[..., n, unknowns]`, and the energy there, `[..., n]`.
struct At {
    place: Tensor,
    energy: Tensor,
    gradient: Tensor,
}

impl At {
    /// This place where it is accepted, elsewhere the other.
    fn or(&self, other: &Self, accepted: &Tensor) -> Self {
        let of_row = accepted.unsqueeze(-1);
        Self {
            place: self.place.where_self(&of_row, &other.place),
            energy: self.energy.where_self(accepted, &other.energy),
            gradient: self.gradient.where_self(&of_row, &other.gradient),
        }
    }
}

/// The energy of curves between fixed ends.
struct Problem<'a> {
    decoder: &'a Decoder<'a>,
    modes: Modes,
    line: Tensor,            // [..., n, points, d]
    end_images: [Tensor; 2], // [..., n, 1, pixels]
    dim: i64,
}

impl<'a> Problem<'a> {
    fn new(decoder: &'a Decoder, points: &Tensor) -> Self {
        let (from, to) = (points.select(-2, 0), points.select(-2, -1));
        let segments = points.size()[points.dim() - 2] - 1;
        let end_images = [&from, &to].map(|end| decode(decoder, &end.unsqueeze(-2)));
        Self {
            decoder,
            modes: Modes::new(segments, (points.kind(), points.device())),
            line: Curves::straight(&from, &to, segments).points,
            end_images,
            dim: points.size()[points.dim() - 1],
        }
    }

    fn evaluate(&self, place: &Tensor) -> At {
        tch::with_grad(|| {
            let place = place.detach().set_requires_grad(true);
            let points = &self.line + self.modes.points(&place, self.dim);
            let inner = points.narrow(-2, 1, points.size()[points.dim() - 2] - 2);
            let [first, last] = &self.end_images;
            let energy = energy(&Tensor::cat(&[first, &decode(self.decoder, &inner), last], -2));
            let gradient = if energy.requires_grad() {
                Tensor::run_backward(&[energy.sum(None)], &[&place], false, false).remove(0)
            } else {
                place.zeros_like()
            };
            At { place: place.detach(), energy: energy.detach(), gradient }
        })
    }

    /// That of some of the curves, or the same again.
    fn of(&self, numbers: Option<&Tensor>) -> Self {
        let some =
            |t: &Tensor| numbers.map_or_else(|| t.shallow_clone(), |numbers| t.index_select(-3, numbers));
        Self {
            decoder: self.decoder,
            modes: self.modes.shallow_clone(),
            line: some(&self.line),
            end_images: self.end_images.each_ref().map(some),
            dim: self.dim,
        }
    }
}

/// The inverse of the energy's second derivative by a mode, `[..., n]`, as if the metric were flat:
/// how much longer the curves are in the latent space than among images, squared.
fn flat_scale(points: &Tensor, decoded: &Tensor) -> Tensor {
    // A curve of length 0 has nowhere to go.
    (energy(points) / decoded).nan_to_num(0.0, 0.0, 0.0)
}
