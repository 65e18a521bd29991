//! `docs/syscalls.md`, written from the tables.

use std::fmt::Write;

use crate::handle::{MAX_HANDLES, ObjectKind, Rights};
use crate::ipc::{MAX_LETTER, MAX_MESSAGE, WORDS};
use crate::syscall::{Error, MAX_BUFFER, Syscall};

/// The page, in Markdown.
#[must_use]
pub fn syscalls() -> String {
    let mut page = String::from(HEAD);
    let _ = writeln!(
        page,
        "A process has at most {MAX_HANDLES} handles. A message has {WORDS} words in registers \
         and at most {MAX_MESSAGE} bytes beside them, a letter at most {MAX_LETTER} bytes; other \
         calls take at most {MAX_BUFFER}.\n"
    );
    for call in Syscall::ALL {
        section(&mut page, *call);
    }
    page.push_str("## Objects\n\n| kind | |\n|---|---|\n");
    for kind in ObjectKind::ALL {
        let _ = writeln!(page, "| {} | {} |", *kind as u8, kind.name());
    }
    page.push_str("\n## Rights\n\n| bit | name | allows to |\n|---|---|---|\n");
    for (right, name, text) in Rights::TABLE {
        let _ = writeln!(page, "| {} | {name} | {text} |", right.bits());
    }
    page.push_str("\n## Errors\n\n| number | name | means |\n|---|---|---|\n");
    for error in Error::ALL {
        let _ = writeln!(page, "| {} | {error:?} | {error} |", *error as i64);
    }
    page
}

const HEAD: &str = "# System calls

Written from the table in `abi/src/syscall.rs` (`PROVISO_BLESS=1 cargo test -p proviso-abi`
writes it anew; a test fails while it is stale).

The number goes into `rax`, arguments into `rdi`, `rsi`, `rdx`, `r10`, `r8`, `r9`, in
the order of the table; a buffer takes two registers (address, length), words take
four. The result comes in `rax`: below zero it is an error. Only `rcx` and `r11`
change beside it, except where a call brings a message.

Every call that takes a handle fails with `BadHandle` if there is none, `WrongObject`
if it is for another kind of object, `NotPermitted` if it lacks the right, and `Dead`
if the object is no more. A handle that died keeps its place until it is closed. An
unknown call, and memory that is not the caller's, end the caller.

";

fn section(page: &mut String, call: Syscall) {
    let arguments: Vec<String> = call
        .arguments()
        .iter()
        .map(|(name, kind, _)| format!("{name}: {kind:?}"))
        .collect();
    let _ = writeln!(
        page,
        "## {}: {}\n\n`{}({})` returns {}.\n",
        call as u64,
        call.name(),
        call.name(),
        arguments.join(", "),
        call.result()
    );
    let text: Vec<&str> = call.text().iter().map(|line| line.trim()).collect();
    let _ = writeln!(page, "{}\n", text.join("\n"));
    if let Some(needs) = call.needs() {
        let kind = needs.kind.map_or("object of any kind", ObjectKind::name);
        let _ = writeln!(page, "Handle: {kind}, rights: {}.\n", needs.rights);
    }
    if !call.errors().is_empty() {
        let errors: Vec<String> = call
            .errors()
            .iter()
            .map(|one| format!("`{one:?}`"))
            .collect();
        let _ = writeln!(page, "Fails with {}.\n", errors.join(", "));
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_page_is_that_of_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/syscalls.md");
        let page = super::syscalls();
        if std::env::var_os("PROVISO_BLESS").is_some() {
            std::fs::write(path, &page).unwrap();
        }
        let found = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            found == page,
            "docs/syscalls.md is stale; write it anew with PROVISO_BLESS=1 cargo test -p proviso-abi"
        );
    }
}
