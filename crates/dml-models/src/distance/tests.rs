use dml_data::ImageShape;
use dml_losses::{Contrastive, Distance, LossConfig, Mining, Nca, Triplet};
use tch::{Device, Kind};

use super::*;
use crate::layers::Builder;
use crate::model::{Embedding, Length, ModelConfig};
use crate::network::NetworkConfig;
use crate::parameters::Parameters;
use crate::random::normal;
use crate::system::System;

const LABELS: [i64; 7] = [0, 1, 0, -1, 1, 0, 2];

/// A decoder in f64, of two members, whose weights are large enough to bend the latent space.
fn model() -> (Model, Vec<Tensor>) {
    model_of(1)
}

fn model_of(decoders: i64) -> (Model, Vec<Tensor>) {
    let network = NetworkConfig::Mlp { hidden: vec![16] };
    let config = ModelConfig {
        system: System::DmlAutoencoder,
        latent_dim: 2,
        embedding: Embedding::Mean,
        length: Length::Free,
        encoder: network.clone(),
        decoder: network,
        decoders,
    };
    let mut builder = Builder::default();
    let model = Model::new(&mut builder, &config, ImageShape { channels: 1, height: 5, width: 5 });
    let parameters = Parameters::draw(&builder.declarations, &[1, 2]).tensors;
    (model, parameters.iter().map(|t| (t * 4.0).to_kind(Kind::Double)).collect())
}

fn points(n: i64) -> Tensor {
    normal(5, "points", 0, &[2, n, 2]).to_kind(Kind::Double)
}

fn config(by: Way) -> PullBackConfig {
    PullBackConfig { by, segments: 4, nodes: 40, neighbours: 5, uncertainty: 0.3 }
}

fn labels() -> Tensor {
    Tensor::from_slice(&LABELS).expand([2, 7], false)
}

#[test]
fn gradients_of_lines_and_of_ways_along_the_graph_are_those_of_finite_differences() {
    let (model, parameters) = model();
    let nodes = normal(6, "nodes", 0, &[2, 40, 2]).to_kind(Kind::Double);
    for by in [Way::Line, Way::Graph] {
        let geometry = Geometry::new(&config(by), (&model, &parameters), Some(&nodes));
        for loss in [LossConfig::from(Nca::default()), Contrastive::default().into()] {
            let value = |points: &Tensor| geometry.loss((&model, &parameters), &loss, points, &labels());
            let at = points(7).set_requires_grad(true);
            value(&at).sum(None).backward();
            for i in 0..14 {
                let step = Tensor::zeros([14], (Kind::Double, tch::Device::Cpu));
                let step = step.index_fill(0, &Tensor::from(i64::from(i)), 1e-6).reshape([7, 2]);
                let fixed = at.detach();
                let expected = (value(&(&fixed + &step)) - value(&(&fixed - &step))) / 2e-6; // [M]
                for member in 0..2 {
                    let ours = at.grad().double_value(&[member, i64::from(i) / 2, i64::from(i) % 2]);
                    let expected = expected.double_value(&[member]);
                    assert!((ours - expected).abs() < 1e-6, "{by:?} {loss:?} {i}: {ours} is not {expected}");
                }
            }
        }
    }
}

