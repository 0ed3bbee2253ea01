//! What the page's script reads: trials as columns of indices, latent spaces as packed numbers.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::base64::encode;
use crate::error::ReportError;
use crate::evidence::Evidence;
use crate::latent::{Latent, principal_plane};
use crate::select::value_text;
use crate::store::RunStore;
use crate::trial::Outcome;

/// Points of a latent space that the page holds.
const MOST_POINTS: usize = 600;
/// Bytes of latent spaces that the page holds.
const MOST_BYTES: usize = 8 << 20;

/// Keys, their distinct values, and the trials: an index of a value for each key (-1: does not have it), scores and curves.
#[derive(Serialize)]
struct Data<'a> {
    keys: Vec<&'a str>,
    values: Vec<Vec<Value>>,
    scores: Vec<&'a str>,
    curves: Vec<&'a str>,
    trials: Vec<Trial<'a>>,
}

#[derive(Serialize)]
struct Trial<'a> {
    id: &'a str,
    /// `scored`, `missing`, or why it diverged.
    o: String,
    v: Vec<i64>,
    s: Vec<Option<f64>>,
    c: Vec<Vec<Option<f64>>>,
}

pub(super) fn json(trials: &[Evidence]) -> String {
    let keys: BTreeSet<&str> = trials.iter().flat_map(|t| t.leaves.keys().map(String::as_str)).collect();
    let mut scores = BTreeSet::new();
    let mut curves = BTreeSet::new();
    for result in trials.iter().filter_map(|t| t.result) {
        curves.extend(result.curves.keys().map(String::as_str));
        if let Outcome::Scored { scores: of } = &result.outcome {
            scores.extend(of.keys().map(String::as_str));
        }
    }
    let keys: Vec<&str> = keys.into_iter().collect();
    let mut values: Vec<Vec<Value>> = vec![Vec::new(); keys.len()];
    let mut places: Vec<HashMap<String, i64>> = vec![HashMap::new(); keys.len()];
    let mut index = |trial: &Evidence, key: usize| -> i64 {
        let Some(value) = trial.leaves.get(keys[key]) else { return -1 };
        let next = places[key].len() as i64;
        *places[key].entry(value_text(value)).or_insert_with(|| {
            values[key].push(shown(value));
            next
        })
    };
    let indices: Vec<Vec<i64>> =
        trials.iter().map(|t| (0..keys.len()).map(|key| index(t, key)).collect()).collect();
    let (scores, curves): (Vec<&str>, Vec<&str>) =
        (scores.into_iter().collect(), curves.into_iter().collect());
    let trial = |(t, v): (&'_ Evidence<'_>, Vec<i64>)| {
        let curve = |name: &&str| {
            let values = t.result.and_then(|r| r.curves.get(*name));
            values.map_or_else(Vec::new, |c| c.iter().map(|x| x.map(short)).collect())
        };
        (
            outcome(t),
            v,
            scores.iter().map(|s| t.score(s).map(short)).collect(),
            curves.iter().map(curve).collect(),
        )
    };
    let rows = trials.iter().zip(indices).map(trial).zip(trials);
    let trials = rows.map(|((o, v, s, c), t)| Trial { id: &t.id, o, v, s, c }).collect();
    let data = Data { keys, values, scores: scores.clone(), curves: curves.clone(), trials };
    in_script(&serde_json::to_string(&data).expect("plain data"))
}

fn outcome(trial: &Evidence) -> String {
    match trial.result.map(|r| &r.outcome) {
        None => "missing".to_string(),
        Some(Outcome::Scored { .. }) => "scored".to_string(),
        Some(Outcome::Diverged { epoch, reason }) => format!("diverged in epoch {epoch}: {reason}"),
    }
}

/// Numbers stay numbers, so that they sort as such.
fn shown(value: &toml::Value) -> Value {
    match value {
        toml::Value::Integer(i) => json!(i),
        toml::Value::Float(x) => json!(x),
        _ => json!(value_text(value)),
    }
}

/// Six significant digits are more than anybody reads off a page.
fn short(x: f64) -> f64 {
    format!("{x:.5e}").parse().unwrap_or(x)
}

