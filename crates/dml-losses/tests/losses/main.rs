//! Every loss against a for-loop in f64, the values of `PyTorch`, finite differences, and the laws
//! that all losses keep.

mod distances;
mod fixtures;
mod laws;
mod oracles;
mod precision;
mod settings;
mod support;

/// The for-loop of each loss.
mod loops {
    use crate::support::Case;

    pub(crate) mod center;
    pub(crate) mod circle;
    pub(crate) mod contrastive;
    pub(crate) mod lifted_structure;
    pub(crate) mod multi_similarity;
    pub(crate) mod n_pair;
    pub(crate) mod nca;
    pub(crate) mod proxy_anchor;
    pub(crate) mod sup_con;
    pub(crate) mod triplet;
    pub(crate) mod weighted;

    pub(crate) fn every_case() -> Vec<Case> {
        let cases: [fn() -> Vec<Case>; _] = [
            center::cases,
            circle::cases,
            contrastive::cases,
            lifted_structure::cases,
            multi_similarity::cases,
            n_pair::cases,
            nca::cases,
            proxy_anchor::cases,
            sup_con::cases,
            triplet::cases,
            weighted::cases,
        ];
        cases.iter().flat_map(|cases| cases()).collect()
    }
}
