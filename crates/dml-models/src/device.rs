//! Where tensors live.

use tch::{Cuda, Device};

/// The device of a name: `cpu`, `cuda:N`, or `auto` for the first CUDA device where there is one
/// and the CPU elsewhere.
///
/// To be called before a program's first gradient: LibTorch looks for its CUDA half once, and this
/// loads it. From then on denormal numbers are zero on this thread and those that it starts, see
/// [`set_flush_denormal`](crate::set_flush_denormal).
///
/// # Errors
/// One sentence when the name is none of these, or the device is not there.
pub fn device(name: &str) -> Result<Device, String> {
    load_cuda();
    crate::set_flush_denormal(true);
    let number = match name {
        "cpu" => return Ok(Device::Cpu),
        "auto" if !Cuda::is_available() => return Ok(Device::Cpu),
        "auto" | "cuda" => Ok(0),
        _ => name.strip_prefix("cuda:").unwrap_or("").parse::<usize>(),
    };
    let number = number.map_err(|_| format!("device {name:?} is unknown; it must be auto, cpu or cuda:N"))?;
    let there = if Cuda::is_available() { Cuda::device_count() as usize } else { 0 };
    if number < there {
        return Ok(Device::Cuda(number));
    }
    let why = if cuda_library().is_none() {
        "this LibTorch has no CUDA".to_string()
    } else {
        format!("there are {there} CUDA devices")
    };
    Err(format!("device {name:?} cannot be had: {why}; use cpu or auto"))
}

/// The name [`device`] takes.
pub fn device_name(device: Device) -> String {
    match device {
        Device::Cuda(number) => format!("cuda:{number}"),
        _ => "cpu".into(),
    }
}

/// `libtorch_cuda.so` beside the LibTorch that this process runs with, if it is there.
fn cuda_library() -> Option<std::path::PathBuf> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    let loaded = maps.lines().filter_map(|line| line.find('/').map(|at| &line[at..]));
    let cpu = loaded.into_iter().find(|path| path.ends_with("/libtorch_cpu.so"))?;
    let path = std::path::Path::new(cpu).with_file_name("libtorch_cuda.so");
    path.exists().then_some(path)
}

/// Linkers drop `libtorch_cuda`, since no symbol of it is named; loaded by hand it registers
/// itself, so one binary serves both.
fn load_cuda() {
    use std::sync::Once;
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if let Some(path) = cuda_library() {
            open_globally(&path);
        }
    });
}

#[expect(
    unsafe_code,
    reason = "loading a library runs its initialisers; this one is LibTorch's own other half"
)]
fn open_globally(path: &std::path::Path) {
    use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
    // SAFETY: LibTorch's CUDA half is made to be loaded beside its CPU half, and stays loaded for
    // the process's life.
    match unsafe { Library::open(Some(path), RTLD_NOW | RTLD_GLOBAL) } {
        Ok(library) => {
            std::mem::forget(library);
            if full_precision().is_none() {
                eprintln!("this LibTorch cannot be told to convolve in full f32; on CUDA it may take TF32");
            }
        }
        Err(e) => eprintln!("{}: found but not usable, going on without CUDA: {e}", path.display()),
    }
}

/// Convolutions in f32 on CUDA, too: LibTorch lets cuDNN take TF32 for them, of 10 bits of
/// mantissa, which is 1e-3 off the CPU's. `None` where this LibTorch has no such switch.
#[expect(unsafe_code, reason = "tch does not expose the switch, a method of LibTorch's global context")]
fn full_precision() -> Option<()> {
    use libloading::os::unix::Library;
    use std::ffi::c_void;
    let process = Library::this();
    // SAFETY: the mangled names state these very signatures, `at::Context& at::globalContext()` and
    // `void at::Context::setAllowTF32CuDNN(bool)`; a method takes its object first.
    unsafe {
        let context = process.get::<extern "C" fn() -> *mut c_void>(b"_ZN2at13globalContextEv\0").ok()?;
        let set =
            process.get::<extern "C" fn(*mut c_void, bool)>(b"_ZN2at7Context17setAllowTF32CuDNNEb\0").ok()?;
        set(context(), false);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_libtorch_can_be_told_to_convolve_in_full_precision() {
        assert_eq!(full_precision(), Some(()));
    }

    #[test]
    fn names_are_checked() {
        assert_eq!(device("cpu"), Ok(Device::Cpu));
        assert!(device("gpu").unwrap_err().contains("must be auto, cpu or cuda:N"));
        assert!(device("cuda:99").unwrap_err().contains("cannot be had"));
        assert_eq!(device(&device_name(Device::Cpu)), Ok(Device::Cpu));
    }
}
