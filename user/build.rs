//! Links every program by `program.ld`.

fn main() {
    let folder = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    println!("cargo:rustc-link-arg-bins=-T{folder}/program.ld");
    // Segments begin on pages of their own, so that each gets its own rights.
    println!("cargo:rustc-link-arg-bins=-zseparate-loadable-segments");
    println!("cargo:rustc-link-arg-bins=-zmax-page-size=4096");
    println!("cargo:rustc-link-arg-bins=--gc-sections");
    println!("cargo:rerun-if-changed=program.ld");
}
