//! The parts of a command: sizes, levels, processes, counts.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use proviso_abi::target::MAX_REFS;
use proviso_abi::value::{Bytes, Factor};
use proviso_abi::{List, Percent, Priority, ProcessRef, Target};

/// What a command is about: processes, less some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Processes {
    /// These.
    pub target: Target,
    /// But not these.
    pub except: Option<List<ProcessRef, MAX_REFS>>,
}

/// Reads `4096`, `512K`, `8M` or `1G` (powers of 1024).
///
/// # Errors
/// A sentence that says what a size looks like.
pub fn size(word: &str) -> Result<Bytes, String> {
    let wrong = || format!("\"{word}\" is no size; sizes look like 4096, 512K or 8M");
    let (digits, unit) = match word.to_ascii_uppercase().as_bytes() {
        [digits @ .., b'K'] => (digits.len(), 1 << 10),
        [digits @ .., b'M'] => (digits.len(), 1 << 20),
        [digits @ .., b'G'] => (digits.len(), 1 << 30),
        digits => (digits.len(), 1),
    };
    number::<u64>(word.get(..digits).unwrap_or_default())
        .and_then(|number| number.checked_mul(unit))
        .map(Bytes)
        .ok_or_else(wrong)
}

/// Reads a factor such as `x2` or `x0.5`; nothing if it is none.
#[must_use]
pub fn factor(word: &str) -> Option<Factor> {
    let (whole, part) = match word.strip_prefix('x')?.split_once('.') {
        Some((whole, part)) => (whole, part),
        None => (word.strip_prefix('x')?, "0"),
    };
    if part.len() > 3 {
        return None;
    }
    let scale = 10u32.pow(3 - u32::try_from(part.len()).ok()?);
    let milli = number::<u32>(whole)?
        .checked_mul(1000)?
        .checked_add(number::<u32>(part)? * scale)?;
    Some(Factor { milli })
}

/// Reads a percentage, with or without its sign.
///
/// # Errors
/// A sentence that says what a percentage is.
pub fn percent(word: &str) -> Result<Percent, String> {
    number(word.strip_suffix('%').unwrap_or(word))
        .and_then(Percent::new)
        .ok_or_else(|| format!("\"{word}\" is no percentage from 1 to 100"))
}

/// Digits alone, without the sign that Rust's own parser accepts.
pub fn number<T: core::str::FromStr>(word: &str) -> Option<T> {
    let digits = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| word.parse().ok()).flatten()
}

/// Reads a priority.
///
/// # Errors
/// A sentence that names the levels.
pub fn priority(word: &str) -> Result<Priority, String> {
    word.parse()
        .map_err(|unknown| format!("\"{word}\" is no priority: {unknown}"))
}

/// Reads `4`, `counter`, `*`, `4,counter` or `*,-shell`.
///
/// # Errors
/// A sentence that says which part is wrong.
pub fn processes(word: &str) -> Result<Processes, String> {
    let mut these = Vec::new();
    let mut except = Vec::new();
    let mut all = false;
    for part in word.split(',') {
        let (list, part) = match part.strip_prefix('-') {
            Some(part) => (&mut except, part),
            None => (&mut these, part),
        };
        match part {
            "" => return Err(format!("\"{word}\" has an empty part")),
            "*" => all = true,
            _ => list.push(
                ProcessRef::parse(part)
                    .map_err(|error| format!("the name \"{part}\" is {error}"))?,
            ),
        }
    }
    let target = match (all, these.len()) {
        (true, 0) => Target::All,
        (true, _) => return Err(format!("\"{word}\": * is everything already")),
        (false, 0) => return Err(format!("\"{word}\" leaves nobody")),
        (false, 1) => Target::One(these.remove(0)),
        (false, _) => Target::Many(bounded(these)?),
    };
    let except = match except.len() {
        0 => None,
        _ => Some(bounded(except)?),
    };
    Ok(Processes { target, except })
}

/// Reads processes where a command cannot make exceptions.
///
/// # Errors
/// A sentence that says which part is wrong.
pub fn target(word: &str) -> Result<Target, String> {
    let Processes { target, except } = processes(word)?;
    match except {
        None => Ok(target),
        Some(_) => Err(format!("\"{word}\": this command knows no exceptions")),
    }
}

fn bounded(list: Vec<ProcessRef>) -> Result<List<ProcessRef, MAX_REFS>, String> {
    List::new(list).map_err(|error| format!("the list of processes is {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (word, bytes) in [
            ("4096", 4096),
            ("512K", 512 << 10),
            ("8m", 8 << 20),
            ("1G", 1 << 30),
        ] {
            assert_eq!(size(word), Ok(Bytes(bytes)));
        }
        for word in [
            "",
            "M",
            "-1",
            "+1",
            "8 M",
            "8MB",
            "1.5M",
            "0x10",
            "99999999999999999999",
            "99999999999G",
            "ü",
        ] {
            assert!(
                size(word).unwrap_err().contains("sizes look like"),
                "{word}"
            );
        }
    }

    #[test]
    fn factors_have_up_to_three_decimals() {
        for (word, milli) in [("x2", 2000), ("x0.5", 500), ("x1.25", 1250), ("x0.001", 1)] {
            assert_eq!(factor(word), Some(Factor { milli }));
        }
        for word in [
            "2",
            "x",
            "x.5",
            "x1.",
            "x1.2345",
            "x-1",
            "x99999999999",
            "x4294968",
        ] {
            assert_eq!(factor(word), None, "{word}");
        }
    }

    #[test]
    fn processes_are_numbers_names_lists_and_everything() {
        assert_eq!(target("4"), Ok(Target::pid(4)));
        assert_eq!(target("counter"), Ok(Target::name("counter")));
        assert_eq!(target("*"), Ok(Target::All));
        assert!(matches!(target("4,counter"), Ok(Target::Many(list)) if list.len() == 2));
        let spared = processes("*,-shell,-4").unwrap();
        assert_eq!(spared.target, Target::All);
        assert_eq!(spared.except.unwrap().len(), 2);
    }

    #[test]
    fn lists_that_make_no_sense_are_named() {
        for (word, says) in [
            ("", "empty part"),
            ("4,", "empty part"),
            ("-", "empty part"),
            ("*,4", "everything already"),
            ("-shell", "leaves nobody"),
            (&"x".repeat(33), "longer than 32"),
            (&["1"; 17].join(","), "longer than 16"),
        ] {
            let error = processes(word).unwrap_err();
            assert!(error.contains(says), "{word}: {error}");
        }
        assert!(target("*,-4").unwrap_err().contains("no exceptions"));
    }

    proptest! {
        #[test]
        fn no_word_panics(word in "\\PC{0,40}") {
            let _ = (size(&word), factor(&word), processes(&word), priority(&word));
        }
    }
}
