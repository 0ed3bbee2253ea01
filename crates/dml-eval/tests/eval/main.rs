//! The public interface against scikit-learn's and SciPy's numbers (fixtures in `scikit-learn/`,
//! `scipy/`), and laws that hold for all input.

mod laws;
mod scikit_learn;
mod scipy;
