//! Each loss with its gradient, of a batch of ten classes in ten dimensions, on one thread.
//!
//!     cargo bench -p dml-losses --profile dev

use std::fmt;

use divan::Bencher;
use dml_losses::{
    Center, Circle, Contrastive, LiftedStructure, LossConfig, MultiSimilarity, NPair, Nca, ProxyAnchor,
    SupCon, Triplet,
};
use tch::{Device, Kind, Tensor};

const DIM: i64 = 10;
const CLASSES: i64 = 10;
const FLOATS: (Kind, Device) = (Kind::Float, Device::Cpu);

struct Named(&'static str, fn() -> LossConfig);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.0)
    }
}

const LOSSES: [Named; 10] = [
    Named("triplet", || Triplet::default().into()),
    Named("sup_con", || SupCon::default().into()),
    Named("center", || Center::default().into()),
    Named("contrastive", || Contrastive::default().into()),
    Named("n_pair", || NPair::default().into()),
    Named("multi_similarity", || MultiSimilarity::default().into()),
    Named("lifted_structure", || LiftedStructure::default().into()),
    Named("nca", || Nca::default().into()),
    Named("proxy_anchor", || ProxyAnchor::default().into()),
    Named("circle", || Circle::default().into()),
];

fn main() {
    tch::set_num_threads(1);
    tch::manual_seed(0);
    divan::main();
}

#[divan::bench(args = LOSSES, consts = [64, 256])]
fn forward_and_backward<const BATCH: i64>(bencher: Bencher, loss: &Named) {
    let loss = loss.1();
    let labels = Tensor::randint(CLASSES, [BATCH], (Kind::Int64, Device::Cpu));
    let shapes = loss.parameters(DIM, CLASSES).into_iter().map(|parameter| parameter.shape);
    let leaf = |shape: &[i64]| Tensor::randn(shape, FLOATS).set_requires_grad(true);
    let parameters: Vec<Tensor> = shapes.map(|shape| leaf(&shape)).collect();
    bencher.with_inputs(|| leaf(&[BATCH, DIM])).bench_local_refs(|embeddings| {
        loss.forward(&parameters, embeddings, &labels).backward();
    });
}
