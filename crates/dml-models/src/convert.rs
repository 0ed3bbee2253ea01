//! Between arrays on the host and tensors.

use ndarray::{Array2, ArrayView2};
use tch::kind::Element;
use tch::{Device, Kind, Tensor};

/// Pixels u8 to f32 in [0, 1].
pub(crate) fn unit_range(pixels: &Tensor) -> Tensor {
    pixels.to_kind(Kind::Float) / 255.0
}

/// Images `[n, pixels]` of u8, or points `[n, d]` of f32.
pub(crate) fn to_tensor<T: Element>(values: ArrayView2<T>) -> Tensor {
    let (rows, columns) = values.dim();
    let values = values.as_standard_layout();
    Tensor::from_slice(values.as_slice().expect("standard layout")).reshape([rows as i64, columns as i64])
}

/// `[n, d]`; here tensors end.
pub(crate) fn to_array(tensor: &Tensor) -> Array2<f32> {
    let size = tensor.size();
    let flat = tensor.to_device(Device::Cpu).to_kind(Kind::Float).contiguous().view([-1]);
    let values = Vec::<f32>::try_from(&flat).expect("a flat f32 tensor on the CPU");
    Array2::from_shape_vec((size[0] as usize, size[1] as usize), values)
        .expect("as many values as the shape says")
}
