//! `[[figure]]`.

use serde::{Deserialize, Serialize};

use crate::select::Selection;

/// A figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
// Exhaustive: what makes reports has to know every kind.
pub enum FigureSpec {
    /// Latent spaces side by side.
    Latent {
        /// File stem and anchor.
        name: String,
        /// One line.
        title: String,
        /// Which trials.
        #[serde(default)]
        select: Selection,
        /// One panel for each combination of these keys' values.
        panels: Vec<String>,
    },
    /// Latent planes with the volume of the decoder's metric, geodesics and straight lines, and
    /// what the decoder makes along both.
    Geodesics {
        /// File stem and anchor.
        name: String,
        /// One line.
        title: String,
        /// Which trials; they leave what is drawn with `evaluation.geodesic_pairs` above 0.
        #[serde(default)]
        select: Selection,
        /// One plane for each combination of these keys' values.
        panels: Vec<String>,
    },
    /// Loss curves over epochs.
    Curves {
        /// File stem and anchor.
        name: String,
        /// One line.
        title: String,
        /// Which trials.
        #[serde(default)]
        select: Selection,
        /// One panel each.
        curves: Vec<String>,
        /// One line for each combination of these keys' values.
        lines: Vec<String>,
    },
    /// A score against a numeric key.
    Score {
        /// File stem and anchor.
        name: String,
        /// One line.
        title: String,
        /// Which trials.
        #[serde(default)]
        select: Selection,
        /// The numeric key.
        x: String,
        /// The score.
        score: String,
        /// One line for each combination of these keys' values.
        lines: Vec<String>,
    },
    /// The AMI of each trial's read-out against what its embedding can hold.
    Information {
        /// File stem and anchor.
        name: String,
        /// One line.
        title: String,
        /// Which trials.
        #[serde(default)]
        select: Selection,
        /// The score that is the AMI of the read-out's labels.
        ami: String,
        /// The score that is the KL at the end of training, in nats.
        kl: String,
        /// Number of classes, which are about equally many.
        classes: u32,
        /// One colour for each combination of these keys' values.
        lines: Vec<String>,
    },
    /// Pictures that trials left in their directories, side by side.
    Images {
        /// File stem and anchor.
        name: String,
        /// One line.
        title: String,
        /// Which trials.
        #[serde(default)]
        select: Selection,
        /// The picture's file name in a trial directory.
        file: String,
        /// One picture for each combination of these keys' values.
        panels: Vec<String>,
    },
}

impl FigureSpec {
    /// File stem and anchor.
    pub fn name(&self) -> &str {
        match self {
            Self::Latent { name, .. }
            | Self::Geodesics { name, .. }
            | Self::Curves { name, .. }
            | Self::Score { name, .. }
            | Self::Information { name, .. }
            | Self::Images { name, .. } => name,
        }
    }

    /// One line.
    pub fn title(&self) -> &str {
        match self {
            Self::Latent { title, .. }
            | Self::Geodesics { title, .. }
            | Self::Curves { title, .. }
            | Self::Score { title, .. }
            | Self::Information { title, .. }
            | Self::Images { title, .. } => title,
        }
    }

    /// Which trials.
    pub fn select_mut(&mut self) -> &mut Selection {
        match self {
            Self::Latent { select, .. }
            | Self::Geodesics { select, .. }
            | Self::Curves { select, .. }
            | Self::Score { select, .. }
            | Self::Information { select, .. }
            | Self::Images { select, .. } => select,
        }
    }
}
