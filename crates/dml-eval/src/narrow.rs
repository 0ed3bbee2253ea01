//! From `f64` to the `f32` that everything here computes in, without losing who is near whom.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

use crate::error::{EvalError, LARGEST_COORDINATE, check_width};
use crate::neighbours::nearest;

/// How many rows are looked at, evenly spread; each is compared with all.
const N_LOOKED_AT: usize = 1000;
/// A row is blurred where rounding may move it and its nearest row by this share of their distance.
const BLUR: f64 = 0.1;
/// Up to this share of the rows may be blurred, as some points lie very near each other by chance:
/// on a line, 1 in 70 of 60,000.
const BLURRED_AT_MOST: f64 = 0.05;

/// What [`narrow`] returns.
#[derive(Debug, Clone, PartialEq)]
pub struct Narrowed {
    /// `[n, d]`
    pub train: Array2<f32>,
    /// `[m, d]`
    pub test: Array2<f32>,
    /// Whether each column's mean over both sets has been subtracted.
    pub is_centred: bool,
    /// Of the rows of `test` that were looked at, how many rounding may have moved by more than a
    /// tenth of the way to their nearest row: of at most 5%, whose neighbours may be others than in
    /// `f64`.
    pub n_blurred: usize,
    /// How many rows of `test` were looked at, evenly spread: all of up to 1000.
    pub n_looked_at: usize,
}

/// Embeddings in `f32` whose neighbours are those that they have in `f64`, but for
/// [`n_blurred`](Narrowed::n_blurred) rows.
///
/// They are rounded as they are where that moves all but 5% of the rows by little, compared with
/// the distance to their nearest rows. Otherwise the mean of each column over both sets is
/// subtracted first, in `f64`: columns far from 0 lose most digits to what all rows have in common.
/// A shift changes no distance, so neither nearest neighbours nor retrieval, k-means, Gaussian
/// mixtures and forests; logistic regression subtracts a mean of its own; only the MLP, whose
/// weights start around 0, learns something else.
///
/// # Shapes
/// `train`: `[n, d]`, where n may be 0; `test`: `[m, d]`.
///
/// # Errors
/// Coordinates that are not finite, or too large even then; sets of different dimensions; more than
/// 5% of rows that rounding would blur even then.
pub fn narrow(train: ArrayView2<f64>, test: ArrayView2<f64>) -> Result<Narrowed, EvalError> {
    check_width(train.ncols(), test.ncols())?;
    for (rows, set) in [(train.view(), "training set"), (test.view(), "test set")] {
        if let Some(row) = rows.rows().into_iter().position(|row| !row.iter().all(|x| x.is_finite())) {
            return Err(EvalError::NotFinite { row, set });
        }
    }
    let as_it_is = round(train, test, &Array1::zeros(test.ncols()));
    let Err(_) = as_it_is else { return as_it_is };
    let n = (train.nrows() + test.nrows()).max(1) as f64;
    // Divided first, so that the sum of large numbers does not overflow.
    let part = |rows: ArrayView2<f64>| rows.mapv(|x| x / n).sum_axis(Axis(0));
    let mean = part(train) + part(test);
    round(train, test, &mean).map(|narrowed| Narrowed { is_centred: true, ..narrowed })
}

/// Rounds what is left after a shift, unless that blurs rows.
fn round(train: ArrayView2<f64>, test: ArrayView2<f64>, shift: &Array1<f64>) -> Result<Narrowed, EvalError> {
    let (train, test) = (&train - shift, &test - shift);
    for (rows, set) in [(&train, "training set"), (&test, "test set")] {
        let size = |row: ArrayView1<f64>| row.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
        let sizes: Vec<f64> = rows.rows().into_iter().map(size).collect();
        let largest = (0..sizes.len()).max_by(|&a, &b| sizes[a].total_cmp(&sizes[b]));
        if let Some(row) = largest.filter(|&row| sizes[row] > f64::from(LARGEST_COORDINATE)) {
            return Err(EvalError::TooLarge { row, set });
        }
    }
    let (narrow_train, narrow_test) = (train.mapv(|x| x as f32), test.mapv(|x| x as f32));
    let n = test.nrows();
    let asked: Vec<usize> = (0..n).step_by(n.div_ceil(N_LOOKED_AT).max(1)).collect();
    let within = count_blurred([&test, &test], [&narrow_test, &narrow_test], &asked)?;
    let across = count_blurred([&train, &test], [&narrow_train, &narrow_test], &asked)?;
    Ok(Narrowed {
        train: narrow_train,
        test: narrow_test,
        is_centred: false,
        n_blurred: within.max(across),
        n_looked_at: asked.len(),
    })
}

/// How many of the rows `asked` of the second set rounding blurs among those of the first; the two
/// may be one. Refuses it where they are too many.
fn count_blurred(
    wide: [&Array2<f64>; 2],
    narrow: [&Array2<f32>; 2],
    asked: &[usize],
) -> Result<usize, EvalError> {
    let found = nearest(narrow[0].view(), narrow[1].select(Axis(0), asked).view(), 2);
    let is_one_set = std::ptr::eq(wide[0], wide[1]);
    let (mut n_blurred, mut largest) = (0, 0.0_f64);
    for (&row, found) in asked.iter().zip(found.rows()) {
        let Some(&other) = found.iter().find(|&&other| !(is_one_set && other as usize == row)) else {
            continue;
        };
        let (point, other_point) = (wide[1].row(row), wide[0].row(other as usize));
        let moved = moved(point, narrow[1].row(row)) + moved(other_point, narrow[0].row(other as usize));
        let distance = point.iter().zip(other_point).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
        n_blurred += usize::from(distance > 0.0 && moved > BLUR * distance);
        largest = largest.max(moved);
    }
    if n_blurred as f64 > BLURRED_AT_MOST * asked.len() as f64 {
        return Err(EvalError::Blurred { n_blurred, n: asked.len(), largest: format!("{largest:.1e}") });
    }
    Ok(n_blurred)
}

