//! Lets every test, example and binary of this package find LibTorch without exported variables,
//! and tells the binary its version. Without the feature `train` there is none to find.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let mut version = String::from("unknown");
    if let Ok(directory) = std::env::var("DEP_TCH_LIBTORCH_LIB") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{directory}");
        if let Ok(text) = std::fs::read_to_string(format!("{directory}/../build-version")) {
            version = text.trim().to_string();
        }
    }
    println!("cargo:rustc-env=DML_LIBTORCH={version}");
}
