//! Gaussians, mixtures and KL divergences for variational autoencoders.
