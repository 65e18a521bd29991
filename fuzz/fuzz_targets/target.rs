//! The target that has the name of the binary.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (_, run) = proviso_tests::fuzz::find(env!("CARGO_BIN_NAME")).expect("a target of this name");
    run(bytes);
});
