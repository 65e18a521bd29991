//! The planner's model: the project's own, a file of this repository.

use std::path::PathBuf;

use crate::paths;

/// The model that the agent uses unless another is named.
#[must_use]
pub fn default_path() -> PathBuf {
    paths::root().join("llm-agent/model/proviso-planner.gguf")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_is_there_and_says_that_it_writes_short_form() {
        let file = std::fs::read(default_path()).unwrap();
        assert_eq!(file.get(..4), Some(&b"GGUF"[..]));
        // Metadata comes first: a key, then its type (4, a number of four bytes) and value.
        let key = b"proviso.short_form\x04\0\0\0\x01\0\0\0";
        let head = &file[..file.len().min(1 << 20)];
        assert!(head.windows(key.len()).any(|window| window == key));
    }
}
