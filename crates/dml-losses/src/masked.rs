//! Arithmetic under masks, safe where a mask selects nothing.

use tch::{Kind, Tensor};

/// Stands for minus infinity in exponents: its exponential is exactly zero beside any ordinary
/// number, and unlike the infinity it leaves gradients free of NaN where nothing else is in the
/// sum. Fits f32.
const NEVER: f64 = -1e30;

/// Mean of `values` over the places of `dims` where `mask` holds; exactly zero where it holds
/// nowhere.
pub(crate) fn mean_where(values: &Tensor, mask: &Tensor, dims: &[i64]) -> Tensor {
    let sum = values.masked_fill(&mask.logical_not(), 0.0).sum_dim_intlist(dims, false, None);
    sum / mask.sum_dim_intlist(dims, false, Kind::Int64).clamp_min(1)
}

/// log of the sum of exp over the places of `dim` where `mask` holds, `dim` dropped; very negative,
/// with a zero gradient, where it holds nowhere.
pub(crate) fn log_sum_exp_where(values: &Tensor, mask: &Tensor, dim: i64) -> Tensor {
    values.masked_fill(&mask.logical_not(), NEVER).logsumexp(dim, false)
}

/// log(1 + exp(x)), exact where `LibTorch`'s softplus falls back to x.
pub(crate) fn log_one_plus_exp(x: &Tensor) -> Tensor {
    x.logaddexp(&x.zeros_like())
}

/// Vectors along the last dimension scaled to length 1. A zero vector stays what it is, with a
/// finite gradient.
pub(crate) fn normalized(vectors: &Tensor) -> Tensor {
    let length = vectors.norm_scalaropt_dim(2, -1, true);
    vectors / length.masked_fill(&length.eq(0), 1.0)
}

/// Dot products of the rows of two matrices, `[..., n, dim]` and `[..., m, dim]` to `[..., n, m]`.
pub(crate) fn dot_products(rows: &Tensor, columns: &Tensor) -> Tensor {
    rows.matmul(&columns.transpose(-2, -1))
}

/// Embeddings with the unlabelled rows blanked out: their values cannot matter and their gradient
/// is exactly zero. Every loss begins here.
pub(crate) fn labelled_only(embeddings: &Tensor, labels: &Tensor) -> Tensor {
    let (rows, labelled) = (embeddings.size(), labels.size());
    assert!(
        matches!(&rows[..], [batch @ .., _] if !batch.is_empty() && batch == labelled),
        "embeddings are [..., batch, dim] and labels [..., batch], but these are {rows:?} and {labelled:?}"
    );
    let kind = embeddings.kind();
    assert!(matches!(kind, Kind::Float | Kind::Double), "embeddings are f32 or f64, but these are {kind:?}");
    embeddings.masked_fill(&labels.lt(0).unsqueeze(-1), 0.0)
}

/// Of how many classes something is learned, `[..., n_classes, dim]`.
pub(crate) fn classes_of(learned: &Tensor) -> i64 {
    let [.., n_classes, _] = learned.size()[..] else {
        panic!("what is learned of each class is [..., n_classes, dim]")
    };
    n_classes
}

/// Labels with those of no class, `n_classes` or more, made unlabelled; without a look at them, for
/// which a GPU would be waited for.
pub(crate) fn of_a_class(labels: &Tensor, n_classes: i64) -> Tensor {
    labels.masked_fill(&labels.ge(n_classes), -1)
}

/// Whether a row is of a class, `[..., batch]` to `[..., batch, n_classes]`; an unlabelled row is
/// of none.
pub(crate) fn is_of_class(labels: &Tensor, n_classes: i64) -> Tensor {
    labels.unsqueeze(-1).eq_tensor(&Tensor::arange(n_classes, (Kind::Int64, labels.device())))
}