#[test]
fn of_lines_it_is_the_loss_of_all_lengths_though_few_are_decoded_for_a_gradient() {
    let (model, parameters) = model();
    let settings = PullBackConfig { uncertainty: 0.0, ..config(Way::Line) };
    let geometry = Geometry::new(&settings, (&model, &parameters), None);
    let decoder = geometry.decoder(&model, &parameters);
    let triplet = |margin: f64, (mining, distance): (Mining, Distance)| -> LossConfig {
        Triplet { margin, mining, distance, normalized: false }.into()
    };
    let contrastive = |margin: f64| -> LossConfig { Contrastive { margin, normalized: false }.into() };
    let (plain, squared) = (Distance::Euclidean, Distance::SquaredEuclidean);
    let kinds =
        [(Mining::All, plain), (Mining::All, squared), (Mining::SemiHard, plain), (Mining::Hard, plain)];
    let losses = [1e-9, 0.5, 100.0].into_iter().flat_map(|margin| {
        let triplets = kinds.map(|kind| triplet(margin, kind));
        triplets.into_iter().chain([contrastive(margin)]).map(move |loss| (margin, loss))
    });
    for (margin, loss) in losses {
        let [ours, all] = [0, 1].map(|_| points(7).set_requires_grad(true));
        // The second member's classes are others.
        let labels = Tensor::stack(&[labels().get(0), labels().get(1).flip([0])], 0);
        let value = geometry.loss((&model, &parameters), &loss, &ours, &labels);
        let expected = loss.of_distances(&lines_between(&decoder, &all, 4), &labels).expect("distances");
        value.sum(None).backward();
        expected.sum(None).backward();
        assert!((&value - &expected).abs().max().double_value(&[]) < 1e-12, "{margin}: {value} {expected}");
        let apart = (ours.grad() - all.grad()).abs().max().double_value(&[]);
        assert!(apart < 1e-12 * (1.0 + all.grad().abs().max().double_value(&[])), "{margin}: {apart}");
    }
}

#[test]
fn what_a_chord_shows_to_be_far_enough_apart_is_not_decoded() {
    let geometry = Geometry { config: config(Way::Line), unsure: None, graph: None };
    let decoded = std::cell::Cell::new(0);
    let decoder = Decoder::new(|z| {
        decoded.set(decoded.get() + z.numel() as i64 / 2);
        z.shallow_clone()
    });
    // Two classes of four, 100 apart.
    let points = normal(5, "points", 0, &[1, 8, 2])
        + Tensor::from_slice(&[0.0, 100.0]).repeat_interleave_self_int(4, None, None).reshape([1, 8, 1]);
    let labels = Tensor::from_slice(&[0_i64, 0, 0, 0, 1, 1, 1, 1]).unsqueeze(0);
    let count = |loss: &LossConfig| {
        decoded.set(0);
        let of = |distances: &Tensor| loss.of_distances(distances, &labels).unwrap();
        let same = loss.is_of_bounds().then(|| in_a_class(&labels));
        let _ = geometry.along_lines(&decoder, &of, &points, same);
        decoded.get()
    };
    let distance = Distance::Euclidean;
    let triplet = Triplet { mining: Mining::All, distance, normalized: false, ..Triplet::default() };
    // The batch for chords, for the 12 pairs of a class, for no other pair and for no gradient.
    assert_eq!(count(&triplet.into()), 4 * 8 + 12 * 3);
    // The batch and all 28 pairs, and the batch again for no gradient.
    assert_eq!(count(&Nca::default().into()), 2 * 8 + 28 * 3);
}

#[test]
fn a_batch_without_a_pair_that_moves_the_loss_has_a_gradient_of_zero() {
    let (model, parameters) = model();
    let geometry =
        Geometry::new(&PullBackConfig { uncertainty: 0.0, ..config(Way::Line) }, (&model, &parameters), None);
    let at = points(7).set_requires_grad(true);
    let unknown = Tensor::full([2, 7], -1, (Kind::Int64, tch::Device::Cpu));
    geometry.loss((&model, &parameters), &Nca::default().into(), &at, &unknown).sum(None).backward();
    assert!(at.grad().abs().max().double_value(&[]) <= 0.0);
}

