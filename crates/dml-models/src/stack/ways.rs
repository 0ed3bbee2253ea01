//! How a trained decoder measures its latent space, as arrays.

use dml_geometry::{Curves, Decoder, Graph, Refinement, lines_between, volume};
use ndarray::{Array3, ArrayView2, Axis};
use rand::seq::index::sample;
use tch::{Device, Kind, Tensor, no_grad_guard};

use super::Stack;
use crate::convert::to_tensor;
use crate::distance::{ENTRIES, Geometry, PullBackConfig, Way};
use crate::model::Model;
use crate::training_data::TrainingData;

/// Segments of a way.
const SEGMENTS: i64 = 32;
/// Segments of one line of many.
const OF_MANY: i64 = 8;
/// How far a geodesic is refined, where no step waits for it.
const REFINEMENT: Refinement = Refinement { iterations: 200, tolerance: 1e-4 };
/// Points whose volume is computed at once, and lines that are measured.
const AT_ONCE: usize = 1000;
/// Labelled images between which distances are compared, as many as a batch often has.
const BATCH: usize = 64;

/// For a model that was trained by Euclidean distances.
const UNASKED: PullBackConfig =
    PullBackConfig { by: Way::Geodesic, segments: 4, nodes: 300, neighbours: 10, uncertainty: 0.0 };

/// The geometry that a trained model's decoder gives to its latent space, by the settings of its
/// `[distance]`, and as the next epoch would have it: with nodes among the training images.
///
/// Where that is Euclidean, a line has 4 segments and the graph 300 nodes with 10 neighbours each,
/// and the decoder is sure everywhere.
#[derive(Debug)]
pub struct LatentGeometry<'a> {
    geometry: Geometry,
    model: &'a Model,
    parameters: Vec<Tensor>,
    device: Device,
}

/// Ways between latent points.
#[derive(Debug, Clone, PartialEq)]
pub struct Ways {
    /// 33 points from one end to the other, `[n, 33, latent_dim]`.
    pub points: Array3<f32>,
    /// How long the decoder finds them, `[n]`; with its uncertainty, where it has one.
    pub lengths: Vec<f64>,
}

/// The distances that training takes, in lengths of the geodesic between the same embeddings:
/// medians over pairs of labelled images.
///
/// A way is no shorter than the geodesic, but its measure may be: training compares images at the
/// ends of few segments, and a chord between two images is shorter than what lies between them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OverGeodesic {
    /// Of the straight line, in the trial's number of segments.
    pub line: f64,
    /// Of the way along the graph, in these segments.
    pub graph: f64,
    /// Of what the pairs have that mining picks: the geodesic, in few steps.
    pub geodesic: f64,
    /// Of the straight line in as many segments as the geodesic, 32: what the way itself is longer.
    pub whole_line: f64,
}

impl Stack {
    /// The geometry of a member's latent space; `None` without a decoder.
    pub fn latent_geometry(&self, member: usize, data: &TrainingData) -> Option<LatentGeometry<'_>> {
        let _guard = no_grad_guard();
        let config = &self.members[member].config;
        if !config.model.system.has_decoder() {
            return None;
        }
        let settings = config.distance.pull_back().cloned().unwrap_or(UNASKED);
        let settings = PullBackConfig { by: Way::Geodesic, ..settings };
        let parameters = self.of_member(member);
        let nodes = self.nodes(member, data, settings.nodes, self.epoch + 1);
        let nodes = self.latent_points(member, data, &nodes);
        let geometry = Geometry::new(&settings, (&self.model, &parameters), Some(&nodes));
        Some(LatentGeometry { geometry, model: &self.model, parameters, device: self.device })
    }

    /// How far the distances of training lie from geodesics, between up to 64 of a member's
    /// labelled images and so many of their pairs. `None` without a decoder, and where no two of
    /// the images are apart.
    pub fn over_geodesic(&self, member: usize, data: &TrainingData, pairs: usize) -> Option<OverGeodesic> {
        let _guard = no_grad_guard();
        let geometry = self.latent_geometry(member, data)?;
        let seed = self.members[member].config.seed;
        let mut random = dml_data::random::keyed(seed, "distance/pairs", u64::from(self.epoch));
        let labelled = self.members[member].true_labels();
        let n = labelled.len().min(BATCH);
        let drawn = sample(&mut random, labelled.len(), n).into_iter();
        let rows: Vec<i64> = drawn.map(|place| labelled[place].0 as i64).collect();
        let all: Vec<[i64; 2]> = (0..n as i64).flat_map(|i| (0..i).map(move |j| [i, j])).collect();
        let drawn = sample(&mut random, all.len(), pairs.min(all.len())).into_iter();
        let pairs: Vec<[i64; 2]> = drawn.map(|place| all[place]).collect();
        if pairs.is_empty() {
            return None;
        }
        geometry.compare(&self.latent_points(member, data, &rows), &pairs)
    }

    /// Where a member puts training images, of a posterior its mean: `[1, n, latent_dim]`.
    fn latent_points(&self, member: usize, data: &TrainingData, rows: &[i64]) -> Tensor {
        let images = self.images_of(data, rows).unsqueeze(0);
        self.model.encode(&self.of_member(member), &images).centre().shallow_clone()
    }
}

