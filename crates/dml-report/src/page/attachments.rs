//! What a page holds up to a size: latent spaces as packed numbers, pictures of decoders.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use dml_data::files::sha256;
use dml_store::{RunStore, names};
use serde_json::{Value, json};

use super::Parts;
use super::data::{in_script, short};
use crate::error::ReportError;
use crate::evidence::Evidence;
use crate::latent::{Latent, plane, principal_plane};
use crate::table::Mark;

/// Points of a latent space that the page holds.
const MOST_POINTS: usize = 600;
/// Characters of latent spaces that the page holds.
const MOST_SPACES: usize = 8 << 20;
/// Characters of pictures that the page holds.
const MOST_PICTURES: usize = 4 << 20;
/// Pictures of a trial that its dialog shows.
const PICTURES: [&str; 2] = [names::DECODED, names::RECONSTRUCTIONS];

/// Latent spaces and pictures.
pub(super) struct Attachments {
    /// What the script reads.
    pub(super) json: String,
    /// A sentence on what is left out; empty where nothing is.
    pub(super) left_out: String,
}

/// Latent spaces and pictures by trial, as far as the page has room: lowest seeds first, and of a
/// seed the trials of the tables' best rows first. `null`: it is in the trial's directory only.
pub(super) fn collect(parts: &Parts, store: &RunStore) -> Result<Attachments, ReportError> {
    let is_best = |row: &&crate::table::Row| row.cells.iter().any(|cell| cell.mark == Mark::Best);
    let best_rows = parts.tables.iter().flat_map(|table| table.rows.iter().filter(is_best));
    let best: BTreeSet<&str> = best_rows.flat_map(|row| &row.trials).map(String::as_str).collect();
    let mut order: Vec<&Evidence> = parts.trials.iter().filter(|t| t.result.is_some()).collect();
    order.sort_by_key(|t| (t.seed().parse::<i64>().unwrap_or(i64::MAX), !best.contains(t.id.as_str())));

    let mut sheets = Sheets::default();
    let (mut spaces, mut space_bytes) = (BTreeMap::new(), 0);
    let (mut pictures, mut picture_bytes) = (BTreeMap::new(), 0);
    for trial in order {
        let directory = store.trial_directory(&trial.id);
        if space_bytes > MOST_SPACES {
            if directory.join(names::LATENT).exists() {
                spaces.insert(trial.id.as_str(), Value::Null);
            }
        } else if let Some(latent) = Latent::read(&directory)? {
            let packed =
                pack(&latent.truncated(MOST_POINTS), sheets.place(&directory.join(names::THUMBNAILS))?);
            space_bytes += packed["points"].as_str().map_or(0, str::len);
            spaces.insert(trial.id.as_str(), packed);
        }
        for name in PICTURES {
            let path = directory.join(name);
            if !path.exists() {
                continue;
            }
            let url = (picture_bytes <= MOST_PICTURES).then(|| png_url(&path)).transpose()?;
            picture_bytes += url.as_ref().map_or(0, String::len);
            pictures.entry(trial.id.as_str()).or_insert_with(BTreeMap::new).insert(name, url);
        }
    }
    let drawn = pictures.values().flat_map(BTreeMap::values);
    let left_out = [
        left_out_words("latent spaces", spaces.values().map(|space| !space.is_null())),
        left_out_words("pictures of decoders", drawn.map(Option::is_some)),
    ];
    let data = json!({ "sheets": sheets.urls, "trials": spaces, "pictures": pictures });
    Ok(Attachments { json: in_script(&data.to_string()), left_out: left_out.concat() })
}

/// How many of some things the page shows, if not all.
fn left_out_words(what: &str, shown: impl Iterator<Item = bool> + Clone) -> String {
    let (all, there) = (shown.clone().count(), shown.filter(|&shown| shown).count());
    if there == all {
        return String::new();
    }
    format!(
        " The page has room for {there} of {all} {what}, those of the lowest seeds and best rows first; the others are files in the trials’ directories."
    )
}

/// A PNG as an address that holds it.
fn png_url(path: &Path) -> Result<String, ReportError> {
    let png = fs::read(path).map_err(ReportError::io(path))?;
    if !png.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Err(ReportError::file(path, &"should be a PNG"));
    }
    Ok(format!("data:image/png;base64,{}", BASE64_STANDARD.encode(&png)))
}

/// Points as 16-bit x and y within their ranges, a 32-bit row and a 16-bit class each, all of them
/// little-endian.
fn pack(latent: &Latent, sheet: Option<usize>) -> Value {
    let d = latent.embeddings.ncols();
    let points = if d > 2 { principal_plane(&latent.embeddings) } else { plane(&latent.embeddings) };
    let range = |axis: usize| {
        let column = points.column(axis);
        column.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &x| (low.min(x), high.max(x)))
    };
    let ranges = [range(0), range(1)];
    let mut bytes = Vec::new();
    for (axis, (low, high)) in ranges.into_iter().enumerate() {
        let step = |x: f64| ((x - low) / (high - low).max(1e-12) * 65535.0).round() as u16;
        bytes.extend(points.column(axis).iter().flat_map(|&x| step(x).to_le_bytes()));
    }
    bytes.extend(latent.rows.iter().flat_map(|&row| (row as u32).to_le_bytes()));
    bytes.extend(latent.labels.iter().flat_map(|label| label.to_le_bytes()));
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
    json!({ "d": d, "n": latent.labels.len(), "ranges": ranges, "points": BASE64_STANDARD.encode(&bytes), "components": components, "sheet": sheet })
}

/// Each distinct picture once, however many trials have it.
#[derive(Default)]
struct Sheets {
    by_path: HashMap<PathBuf, usize>,
    by_digest: HashMap<String, usize>,
    urls: Vec<String>,
}

impl Sheets {
    fn place(&mut self, path: &Path) -> Result<Option<usize>, ReportError> {
        let Ok(real) = fs::canonicalize(path) else { return Ok(None) };
        if let Some(&place) = self.by_path.get(&real) {
            return Ok(Some(place));
        }
        let url = png_url(&real)?;
        let place = *self.by_digest.entry(sha256(url.as_bytes())).or_insert_with(|| {
            self.urls.push(url);
            self.urls.len() - 1
        });
        self.by_path.insert(real, place);
        Ok(Some(place))
    }
}
