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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_marked_blocks_count() {
        let text =
            "# A\n```sh\nrm -rf x\n```\nand\n```sh tested\n./a\n./b\n```\n```sh tested\n./c\n```\n";
        assert_eq!(tested_blocks(text), ["./a\n./b\n", "./c\n"]);
        assert!(tested_blocks("```sh tested\nnever closed\n").is_empty());
    }
}
