//! Places the kernel that only the tests boot where kernels are.

fn main() {
    let folder = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    println!("cargo:rustc-link-arg-examples=-T{folder}/../kernel.ld");
    println!("cargo:rerun-if-changed=../kernel.ld");
}
