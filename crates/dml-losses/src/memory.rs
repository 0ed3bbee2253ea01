//! Embeddings of earlier batches, kept to be compared with.

use tch::{Device, Kind, Tensor};

/// Cross-batch memory: the last `capacity` embeddings of each model, as further candidates for the
/// pairs of a batch.
///
/// Wang, Zhang, Huang and Scott 2020, "Cross-batch memory for embedding learning" (XBM), section
/// 3.2: a queue of detached embeddings, of which the oldest leave first. Give a batch to
/// [`crate::LossConfig::forward_against`] first and [`enqueue`](Self::enqueue) it afterwards: the
/// batch itself is always compared with, and with its gradient. A row does not say which image it
/// is of: the earlier embedding of an image in the batch is a candidate as any other, and, of the
/// same label, a positive.
///
/// All there is to save lies in the three fields.
#[derive(Debug)]
pub struct CrossBatchMemory {
    /// `[..., capacity, dim]`
    pub embeddings: Tensor,
    /// `[..., capacity]`, i64; -1 in an empty place.
    pub labels: Tensor,
    /// The place that the next row goes to, in `0..capacity`.
    pub next: i64,
}

impl CrossBatchMemory {
    /// An empty memory for models with leading dimensions `leading` (empty for one model).
    ///
    /// `capacity` and `dim` are 1 or more.
    pub fn new(leading: &[i64], capacity: i64, dim: i64, (kind, device): (Kind, Device)) -> Self {
        assert!(capacity > 0 && dim > 0, "a memory has a capacity and a dimension of 1 or more");
        Self {
            embeddings: Tensor::zeros([leading, &[capacity, dim]].concat(), (kind, device)),
            labels: Tensor::full([leading, &[capacity]].concat(), -1, (Kind::Int64, device)),
            next: 0,
        }
    }

    /// Puts a batch in the place of the oldest rows; of a batch larger than the memory, its last
    /// rows.
    ///
    /// An unlabelled row takes a place too (stacked models would otherwise need queues of different
    /// lengths), and is never compared with.
    ///
    /// # Shapes
    /// `embeddings`: `[..., batch, dim]`, `labels`: `[..., batch]`, with the memory's leading
    /// dimensions.
    pub fn enqueue(&mut self, embeddings: &Tensor, labels: &Tensor) {
        let _guard = tch::no_grad_guard();
        let capacity = self.labels.size().last().copied().unwrap_or(0);
        let batch = labels.size().last().copied().unwrap_or(0);
        let size = embeddings.size();
        assert_eq!(size.split_last().map(|(_, rows)| rows), Some(&*labels.size()), "one label an embedding");
        let n_rows = batch.min(capacity);
        let places = (Tensor::arange(n_rows, (Kind::Int64, labels.device())) + self.next).remainder(capacity);
        let (embeddings, labels) =
            (embeddings.narrow(-2, batch - n_rows, n_rows), labels.narrow(-1, batch - n_rows, n_rows));
        let _ = self.embeddings.index_copy_(-2, &places, &embeddings.to_kind(self.embeddings.kind()));
        let _ = self.labels.index_copy_(-1, &places, &labels);
        self.next = (self.next + n_rows) % capacity;
    }
}
