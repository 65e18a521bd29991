//! Tells the linker where the loader's parts, and the probe's, go in memory.

fn main() {
    let folder = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    println!("cargo:rustc-link-arg-bins=-T{folder}/loader.ld");
    println!("cargo:rustc-link-arg-examples=-T{folder}/examples/probe.ld");
    println!("cargo:rustc-link-arg=-zmax-page-size=4096");
    // Nothing is relocated, so there is nothing to make read-only afterwards; and the
    // extra segment for it would share a page with the data.
    println!("cargo:rustc-link-arg=-znorelro");
    println!("cargo:rerun-if-changed=loader.ld");
    println!("cargo:rerun-if-changed=examples/probe.ld");
}
