//! Vector instructions, as the processor has them, and products of small matrices by them, for
//! which general routines spend most of their time on rearranging their input.

#![expect(
    clippy::inline_always,
    reason = "vector instructions reach only what is inlined where they are chosen"
)]
#![expect(clippy::needless_range_loop, reason = "closures of iterators would not be inlined, see above")]

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

/// The left factor a, `[m, inner]`, as it lies in memory.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Left<'a> {
    /// A row after another.
    Rows(&'a [f32]),
    /// A column after another, as the transpose of a matrix does.
    Columns(&'a [f32]),
}

/// Adds the product of `left` and `right` to `out`, with the widest vector instructions the
/// processor has.
///
/// Every sum goes over `inner` in order, fused at each step, so it is the same on all processors.
///
/// # Shapes
/// `shape`: `[m, inner, n]`; `right`: `[inner, n]` and `out`: `[m, n]`, rows one after another.
pub(crate) fn add_product(left: Left, right: &[f32], out: &mut [f32], shape: [usize; 3]) {
    let [m, inner, n] = shape;
    let (Left::Rows(a) | Left::Columns(a)) = left;
    assert!(
        a.len() == m * inner && right.len() == inner * n && out.len() == m * n,
        "factors must have the shape"
    );
    Arch::new().dispatch(Product { left, right, out, shape });
}

/// Does `work`, if it is a closure that is `#[inline(always)]`, with the widest vector instructions
/// that the processor has.
///
/// `Arch` calls a closure by a function in between, unless it can be called only once, and what
/// that has inlined is not inlined again: no vector instruction would reach it. A method of ours
/// has nothing in between.
#[inline]
pub(crate) fn with_widest_vectors<R>(work: impl FnMut() -> R) -> R {
    Arch::new().dispatch(Work(work))
}

struct Work<F>(F);

impl<R, F: FnMut() -> R> WithSimd for Work<F> {
    type Output = R;

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, _: S) -> R {
        (self.0)()
    }
}

struct Product<'a> {
    left: Left<'a>,
    right: &'a [f32],
    out: &'a mut [f32],
    shape: [usize; 3],
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        // As many sums at once as the registers hold: there are twice as many wide ones.
        if S::F32_LANES >= 16 { self.tiles::<S, 8, 2>(simd) } else { self.tiles::<S, 4, 2>(simd) }
    }
}

impl Product<'_> {
    /// Works in tiles of R rows and V vectors, and of one vector where fewer than V are left.
    #[inline(always)]
    fn tiles<S: Simd, const R: usize, const V: usize>(&mut self, simd: S) {
        let [m, inner, n] = self.shape;
        let width = V * S::F32_LANES;
        let mut rows = vec![[0.0; R]; inner];
        for i in (0..m).step_by(R) {
            let height = R.min(m - i);
            self.gather(i, height, &mut rows);
            for j in (0..n - n % width).step_by(width) {
                self.tile::<S, R, V>(simd, &rows, [i, j], height);
            }
            for j in (n - n % width..n).step_by(S::F32_LANES) {
                self.tile::<S, R, 1>(simd, &rows, [i, j], height);
            }
        }
    }

    /// Lays R rows of the left factor side by side, with anything after the last.
    #[inline(always)]
    fn gather<const R: usize>(&self, i: usize, height: usize, rows: &mut [[f32; R]]) {
        let [m, inner, _] = self.shape;
        match self.left {
            Left::Rows(a) if inner > 0 => {
                for (r, row) in a.chunks_exact(inner).skip(i).take(height).enumerate() {
                    rows.iter_mut().zip(row).for_each(|(to, &from)| to[r] = from);
                }
            }
            Left::Rows(_) => {}
            Left::Columns(a) => {
                for (to, column) in rows.iter_mut().zip(a.chunks_exact(m)) {
                    to[..height].copy_from_slice(&column[i..][..height]);
                }
            }
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const R: usize, const V: usize>(
        &mut self,
        simd: S,
        rows: &[[f32; R]],
        [i, j]: [usize; 2],
        height: usize,
    ) {
        let n = self.shape[2];
        let width = (n - j).min(V * S::F32_LANES);
        let mut sums = [[simd.splat_f32s(0.0); V]; R];
        for (factors, right) in rows.iter().zip(self.right.chunks_exact(n)) {
            let right = load::<S, V>(simd, &right[j..][..width]);
            for r in 0..R {
                let factor = simd.splat_f32s(factors[r]);
                for v in 0..V {
                    sums[r][v] = simd.mul_add_f32s(factor, right[v], sums[r][v]);
                }
            }
        }
        for r in 0..height {
            let out = &mut self.out[(i + r) * n + j..][..width];
            let before = load::<S, V>(simd, out);
            for v in 0..V {
                let part = part::<S>(v, width);
                simd.partial_store_f32s(&mut out[part], simd.add_f32s(before[v], sums[r][v]));
            }
        }
    }
}

/// V vectors from the front of `from`, with zeros after its end.
#[inline(always)]
fn load<S: Simd, const V: usize>(simd: S, from: &[f32]) -> [S::f32s; V] {
    let mut vectors = [simd.splat_f32s(0.0); V];
    if from.len() == V * S::F32_LANES {
        let whole = S::as_simd_f32s(from).0;
        vectors.copy_from_slice(&whole[..V]);
    } else {
        for v in 0..V {
            vectors[v] = simd.partial_load_f32s(&from[part::<S>(v, from.len())]);
        }
    }
    vectors
}

/// What of the first `width` numbers the vector `v` covers.
#[inline(always)]
fn part<S: Simd>(v: usize, width: usize) -> Range<usize> {
    (v * S::F32_LANES).min(width)..((v + 1) * S::F32_LANES).min(width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_all_sizes_are_those_of_a_for_loop_both_ways_round() {
        for [m, inner, n] in [[1, 1, 1], [8, 3, 16], [13, 7, 10], [5, 20, 100], [17, 2, 33], [3, 0, 4]] {
            let fill = |len: usize, step: usize| {
                (0..len).map(|i| ((i * step) % 17) as f32 - 8.0).collect::<Vec<_>>()
            };
            let (a, b, start) = (fill(m * inner, 5), fill(inner * n, 7), fill(m * n, 3));
            let mut turned = vec![0.0; m * inner];
            let mut expected = start.clone();
            for i in 0..m {
                for k in 0..inner {
                    turned[k * m + i] = a[i * inner + k];
                    for j in 0..n {
                        expected[i * n + j] += a[i * inner + k] * b[k * n + j];
                    }
                }
            }
            for left in [Left::Rows(&a), Left::Columns(&turned)] {
                let mut found = start.clone();
                add_product(left, &b, &mut found, [m, inner, n]);
                // Small whole numbers have exact sums.
                assert_eq!(found, expected, "{m} x {inner} x {n}");
            }
        }
    }
}
