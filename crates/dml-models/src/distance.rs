//! What the metric loss takes for the distance of two embeddings.

/// What is computed without gradients, which are on again after a panic as well: `tch::no_grad`
/// leaves them off, and a process goes on with other trials.
fn without_gradients(compute: impl FnOnce() -> Tensor) -> Tensor {
    let _guard = no_grad_guard();
    compute()
}

#[cfg(test)]
mod tests;

use std::rc::Rc;

use dml_geometry::{Decoder, Graph, Rbf, RbfSettings, Refinement, lines_between, lines_of_pairs};
use dml_losses::LossConfig;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor, no_grad_guard};

use crate::error::{Checks, in_range};
use crate::model::Model;

/// Nodes of the graph by which a point enters it, and nearest points that it has a line to.
pub(crate) const ENTRIES: i64 = 3;
/// Pairs of a batch that [`Way::Geodesic`] refines: those that move the loss most.
const REFINED: i64 = 32;
/// Segments of a geodesic for one of a line.
const FINER: i64 = 2;
/// How far a geodesic is refined in a step.
const REFINEMENT: Refinement = Refinement { iterations: 12, tolerance: 1e-2 };
/// Centres of the uncertainty, at most; one for four nodes where these are few.
const CENTRES: i64 = 64;
/// The deviation of a pixel far from the embeddings, in those among them.
const FAR_IN_NEAR: f64 = 20.0;

/// The `[distance]` of a trial: what the metric loss takes for the distance of two embeddings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum DistanceConfig {
    /// As the loss has it, in the latent space.
    Euclidean {},
    /// Among images: the length of a way between the embeddings, decoded. The paper's future work.
    PullBack(PullBackConfig),
}

/// Settings of the pull-back distance, which is measured in pixels' values: two images that differ
/// by 1 in one pixel are 1 apart.
///
/// The decoder is held fixed: the metric loss moves embeddings, as it does without a decoder. If it
/// could change the decoder, it would bring images of a class together by drawing them alike, and
/// others apart by drawing them brighter. Here the reconstruction says what images are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PullBackConfig {
    /// Which way.
    pub by: Way,
    /// Segments of a straight line, between whose ends images are compared, 1 to 64. With 1 the
    /// distance is that of the decoded images themselves.
    pub segments: i64,
    /// Training images whose embeddings make the graph and say where the data lie, 2 to 2000: other
    /// images in each epoch, whose embeddings are renewed eight times in it.
    pub nodes: i64,
    /// Nearest nodes that a node of the graph is joined with, 1 to 100.
    pub neighbours: i64,
    /// Standard deviation of a pixel far from the embeddings, 0 to 100; 0 for a decoder that is
    /// sure everywhere. Among them it is a twentieth.
    pub uncertainty: f64,
}

/// The way whose length is the distance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Way {
    /// The straight line in the latent space, than which the geodesic is no longer; in few
    /// segments, which are chords between images, it is measured shorter than it is.
    Line,
    /// The shortest way along a graph of neighbours among the nodes, which enters by the nearest of
    /// them, or the straight line to a near embedding: cheaper, and measured alike.
    Graph,
    /// That along the graph, and for the 32 pairs of a batch by which the loss changes most the
    /// geodesic that it leads to, where that is shorter.
    Geodesic,
}

impl DistanceConfig {
    /// Checks every range.
    pub(crate) fn check(&self) -> Checks {
        let Self::PullBack(PullBackConfig { segments, nodes, neighbours, uncertainty, .. }) = *self else {
            return Vec::new();
        };
        let fits = (0.0..=100.0).contains(&uncertainty);
        vec![
            in_range("distance.segments", segments, (1..=64).contains(&segments), "1 to 64"),
            in_range("distance.nodes", nodes, (2..=2000).contains(&nodes), "2 to 2000"),
            in_range("distance.neighbours", neighbours, (1..=100).contains(&neighbours), "1 to 100"),
            in_range("distance.uncertainty", uncertainty, fits, "0 to 100"),
        ]
    }

    /// The settings of the pull-back distance, if it is that.
    pub(crate) fn pull_back(&self) -> Option<&PullBackConfig> {
        match self {
            Self::Euclidean {} => None,
            Self::PullBack(config) => Some(config),
        }
    }
}

