use std::fmt::Debug;

/// A class label: `u8`, `u16`, `u32`, `u64`, `usize`, `i32` or `i64`. Only equality and order
/// count; classes need not be contiguous.
///
/// A negative label is an error wherever something is fitted or scored: dml-losses takes it for
/// "not labelled". In [`agreement`](crate::agreement) it is a class as any other.
pub trait Label: Copy + Ord + Debug + Send + Sync + TryInto<u64> + sealed::Sealed + 'static {}

impl<L: Copy + Ord + Debug + Send + Sync + TryInto<u64> + sealed::Sealed + 'static> Label for L {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for u8 {}
    impl Sealed for u16 {}
    impl Sealed for u32 {}
    impl Sealed for u64 {}
    impl Sealed for usize {}
    impl Sealed for i32 {}
    impl Sealed for i64 {}
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
