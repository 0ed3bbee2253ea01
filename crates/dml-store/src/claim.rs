//! Claims: which process runs a trial.
//!
//! A claim is an advisory lock on a file, which the system releases however the process ends. Some
//! network file systems have no locks. There a claim can be a directory, which one process alone
//! can make, with a file in it that its owner writes again and again: the sign that it lives.
//!
//! ```text
//! FILE-1/alive    the claim of a process that has died
//! FILE-2/alive    the claim of the process that took over
//! ```
//! The claim with the highest number counts, so that taking over is making the next directory: of
//! two processes that try, one fails. A process that was only asleep finds its directory gone, and
//! both go on to the same bytes.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use crate::StoreError;

/// A sign of life comes so many times before it would be missed.
const SIGNS: u32 = 10;

/// What no other process has while this value lives.
#[derive(Debug)]
pub struct Claim {
    _held: Held,
}

#[derive(Debug)]
enum Held {
    Lock(#[expect(dead_code, reason = "the lock lives as long as the file")] File),
    Directory(#[expect(dead_code, reason = "its drop lets go of the claim")] Directory),
}

/// How the claims of a store are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claims {
    /// By locks.
    Locks,
    /// By directories; one without a sign of life for so long is taken over.
    Heartbeat(Duration),
}

impl Claims {
    /// Claims a file; `None` if another process has it.
    pub(crate) fn take(self, path: &Path) -> Result<Option<Claim>, StoreError> {
        let held = match self {
            Self::Locks => lock(path)?.map(Held::Lock),
            Self::Heartbeat(limit) => {
                Directory::take(path, limit).map_err(StoreError::io(path))?.map(Held::Directory)
            }
        };
        Ok(held.map(|held| Claim { _held: held }))
    }

    /// Whether a claim of this file has been made: what shows it may be left of one that is over.
    pub(crate) fn left_traces(self, path: &Path) -> bool {
        match self {
            Self::Locks => path.exists(),
            Self::Heartbeat(_) => numbers(path).is_ok_and(|numbers| !numbers.is_empty()),
        }
    }

    /// Whether claims can be made where this file lies.
    pub(crate) fn check(self, path: &Path) -> Result<(), StoreError> {
        if self == Self::Locks {
            let file = File::open(path).map_err(StoreError::io(path))?;
            if let Err(TryLockError::Error(cause)) = file.try_lock_shared() {
                return Err(StoreError::NoLocks { path: path.to_path_buf(), cause });
            }
        }
        Ok(())
    }
}

fn lock(path: &Path) -> Result<Option<File>, StoreError> {
    let file = File::options().create(true).append(true).open(path).map_err(StoreError::io(path))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(cause)) => Err(StoreError::NoLocks { path: path.to_path_buf(), cause }),
    }
}

