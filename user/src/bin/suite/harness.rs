//! What a test is, and how it says what went wrong.

use alloc::format;
use alloc::string::String;
use core::fmt::Debug;

/// What comes of a test: nothing, or what went wrong.
pub type Check = Result<(), String>;

/// A test.
pub struct Test {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub run: fn() -> Check,
}

/// A list of tests, each named like its function.
macro_rules! tests {
    ($($name:ident),+ $(,)?) => {
        /// The tests of this file.
        pub const TESTS: &[$crate::harness::Test] = &[
            $($crate::harness::Test { name: stringify!($name), run: $name }),+
        ];
    };
}
pub(crate) use tests;

/// Says what went wrong, if it did.
pub fn ensure(holds: bool, otherwise: &str) -> Check {
    if holds { Ok(()) } else { Err(otherwise.into()) }
}

/// Says what came, if it is not what was wanted.
pub fn same<T: Debug + PartialEq>(what: &str, got: T, wanted: T) -> Check {
    if got == wanted {
        return Ok(());
    }
    Err(format!("{what}: got {got:?}, wanted {wanted:?}"))
}

/// Adds to an error where it came up.
pub fn at<T, E: Debug>(what: &str, result: Result<T, E>) -> Result<T, String> {
    result.map_err(|error| format!("{what}: {error:?}"))
}
