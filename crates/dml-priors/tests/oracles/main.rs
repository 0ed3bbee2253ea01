//! Every prior against an independent oracle: loops in f64, trapezoids, Monte Carlo, finite
//! differences, and values from distributions of `torch`.

mod common;
mod fixture;
mod hypercube;
mod laws;
mod mixtures;
