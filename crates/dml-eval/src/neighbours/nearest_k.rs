/// The k nearest points seen so far, nearest first, the smallest id first where distances are
/// equal.
#[derive(Debug)]
pub(super) struct NearestK {
    k: usize,
    best: Vec<(f64, u32)>,
}

impl NearestK {
    pub(super) fn new(k: usize) -> Self {
        Self { k, best: Vec::with_capacity(k + 1) }
    }

    /// Farther than this, a point need not be offered; infinite until there are k.
    pub(super) fn limit(&self) -> f64 {
        if self.best.len() < self.k { f64::INFINITY } else { self.best.last().map_or(-1.0, |worst| worst.0) }
    }

    pub(super) fn offer(&mut self, squared_distance: f64, id: u32) {
        let at = self.best.partition_point(|&other| other < (squared_distance, id));
        if at < self.k {
            self.best.truncate(self.k - 1);
            self.best.insert(at, (squared_distance, id));
        }
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = u32> {
        self.best.iter().map(|&(_, id)| id)
    }
}

/// |a - b|² in f64.
pub(crate) fn squared_distance(a: &[f32], b: &[f32]) -> f64 {
    // Eight sums side by side are what vector instructions can add to at once.
    let mut sums = [0.0; 8];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    for (a, b) in a.iter().zip(b) {
        for ((sum, &a), &b) in sums.iter_mut().zip(a).zip(b) {
            let off = f64::from(a) - f64::from(b);
            *sum += off * off;
        }
    }
    let rest = a_rest.iter().zip(b_rest).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2));
    sums.iter().sum::<f64>() + rest.sum::<f64>()
}
