//! Commands about who sits at the console and what is on record.

use alloc::format;
use alloc::string::String;

use proviso_abi::Action;
use proviso_abi::console::{ConfirmPolicy, ConsoleRequest};
use proviso_abi::value::Name;
use proviso_abi::words::ListWhat;

use super::{Request, Words, parse};

/// What there is to know about users.
pub const USER: &str = "/user ann acts as ann, with ann's own processes and quota; /user operator comes back.\n\
    /user add ann processes=4 memory=16M makes the user.";

/// How many audit records are shown if nobody says how many.
const RECORDS: u32 = 20;

pub fn audit(mut words: Words<'_>) -> Result<Request, String> {
    let records = match words.next() {
        Some("export") => return words.end(Request::Console(ConsoleRequest::ExportAudit)),
        None => RECORDS,
        Some(word) => parse::number(word)
            .ok_or_else(|| format!("\"{word}\" is neither export nor a number of records"))?,
    };
    words.end(Request::Act(Action::List {
        what: ListWhat::Audit,
        sort: None,
        limit: Some(records),
        path: None,
    }))
}

pub fn user(mut words: Words<'_>) -> Result<Request, String> {
    let request = match words.next() {
        None => ConsoleRequest::Users,
        Some("add") => return add(words),
        Some(word) => ConsoleRequest::Become(name(word)?),
    };
    words.end(Request::Console(request))
}

fn add(mut words: Words<'_>) -> Result<Request, String> {
    let name = name(words.need("the name of the user")?)?;
    let (mut processes, mut memory) = (None, None);
    while let Some(word) = words.next() {
        match word.split_once('=') {
            Some(("memory", size)) => memory = Some(parse::size(size)?),
            Some(("processes", count)) => {
                let number = parse::number(count);
                processes = Some(number.ok_or_else(|| format!("\"{count}\" is no number"))?);
            }
            _ => return Err(format!("\"{word}\" is nothing that a user has")),
        }
    }
    Ok(Request::Console(ConsoleRequest::AddUser {
        name,
        processes,
        memory,
    }))
}

pub fn confirm(mut words: Words<'_>) -> Result<Request, String> {
    let word = words.need("what you want to be asked before")?;
    let policy: ConfirmPolicy = word
        .parse()
        .map_err(|unknown| format!("\"{word}\" is no policy: {unknown}"))?;
    words.end(Request::Console(ConsoleRequest::Confirm(policy)))
}

fn name(word: &str) -> Result<Name, String> {
    Name::new(word).map_err(|error| format!("the name is {error}"))
}
