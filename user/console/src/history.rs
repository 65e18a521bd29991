//! The lines that were entered, to come back to.

use alloc::collections::VecDeque;
use alloc::string::String;

/// The most lines that are kept.
pub const MAX_ENTRIES: usize = 64;

/// Entered lines, and where among them the user is looking.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// Oldest first.
    entries: VecDeque<String>,
    /// Steps back from the line being typed; 0 is that line.
    back: usize,
    /// The line that was being typed when the user began to look back.
    draft: String,
}

impl History {
    /// Keeps a line, unless it is empty or the same as the last.
    pub fn add(&mut self, line: &str) {
        self.back = 0;
        self.draft.clear();
        if line.is_empty() || self.entries.back().is_some_and(|last| last == line) {
            return;
        }
        if self.entries.len() == MAX_ENTRIES {
            self.entries.pop_front();
        }
        self.entries.push_back(line.into());
    }

    /// Stops looking back.
    pub fn reset(&mut self) {
        self.back = 0;
        self.draft.clear();
    }

    /// One line further back; `current` is what stands on the line now.
    pub fn older(&mut self, current: &str) -> Option<String> {
        let entry = self.entry(self.back + 1)?.into();
        if self.back == 0 {
            self.draft = current.into();
        }
        self.back += 1;
        Some(entry)
    }

    /// One line forward, in the end to the line that was being typed.
    pub fn newer(&mut self) -> Option<String> {
        self.back = self.back.checked_sub(1)?;
        match self.back {
            0 => Some(core::mem::take(&mut self.draft)),
            back => self.entry(back).map(String::from),
        }
    }

    /// Every line, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(String::as_str)
    }

    fn entry(&self, back: usize) -> Option<&str> {
        let index = self.entries.len().checked_sub(back)?;
        self.entries.get(index).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_goes_back_and_forth_and_finds_the_draft_again() {
        let mut history = History::default();
        history.add("one");
        history.add("two");
        history.add("two");
        history.add("");
        assert_eq!(history.older("dra").as_deref(), Some("two"));
        assert_eq!(history.older("two").as_deref(), Some("one"));
        assert_eq!(history.older("one"), None);
        assert_eq!(history.newer().as_deref(), Some("two"));
        assert_eq!(history.newer().as_deref(), Some("dra"));
        assert_eq!(history.newer(), None);
    }

    #[test]
    fn only_the_last_lines_are_kept() {
        let mut history = History::default();
        for number in 0..100 {
            history.add(&number.to_string());
        }
        assert_eq!(history.iter().count(), MAX_ENTRIES);
        assert_eq!(history.iter().next(), Some("36"));
        assert_eq!(history.older("").as_deref(), Some("99"));
    }
}