/// How far rounding moves a row.
fn moved(wide: ArrayView1<f64>, narrow: ArrayView1<f32>) -> f64 {
    wide.iter().zip(narrow).map(|(wide, &narrow)| (wide - f64::from(narrow)).powi(2)).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use rand::Rng;

    use super::*;
    use crate::random::generator;

    /// Points around 0 whose coordinates `f32` holds exactly.
    fn points(n: usize, seed: u64) -> Array2<f64> {
        let mut rng = generator(seed, "narrow");
        Array2::from_shape_simple_fn((n, 3), || f64::from(rng.gen_range(-4096..4096)) / 1024.0)
    }

    #[test]
    fn what_f32_holds_is_left_as_it_is_and_so_is_what_it_rounds_a_little() {
        let (train, test) = (points(50, 1), points(40, 2));
        let narrowed = narrow(train.view(), test.view()).unwrap();
        assert!(!narrowed.is_centred);
        assert_eq!(narrowed.train.mapv(f64::from), train);
        let odd = test.mapv(|x| x * 1.1 + 0.3);
        let narrowed = narrow(train.view(), odd.view()).unwrap();
        assert_eq!((narrowed.is_centred, narrowed.test), (false, odd.mapv(|x| x as f32)));
    }

    #[test]
    fn an_offset_that_drowns_the_differences_is_subtracted_and_the_neighbours_are_those_without_it() {
        let (train, test) = (points(300, 1), points(200, 2));
        let offset = array![1e9, -3e8, 7e7];
        let found = narrow((&train + &offset).view(), (&test + &offset).view()).unwrap();
        assert!(found.is_centred);
        let expected = nearest(train.mapv(|x| x as f32).view(), test.mapv(|x| x as f32).view(), 5);
        assert_eq!(nearest(found.train.view(), found.test.view(), 5), expected);
        // Rounded as they are, they have other neighbours, which is what this is about.
        let blurred = [&train, &test].map(|rows| (rows + &offset).mapv(|x| x as f32));
        assert_ne!(nearest(blurred[0].view(), blurred[1].view(), 5), expected);
    }

    #[test]
    fn what_f32_cannot_tell_apart_is_refused_with_how_far_it_moves() {
        // Two groups so far apart that no shift helps, and differences that are nothing in f32.
        let mut far = points(200, 3);
        far.rows_mut().into_iter().step_by(2).for_each(|mut row| row += 1e9);
        let mut tiny = points(200, 3);
        tiny *= 1e-60;
        let none = Array2::zeros((0, 3));
        let sentence = |rows: &Array2<f64>| narrow(none.view(), rows.view()).unwrap_err().to_string();
        let far = sentence(&far);
        assert!(
            far.starts_with(
                "scores are computed in f32, to which rounding moves 200 of 200 rows looked at by up to "
            ),
            "{far}"
        );
        assert!(sentence(&tiny).contains(" 200 of 200 rows"), "{}", sentence(&tiny));
    }

    #[test]
    fn copies_of_a_row_and_few_pairs_that_lie_very_near_are_no_reason_to_refuse() {
        let mut rows = points(400, 4);
        for row in 0..100 {
            let copy = rows.row(row).to_owned();
            rows.row_mut(row + 100).assign(&copy);
        }
        rows[[300, 0]] = rows[[301, 0]] * (1.0 + 1e-12);
        let narrowed = narrow(rows.view(), rows.view()).unwrap();
        assert!(!narrowed.is_centred);
    }

    #[test]
    fn up_to_one_row_in_twenty_that_f32_blurs_is_counted() {
        let mut rows = points(1000, 8);
        // Far from 0 f32 has multiples of 64 alone, and these lie a few apart.
        rows.slice_mut(ndarray::s![..45, ..]).mapv_inplace(|x| x + 1e9);
        let narrowed = narrow(Array2::zeros((0, 3)).view(), rows.view()).unwrap();
        assert_eq!((narrowed.n_blurred, narrowed.n_looked_at, narrowed.is_centred), (45, 1000, false));
        // Rows that f32 holds are no reason for a note.
        let sound = narrow(points(50, 1).view(), points(40, 2).view()).unwrap();
        assert_eq!((sound.n_blurred, sound.n_looked_at), (0, 40));
    }

    #[test]
    fn sixty_thousand_points_on_a_line_are_scored_as_they_are() {
        let mut rng = generator(7, "line");
        // Twelve uniform draws have variance 1.
        let mut normal = || (0..12).map(|_| rng.gen_range(-0.5..0.5)).sum::<f64>();
        let rows = Array2::from_shape_simple_fn((60_000, 1), &mut normal);
        let narrowed = narrow(Array2::zeros((0, 1)).view(), rows.view()).unwrap();
        assert_eq!((narrowed.is_centred, narrowed.test), (false, rows.mapv(|x| x as f32)));
    }

    #[test]
    fn what_is_not_finite_or_too_large_is_named() {
        let with = |row: usize, value: f64| {
            let mut rows = points(9, 5);
            rows[[row, 1]] = value;
            rows
        };
        let good = points(9, 6);
        for (train, test, expected) in [
            (with(3, f64::NAN), good.clone(), EvalError::NotFinite { row: 3, set: "training set" }),
            (good.clone(), with(4, f64::INFINITY), EvalError::NotFinite { row: 4, set: "test set" }),
            (with(5, 1e300), good, EvalError::TooLarge { row: 5, set: "training set" }),
        ] {
            assert_eq!(narrow(train.view(), test.view()), Err(expected));
        }
    }
}