impl PullBackConfig {
    /// Whether embeddings of training images are looked at.
    pub(crate) fn needs_nodes(&self) -> bool {
        self.by != Way::Line || self.uncertainty > 0.0
    }
}

/// The distances of a part of an epoch.
#[derive(Debug)]
pub(crate) struct Geometry {
    pub(crate) config: PullBackConfig,
    unsure: Option<Rbf>,
    pub(crate) graph: Option<Graph>,
}

impl Geometry {
    /// Of a model with a decoder, from embeddings of training images `[M, nodes, d]`, where there
    /// are any.
    pub(crate) fn new(
        config: &PullBackConfig,
        (model, parameters): (&Model, &[Tensor]),
        nodes: Option<&Tensor>,
    ) -> Self {
        let settings = |nodes: &Tensor| RbfSettings {
            centres: CENTRES.min(nodes.size()[1] / 4).max(1),
            width: 1.0,
            near: config.uncertainty / FAR_IN_NEAR,
            far: config.uncertainty,
            pixels: model.shape.pixels() as i64,
        };
        let unsure = nodes.filter(|_| config.uncertainty > 0.0).map(|n| Rbf::around(n, settings(n)));
        let mut geometry = Self { config: config.clone(), unsure, graph: None };
        if config.by != Way::Line {
            let graph = |nodes: &Tensor| {
                let decoder = geometry.decoder(model, parameters);
                Graph::of_neighbours(&decoder, nodes, config.neighbours, config.segments)
            };
            geometry.graph = nodes.map(graph);
        }
        geometry
    }

    pub(crate) fn decoder<'a>(&'a self, model: &'a Model, parameters: &[Tensor]) -> Decoder<'a> {
        let fixed: Rc<[Tensor]> = parameters.iter().map(Tensor::detach).collect();
        let one = |number: usize| {
            let fixed = Rc::clone(&fixed);
            Decoder::new(move |z| model.decode_by(number, &fixed, z))
        };
        let decoder = Decoder::ensemble((0..model.n_decoders()).map(one).collect());
        match &self.unsure {
            None => decoder,
            Some(unsure) => decoder.with_deviation(|z| unsure.deviation(z)),
        }
    }

    /// The metric loss of embeddings `[M, b, d]` with `labels` `[M, b]`: `[M]`.
    pub(crate) fn loss(
        &self,
        (model, parameters): (&Model, &[Tensor]),
        loss: &LossConfig,
        points: &Tensor,
        labels: &Tensor,
    ) -> Tensor {
        let of =
            |distances: &Tensor| loss.of_distances(distances, labels).expect("checked: a loss of distances");
        let decoder = self.decoder(model, parameters);
        let Some(graph) = &self.graph else {
            let same = loss.is_of_bounds().then(|| in_a_class(labels));
            return self.along_lines(&decoder, &of, points, same);
        };
        let distances = graph.lengths_between(&decoder, points, &labels.ge(0), ENTRIES);
        if self.config.by == Way::Graph || points.size()[1] < 2 {
            return of(&distances);
        }
        let (_, weights) = weighed(&of, &distances);
        of(&self.refined(&decoder, graph, points, &distances, &weights.abs()))
    }

    /// The loss of straight lines, of which those are decoded again for their gradient that the
    /// loss changes with: few, as most triplets are soon far enough apart.
    ///
    /// A line is no shorter than the chord between its ends' images, which costs no decoding but
    /// that of the ends. Where a loss is of bounds, `same` says for which pairs `[n, n]` it is not,
    /// and of the others those alone are decoded with whose chord the loss changes.
    fn along_lines(
        &self,
        decoder: &Decoder,
        of: &dyn Fn(&Tensor) -> Tensor,
        points: &Tensor,
        same: Option<Tensor>,
    ) -> Tensor {
        let segments = self.config.segments;
        let measured = |distances: &Tensor, pairs: &Tensor| {
            let lengths = without_gradients(|| lines_of_pairs(decoder, points, pairs, segments));
            let [place, mirrored] = places(pairs, points.size()[1]);
            let flat = distances.flatten(-2, -1);
            flat.index_copy(-1, &place, &lengths).index_copy(-1, &mirrored, &lengths).view_as(distances)
        };
        let distances = match same {
            None => without_gradients(|| lines_between(decoder, points, segments)),
            Some(same) => {
                let chords = without_gradients(|| lines_between(decoder, points, 1));
                let bounds = measured(&chords, &numbers(&same));
                let (_, weights) = weighed(of, &bounds);
                measured(&bounds, &numbers(&changes(&weights).logical_and(&same.logical_not())))
            }
        };
        let (loss, weights) = weighed(of, &distances);
        let pairs = numbers(&changes(&weights));
        let lengths = lines_of_pairs(decoder, points, &pairs, segments); // [M, pairs]
        let weights = (&weights + weights.transpose(-2, -1)).flatten(-2, -1);
        let weights = weights.index_select(-1, &places(&pairs, points.size()[1])[0]);
        loss + (weights * (&lengths - lengths.detach())).sum_dim_intlist(-1, false, None::<Kind>)
    }