#[test]
fn squared_lengths_by_several_decoders_are_the_mean_of_theirs() {
    let (model, parameters) = model_of(3);
    let settings = PullBackConfig { uncertainty: 0.0, ..config(Way::Line) };
    let geometry = Geometry::new(&settings, (&model, &parameters), None);
    let (from, to) = (points(4), points(8).narrow(1, 4, 4));
    let curves = dml_geometry::Curves::straight(&from, &to, 4);
    let by =
        |number: usize| curves.chords(&Decoder::new(|z| model.decode_by(number, &parameters, z))).square();
    let expected = (by(0) + by(1) + by(2)) / 3.0;
    let ours = curves.chords(&geometry.decoder(&model, &parameters)).square();
    assert!((&ours - &expected).abs().max().double_value(&[]) < 1e-12);
    assert!((&ours - by(0)).abs().max().double_value(&[]) > 1e-3, "they differ");
}

#[test]
fn the_decoder_is_held_fixed() {
    let (model, parameters) = model();
    let leaves: Vec<Tensor> = parameters.iter().map(|t| t.detach().set_requires_grad(true)).collect();
    let nodes = normal(6, "nodes", 0, &[2, 40, 2]).to_kind(Kind::Double);
    for by in [Way::Line, Way::Graph, Way::Geodesic] {
        let geometry = Geometry::new(&config(by), (&model, &parameters), Some(&nodes));
        let at = points(7).set_requires_grad(true);
        geometry.loss((&model, &leaves), &Nca::default().into(), &at, &labels()).sum(None).backward();
        assert!(leaves.iter().all(|leaf| !leaf.grad().defined()), "{by:?}");
        let gradient = at.grad();
        assert!(gradient.isfinite().all().int64_value(&[]) == 1, "{by:?}");
        assert!(gradient.select(1, 3).abs().max().double_value(&[]) <= 0.0, "{by:?}: one without a label");
        assert!(gradient.select(1, 0).abs().max().double_value(&[]) > 0.0, "{by:?}");
    }
}

#[test]
fn ways_along_the_graph_are_no_shorter_than_the_geodesics_they_lead_to() {
    let (model, parameters) = model();
    let nodes = normal(6, "nodes", 0, &[2, 40, 2]).to_kind(Kind::Double);
    let geometry = Geometry::new(&config(Way::Geodesic), (&model, &parameters), Some(&nodes));
    let decoder = geometry.decoder(&model, &parameters);
    let graph = geometry.graph.as_ref().expect("nodes");
    let at = points(7);
    let distances = graph.lengths_between(&decoder, &at, &labels().ge(0), ENTRIES);
    let weights = distances.ones_like();
    let refined = geometry.refined(&decoder, graph, &at, &distances, &weights);
    let saved = (&distances - &refined) / (&distances + 1e-9);
    assert!(saved.ge(0.0).all().int64_value(&[]) == 1, "{saved}");
    assert!(saved.max().double_value(&[]) > 0.01, "a geodesic is shorter somewhere: {saved}");
    assert!(refined.equal(&refined.transpose(-2, -1)));
    let diagonal = refined.diagonal(0, -2, -1).abs().max().double_value(&[]);
    assert!(diagonal <= 0.0);

    // Of one pair alone, whichever half of the matrix names it: that which is shortened most.
    let place = saved.get(0).argmax(None, false).int64_value(&[]);
    for (row, column) in [(place / 7, place % 7), (place % 7, place / 7)] {
        let of_one = Tensor::zeros_like(&distances);
        let _ = of_one.select(1, row).select(1, column).fill_(1.0);
        let one = geometry.refined(&decoder, graph, &at, &distances, &of_one);
        let chosen = (&of_one + of_one.transpose(-2, -1)).gt(0.0);
        let apart = (one - refined.where_self(&chosen, &distances)).abs().max().double_value(&[]);
        assert!(apart < 1e-9, "{row}, {column}: {apart}");
    }
}

#[test]
fn gradients_are_on_again_after_a_panic() {
    let panicked = std::panic::catch_unwind(|| without_gradients(|| panic!("of LibTorch")));
    assert!(panicked.is_err());
    let x = Tensor::ones([1], (Kind::Float, Device::Cpu)).set_requires_grad(true);
    assert!((&x + 1.0).requires_grad());
}
