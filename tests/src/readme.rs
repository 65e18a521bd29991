//! The commands that the README promises.
//!
//! A code block whose fence says `sh tested` holds commands that must work as
//! they stand, from the root of the repository.

/// The tested code blocks of a Markdown text, in order.
#[must_use]
pub fn tested_blocks(markdown: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut block: Option<String> = None;
    for line in markdown.lines() {
        match &mut block {
            None if line.trim_end() == "```sh tested" => block = Some(String::new()),
            None => {}
            Some(_) if line.trim_end() == "```" => blocks.extend(block.take()),
            Some(text) => text.extend([line, "\n"]),
        }
    }
    blocks
}

/// The files that a Markdown text shows: blocks whose fence says `rust PATH`.
#[must_use]
pub fn files(markdown: &str) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut file: Option<(String, String)> = None;
    for line in markdown.lines() {
        match &mut file {
            None => {
                file = line
                    .strip_prefix("```rust ")
                    .map(|path| (path.trim().into(), String::new()))
            }
            Some(_) if line.trim_end() == "```" => files.extend(file.take()),
            Some((_, text)) => text.extend([line, "\n"]),
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_by_their_fence() {
        let text = "```rust a/b.rs\nfn x() {}\n```\n```rust\nno\n```\n";
        assert_eq!(files(text), [("a/b.rs".into(), "fn x() {}\n".into())]);
    }

    #[test]
    fn only_marked_blocks_count() {
        let text =
            "# A\n```sh\nrm -rf x\n```\nand\n```sh tested\n./a\n./b\n```\n```sh tested\n./c\n```\n";
        assert_eq!(tested_blocks(text), ["./a\n./b\n", "./c\n"]);
        assert!(tested_blocks("```sh tested\nnever closed\n").is_empty());
    }
}
