//! Data sets through the public interface: files of NumPy's, files that are broken, mirrors that fail.

mod fetch;
mod npz;
mod server;
