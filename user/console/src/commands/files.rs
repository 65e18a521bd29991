//! Commands about files.

use alloc::format;
use alloc::string::String;

use proviso_abi::files::is_path;
use proviso_abi::value::Content;
use proviso_abi::words::ListWhat;
use proviso_abi::{Action, Path};

use super::{Request, Words, alone};

/// What there is to know about paths.
pub const PATHS: &str =
    "FILE: a path such as /notes/todo.txt; its folders come and go with what is in them.";

pub fn list(mut words: Words<'_>) -> Result<Request, String> {
    let path = words.next().map(path).transpose()?;
    let action = Action::List {
        what: ListWhat::Files,
        sort: None,
        limit: None,
        path,
    };
    alone(words, action)
}

pub fn read(mut words: Words<'_>) -> Result<Request, String> {
    let path = path(words.need("the file")?)?;
    alone(words, Action::ReadFile { path })
}

pub fn write(mut words: Words<'_>) -> Result<Request, String> {
    let path = path(words.need("the file")?)?;
    let content = match words.rest.trim() {
        "" => return Err("the text is missing".into()),
        text => Content::new(text).map_err(|error| format!("the text is {error} bytes"))?,
    };
    Ok(Request::Act(Action::WriteFile { path, content }))
}

pub fn delete(mut words: Words<'_>) -> Result<Request, String> {
    let path = path(words.need("the file")?)?;
    alone(words, Action::DeleteFile { path })
}

fn path(word: &str) -> Result<Path, String> {
    Path::new(word)
        .ok()
        .filter(|path| is_path(path))
        .ok_or_else(|| format!("\"{word}\" is no path; one looks like /notes/todo.txt"))
}