/// Text that cannot end or open anything within a script element.
fn in_script(json: &str) -> String {
    json.replace('<', "\\u003c")
}

/// Latent spaces by trial, lowest seeds first as far as the page has room, and the sheets of images that they point to.
pub(super) fn latents(trials: &[Evidence], store: &RunStore) -> Result<String, ReportError> {
    let mut order: Vec<&Evidence> = trials.iter().filter(|t| t.result.is_some()).collect();
    order.sort_by_key(|t| t.seed().parse::<i64>().unwrap_or(i64::MAX));
    let mut sheets = Sheets::default();
    let mut packed = BTreeMap::new();
    let mut bytes = 0;
    let mut left_out = 0;
    for trial in order {
        let directory = store.trial_directory(&trial.id);
        let Some(latent) = Latent::read(&directory)? else { continue };
        if bytes > MOST_BYTES {
            left_out += 1;
            continue;
        }
        let latent = pack(&latent.truncated(MOST_POINTS), sheets.place(&directory.join("thumbnails.png"))?);
        bytes += latent["points"].as_str().map_or(0, str::len);
        packed.insert(trial.id.as_str(), latent);
    }
    let data = json!({ "left_out": left_out, "sheets": sheets.urls, "trials": packed });
    Ok(in_script(&data.to_string()))
}

/// Points as 16-bit x and y within their ranges, a class byte and a 32-bit row each, little-endian.
fn pack(latent: &Latent, sheet: Option<usize>) -> Value {
    let d = latent.embeddings.ncols();
    let plane = if d > 2 {
        principal_plane(&latent.embeddings)
    } else {
        ndarray::Array2::from_shape_fn((latent.labels.len(), 2), |(i, j)| {
            latent.embeddings.get((i, j)).map_or(0.0, |&x| f64::from(x))
        })
    };
    let range = |axis: usize| {
        let column = plane.column(axis);
        column.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &x| (low.min(x), high.max(x)))
    };
    let ranges = [range(0), range(1)];
    let mut bytes = Vec::new();
    for (axis, (low, high)) in ranges.into_iter().enumerate() {
        let step = |x: f64| ((x - low) / (high - low).max(1e-12) * 65535.0).round() as u16;
        bytes.extend(plane.column(axis).iter().flat_map(|&x| step(x).to_le_bytes()));
    }
    bytes.extend(latent.rows.iter().flat_map(|&row| (row as u32).to_le_bytes()));
    bytes.extend(&latent.labels);
    let components: Vec<[f64; 4]> = latent
        .components
        .iter()
        .filter(|_| d == 2)
        .flat_map(|(mean, logvar)| {
            let deviation = |l: f32| short((f64::from(l) / 2.0).exp());
            let rows = mean.outer_iter().zip(logvar.outer_iter());
            rows.map(move |(m, l)| [short(m[0].into()), short(m[1].into()), deviation(l[0]), deviation(l[1])])
        })
        .collect();
    let ranges = ranges.map(|(low, high)| [short(low), short(high)]);
    json!({ "d": d, "n": latent.labels.len(), "ranges": ranges, "points": encode(&bytes), "components": components, "sheet": sheet })
}

/// Each distinct picture once, however many trials have it.
#[derive(Default)]
struct Sheets {
    by_path: HashMap<PathBuf, usize>,
    by_digest: HashMap<Vec<u8>, usize>,
    urls: Vec<String>,
}

impl Sheets {
    fn place(&mut self, path: &Path) -> Result<Option<usize>, ReportError> {
        let Ok(real) = fs::canonicalize(path) else { return Ok(None) };
        if let Some(&place) = self.by_path.get(&real) {
            return Ok(Some(place));
        }
        let png = fs::read(&real).map_err(ReportError::io(path))?;
        if !png.starts_with(b"\x89PNG\r\n\x1a\n") {
            return Err(ReportError::file(path, &"should be a PNG"));
        }
        let place = *self.by_digest.entry(Sha256::digest(&png).to_vec()).or_insert_with(|| {
            self.urls.push(format!("data:image/png;base64,{}", encode(&png)));
            self.urls.len() - 1
        });
        self.by_path.insert(real, place);
        Ok(Some(place))
    }
}
