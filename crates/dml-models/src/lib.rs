//! Encoders, decoders, objectives and the training loop.
