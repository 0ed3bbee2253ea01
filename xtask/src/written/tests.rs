use std::path::PathBuf;
use std::process::Command;

use dml_store::{FORMAT, Provenance};

use super::*;

/// A repository of one sweep.
struct Repository {
    folder: tempfile::TempDir,
    now: String,
    comparisons: Vec<String>,
}

impl Repository {
    fn new() -> Self {
        let now = "@0 +0000".into();
        let repository = Self { folder: tempfile::tempdir().unwrap(), now, comparisons: vec![] };
        repository.git(&["init", "--quiet"]);
        repository.git(&["commit", "--quiet", "--allow-empty", "--message", "m"]);
        repository
    }

    fn git(&self, arguments: &[&str]) {
        let who = ["-c", "user.name=a", "-c", "user.email=a@example.org"];
        let mut git = Command::new("git");
        for name in history::ELSEWHERE {
            git.env_remove(name);
        }
        git.env("GIT_COMMITTER_DATE", &self.now);
        let status = git.arg("-C").arg(self.folder.path()).args(who).args(arguments).status();
        assert!(status.unwrap().success(), "git {arguments:?}");
    }

    /// All that is there, as of that second.
    fn commit(&mut self, seconds: u32) {
        self.now = format!("@{seconds} +0000");
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", "m"]);
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("xtask/sweeps/s.toml")
    }

    /// A verdict on system b against a, or on c.
    fn compare(&mut self, name: &str, says: &str, treatment: &str) {
        self.comparisons.push(format!(
            "[[verdict]]\nname = '{name}'\nproposal = '{says}'\ntreatment = {{ 'model.system' = '{treatment}' }}\n\
             control = {{ 'model.system' = 'a' }}\neach = []\nscore = 'x'\n"
        ));
        let text = format!(
            "claim = 'c'\ncommand = 'x'\nseeds = 1\nseconds_per_trial = 1.0\n[base]\nseed = 0\n\
             [base.model]\nsystem = 'a'\n[[grid]]\n'model.system' = ['a', 'b', 'c']\n{}",
            self.comparisons.concat()
        );
        fs::create_dir_all(self.path().parent().unwrap()).unwrap();
        fs::write(self.path(), text).unwrap();
    }

    fn sweep(&self) -> Sweep {
        Sweep::find(self.folder.path(), "s", None).unwrap()
    }

    /// Keeps a result of the nth system.
    fn keep(&self, n: usize) {
        let path = self.folder.path().join("results/s.jsonl");
        let before = fs::read_to_string(&path).unwrap_or_default();
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let line = format!("{{\"format\":1,\"id\":\"{}\"}}\n", self.sweep().trials[n].id);
        fs::write(path, before + &line).unwrap();
    }

    fn store(&self) -> RunStore {
        RunStore::open(&self.folder.path().join("runs")).unwrap()
    }

    fn words(&self) -> String {
        let words = words(&self.sweep(), &self.store());
        // Hashes hold what the machine says of its time.
        let is_hash = |word: &str| word.len() == 9 && word.chars().all(|c| c.is_ascii_hexdigit());
        let words = words.split(' ').map(|word| if is_hash(word) { "H" } else { word });
        words.collect::<Vec<_>>().join(" ")
    }
}

const DAY: u32 = 86_400;
const ALL_BEFORE: &str = "All that is compared here was committed before its first results were, the last of 1 in commit H of 1970-01-02; whether the sweep had these trials then is not looked at.";

#[test]
fn a_comparison_is_late_once_both_of_its_sides_have_a_kept_result_and_its_prose_may_change() {
    let mut repository = Repository::new();
    repository.compare("b", "It", "b");
    assert_eq!(repository.words(), "In no commit yet, and without a result: verdict b.");
    repository.commit(DAY);
    assert_eq!(repository.words(), ALL_BEFORE);
    repository.keep(0);
    repository.keep(1);
    repository.commit(2 * DAY);
    assert_eq!(repository.words(), ALL_BEFORE);

    // The prose is another; and of what is added one has no result on one of its sides.
    repository.comparisons.clear();
    repository.compare("b", "That", "b");
    repository.compare("c", "It", "c");
    assert_eq!(repository.words(), "In no commit yet, and without a result: verdict c.");
    repository.commit(3 * DAY);
    let all = ALL_BEFORE.replace("of 1 in commit H of 1970-01-02", "of 2 in commit H of 1970-01-04");
    assert_eq!(repository.words(), all);
    repository.compare("again", "It", "b");
    repository.commit(4 * DAY);
    let late = "Of 3 things compared here 1 got their present form after their first results, so take them as found, not as foretold: \
                verdict again, commit H of 1970-01-05.";
    assert_eq!(repository.words(), late);
    repository.compare("once-more", "It", "b");
    let nobody = " In no commit yet, or in the one that kept their first results, so whether they are older than these nobody can tell";
    assert_eq!(repository.words(), format!("{}{nobody}: verdict once-more.", late.replace("Of 3", "Of 4")));
}

#[test]
fn of_a_commit_that_has_the_first_results_too_nobody_can_tell() {
    let mut repository = Repository::new();
    repository.compare("b", "It", "b");
    repository.keep(0);
    repository.keep(1);
    repository.commit(DAY);
    assert!(repository.words().ends_with("nobody can tell: verdict b."), "{}", repository.words());
}

#[test]
fn of_a_file_in_no_repository_nothing_is_known() {
    let mut repository = Repository::new();
    repository.compare("b", "It", "b");
    fs::remove_dir_all(repository.folder.path().join(".git")).unwrap();
    assert!(repository.words().contains("is not known: the sweep's files are in no git repository"));
}

#[test]
fn what_the_store_ran_counts_from_the_second_in_which_it_had_a_result() {
    let mut repository = Repository::new();
    repository.compare("b", "It", "b");
    repository.commit(DAY);
    let run = |n: usize, finished_at: u32| {
        let provenance = Provenance {
            format: FORMAT,
            finished_at: finished_at.into(),
            ..toml::from_str("format = 1\nversion = ''\nlibtorch = ''\ndevice = ''\nthreads = 1\nhost = ''\nfinished_at = 0\nseconds = 9.0").unwrap()
        };
        let trial = &repository.sweep().trials[n];
        let store = repository.store();
        store.add(&trial.table).unwrap();
        store.write_provenance(&trial.id, &provenance).unwrap();
    };
    run(0, DAY - 10);
    assert_eq!(repository.words(), ALL_BEFORE, "the other side has none");
    run(1, DAY + 10);
    assert_eq!(repository.words(), ALL_BEFORE);
    run(1, DAY - 10);
    assert!(repository.words().ends_with("verdict b, commit H of 1970-01-02."));
    // Made anew, a commit is as young as what it says now.
    run(1, DAY + 10);
    repository.now = format!("@{} +0000", DAY + 20);
    repository.git(&["commit", "--quiet", "--amend", "--no-edit"]);
    assert!(repository.words().ends_with("verdict b, commit H of 1970-01-02."));
}