    /// The distances, with those of the pairs of most weight by geodesics where these are shorter.
    fn refined(
        &self,
        decoder: &Decoder,
        graph: &Graph,
        points: &Tensor,
        distances: &Tensor,
        weights: &Tensor,
    ) -> Tensor {
        let n = points.size()[1];
        // What fills up the number of pairs, where fewer move the loss, is a pair as well, and no
        // mirror of one that is refined.
        let mirrors = weights.ones_like().triu(0);
        let weights = ((weights + weights.transpose(-2, -1)).tril(-1) - mirrors).flatten(-2, -1);
        // [M, pairs]
        let (weights, places) = weights.topk(REFINED.min(n * (n - 1) / 2), -1, true, false);
        let (row, column) = (places.divide_scalar_mode(n, "floor"), places.remainder(n));
        let [from, to] = [&row, &column].map(|numbers| {
            let size = [numbers.size(), vec![points.size()[2]]].concat();
            points.gather(1, &numbers.unsqueeze(-1).expand(size, false), false)
        });
        let lengths = self.refined_lengths(decoder, graph, [&from, &to]);
        let flat = distances.flatten(-2, -1);
        let before = flat.gather(-1, &places, false);
        let shorter = lengths.minimum(&before).where_self(&weights.gt(0.0), &before);
        let mirrored = &column * n + row;
        flat.scatter(-1, &places, &shorter).scatter(-1, &mirrored, &shorter).unflatten(-1, [n, n])
    }

    /// Lengths of the geodesics that the ways along the graph lead to in the few steps that
    /// training has for them, from points `[M, pairs, d]` to others: `[M, pairs]`.
    pub(crate) fn refined_lengths(&self, decoder: &Decoder, graph: &Graph, ends: [&Tensor; 2]) -> Tensor {
        let [from, to] = ends;
        let [a, b] = ends.map(Tensor::detach);
        let start = graph.paths(decoder, [&a, &b], ENTRIES, FINER * self.config.segments);
        REFINEMENT.refine(decoder, &start).joining(from, to).length(decoder)
    }
}

/// Which pairs of rows share a class, in any member: `[n, n]` of labels `[M, n]`.
fn in_a_class(labels: &Tensor) -> Tensor {
    let labelled = labels.ge(0).unsqueeze(-1);
    labels.unsqueeze(-1).eq_tensor(&labels.unsqueeze(-2)).logical_and(&labelled).any_dim(0, false)
}

/// Which pairs a loss changes with, in any member: `[n, n]` of derivatives `[M, n, n]`.
fn changes(weights: &Tensor) -> Tensor {
    (weights + weights.transpose(-2, -1)).ne(0.0).any_dim(0, false)
}

/// The numbers of the rows of pairs, each once: `[2, pairs]` of a symmetric `[n, n]`.
fn numbers(pairs: &Tensor) -> Tensor {
    pairs.tril(-1).nonzero().transpose(0, 1)
}

/// Where pairs `[2, pairs]` stand in a flattened matrix `[n, n]`, and where their mirrors do.
fn places(pairs: &Tensor, n: i64) -> [Tensor; 2] {
    let [row, column] = [0, 1].map(|end| pairs.get(end));
    [&row * n + &column, column * n + row]
}

/// A loss of fixed distances, and its derivative by each of them: mining is what gives a pair any.
fn weighed(of: &dyn Fn(&Tensor) -> Tensor, distances: &Tensor) -> (Tensor, Tensor) {
    let fixed = distances.detach().set_requires_grad(true);
    let loss = of(&fixed);
    let weights = Tensor::run_backward(&[loss.sum(None)], &[&fixed], false, false).remove(0);
    (loss.detach(), weights)
}
