//! What files and folders of a store are called.
//!
//! ```text
//! STORE/store.json                    {"format": 1}; "heartbeat_seconds" where there are no locks
//! STORE/trials/ID/trial.toml          the complete trial
//!                 result.json         written last: the trial is done
//!                 weights.safetensors the trained weights
//!                 checkpoint*         there while it is unfinished; .data.json: on which data
//!                 rungs.json          validation scores at epochs after which it was stopped
//!                 failure.json        why the last attempt ended without a result
//!                 run.json            when, where, on what and for how long it ran
//!                 log.txt             what it said
//!                 lock                held (advisory file lock) by the process that runs it
//!                 lock-N/alive        in its place where there are no locks; written repeatedly
//!                 *.npz, *.png        what the report shows of it
//! STORE/trainings/NAME.json           which trial has done a training that may be others' too
//! STORE/images/                       pictures of data sets, which trials link to
//! STORE/stop-early/NAME.jsonl         what a sweep that stops early decided, and on what (xtask)
//! STORE/slurm/NAME-N/                 a job of a sweep (xtask)
//! ```

/// Marks a store, and says of which format it is.
pub const STORE: &str = "store.json";
/// The folder of all trials.
pub const TRIALS: &str = "trials";
/// The folder of trainings that several trials may share.
pub const TRAININGS: &str = "trainings";
/// The folder of what trials link to.
pub const IMAGES: &str = "images";
/// The folder of the journals of early stopping.
pub const STOP_EARLY: &str = "stop-early";
/// The folder of Slurm jobs.
pub const SLURM: &str = "slurm";

/// The complete trial.
pub const TRIAL: &str = "trial.toml";
/// [`crate::TrialResult`]; the trial is done when it is there.
pub const RESULT: &str = "result.json";
/// [`crate::Failure`]
pub const FAILURE: &str = "failure.json";
/// [`crate::Provenance`]
pub const RUN: &str = "run.json";
/// [`crate::Rungs`]
pub const RUNGS: &str = "rungs.json";
/// What the trial said.
pub const LOG: &str = "log.txt";
/// Locked by the process that runs the trial.
pub const LOCK: &str = "lock";
/// How the names of files begin that go away when a trial ends.
pub const CHECKPOINT: &str = "checkpoint";
/// Of which data the checkpoint is, where the trial names them by path.
pub const CHECKPOINT_DATA: &str = "checkpoint.data.json";
/// The trained weights.
pub const WEIGHTS: &str = "weights.safetensors";

/// Embeddings, labels and prior components.
pub const LATENT: &str = "latent.npz";
/// The images of the latent space, as one picture.
pub const THUMBNAILS: &str = "thumbnails.png";
/// Training images of each class.
pub const SAMPLES: &str = "samples.png";
/// Images above what a decoder makes of their embeddings.
pub const RECONSTRUCTIONS: &str = "reconstructions.png";
/// What a decoder makes of the plane.
pub const DECODED: &str = "decoded.png";
/// Volumes over a latent plane, and geodesics and straight lines on it.
pub const GEODESICS: &str = "geodesics.npz";
/// What a decoder makes along them.
pub const ALONG_GEODESICS: &str = "geodesics.png";
