//! The experiment: what a sweep *is*, from its file to its trials. Pure but for reading files; what
//! runs it is [`crate::engine`].

pub(crate) mod expand;
mod file;
mod stop_early;
mod sweep;
pub(crate) mod trial;

pub(crate) use stop_early::StopEarly;
pub(crate) use sweep::Sweep;
pub(crate) use trial::Trial;
