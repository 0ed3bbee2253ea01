//! Triplet loss on your own embeddings: a linear map learns to part three classes of which most
//! points carry no label.
//!
//! `cargo run -p dml-losses --example triplet_on_your_embeddings`

use dml_losses::{Distance, Mining, Triplet};
use tch::{Device, Kind, Tensor};

const N_CLASSES: i64 = 3;
const N_POINTS: i64 = 90;
const N_FEATURES: i64 = 8;
const LATENT_DIM: i64 = 2;

fn main() {
    tch::manual_seed(0);
    let double = (Kind::Double, Device::Cpu);

    // In your program: the batch, and its labels with -1 where there is none.
    let classes = Tensor::arange(N_POINTS, (Kind::Int64, Device::Cpu)).remainder(N_CLASSES);
    let points = Tensor::randn([N_CLASSES, N_FEATURES], double).index_select(0, &classes)
        + Tensor::randn([N_POINTS, N_FEATURES], double);
    let labels = classes.masked_fill(&Tensor::rand([N_POINTS], double).gt(0.3), -1);

    // In your program: the network.
    let mut weight = (Tensor::randn([N_FEATURES, LATENT_DIM], double) * 0.1).set_requires_grad(true);

    let loss = Triplet { margin: 0.2, mining: Mining::All, distance: Distance::Euclidean, normalized: false };
    for step in 0..=200 {
        let value = loss.forward(&points.matmul(&weight), &labels);
        if step % 50 == 0 {
            // The loss is a mean over the triplets that still violate the margin, so that it need
            // not fall.
            let share = nearest_of_same_class(&points.matmul(&weight), &classes);
            println!(
                "step {step:3}: triplet loss {:.3}, nearest neighbour of the same class {:.0}%",
                value.double_value(&[]),
                100.0 * share
            );
        }
        weight.zero_grad();
        value.backward();
        let _guard = tch::no_grad_guard();
        let _ = weight.g_sub_(&(weight.grad() * 0.02));
    }
}

/// Of all points, labelled or not, the share whose nearest other point is of their class.
fn nearest_of_same_class(embeddings: &Tensor, classes: &Tensor) -> f64 {
    let _guard = tch::no_grad_guard();
    let distances = Tensor::cdist(embeddings, embeddings, 2.0, None).fill_diagonal_(f64::INFINITY, false);
    let nearest = classes.index_select(0, &distances.argmin(-1, false));
    nearest.eq_tensor(classes).to_kind(Kind::Double).mean(None).double_value(&[])
}
