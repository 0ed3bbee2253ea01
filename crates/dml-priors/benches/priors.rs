//! The KL to each prior with its gradient, of 128 posteriors in ten dimensions, on one thread. The
//! components of the learned and of the fitted mixture are given.
//!
//!     cargo bench -p dml-priors --profile dev

use std::fmt;

use divan::Bencher;
use dml_priors::{Density, Estimator, Gaussian, Hypercube, Mixture, Prior, Unit, Vamp};
use tch::{Device, Kind, Tensor};

const ROWS: i64 = 128;
const DIM: i64 = 10;
const FLOATS: (Kind, Device) = (Kind::Float, Device::Cpu);

struct Named(&'static str, fn() -> Option<Density>);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.0)
    }
}

const PRIORS: [Named; 5] = [
    Named("unit", || density(&Unit {})),
    Named("hypercube", || density(&Hypercube::default())),
    Named("hypercube, exact", || density(&Hypercube { estimator: Estimator::Exact, ..Hypercube::default() })),
    Named("vamp", || density(&Vamp::default())),
    Named("mixture", || {
        let components = posteriors(Mixture::default().components);
        let log_weights = Tensor::randn([components.mean.size()[0]], FLOATS).log_softmax(-1, Kind::Float);
        Some(Density::Mixture { log_weights: Some(log_weights), components })
    }),
];

/// The density of a prior; what it learns are images of one pixel, whose posteriors are drawn.
fn density(prior: &dyn Prior) -> Option<Density> {
    let images = prior.parameters(1).into_iter().map(|parameter| Tensor::rand(parameter.shape, FLOATS));
    let encode = |images: &Tensor| posteriors(images.size()[0]);
    prior.density(&images.collect::<Vec<_>>(), &encode)
}

fn posteriors(rows: i64) -> Gaussian {
    let [mean, logvar] = [1.0, -1.0].map(|scale| Tensor::randn([rows, DIM], FLOATS) * scale);
    Gaussian { mean, logvar }
}

fn main() {
    tch::set_num_threads(1);
    tch::manual_seed(0);
    divan::main();
}

#[divan::bench(args = PRIORS)]
fn kl_and_backward(bencher: Bencher, prior: &Named) {
    let density = prior.1().expect("it needs no fit");
    let noise = Tensor::randn([1, ROWS, DIM], FLOATS);
    let leaves = || {
        let Gaussian { mean, logvar } = posteriors(ROWS);
        Gaussian { mean: mean.set_requires_grad(true), logvar: logvar.set_requires_grad(true) }
    };
    bencher.with_inputs(leaves).bench_local_refs(|q| density.kl(q, &noise).sum(Kind::Float).backward());
}
