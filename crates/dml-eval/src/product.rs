//! Products of small matrices, for which general routines spend most of their time on rearranging
//! their input.

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
        if S::F32_LANES >= 16 { self.tiles::<S, 8, 1>(simd) } else { self.tiles::<S, 4, 2>(simd) }
    }
}

impl Product<'_> {
    /// Works in tiles of R rows and V vectors, and row by row where fewer than R are left.
    #[inline(always)]
    fn tiles<S: Simd, const R: usize, const V: usize>(&mut self, simd: S) {
        let [m, _, n] = self.shape;
        let whole = m - m % R;
        for j in (0..n).step_by(V * S::F32_LANES) {
            for i in (0..whole).step_by(R) {
                self.tile::<S, R, V>(simd, i, j);
            }
            for i in whole..m {
                self.tile::<S, 1, V>(simd, i, j);
            }
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const R: usize, const V: usize>(&mut self, simd: S, i: usize, j: usize) {
        let [m, inner, n] = self.shape;
        let width = (n - j).min(V * S::F32_LANES);
        let mut sums = [[simd.splat_f32s(0.0); V]; R];
        match self.left {
            Left::Rows(a) => {
                let mut rows = [&a[..0]; R];
                for r in 0..R {
                    rows[r] = &a[(i + r) * inner..][..inner];
                }
                for k in 0..inner {
                    let right = load::<S, V>(simd, &self.right[k * n + j..][..width]);
                    for r in 0..R {
                        accumulate(simd, &mut sums[r], rows[r][k], right);
                    }
                }
            }
            Left::Columns(a) => {
                for k in 0..inner {
                    let right = load::<S, V>(simd, &self.right[k * n + j..][..width]);
                    let column = &a[k * m + i..][..R];
                    for r in 0..R {
                        accumulate(simd, &mut sums[r], column[r], right);
                    }
                }
            }
        }
        for r in 0..R {
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

#[inline(always)]
fn accumulate<S: Simd, const V: usize>(simd: S, sums: &mut [S::f32s; V], factor: f32, right: [S::f32s; V]) {
    let factor = simd.splat_f32s(factor);
    for v in 0..V {
        sums[v] = simd.mul_add_f32s(factor, right[v], sums[v]);
    }
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
