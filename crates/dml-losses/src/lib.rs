//! Metric-learning losses on embeddings and labels.
