//! Writes the inputs that the targets begin with: `seeds FOLDER CHECKOUT`.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use dml_data::npz::NpzWriter;
use dml_store::{Curves, FORMAT, Hits, Outcome, Rungs, Scores, TrialResult, trial_id};
use flate2::{Compression, write::GzEncoder};
use image::{DynamicImage, ImageFormat, RgbImage};
use libfuzzer_sys as _; // The functions that its instrumented code calls.
use ndarray::Array2;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1).map(PathBuf::from);
    let (Some(corpus), Some(checkout)) = (arguments.next(), arguments.next()) else {
        anyhow::bail!("a folder for the inputs and that of the checkout are expected");
    };
    let seeds = Seeds { corpus };
    seeds.of_arrays(&checkout)?;
    seeds.of_pictures()?;
    seeds.of_text(&checkout)?;
    seeds.of_trials(&checkout)
}

struct Seeds {
    corpus: PathBuf,
}

impl Seeds {
    fn add(&self, target: &str, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let folder = self.corpus.join(target);
        fs::create_dir_all(&folder)?;
        Ok(fs::write(folder.join(name), bytes)?)
    }

    fn of_arrays(&self, checkout: &Path) -> anyhow::Result<()> {
        let idx = |kind: u8, shape: &[u8], n: usize| -> Vec<u8> {
            let lengths = shape.iter().flat_map(|&length| [0, 0, 0, length]);
            let start = [0, 0, kind, shape.len() as u8];
            start.into_iter().chain(lengths).chain((0..n).map(|i| i as u8)).collect()
        };
        let files = [
            ("images", idx(0x08, &[3, 2, 2], 12)),
            ("labels", idx(0x08, &[5], 5)),
            ("signed", idx(0x09, &[5], 5)),
            ("short", idx(0x0b, &[3], 6)),
            ("wide", idx(0x0c, &[2], 8)),
        ];
        for (name, file) in files {
            self.add("idx", name, &file)?;
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(&file)?;
            self.add("idx", &format!("{name}.gz"), &encoder.finish()?)?;
            self.add("idx_gz", name, &[&[0], &file[..]].concat())?;
        }
        for name in ["grey", "colour", "methods", "types"] {
            let bytes = fs::read(checkout.join(format!("datasets/fixtures/{name}.npz")))?;
            self.add("npz", name, &bytes)?;
        }
        for (name, kind, n_bytes) in
            [("f4", "<f4", 24), ("f8", "<f8", 48), ("i8", "<i8", 48), ("b1", "|b1", 6)]
        {
            let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': (3, 2), }}\n");
            let mut file = b"\x93NUMPY\x01\x00".to_vec();
            file.extend((header.len() as u16).to_le_bytes());
            file.extend(header.as_bytes());
            file.extend(vec![1; n_bytes]);
            self.add("npy", name, &file)?;
        }
        let folder = self.corpus.join("score");
        fs::create_dir_all(&folder)?;
        let (rows, labels) = (Array2::from_shape_fn((4, 2), |(i, j)| (i * j) as f32), [0, 1, 0, 1]);
        let mut npz = NpzWriter::create(&folder.join("two-splits"))?;
        for split in ["train", "test"] {
            npz.add_f32(&format!("{split}_embeddings"), rows.view())?;
            npz.add_i64(&format!("{split}_labels"), &labels)?;
        }
        npz.add_bool("labelled", &[true, false, true, false])?;
        npz.finish()?;
        let mut npz = NpzWriter::create(&folder.join("one-split"))?;
        npz.add_f32("embeddings", rows.view())?;
        npz.add_i64("labels", &[0, 1, -1, 1])?;
        Ok(npz.finish()?)
    }

    fn of_pictures(&self) -> anyhow::Result<()> {
        let colour =
            DynamicImage::from(RgbImage::from_fn(5, 3, |x, y| image::Rgb([x as u8 * 50, y as u8, 9])));
        let formats = [
            ("png", ImageFormat::Png),
            ("jpg", ImageFormat::Jpeg),
            ("gif", ImageFormat::Gif),
            ("bmp", ImageFormat::Bmp),
            ("tiff", ImageFormat::Tiff),
            ("webp", ImageFormat::WebP),
            ("pnm", ImageFormat::Pnm),
        ];
        for (name, format) in formats {
            let mut file = Cursor::new(Vec::new());
            colour.write_to(&mut file, format)?;
            self.add("pictures", name, file.get_ref())?;
        }
        self.add("pictures", "text.ppm", b"P3\n2 1\n255\n1 2 3\n4 5 6\n")
    }

    fn of_text(&self, checkout: &Path) -> anyhow::Result<()> {
        for entry in fs::read_dir(checkout.join("xtask/sweeps"))? {
            let path = entry?.path();
            let text = fs::read(&path)?;
            self.add("sweep", &path.file_stem().unwrap_or_default().to_string_lossy(), &text)?;
        }
        let small = "claim = 'c'\ncommand = 'x'\nseeds = 2\nseconds_per_trial = 1.0\n[base]\nseed = 0\na.b = 1.5\n[[grid]]\n'a.b' = [1.0, 2.0]\n";
        self.add("sweep", "small", small.as_bytes())?;
        let mut rungs = Rungs::default();
        rungs.insert("test_folds.knn.accuracy", 2, Some(0.9));
        rungs.insert("test_folds.knn.accuracy", 4, None);
        self.add("rungs", "rungs", &serde_json::to_vec(&rungs)?)?;
        let checkpoint = r#"{"format":1,"epoch":3,"tensors":"checkpoint-3.safetensors","sha256":"00ff","adam_steps":{"encoder.0.weight":7},
            "memory_next":0,"diverged":[2,"loss"],"curves":{"kl":[null,1.5]},"seconds":1.0}"#;
        self.add("checkpoint", "json", checkpoint.as_bytes())?;
        let header = br#"{"a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}}"#;
        let tensors = [&[0], &(header.len() as u64).to_le_bytes()[..], header, &[1; 8]].concat();
        self.add("checkpoint", "tensors", &tensors)
    }

    fn of_trials(&self, checkout: &Path) -> anyhow::Result<()> {
        let text = fs::read_to_string(checkout.join("tests/trial.toml"))?;
        self.add("trial", "trial", text.as_bytes())?;
        let trial: toml::Table = text.parse()?;
        let scores = Scores::from([("test_folds.knn.accuracy".into(), 0.9)]);
        let diverged = Outcome::Diverged { epoch: 2, reason: "loss".into() };
        let hits = BTreeMap::from([("labelled.knn".to_owned(), Hits(vec![true, false, true]))]);
        for (name, outcome) in [("scored", Outcome::Scored { scores, hits }), ("diverged", diverged)] {
            let curves = Curves::from([("kl".into(), vec![None, Some(1.5)])]);
            let (id, data_sha256) = (trial_id(&trial), Some("00ff".into()));
            let result =
                TrialResult { format: FORMAT, id, trial: trial.clone(), data_sha256, outcome, curves };
            self.add("result", name, &serde_json::to_vec(&result)?)?;
        }
        Ok(())
    }
}