/// A directory that this process has made, and the thread that gives signs of life.
#[derive(Debug)]
struct Directory {
    path: PathBuf,
    /// What is written as a sign of life. Numbers come again, so it tells whose directory it is.
    sign: String,
    beating: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Directory {
    fn take(file: &Path, limit: Duration) -> io::Result<Option<Self>> {
        let before = numbers(file)?.into_iter().max();
        let is_held = || before.map_or(Ok(false), |number| is_alive(file, number, limit));
        if is_held()? {
            return Ok(None);
        }
        let number = before.unwrap_or(0) + 1;
        let path = numbered(file, number);
        match fs::create_dir(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(None),
            made => made?,
        }
        // Others may have come and gone between the look and now.
        let all = numbers(file)?;
        if all.iter().any(|other| *other > number) || is_held()? {
            let _ = fs::remove_dir_all(&path);
            return Ok(None);
        }
        // What is older does not count, so it may stay; its owner may be removing it too.
        for older in all.into_iter().filter(|other| *other < number) {
            let _ = fs::remove_dir_all(numbered(file, older));
        }
        let alive = path.join("alive");
        let sign = format!("{} {:?}", std::process::id(), SystemTime::now());
        if let Err(error) = fs::write(&alive, &sign) {
            let _ = fs::remove_dir_all(&path);
            return Err(error);
        }
        let own = sign.clone();
        let (stop, stopped) = channel();
        let thread = thread::spawn(move || {
            while stopped.recv_timeout(limit / SIGNS) == Err(RecvTimeoutError::Timeout) {
                // A full disk may have room again; a directory that is gone was taken over.
                if touch_again(&alive, &own).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
                    break;
                }
            }
        });
        Ok(Some(Self { path, sign, beating: Some((stop, thread)) }))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.beating.take() {
            drop(stop);
            let _ = thread.join();
        }
        // What cannot be removed grows old.
        if fs::read_to_string(self.path.join("alive")).is_ok_and(|sign| sign == self.sign) {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

fn numbered(file: &Path, number: u64) -> PathBuf {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    file.with_file_name(format!("{name}-{number}"))
}

/// The numbers of the directories that there are.
fn numbers(file: &Path) -> io::Result<Vec<u64>> {
    let start = format!("{}-", file.file_name().unwrap_or_default().to_string_lossy());
    let mut numbers = Vec::new();
    for entry in fs::read_dir(file.parent().unwrap_or(Path::new(".")))? {
        let name = entry?.file_name();
        numbers.extend(name.to_string_lossy().strip_prefix(&start).and_then(|n| n.parse::<u64>().ok()));
    }
    Ok(numbers)
}

/// Whether the owner of a directory has given a sign of life within the limit. Both times are told
/// by the file system's clock: those of two machines need not agree.
fn is_alive(file: &Path, number: u64, limit: Duration) -> io::Result<bool> {
    let directory = numbered(file, number);
    // The owner may not have come to its first sign.
    let sign = match modified(&directory.join("alive")).or_else(|_| modified(&directory)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        sign => sign?,
    };
    touch(file)?;
    Ok(modified(file)?.duration_since(sign).unwrap_or_default() < limit)
}

/// Opened, because network file systems keep what they knew of a file until then.
fn modified(path: &Path) -> io::Result<SystemTime> {
    File::open(path)?.metadata()?.modified()
}

/// Written, so that the time is that of the file system's own clock.
fn touch(path: &Path) -> io::Result<()> {
    fs::write(path, "1")
}

/// Gives a sign of life again. What is gone, or has another's sign in its place, is not found: the
/// process that takes over may just be removing it.
fn touch_again(path: &Path, sign: &str) -> io::Result<()> {
    if fs::read_to_string(path)? != sign {
        return Err(ErrorKind::NotFound.into());
    }
    File::options().write(true).open(path)?.write_all(sign.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    /// What would be claimed, in a folder of its own.
    fn file() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("lock");
        (folder, file)
    }

    fn left(folder: &tempfile::TempDir) -> Vec<String> {
        let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The claim of a process that gave its last sign so long ago.
    fn silent(file: &Path, number: u64, since: Duration) {
        let directory = numbered(file, number);
        fs::create_dir(&directory).unwrap();
        touch(&directory.join("alive")).unwrap();
        let alive = File::options().write(true).open(directory.join("alive")).unwrap();
        alive.set_modified(SystemTime::now() - since).unwrap();
    }

    #[test]
    fn of_many_that_try_at_once_one_has_the_claim_until_it_lets_go() {
        for claims in [Claims::Locks, Claims::Heartbeat(MINUTE)] {
            let (folder, file) = file();
            let attempts = || {
                (0..8).map(|_| {
                    thread::spawn({
                        let file = file.clone();
                        move || claims.take(&file).unwrap()
                    })
                })
            };
            for _ in 0..20 {
                let threads: Vec<_> = attempts().collect();
                let all: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
                assert!(all.iter().flatten().count() <= 1, "{claims:?}: {all:?}");
                drop(all);
                assert!(claims.take(&file).unwrap().is_some(), "{claims:?}");
            }
            assert_eq!(left(&folder), ["lock"], "{claims:?}");
        }
    }

    #[test]
    fn a_claim_without_a_sign_of_life_is_taken_over_and_one_with_it_is_not() {
        let (folder, file) = file();
        silent(&file, 3, MINUTE / 2);
        assert!(Claims::Heartbeat(MINUTE).take(&file).unwrap().is_none());
        assert_eq!(left(&folder), ["lock", "lock-3"]);
        let taken = Claims::Heartbeat(MINUTE / 4).take(&file).unwrap();
        assert!(taken.is_some());
        assert_eq!(left(&folder), ["lock", "lock-4"]);
        drop(taken);
        assert_eq!(left(&folder), ["lock"]);
    }

    #[test]
    fn a_claim_whose_owner_has_not_come_to_its_first_sign_is_respected() {
        let (_folder, file) = file();
        fs::create_dir(numbered(&file, 1)).unwrap();
        assert!(Claims::Heartbeat(MINUTE).take(&file).unwrap().is_none());
    }

    #[test]
    fn claims_of_both_kinds_leave_traces_and_a_question_leaves_none() {
        for claims in [Claims::Locks, Claims::Heartbeat(MINUTE)] {
            let (folder, file) = file();
            assert!(!claims.left_traces(&file) && left(&folder).is_empty());
            let claim = claims.take(&file).unwrap().unwrap();
            assert!(claims.left_traces(&file), "{claims:?}");
            drop(claim);
        }
    }

    #[test]
    fn an_owner_gives_signs_of_life_until_it_is_taken_over() {
        let (folder, file) = file();
        let limit = Duration::from_millis(100);
        let claim = Directory::take(&file, limit).unwrap().unwrap();
        let first = modified(&claim.path.join("alive")).unwrap();
        let start = Instant::now();
        while modified(&claim.path.join("alive")).unwrap() == first {
            assert!(start.elapsed() < MINUTE, "waited in vain for a sign");
            thread::yield_now();
        }
        fs::remove_dir_all(&claim.path).unwrap();
        while !claim.beating.as_ref().unwrap().1.is_finished() {
            assert!(start.elapsed() < MINUTE, "waited in vain for its end");
            thread::yield_now();
        }
        // Of a directory with the same number that is another's now, it takes nothing away.
        silent(&file, 1, MINUTE);
        drop(claim);
        assert_eq!(left(&folder), ["lock-1"]);
    }
}
