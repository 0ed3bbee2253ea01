//! What the commits of a repository say of a sweep.

use std::collections::HashMap;
use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use toml::Table;

use super::{Name, comparisons};
use crate::experiment::Sweep;
use crate::kept;

/// Variables by which git's hooks name their repository.
pub(super) const ELSEWHERE: [&str; 3] = ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"];

/// One commit.
#[derive(Debug, Clone)]
pub(super) struct Commit {
    /// In the order of history.
    pub place: usize,
    /// Seconds since 1970, when it was made or made anew.
    pub time: f64,
    hash: String,
    day: String,
}

impl Commit {
    pub(super) fn words(&self) -> String {
        format!("commit {} of {}", self.hash, self.day)
    }
}

/// The commits that a sweep was written in, and those that kept results.
#[derive(Debug, Default)]
pub(super) struct History {
    /// The comparisons of each version of the sweep's files, in the order of commits.
    versions: Vec<(Commit, Vec<(Name, Table)>)>,
    /// The commit that first kept a trial's result, by the trial's id.
    kept: HashMap<String, Commit>,
}

impl History {
    /// `None` where the sweep's files are not in one repository, or in one without commits or
    /// without its whole history, and where there is no git.
    pub(super) fn read(sweep: &Sweep) -> Option<Self> {
        let path = sweep.path.canonicalize().ok()?;
        let folder = path.parent()?;
        let answer = |question: &str| {
            let answer = git(folder, &["rev-parse", question], Stdio::null())?;
            Some(String::from_utf8(answer).ok()?.trim_end().to_owned())
        };
        let root = Path::new(&answer("--show-toplevel")?).canonicalize().ok()?;
        let is_inside = |path: &PathBuf| path.canonicalize().is_ok_and(|path| path.starts_with(&root));
        if answer("--is-shallow-repository")? == "true" || !sweep.sources.iter().all(is_inside) {
            return None;
        }
        let commits = log(folder, sweep)?;
        let blobs: Vec<&str> = commits.iter().flat_map(|(_, blobs)| blobs).map(|(_, b)| b.as_str()).collect();
        let mut texts = contents(folder, &blobs)?.into_iter();
        let mut history = Self::default();
        for (commit, blobs) in commits {
            for ((is_kept, _), text) in blobs.iter().zip(texts.by_ref()) {
                if !is_kept {
                    history.versions.push((commit.clone(), comparisons(&text)));
                    continue;
                }
                let ids = text.lines().filter_map(|line| line.split_once("\"id\":\"")?.1.split('"').next());
                for id in ids {
                    history.kept.entry(id.to_owned()).or_insert_with(|| commit.clone());
                }
            }
        }
        Some(history)
    }

    /// The commit that first had a comparison as it is now.
    pub(super) fn written(&self, name: &Name, now: &Table) -> Option<&Commit> {
        let has = |then: &[(Name, Table)]| then.iter().any(|(named, then)| named == name && then == now);
        self.versions.iter().find(|(_, then)| has(then)).map(|(commit, _)| commit)
    }

    /// The commit that first kept the result of a trial.
    pub(super) fn kept(&self, id: &str) -> Option<&Commit> {
        self.kept.get(id)
    }
}

/// Whether it is a file of kept results, and its name in git.
type Blob = (bool, String);

/// Each commit, the first one first, with the versions that it has of the sweep's files and of kept
/// results. A file that was moved is known by its name.
fn log(folder: &Path, sweep: &Sweep) -> Option<Vec<(Commit, Vec<Blob>)>> {
    let mut arguments: Vec<String> =
        ["log", "--reverse", "--raw", "--no-abbrev", "--no-renames", "--format=commit %H %ct %cs", "--"]
            .map(String::from)
            .into();
    let names = sweep.sources.iter().filter_map(|path| path.file_name()?.to_str());
    let literal = |name: &str| name.replace(['\\', '*', '?', '['], "?");
    arguments.extend(names.map(|name| format!(":(top,glob)**/{}", literal(name))));
    arguments.push(format!(":(top,glob){}/*.jsonl", kept::FOLDER));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut commits: Vec<(Commit, Vec<Blob>)> = Vec::new();
    for line in String::from_utf8(git(folder, &arguments, Stdio::null())?).ok()?.lines() {
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["commit", hash, time, day] => {
                let (place, time) = (commits.len(), time.parse().ok()?);
                commits.push((Commit { place, time, hash: hash.get(..9)?.into(), day: day.into() }, vec![]));
            }
            // Of a file: modes and blobs before and after, then what was done to it, and its path.
            [_, _, _, blob, "A" | "M", ..] => {
                // Git quotes a path that has other than printable characters.
                let is_kept = line.trim_end_matches('"').rsplit('.').next() == Some("jsonl");
                commits.last_mut()?.1.push((is_kept, blob.into()));
            }
            _ => {}
        }
    }
    Some(commits)
}

/// The texts of these blobs.
fn contents(folder: &Path, blobs: &[&str]) -> Option<Vec<String>> {
    let mut asked = tempfile::tempfile().ok()?;
    blobs.iter().try_for_each(|blob| writeln!(asked, "{blob}")).ok()?;
    asked.rewind().ok()?;
    let answer = git(folder, &["cat-file", "--batch"], asked.into())?;
    let (mut rest, mut texts) = (&answer[..], Vec::new());
    // Each as `BLOB blob SIZE`, a line, its bytes, and a line's end.
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let size: usize = std::str::from_utf8(&rest[..end]).ok()?.rsplit(' ').next()?.parse().ok()?;
        let text = rest.get(end + 1..end + 1 + size)?;
        texts.push(String::from_utf8_lossy(text).into_owned());
        rest = rest.get(end + 2 + size..)?;
    }
    Some(texts)
}

/// What git prints; `None` where it fails or is not there. The folder alone says which repository,
/// also where a hook of another one calls us.
fn git(folder: &Path, arguments: &[&str], input: Stdio) -> Option<Vec<u8>> {
    let mut git = Command::new("git");
    for name in ELSEWHERE {
        git.env_remove(name);
    }
    let output = git.arg("-C").arg(folder).args(arguments).stdin(input).output().ok()?;
    output.status.success().then_some(output.stdout)
}
