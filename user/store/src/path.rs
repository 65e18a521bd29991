//! What a path may look like.

use alloc::string::String;

use crate::error::StoreError;

/// The most bytes of a path, as in the actions.
pub const MAX_PATH: usize = 128;

/// Whether this is a path from the root: `/` or `/folder/file`, without `.`, `..`,
/// empty parts or control characters.
///
/// # Errors
/// [`StoreError::BadPath`] when it is not.
pub fn check(path: &str) -> Result<(), StoreError> {
    let parts = path.strip_prefix('/').ok_or(StoreError::BadPath)?;
    let good_part = |part: &str| !matches!(part, "" | "." | "..");
    let good = path.len() <= MAX_PATH
        && !path.chars().any(char::is_control)
        && (parts.is_empty() || parts.split('/').all(good_part));
    if good {
        Ok(())
    } else {
        Err(StoreError::BadPath)
    }
}

/// What the paths of everything in a folder begin with.
pub fn inside(folder: &str) -> String {
    let mut beginning = String::from(folder);
    if !beginning.ends_with('/') {
        beginning.push('/');
    }
    beginning
}

/// The folders above a path, outermost first, without the root.
pub fn folders(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/')
        .filter_map(|(end, _)| path.get(..end))
        .filter(|folder| !folder.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_start_at_the_root_and_stay_below_it() {
        for good in [
            "/",
            "/a",
            "/notes/to do.txt",
            "/ä/ö",
            "/a.b",
            "/...",
            "/.new/x",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        let long = format!("/{}", "x".repeat(MAX_PATH));
        for bad in [
            "", "a", "a/b", "//", "/a//b", "/a/", "/..", "/a/../b", "/.", "/a\0b", "/a\nb", &long,
        ] {
            assert_eq!(check(bad), Err(StoreError::BadPath), "{bad:?}");
        }
    }

    #[test]
    fn folders_come_outermost_first() {
        assert!(folders("/a/b/c").eq(["/a", "/a/b"]));
        assert!(folders("/a").eq([""; 0]));
    }
}
