//! What users want remembered: one JSON file for each, in one folder.
//!
//! The kernel decides who may have what remembered; this only keeps it. A file
//! is replaced as a whole, so a crash leaves the old one or the new one.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use proviso_abi::Sentence;
use proviso_abi::wire::MemoryChange;

/// The most facts that are kept of one user; the oldest go first.
pub const MAX_FACTS: usize = 64;

/// What is remembered of everybody.
#[derive(Debug)]
pub struct Memory {
    folder: Option<PathBuf>,
    users: BTreeMap<String, Vec<Sentence>>,
}

impl Memory {
    /// A memory that is kept in `folder`, or only as long as this process runs.
    #[must_use]
    pub const fn new(folder: Option<PathBuf>) -> Self {
        Self {
            folder,
            users: BTreeMap::new(),
        }
    }

    /// What is remembered of a user, oldest first.
    pub fn facts(&mut self, user: &str) -> &[Sentence] {
        let file = self.file(user);
        self.users
            .entry(user.into())
            .or_insert_with(|| file.map(|file| read(&file)).unwrap_or_default())
    }

    /// Changes what is remembered of a user, and writes it down.
    ///
    /// # Errors
    /// If it cannot be written; it is remembered all the same, until the agent ends.
    pub fn change(&mut self, user: &str, changes: &[MemoryChange]) -> io::Result<()> {
        let mut facts = self.facts(user).to_vec();
        for change in changes {
            match change {
                MemoryChange::Remember(fact) => {
                    facts.retain(|known| known != fact);
                    facts.push(fact.clone());
                    facts.drain(..facts.len().saturating_sub(MAX_FACTS));
                }
                MemoryChange::Forget(fact) => forget(&mut facts, fact),
            }
        }
        self.users.insert(user.into(), facts);
        match self.file(user) {
            Some(file) => self.write(&file, user),
            None => Ok(()),
        }
    }

    fn write(&self, file: &Path, user: &str) -> io::Result<()> {
        let folder = file.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let facts = self.users.get(user).map(Vec::as_slice).unwrap_or_default();
        let text = serde_json::to_string_pretty(facts)?;
        let fresh = file.with_extension("json.new");
        std::fs::write(&fresh, text)?;
        std::fs::rename(&fresh, file)
    }

    /// A user's file. Names come from a guest, which is a stranger: all but
    /// letters, digits, `-` and `_` is written as its code, so no name leads
    /// out of the folder and no two names meet.
    fn file(&self, user: &str) -> Option<PathBuf> {
        let folder = self.folder.as_ref()?;
        let name: String = user
            .bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => char::from(byte).to_string(),
                other => format!("%{other:02x}"),
            })
            .collect();
        Some(folder.join(format!("{name}.json")))
    }
}

/// Drops the fact itself; if there is none, those that have all of its words,
/// as words of their own: "tea" does not mean "I work in a team".
fn forget(facts: &mut Vec<Sentence>, fact: &Sentence) {
    let before = facts.len();
    facts.retain(|known| known != fact);
    if facts.len() < before {
        return;
    }
    let words = words(fact);
    facts.retain(|known| {
        let known = self::words(known);
        words.is_empty() || !words.iter().all(|word| known.contains(word))
    });
}

fn words(text: &str) -> Vec<String> {
    let text = text.to_lowercase();
    let words = text.split(|c: char| !c.is_alphanumeric());
    words
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// A file that is missing or damaged holds nothing; the next change replaces it.
fn read(file: &Path) -> Vec<Sentence> {
    let Ok(text) = std::fs::read_to_string(file) else {
        return Vec::new();
    };
    serde_json::from_str(&text).unwrap_or_else(|error| {
        eprintln!("llm-agent: {}: {error}; it counts as empty", file.display());
        Vec::new()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remember(fact: &str) -> MemoryChange {
        MemoryChange::Remember(Sentence::cut(fact))
    }

    fn words(memory: &mut Memory, user: &str) -> Vec<String> {
        let facts = memory.facts(user);
        facts.iter().map(|fact| fact.to_string()).collect()
    }

    #[test]
    fn facts_survive_a_restart_and_belong_to_their_user() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Memory::new(Some(folder.path().join("memory")));
        let mut memory = open();
        memory
            .change("ann", &[remember("I work nights"), remember("tea")])
            .unwrap();
        memory.change("bob", &[remember("coffee")]).unwrap();
        let mut again = open();
        assert_eq!(words(&mut again, "ann"), ["I work nights", "tea"]);
        assert_eq!(words(&mut again, "bob"), ["coffee"]);
        let forget = MemoryChange::Forget(Sentence::cut("work nights"));
        again.change("ann", &[forget]).unwrap();
        assert_eq!(words(&mut open(), "ann"), ["tea"]);
    }

    #[test]
    fn no_name_leads_out_of_the_folder_or_to_anothers_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut memory = Memory::new(Some(folder.path().join("memory")));
        for user in ["../evil", "a/b", "a%2fb", "", ".", "Ann", "ann"] {
            memory.change(user, &[remember(user)]).unwrap();
        }
        let files = std::fs::read_dir(folder.path().join("memory")).unwrap();
        assert_eq!(files.count(), 7);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_oldest_facts_make_room_and_a_damaged_file_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ann.json"), "{").unwrap();
        let mut memory = Memory::new(Some(folder.path().into()));
        let many: Vec<_> = (0..100).map(|n| remember(&format!("fact {n}"))).collect();
        memory.change("ann", &many).unwrap();
        let kept = words(&mut Memory::new(Some(folder.path().into())), "ann");
        assert_eq!((kept.len(), &*kept[0]), (MAX_FACTS, "fact 36"));
    }
}
