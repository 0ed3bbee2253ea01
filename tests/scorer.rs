//! End to end: what `dml` does without `LibTorch`, so these tests run with the feature `train` and
//! without it.

mod arrays;
mod call;

mod data;
mod score;

#[cfg(not(feature = "train"))]
#[test]
fn what_trains_says_in_one_sentence_that_it_needs_libtorch() {
    for arguments in [&["run", "x", "--threads", "0"][..], &["check"], &["embed", "x", "--out", "y"]] {
        let expected = format!(
            "error: `dml {}` needs LibTorch, and this `dml` was built without it; build dml-cli with its default features\n",
            arguments[0]
        );
        assert_eq!(call::complaint_of(arguments), (Some(2), expected));
    }
}
