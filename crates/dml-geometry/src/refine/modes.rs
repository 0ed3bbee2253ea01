use std::f64::consts::PI;

use tch::{Device, Kind, Tensor};

/// The vibrations of a string that is held at its ends, as many as there are points between them,
/// so that every polygon is a sum of them.
///
/// The k-th is sin(k pi i / segments) at point i, divided by 2 segments sin(k pi / (2 segments)):
/// of a shift of points by modes c, the energy in flat space is |c|² / 2. Without this the long
/// waves would be found last.
pub(super) struct Modes {
    shapes: Tensor,   // [points, modes]
    analysis: Tensor, // [modes, points]
}

impl Modes {
    pub(super) fn new(segments: i64, options: (Kind, Device)) -> Self {
        let n = segments as f64;
        let number = Tensor::arange(segments + 1, (Kind::Double, Device::Cpu));
        let mode = number.narrow(0, 1, segments - 1);
        let waves = (number.unsqueeze(1) * &mode * (PI / n)).sin();
        let scale = (mode * (PI / (2.0 * n))).sin() * (2.0 * n);
        let shapes = &waves / &scale;
        let analysis = (waves * scale * (2.0 / n)).transpose(0, 1);
        let to = |t: Tensor| t.to_kind(options.0).to_device(options.1);
        Self { shapes: to(shapes), analysis: to(analysis) }
    }

    pub(super) fn shallow_clone(&self) -> Self {
        Self { shapes: self.shapes.shallow_clone(), analysis: self.analysis.shallow_clone() }
    }

    /// The modes of shifts `[..., n, points, d]` that are zero at the ends: `[..., n, modes d]`.
    pub(super) fn of(&self, shifts: &Tensor) -> Tensor {
        self.analysis.matmul(shifts).flatten(-2, -1)
    }

    /// The shifts of points that modes make.
    pub(super) fn points(&self, modes: &Tensor, dim: i64) -> Tensor {
        self.shapes.matmul(&modes.unflatten(-1, [-1, dim]))
    }
}
