//! The text of the batch script: a pure function.

use std::path::Path;

use super::super::worker::{Dml, ENVIRONMENT};

/// How the log of a task says that a process has ended, before its exit code.
pub(crate) const ENDED: &str = "dml run ended with exit code";
/// How it then says in which trial, before its id, where the process died without telling.
pub(crate) const DIED: &str = "it died in trial";

/// What the script depends on.
#[derive(Debug)]
pub(crate) struct Job<'a> {
    /// The sweep.
    pub name: &'a str,
    /// Absolute; holds `tasks/` and `logs/`.
    pub folder: &'a Path,
    pub dml: &'a Dml,
    pub n_tasks: usize,
    pub at_once: Option<u16>,
}

/// The script that every task of the array runs.
pub(crate) fn script(job: &Job) -> String {
    let throttle = job.at_once.map(|n| format!("%{n}")).unwrap_or_default();
    let last = job.n_tasks.saturating_sub(1);
    let environment = ENVIRONMENT.map(|(name, value)| format!("{name}={value}")).join(" ");
    let program = job.dml.program.display().to_string();
    let command: Vec<String> =
        [program].iter().chain(&job.dml.arguments()).map(|word| for_shell(word)).collect();
    let folder = job.folder.display().to_string();
    format!(
        r#"#!/bin/bash
#SBATCH --job-name={name}
#SBATCH --array=0-{last}{throttle}
#SBATCH --output={logs}
#SBATCH --open-mode=append
#SBATCH --cpus-per-task=1
#SBATCH --requeue
#SBATCH --signal=B:USR1@120
export {environment}
list={tasks}/$SLURM_ARRAY_TASK_ID
mapfile -t trials < "$list"

# Shortly before the time limit: a checkpoint, and back into the queue.
trap 'again=1; kill -TERM "$dml"' USR1
# Preempted, requeued or cancelled: Slurm tells every process of the task; the shell waits for the checkpoint.
trap : TERM

while [ ${{#trials[@]}} -gt 0 ]; do
  {command} "${{trials[@]}}" &
  dml=$!
  while kill -0 "$dml" 2> /dev/null; do wait "$dml"; code=$?; done
  echo "{ENDED} $code"
  case $code in 0 | 1 | 2 | 130 | 143) break ;; esac
  # The process died in the first trial that has no outcome since the task was made: the others go on without it.
  left=()
  for trial in "${{trials[@]}}"; do
    [ -e "$trial/result.json" ] || [ "$trial/failure.json" -nt "$list" ] || left+=("$trial")
  done
  echo "{DIED} ${{left[0]##*/}}"
  trials=("${{left[@]:1}}")
done
[ -z "$again" ] || scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_$SLURM_ARRAY_TASK_ID"
exit "$code"
"#,
        name = for_sbatch(&format!("dml-{}", job.name)),
        // In a file's name a % begins a pattern, as %a, the task's number.
        logs = for_sbatch(&format!("{}/logs/%a", folder.replace('%', "%%"))),
        command = command.join(" "),
        tasks = for_shell(&format!("{folder}/tasks")),
    )
}

/// A word as the shell reads it back.
fn for_shell(word: &str) -> String {
    shlex::try_quote(word).expect("no path and no argument has a NUL").into_owned()
}

/// A value as `sbatch` reads it back from an `#SBATCH` line, where # begins a comment even between
/// quotes.
fn for_sbatch(value: &str) -> String {
    let escaped =
        value.chars().flat_map(|c| ['"', '\\', '#'].contains(&c).then_some('\\').into_iter().chain([c]));
    format!("\"{}\"", escaped.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_says_all_there_is_to_a_task() {
        let dml = Dml { program: "/work place/dml".into(), device: "auto".into(), stack: 1, more: vec![] };
        let folder = Path::new("/my store 50%a/slurm/quick-1");
        let text = script(&Job { name: "quick", folder, dml: &dml, n_tasks: 12, at_once: Some(4) });
        insta::assert_snapshot!(text, @r##"
        #!/bin/bash
        #SBATCH --job-name="dml-quick"
        #SBATCH --array=0-11%4
        #SBATCH --output="/my store 50%%a/slurm/quick-1/logs/%a"
        #SBATCH --open-mode=append
        #SBATCH --cpus-per-task=1
        #SBATCH --requeue
        #SBATCH --signal=B:USR1@120
        export OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE GOMP_SPINCOUNT=20000
        list='/my store 50%a/slurm/quick-1/tasks'/$SLURM_ARRAY_TASK_ID
        mapfile -t trials < "$list"

        # Shortly before the time limit: a checkpoint, and back into the queue.
        trap 'again=1; kill -TERM "$dml"' USR1
        # Preempted, requeued or cancelled: Slurm tells every process of the task; the shell waits for the checkpoint.
        trap : TERM

        while [ ${#trials[@]} -gt 0 ]; do
          '/work place/dml' run --device auto --threads 1 "${trials[@]}" &
          dml=$!
          while kill -0 "$dml" 2> /dev/null; do wait "$dml"; code=$?; done
          echo "dml run ended with exit code $code"
          case $code in 0 | 1 | 2 | 130 | 143) break ;; esac
          # The process died in the first trial that has no outcome since the task was made: the others go on without it.
          left=()
          for trial in "${trials[@]}"; do
            [ -e "$trial/result.json" ] || [ "$trial/failure.json" -nt "$list" ] || left+=("$trial")
          done
          echo "it died in trial ${left[0]##*/}"
          trials=("${left[@]:1}")
        done
        [ -z "$again" ] || scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"
        exit "$code"
        "##);
    }

    #[test]
    fn words_reach_the_shell_as_they_are() {
        let words = ["a/b-c", "", "it's", "50%", "a b$c"];
        let read: Vec<_> = words.iter().map(|word| shlex::split(&for_shell(word)).unwrap()).collect();
        assert_eq!(read, words.map(|word| vec![word.to_owned()]));
    }

    #[test]
    fn values_reach_sbatch_as_they_are() {
        assert_eq!(for_sbatch(r#"a 'b' "c" #1 \"#), r#""a 'b' \"c\" \#1 \\""#);
    }
}
