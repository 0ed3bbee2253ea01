//! Which parts a system has.

use serde::{Deserialize, Serialize};

/// The systems of the paper and the baselines every table shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum System {
    /// Deep metric learning alone: point embedding, labelled images only.
    Dml,
    /// Improvement proposal 1: DML with a decoder and a reconstruction loss.
    DmlAutoencoder,
    /// Improvement proposal 2: DML with a posterior and a KL loss, no decoder.
    DmlPrior,
    /// Improvement proposal 3: DML on the latent space of a whole VAE.
    MetricVae,
    /// [`System::DmlAutoencoder`] with the metric loss off.
    Autoencoder,
    /// [`System::MetricVae`] with the metric loss off.
    Vae,
    /// Baseline: the pixels themselves, in [0, 1].
    Pixels,
    /// Baseline: principal components of the training images.
    Pca,
    /// Baseline: a Gaussian random projection (Johnson & Lindenstrauss 1984).
    RandomProjection,
}

impl System {
    /// The table of parts: metric loss, posterior (and so a prior and a KL term), decoder (and so a
    /// reconstruction term).
    const fn parts(self) -> Parts {
        let (metric_loss, posterior, decoder) = match self {
            Self::Dml => (true, false, false),
            Self::DmlAutoencoder => (true, false, true),
            Self::DmlPrior => (true, true, false),
            Self::MetricVae => (true, true, true),
            Self::Autoencoder => (false, false, true),
            Self::Vae => (false, true, true),
            Self::Pixels | Self::Pca | Self::RandomProjection => (false, false, false),
        };
        Parts { metric_loss, posterior, decoder }
    }

    /// Whether the metric loss takes part.
    pub const fn has_metric_loss(self) -> bool {
        self.parts().metric_loss
    }

    /// Whether there is a posterior, and so a prior and a KL term.
    pub const fn has_posterior(self) -> bool {
        self.parts().posterior
    }

    /// Whether there is a decoder, and so a reconstruction term.
    pub const fn has_decoder(self) -> bool {
        self.parts().decoder
    }

    /// Whether nothing is trained: a system without any part.
    pub const fn is_baseline(self) -> bool {
        !self.has_metric_loss() && !self.has_posterior() && !self.has_decoder()
    }
}

struct Parts {
    metric_loss: bool,
    posterior: bool,
    decoder: bool,
}
