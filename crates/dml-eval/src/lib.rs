//! Read-outs, clustering, retrieval and label agreement on embeddings, in ndarray.
