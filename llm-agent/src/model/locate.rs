//! Where the model file is, unless somebody says.

use std::path::{Path, PathBuf};

use super::ModelError;

/// The project's own model, relative to the repository that holds it.
pub const DEFAULT: &str = "llm-agent/model/proviso-planner.gguf";

/// The named model, or the default one in `from` or a folder above it.
///
/// # Errors
/// [`ModelError::Missing`] if it is not there.
pub fn locate(named: Option<&Path>, from: &Path) -> Result<PathBuf, ModelError> {
    let found = match named {
        Some(path) => Some(path.to_path_buf()),
        None => from
            .ancestors()
            .map(|folder| folder.join(DEFAULT))
            .find(|path| path.is_file()),
    };
    let path = found.unwrap_or_else(|| from.join(DEFAULT));
    if path.is_file() {
        Ok(path)
    } else {
        Err(ModelError::Missing {
            path: path.display().to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use sha2::{Digest as _, Sha256};

    use super::*;

    #[test]
    fn the_model_is_the_one_that_its_card_describes() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let model = std::fs::read(locate(None, folder).unwrap()).unwrap();
        let mut hash = String::new();
        for byte in Sha256::digest(&model) {
            write!(hash, "{byte:02x}").unwrap();
        }
        let card = std::fs::read_to_string(folder.join("model/MODEL.md")).unwrap();
        assert!(
            card.contains(&format!("| SHA-256 | `{hash}` |")),
            "llm-agent/model/MODEL.md does not name {hash}"
        );
    }

    #[test]
    fn looks_upwards_and_says_what_to_do() {
        let root = tempfile::tempdir().unwrap();
        let below = root.path().join("a/b");
        std::fs::create_dir_all(&below).unwrap();
        let error = locate(None, &below).unwrap_err().to_string();
        assert!(
            error.contains("--model names") && error.contains("a/b/llm-agent"),
            "{error}"
        );
        let model = root.path().join(DEFAULT);
        std::fs::create_dir_all(model.parent().unwrap()).unwrap();
        std::fs::write(&model, "GGUF").unwrap();
        assert_eq!(locate(None, &below).unwrap(), model);
        let named = below.join("other.gguf");
        assert!(
            locate(Some(&named), &below)
                .unwrap_err()
                .to_string()
                .contains("other.gguf")
        );
    }
}
