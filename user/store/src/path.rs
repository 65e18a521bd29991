//! Folders, which are there as long as something is in them.

use alloc::string::String;

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
    fn folders_come_outermost_first() {
        assert!(folders("/a/b/c").eq(["/a", "/a/b"]));
        assert!(folders("/a").eq([""; 0]));
    }
}
