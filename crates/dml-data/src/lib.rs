//! Image data sets as arrays: idx and npz loaders, download with checksums, the partial-label mask.
