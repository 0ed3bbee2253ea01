//! Values from `torch.distributions`, written by `fixtures/torch_distributions.py`.

use dml_priors::Estimator::Exact;
use dml_priors::{Density, Fitted, Gaussian, Mixture};
use serde_json::Value;
use tch::Tensor;

use crate::common::{assert_close, hypercube};

#[test]
fn densities_and_the_closed_form_equal_those_of_torch_distributions() {
    let fixture: Value = serde_json::from_str(include_str!("../fixtures/torch_distributions.json")).unwrap();
    let tensor = |name: &str| {
        let Value::Object(tensor) = &fixture["tensors"][name] else { panic!("no {name} in the fixture") };
        let values: Vec<f64> = serde_json::from_value(tensor["values"].clone()).unwrap();
        let shape: Vec<i64> = serde_json::from_value(tensor["shape"].clone()).unwrap();
        Tensor::from_slice(&values).reshape(shape)
    };
    let q = Gaussian { mean: tensor("mean"), logvar: tensor("logvar") };
    let z = tensor("z");
    let fitted =
        Fitted { weights: tensor("weights"), means: tensor("means"), variances: tensor("variances") };
    let mixture = Mixture { components: 3 }.fitted(&fitted).unwrap();
    let [side, logvar] = ["side", "hypercube_logvar"].map(|name| fixture[name].as_f64().unwrap());
    let density = |prior: &Density| prior.log_density(&z);

    for (name, actual) in [
        ("log_density", q.log_density(&z)),
        ("unit_kl", Density::Unit.kl(&q, &Tensor::new())),
        ("unit_log_density", density(&Density::Unit)),
        ("mixture_log_density", density(&mixture)),
        ("hypercube_log_density", density(&hypercube(side, logvar, Exact))),
    ] {
        assert_close(&actual, &tensor(name), 1e-13);
    }
}
