//! How the pieces of files are named in the key-value store.
//!
//! A key is the path, a zero byte, and the number of the piece, highest byte
//! first: so the pieces of a file follow each other, and so do the files of a
//! folder. No path has a zero byte in it.

use alloc::vec::Vec;

/// The key of a piece of a file.
pub fn piece(path: &str, number: u16) -> Vec<u8> {
    let mut key = Vec::with_capacity(path.len().saturating_add(3));
    key.extend_from_slice(path.as_bytes());
    key.push(0);
    key.extend_from_slice(&number.to_be_bytes());
    key
}

/// The path in a key, and the number of the piece.
pub fn parse(key: &[u8]) -> Option<(&str, u16)> {
    let (rest, number) = key.split_last_chunk::<2>()?;
    let (0, path) = rest.split_last()? else {
        return None;
    };
    Some((
        core::str::from_utf8(path).ok()?,
        u16::from_be_bytes(*number),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_by_path_and_piece_and_can_be_read_back() {
        let keys = [
            piece("/a", 0),
            piece("/a", 1),
            piece("/a", 256),
            piece("/a/b", 0),
        ];
        assert!(keys.is_sorted());
        assert_eq!(parse(&piece("/ä/b", 258)), Some(("/ä/b", 258)));
        for strange in [&b""[..], b"/a", b"\0\0\0x", b"\xff\0\0\0"] {
            assert_ne!(parse(strange).map(|(path, _)| path), Some("/a"));
        }
    }
}
