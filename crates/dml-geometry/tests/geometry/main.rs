//! Geodesics against closed forms, laws, finite differences and shortest paths on a fine grid.

mod gradients;
mod graph;
mod grid;
mod laws;
mod metric;
mod support;
mod surfaces;
mod uncertainty;