impl LatentGeometry<'_> {
    /// The volume of the metric, sqrt(det G), at points `[n, latent_dim]`: `[n]`. How much of the
    /// images a unit of the latent space there holds, in pixels' values.
    pub fn volume(&self, points: ArrayView2<f32>) -> Vec<f64> {
        let decoder = self.decoder();
        let block = |points: ArrayView2<f32>| numbers(&volume(&decoder, &self.tensor(points)));
        points.axis_chunks_iter(Axis(0), AT_ONCE).flat_map(block).collect()
    }

    /// Decoded lengths of the straight lines of eight segments between points `[n, latent_dim]` and
    /// others, one by one: `[n]`. For many of them, such as the ways of a graph.
    ///
    /// # Panics
    /// On points of another number or dimension.
    pub fn line_lengths(&self, from: ArrayView2<f32>, to: ArrayView2<f32>) -> Vec<f64> {
        let _guard = no_grad_guard();
        assert!(from.dim() == to.dim(), "as many points of as many dimensions");
        let decoder = self.decoder();
        let block = |(from, to)| {
            let curves = Curves::straight(&self.tensor(from), &self.tensor(to), OF_MANY);
            numbers(&curves.length(&decoder))
        };
        let blocks = from.axis_chunks_iter(Axis(0), AT_ONCE).zip(to.axis_chunks_iter(Axis(0), AT_ONCE));
        blocks.flat_map(block).collect()
    }

    /// The straight lines between points `[n, latent_dim]` and others, one by one.
    pub fn lines(&self, from: ArrayView2<f32>, to: ArrayView2<f32>) -> Ways {
        let _guard = no_grad_guard();
        let [from, to] = [self.tensor(from), self.tensor(to)];
        self.ways(&Curves::straight(&from, &to, SEGMENTS))
    }

    /// The geodesics between points `[n, latent_dim]` and others, one by one: of those that the
    /// straight line and the way along the graph lead to the shorter.
    pub fn geodesics(&self, from: ArrayView2<f32>, to: ArrayView2<f32>) -> Ways {
        let _guard = no_grad_guard();
        let [from, to] = [self.tensor(from), self.tensor(to)];
        self.ways(&self.shortest([&from, &to]))
    }

    fn shortest(&self, [from, to]: [&Tensor; 2]) -> Curves {
        let decoder = self.decoder();
        let along = self.graph().paths(&decoder, [from, to], ENTRIES, SEGMENTS);
        let starts = [Curves::straight(from, to, SEGMENTS), along];
        let [by_line, by_graph] = starts.map(|start| REFINEMENT.refine(&decoder, &start));
        let shorter = by_graph.length(&decoder).lt_tensor(&by_line.length(&decoder)); // [1, n]
        let of_point = shorter.unsqueeze(-1).unsqueeze(-1);
        Curves { points: by_graph.points.where_self(&of_point, &by_line.points) }
    }

    /// Between points `[1, n, d]`, over pairs of their numbers.
    fn compare(&self, points: &Tensor, pairs: &[[i64; 2]]) -> Option<OverGeodesic> {
        let (decoder, graph) = (self.decoder(), self.graph());
        let end = |k: usize| {
            let numbers: Vec<i64> = pairs.iter().map(|pair| pair[k]).collect();
            points.index_select(1, &Tensor::from_slice(&numbers).to_device(self.device))
        };
        let [from, to] = [&end(0), &end(1)];
        let n = points.size()[1];
        let places: Vec<i64> = pairs.iter().map(|[i, j]| i * n + j).collect();
        let places = Tensor::from_slice(&places).to_device(self.device);
        let of_pairs = |matrix: &Tensor| matrix.flatten(-2, -1).index_select(-1, &places); // [1, pairs]
        let all = Tensor::ones([1, n], (Kind::Bool, self.device));
        let line = of_pairs(&lines_between(&decoder, points, self.geometry.config.segments));
        let along = of_pairs(&graph.lengths_between(&decoder, points, &all, ENTRIES));
        let refined = self.geometry.refined_lengths(&decoder, graph, [from, to]).minimum(&along);
        let whole_line = Curves::straight(from, to, SEGMENTS).length(&decoder);
        let shortest = self.shortest([from, to]).length(&decoder);
        let ratio = |lengths: &Tensor| median(numbers(&(lengths / &shortest)));
        Some(OverGeodesic {
            line: ratio(&line)?,
            graph: ratio(&along)?,
            geodesic: ratio(&refined)?,
            whole_line: ratio(&whole_line)?,
        })
    }

    fn decoder(&self) -> Decoder<'_> {
        self.geometry.decoder(self.model, &self.parameters)
    }

    fn graph(&self) -> &Graph {
        self.geometry.graph.as_ref().expect("there are nodes")
    }

    fn ways(&self, curves: &Curves) -> Ways {
        let lengths = numbers(&curves.length(&self.decoder()));
        let size = curves.points.size()[1..].iter().map(|&n| n as usize).collect::<Vec<_>>();
        let points = curves.points.to_device(Device::Cpu).contiguous().view([-1]);
        let points = Vec::<f32>::try_from(&points).expect("a flat f32 tensor");
        let points = Array3::from_shape_vec([size[0], size[1], size[2]], points).expect("of this size");
        Ways { points, lengths }
    }

    /// `[1, n, d]`
    fn tensor(&self, points: ArrayView2<f32>) -> Tensor {
        to_tensor(points).to_device(self.device).unsqueeze(0)
    }
}

/// The values of `[1, n]`.
fn numbers(tensor: &Tensor) -> Vec<f64> {
    let flat = tensor.squeeze_dim(0).to_kind(Kind::Double).to_device(Device::Cpu);
    Vec::try_from(&flat).expect("a flat tensor")
}

/// Of the ratios that mean something: between points that coincide there is none.
fn median(mut ratios: Vec<f64>) -> Option<f64> {
    ratios.retain(|ratio| ratio.is_finite());
    ratios.sort_by(f64::total_cmp);
    let [before, middle] = [ratios.len().checked_sub(1)? / 2, ratios.len() / 2];
    Some(f64::midpoint(ratios[before], ratios[middle]))
}
