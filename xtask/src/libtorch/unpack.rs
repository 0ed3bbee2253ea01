//! Takes the few members that are needed out of the wheels, each checked against its checksum.

use std::fs::{self, File};
use std::io::{BufReader, Read, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use dml_data::files::{hex, sha256};
use indicatif::{ProgressBar, ProgressStyle};
use sha2::{Digest as _, Sha256};
use zip::ZipArchive;

use super::manifest::{Manifest, Record, Wheel};

type Archive = ZipArchive<BufReader<File>>;

/// A file to take out of a wheel.
struct Member {
    path: String,
    sha256: String,
}

/// Unpacks what the manifest names from the wheels in `wheels` into `tree`.
pub(crate) fn unpack(manifest: &Manifest, wheels: &Path, tree: &Path) -> anyhow::Result<()> {
    let style = ProgressStyle::with_template("LibTorch: unpacking {wide_bar} {bytes}/{total_bytes}")?;
    let bar = ProgressBar::new(0).with_style(style);
    for wheel in &manifest.wheels {
        let path = find(wheels, wheel)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        unpack_wheel(wheel, &path, tree, &bar).with_context(|| format!("the wheel {name}"))?;
    }
    bar.finish_and_clear();
    Ok(())
}

fn find(wheels: &Path, wheel: &Wheel) -> anyhow::Result<PathBuf> {
    let prefix = wheel.file_prefix();
    let files: Vec<_> = fs::read_dir(wheels)?.collect::<Result<_, _>>()?;
    let file = files.iter().find(|file| file.file_name().to_string_lossy().starts_with(&prefix));
    Ok(file.with_context(|| format!("pip brought no wheel of {} {}", wheel.name, wheel.version))?.path())
}

fn unpack_wheel(wheel: &Wheel, path: &Path, tree: &Path, bar: &ProgressBar) -> anyhow::Result<()> {
    let mut archive = ZipArchive::new(BufReader::new(File::open(path)?))?;
    for member in members(wheel, &mut archive)? {
        extract(&mut archive, &member, &tree.join(&member.path), bar)?;
    }
    Ok(())
}

fn members(wheel: &Wheel, archive: &mut Archive) -> anyhow::Result<Vec<Member>> {
    let mut members: Vec<_> = wheel
        .libraries
        .iter()
        .map(|library| Member { path: library.path.clone(), sha256: library.sha256.clone() })
        .collect();
    if let (Some(headers), Some(record)) = (&wheel.headers, &wheel.record) {
        let text = read_record(archive, record)?;
        members.extend(recorded(&text).filter(|member| member.path.starts_with(headers)));
    }
    Ok(members)
}

fn read_record(archive: &mut Archive, record: &Record) -> anyhow::Result<String> {
    let mut text = String::new();
    archive.by_name(&record.path).with_context(|| record.path.clone())?.read_to_string(&mut text)?;
    check(&record.path, &sha256(text.as_bytes()), &record.sha256)?;
    Ok(text)
}

/// The lines of a RECORD that have a checksum: `path,sha256=BASE64,size`.
fn recorded(text: &str) -> impl Iterator<Item = Member> {
    text.lines().filter_map(|line| {
        let (path, rest) = line.split_once(",sha256=")?;
        let digest = BASE64_URL_SAFE_NO_PAD.decode(rest.split(',').next()?).ok()?;
        Some(Member { path: path.to_owned(), sha256: hex(&digest) })
    })
}

fn extract(archive: &mut Archive, member: &Member, to: &Path, bar: &ProgressBar) -> anyhow::Result<()> {
    let mut packed = archive.by_name(&member.path).with_context(|| member.path.clone())?;
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    bar.inc_length(packed.size());
    let mut file = File::create(to).with_context(|| format!("cannot create {}", to.display()))?;
    let mut digest = Sha256::new();
    let mut block = vec![0; 1 << 18];
    loop {
        let n_bytes = packed.read(&mut block).with_context(|| member.path.clone())?;
        if n_bytes == 0 {
            break;
        }
        digest.update(&block[..n_bytes]);
        file.write_all(&block[..n_bytes]).with_context(|| format!("cannot write {}", to.display()))?;
        bar.inc(n_bytes as u64);
    }
    check(&member.path, &hex(&digest.finalize()), &member.sha256)
}

fn check(path: &str, found: &str, expected: &str) -> anyhow::Result<()> {
    ensure!(found == expected, "{path} has sha256 {found}, but {expected} was expected");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_line_gives_path_and_checksum_and_its_own_line_is_passed_over() {
        let text = "a.h,sha256=vl4XzXdSpq8AOXhwY3k4TDEI9raJFrsZSeYQ9jl7tkA,1498969\nx.dist-info/RECORD,,\n";
        let members: Vec<_> = recorded(text).collect();
        assert_eq!(members.len(), 1);
        assert_eq!(members[0].path, "a.h");
        assert_eq!(members[0].sha256, "be5e17cd7752a6af003978706379384c3108f6b68916bb1949e610f6397bb640");
    }
}
