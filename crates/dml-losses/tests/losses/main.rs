//! Every loss against a for-loop in f64, PyTorch's values, finite differences, and the laws that all losses keep.

mod laws;
mod support;
