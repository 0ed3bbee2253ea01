use ndarray::ArrayView1;

/// The k nearest points seen so far, nearest first, the smallest id first where distances are equal.
#[derive(Debug)]
pub(crate) struct NearestK {
    k: usize,
    best: Vec<(f64, u32)>,
}

impl NearestK {
    pub(crate) fn new(k: usize) -> Self {
        Self { k, best: Vec::with_capacity(k + 1) }
    }

    /// Farther than this, a point need not be offered; infinite until there are k.
    pub(crate) fn limit(&self) -> f64 {
        if self.best.len() < self.k { f64::INFINITY } else { self.best.last().map_or(-1.0, |worst| worst.0) }
    }

    pub(crate) fn offer(&mut self, squared_distance: f64, id: u32) {
        let at = self.best.partition_point(|&other| other < (squared_distance, id));
        if at < self.k {
            self.best.truncate(self.k - 1);
            self.best.insert(at, (squared_distance, id));
        }
    }

    pub(crate) fn ids(&self) -> Vec<u32> {
        self.best.iter().map(|&(_, id)| id).collect()
    }
}

/// |a - b|² in f64.
pub(crate) fn squared_distance(a: ArrayView1<f32>, b: ArrayView1<f32>) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum()
}
