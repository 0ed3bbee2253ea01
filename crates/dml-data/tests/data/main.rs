//! Data sets through the public interface: files of NumPy's, files that are broken, mirrors that
//! fail.

#[cfg(feature = "fetch")]
mod fetch;
mod members;
mod npz;
#[cfg(feature = "pictures")]
mod pictures;
#[cfg(feature = "fetch")]
mod server;
