use std::fmt::Debug;

/// A class label: `u8`, `u16` or `u32`. Only equality and order count; classes need not be contiguous.
pub trait Label: Copy + Ord + Debug + Send + Sync + sealed::Sealed + 'static {}

impl Label for u8 {}
impl Label for u16 {}
impl Label for u32 {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for u8 {}
    impl Sealed for u16 {}
    impl Sealed for u32 {}
}

/// Labels as the ids 0, 1, … of their distinct values in ascending order.
#[derive(Debug)]
pub(crate) struct Classes<L> {
    pub(crate) distinct: Vec<L>,
    pub(crate) ids: Vec<u32>,
}

impl<L: Label> Classes<L> {
    pub(crate) fn of(labels: &[L]) -> Self {
        let mut distinct = labels.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        let id = |label| distinct.partition_point(|other| other < label) as u32;
        let ids = labels.iter().map(id).collect();
        Self { distinct, ids }
    }

    pub(crate) fn n(&self) -> usize {
        self.distinct.len()
    }
}
