//! The Vamp prior's KL in a variational autoencoder of your own: `cargo run -p dml-priors --example
//! vamp_prior_in_your_vae`.
//!
//! The network, the data and the loop are yours; from this crate come the posterior ([`Gaussian`]),
//! the prior and its KL. The data here are 8x8 images of one bright bar each; it takes about a
//! second.

use dml_priors::{Gaussian, Prior, PseudoInputs, Vamp, free_bits, warm_up};
use tch::nn::{Module, OptimizerConfig};
use tch::{Device, Kind, Reduction, Tensor, nn};

const PIXELS: i64 = 64;
const LATENT: i64 = 2;
const PSEUDO_INPUTS: i64 = 16;
const EPOCHS: usize = 30;

struct Vae {
    trunk: nn::Linear,
    mean: nn::Linear,
    logvar: nn::Linear,
    decoder: nn::Sequential,
}

impl Vae {
    fn new(path: &nn::Path) -> Self {
        let linear = |name: &str, inputs, outputs| {
            nn::linear(path / name, inputs, outputs, nn::LinearConfig::default())
        };
        Vae {
            trunk: linear("trunk", PIXELS, 32),
            mean: linear("mean", 32, LATENT),
            logvar: linear("logvar", 32, LATENT),
            decoder: nn::seq()
                .add(linear("hidden", LATENT, 32))
                .add_fn(Tensor::relu)
                .add(linear("pixels", 32, PIXELS)),
        }
    }

    fn encode(&self, images: &Tensor) -> Gaussian {
        let features = self.trunk.forward(images).relu();
        Gaussian { mean: self.mean.forward(&features), logvar: self.logvar.forward(&features) }
    }
}

/// `[n, 64]` in [0, 1]: a bright row or column each, on a dark, noisy ground.
fn bars(n: i64) -> Tensor {
    let bar = Tensor::randint(8, [n], (Kind::Int64, Device::Cpu)).one_hot(8).to_kind(Kind::Float);
    let upright = Tensor::rand([n, 1, 1], (Kind::Float, Device::Cpu)).ge(0.5);
    let images = bar.unsqueeze(1).expand([n, 8, 8], false).where_self(&upright, &bar.unsqueeze(2));
    (images * 0.8 + Tensor::rand([n, 8, 8], (Kind::Float, Device::Cpu)) * 0.2).reshape([n, PIXELS])
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    tch::manual_seed(1);
    let images = bars(512);
    let prior = Vamp { components: PSEUDO_INPUTS, init: PseudoInputs::Data };
    let density = |vae: &Vae, pseudo_inputs: &Tensor| {
        let own = [pseudo_inputs.shallow_clone()];
        prior.density(&own, &|images| vae.encode(images)).expect("a VampPrior needs no fit")
    };

    let store = nn::VarStore::new(Device::Cpu);
    let vae = Vae::new(&store.root());
    // The pseudo-inputs are a parameter of yours. `init: data` is a promise of yours, too: they
    // start as images.
    let mut pseudo_inputs = store.root().var_copy("pseudo_inputs", &images.narrow(0, 0, PSEUDO_INPUTS));
    let mut optimizer = nn::Adam::default().build(&store, 3e-3)?;

    for epoch in 1..=EPOCHS {
        let (mut reconstruction_sum, mut kl_sum) = (0.0, 0.0);
        for batch in images.split(64, 0) {
            let q = vae.encode(&batch);
            // [samples, b, d]
            let noise = Tensor::randn([1, batch.size()[0], LATENT], (Kind::Float, Device::Cpu));
            let decoded = vae.decoder.forward(&q.sample(&noise).squeeze_dim(0)).sigmoid();
            let reconstruction = decoded.mse_loss(&batch, Reduction::Sum) / batch.size()[0];
            let kl = density(&vae, &pseudo_inputs).kl(&q, &noise); // [b]
            let kl = free_bits(&kl.unsqueeze(-1), 0.25);
            optimizer.backward_step(&(&reconstruction + &kl * (0.1 * warm_up(epoch, 10))));
            // Back into [0, 1], so that a pixel pushed outside keeps its gradient.
            let _ = tch::no_grad(|| pseudo_inputs.clamp_(0.0, 1.0));
            reconstruction_sum += reconstruction.double_value(&[]);
            kl_sum += kl.double_value(&[]);
        }
        if epoch % 5 == 0 || epoch == 1 {
            println!(
                "epoch {epoch:2}: reconstruction {:.3}, KL {:.3} nats",
                reconstruction_sum / 8.0,
                kl_sum / 8.0
            );
        }
    }

    // Where the prior's components have gone, as one would draw them.
    let circles = density(&vae, &pseudo_inputs).components(LATENT, (Kind::Float, Device::Cpu))?;
    println!("the first component's mean: {:.2?}", Vec::<f32>::try_from(circles.mean.get(0))?);
    Ok(())
}
