//! The public interface against scikit-learn's numbers (fixtures in `scikit-learn/`), and laws that hold for all input.

mod laws;
mod scikit_learn;
