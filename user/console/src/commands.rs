//! The slash commands: one table, from which they are read and explained.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use proviso_abi::action::ProgramName;
use proviso_abi::console::ConsoleRequest;
use proviso_abi::value::{Argument, Message, Name};
use proviso_abi::words::{ListWhat, ShutdownMode};
use proviso_abi::{Action, List};

use crate::parse::{self, Processes};
use crate::suggest;

mod files;
mod session;
mod standing;

/// How many log lines are shown if nobody says how many.
const LOG_LINES: u32 = 20;

/// How many records of the trace are shown if nobody says how many.
const TRACE_RECORDS: u32 = 20;
/// The most records that are shown.
const MAX_TRACE_RECORDS: u32 = 1000;

/// What a line asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Nothing.
    Nothing,
    /// Something of the model.
    Sentence(String),
    /// Something of the shell or the kernel.
    Command(Request),
    /// A command that cannot be understood, and why.
    Mistake(String),
}

/// What a command asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// A plan of one action, for the kernel.
    Act(Action),
    /// A request that only the console can make.
    Console(ConsoleRequest),
    /// This text.
    Show(String),
    /// The lines entered so far.
    History,
    /// Who uses the machine, live.
    Top,
    /// The newest records of what happened, so many.
    Trace(u32),
    /// An empty screen.
    Clear,
}

/// One slash command.
pub struct Command {
    /// Its name, without the slash.
    pub name: &'static str,
    /// What may follow the name.
    pub usage: &'static str,
    /// What it does, in a few words.
    pub summary: &'static str,
    /// What else there is to know, or nothing.
    pub details: &'static str,
    read: fn(Words<'_>) -> Result<Request, String>,
}

const PROCESSES: &str =
    "PROCESSES: a number, a name, a list such as 4,counter, or * for all but init.";
const SPARED: &str = "PROCESSES: a number, a name, a list such as 4,counter, or * for all but init;\n-shell in the list makes an exception, as in *,-shell.";

/// The table: `name usage summary details function`.
macro_rules! commands {
    ($($name:literal $usage:literal $summary:literal $details:expr, $read:expr;)+) => {
        /// Every command, in the order in which help shows them.
        pub static COMMANDS: &[Command] = &[
            $(Command { name: $name, usage: $usage, summary: $summary, details: $details, read: $read }),+
        ];
    };
}

commands! {
    "help" "[COMMAND]" "lists the commands, or explains one" "", help;
    "ps" "[cpu|memory|pid|name]" "shows processes, sorted" "", list_processes;
    "mem" "" "shows where the memory is" "", |words| list(words, ListWhat::Memory);
    "status" "" "shows the health of the system" "", |words| alone(words, Action::Status {});
    "programs" "" "shows programs that can be started" "", |words| list(words, ListWhat::Programs);
    "log" "[LINES]" "shows the newest log lines" "20 lines if you do not say how many.", list_log;
    "top" "" "shows who uses the machine, until a key is pressed" "", |words| words.end(Request::Top);
    "trace" "[RECORDS]" "shows the newest of what happened" "20 records if you do not say how many.", trace;
    "inspect" "PROCESSES" "shows everything about processes" PROCESSES, inspect;
    "spawn" "PROGRAM [xCOUNT] [priority=LEVEL] [limit=SIZE] [ARGUMENT...]" "starts a program"
        "/spawn counter x2 priority=low limit=1M 500 starts two counters with the argument 500.", spawn;
    "kill" "PROCESSES" "ends processes" SPARED,
        |words| whom(words, |Processes { target, except }| Action::Kill { target, except });
    "suspend" "PROCESSES" "stops processes until they are resumed" SPARED,
        |words| whom(words, |Processes { target, except }| Action::Suspend { target, except });
    "resume" "PROCESSES" "lets suspended processes go on" SPARED,
        |words| whom(words, |Processes { target, except }| Action::Resume { target, except });
    "restart" "PROCESSES" "ends processes and starts them anew" SPARED,
        |words| whom(words, |Processes { target, except }| Action::Restart { target, except });
    "priority" "PROCESSES LEVEL|+1|-1" "gives processes another priority"
        "LEVEL: idle, low, normal, high or realtime; +1 and -1 are one level up and down.", set_priority;
    "limit" "PROCESSES SIZE|xFACTOR" "gives processes another memory limit"
        "SIZE: 4096, 512K or 8M; x2 doubles the limit, x0.5 halves it.", set_limit;
    "grant" "PROCESSES SIZE" "raises the memory limit of processes"
        "SIZE: 4096, 512K or 8M, added to the limit there is.", grant;
    "cap" "PROCESSES PERCENT" "caps processes' share of the processor"
        "PERCENT: 1 to 100; 100 takes the cap away. Capped processes rest once they have had their share.", set_cpu_limit;
    "scheduler" "round_robin|fair|priority|adaptive [QUANTUM]" "chooses how processor time is shared out"
        "round_robin: turn by turn, whatever the priority. fair: shares weighted by priority.\npriority: strictly by priority. adaptive: the same, and within one those that wait\nmuch before those that compute. QUANTUM: the length of a turn in milliseconds.", set_scheduler;
    "send" "PROCESSES TEXT" "sends a message to processes" PROCESSES, send;
    "scale" "PROGRAM COUNT" "starts or ends processes until so many run"
        "The youngest are ended first.", standing::scale;
    "reclaim" "PROCESSES" "takes back memory that processes do not use" SPARED,
        |words| whom(words, |Processes { target, except }| Action::Reclaim { target, except });
    "connect" "FROM TO" "lets processes call others" PROCESSES,
        |words| standing::pair(words, |from, to| Action::Connect { from, to });
    "disconnect" "FROM TO" "stops letting processes call others" PROCESSES,
        |words| standing::pair(words, |from, to| Action::Disconnect { from, to });
    "endpoints" "" "shows who may not call whom" "", |words| list(words, ListWhat::Endpoints);
    "rule" "WHEN PROCESSES DO [threshold=N] [priority=LEVEL] [bytes=SIZE] [limit=N]" "adds a standing rule"
        standing::RULE, standing::rule;
    "unrule" "ID" "removes a standing rule" "", standing::unrule;
    "rules" "" "shows the standing rules" "", |words| list(words, ListWhat::Rules);
    "explain" "[PROCESSES]" "shows what is known about why something is as it is" PROCESSES, standing::explain;
    "search" "WORDS" "searches the log" "Lines with all the words; case does not count.", standing::search;
    "devices" "" "shows the devices of the machine" "", |words| list(words, ListWhat::Devices);
    "ls" "[FOLDER]" "shows what is in a folder" "", files::list;
    "cat" "FILE" "shows a file" "Its beginning, if it is long.", files::read;
    "write" "FILE TEXT" "writes a file, in place of what was there" files::PATHS, files::write;
    "rm" "FILE" "deletes a file" "/undo brings it back, as long as it remembers.", files::delete;
    "undo" "[COUNT]" "takes back your last changes" "", standing::undo;
    "audit" "[LINES|export]" "shows what was asked, decided and done"
        "/audit export sends the whole record to the agent, which writes it to a file;\nllm-agent audit verify FILE checks it.", session::audit;
    "user" "[NAME | add NAME [processes=N] [memory=SIZE]]" "shows users, makes one, or acts as one"
        session::USER, session::user;
    "confirm" "always|destroy|never" "changes what you are asked before"
        "destroy, what holds unless you say otherwise: what ends something, unless you named it.", session::confirm;
    "remember" "FACT" "has the agent remember something about you" "",
        |words| standing::fact(words, |fact| Action::Remember { fact });
    "forget" "FACT" "has the agent forget something about you" "",
        |words| standing::fact(words, |fact| Action::Forget { fact });
    "history" "" "shows the lines you entered" "", |words| words.end(Request::History);
    "clear" "" "empties the screen" "", |words| words.end(Request::Clear);
    "shutdown" "[reboot]" "stops the machine, or starts it again" "", shutdown;
}

/// Understands a line.
#[must_use]
pub fn read(line: &str) -> Input {
    let line = line.trim();
    let Some(rest) = line.strip_prefix('/') else {
        return match line {
            "" => Input::Nothing,
            _ => Input::Sentence(line.into()),
        };
    };
    let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let Some(command) = find(name) else {
        return Input::Mistake(unknown(name));
    };
    match (command.read)(Words { rest }) {
        Ok(request) => Input::Command(request),
        Err(problem) => Input::Mistake(format!("{problem}\nusage: {}", usage(command))),
    }
}

fn find(name: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.name == name)
}

fn unknown(name: &str) -> String {
    let name: String = name.chars().take(32).collect();
    let meant = suggest::nearest(&name, COMMANDS.iter().map(|command| command.name));
    let meant = meant.map_or_else(String::new, |meant| format!(", did you mean /{meant}?"));
    format!(
        "there is no command /{name}{meant}\n/help lists the commands; anything without a slash is a sentence for the model"
    )
}

fn usage(command: &Command) -> String {
    format!("/{} {}", command.name, command.usage)
        .trim_end()
        .to_string()
}

/// The words after a command's name.
struct Words<'a> {
    rest: &'a str,
}

impl<'a> Words<'a> {
    /// The next word.
    pub(crate) fn next(&mut self) -> Option<&'a str> {
        let rest = self.rest.trim_start();
        let end = rest.find(' ').unwrap_or(rest.len());
        let (word, rest) = rest.split_at(end);
        self.rest = rest;
        (!word.is_empty()).then_some(word)
    }

    /// The next word, or a sentence that says what is missing.
    pub(crate) fn need(&mut self, what: &str) -> Result<&'a str, String> {
        self.next().ok_or_else(|| format!("{what} is missing"))
    }

    /// The request, if no words are left over.
    fn end(mut self, request: Request) -> Result<Request, String> {
        match self.next() {
            None => Ok(request),
            Some(word) => Err(format!("\"{word}\" is one word too many")),
        }
    }
}

fn alone(words: Words<'_>, action: Action) -> Result<Request, String> {
    words.end(Request::Act(action))
}

fn help(mut words: Words<'_>) -> Result<Request, String> {
    let Some(name) = words.next() else {
        return Ok(Request::Show(overview()));
    };
    let name = name.trim_start_matches('/');
    let command = find(name).ok_or_else(|| unknown(name))?;
    let mut text = format!("{}\n{}\n", usage(command), command.summary);
    if !command.details.is_empty() {
        text.push_str(command.details);
        text.push('\n');
    }
    words.end(Request::Show(text))
}

fn overview() -> String {
    let mut text = String::new();
    let width = COMMANDS.iter().map(|command| command.name.len()).max();
    for command in COMMANDS {
        let width = width.unwrap_or(0);
        text.push_str(&format!(
            "  /{:width$}  {}\n",
            command.name, command.summary
        ));
    }
    text.push_str(
        "/help COMMAND explains one. Anything without a slash is a sentence for the model.\n\
         Up and down bring lines back; Ctrl-C clears the line or cancels a sentence.\n",
    );
    text
}

fn list(words: Words<'_>, what: ListWhat) -> Result<Request, String> {
    alone(words, listing(what))
}

const fn listing(what: ListWhat) -> Action {
    Action::List {
        what,
        sort: None,
        limit: None,
        path: None,
    }
}

fn list_processes(mut words: Words<'_>) -> Result<Request, String> {
    let key = match words.next() {
        None => None,
        Some(word) => Some(
            word.parse()
                .map_err(|unknown| format!("\"{word}\" is nothing to sort by: {unknown}"))?,
        ),
    };
    let mut action = listing(ListWhat::Processes);
    if let Action::List { sort, .. } = &mut action {
        *sort = key;
    }
    alone(words, action)
}

fn list_log(mut words: Words<'_>) -> Result<Request, String> {
    let lines = match words.next() {
        None => LOG_LINES,
        Some(word) => {
            parse::number(word).ok_or_else(|| format!("\"{word}\" is no number of lines"))?
        }
    };
    let mut action = listing(ListWhat::Log);
    if let Action::List { limit, .. } = &mut action {
        *limit = Some(lines);
    }
    alone(words, action)
}

fn trace(mut words: Words<'_>) -> Result<Request, String> {
    let records = match words.next() {
        None => TRACE_RECORDS,
        Some(word) => parse::number(word)
            .filter(|number| (1..=MAX_TRACE_RECORDS).contains(number))
            .ok_or_else(|| {
                format!("\"{word}\" is no number of records from 1 to {MAX_TRACE_RECORDS}")
            })?,
    };
    words.end(Request::Trace(records))
}

fn inspect(mut words: Words<'_>) -> Result<Request, String> {
    let target = parse::target(words.need("who is to be inspected")?)?;
    alone(words, Action::Inspect { target })
}

fn whom(mut words: Words<'_>, action: fn(Processes) -> Action) -> Result<Request, String> {
    let processes = parse::processes(words.need("which processes")?)?;
    alone(words, action(processes))
}

fn spawn(mut words: Words<'_>) -> Result<Request, String> {
    let program = words.need("the name of the program")?;
    let program = Name::new(program).map_err(|error| format!("the name is {error}"))?;
    let (mut count, mut priority, mut memory_limit) = (None, None, None);
    let mut args: Vec<Argument> = Vec::new();
    while let Some(word) = words.next() {
        if let Some(level) = word.strip_prefix("priority=") {
            priority = Some(parse::priority(level)?);
        } else if let Some(size) = word.strip_prefix("limit=") {
            memory_limit = Some(parse::size(size)?);
        } else if let (true, Some(number)) = (args.is_empty(), times(word)) {
            count = Some(number);
        } else {
            let argument = Argument::new(word);
            args.push(argument.map_err(|error| format!("the argument \"{word}\" is {error}"))?);
        }
    }
    let args = match args.len() {
        0 => None,
        _ => Some(List::new(args).map_err(|error| format!("the list of arguments is {error}"))?),
    };
    let action = Action::Spawn {
        program: ProgramName(program),
        args,
        count,
        priority,
        memory_limit,
    };
    Ok(Request::Act(action))
}

/// Reads `x3`.
fn times(word: &str) -> Option<u32> {
    parse::number(word.strip_prefix('x')?)
}

fn set_priority(mut words: Words<'_>) -> Result<Request, String> {
    let Processes { target, except } = parse::processes(words.need("which processes")?)?;
    let word = words.need("the priority")?;
    let step = match word.as_bytes() {
        [b'+' | b'-', ..] => Some(
            word.parse::<i8>()
                .map_err(|_| format!("\"{word}\" is no step such as +1 or -1"))?,
        ),
        _ => None,
    };
    let priority = match step {
        None => Some(parse::priority(word)?),
        Some(_) => None,
    };
    let action = Action::SetPriority {
        target,
        except,
        priority,
        step,
    };
    alone(words, action)
}

fn set_limit(mut words: Words<'_>) -> Result<Request, String> {
    let Processes { target, except } = parse::processes(words.need("which processes")?)?;
    let word = words.need("the size")?;
    let times = parse::factor(word);
    let bytes = match times {
        None => Some(parse::size(word)?),
        Some(_) => None,
    };
    let action = Action::SetMemoryLimit {
        target,
        except,
        bytes,
        times,
    };
    alone(words, action)
}

fn grant(mut words: Words<'_>) -> Result<Request, String> {
    let target = parse::target(words.need("which processes")?)?;
    let bytes = parse::size(words.need("the size")?)?;
    alone(words, Action::GrantMemory { target, bytes })
}

fn set_cpu_limit(mut words: Words<'_>) -> Result<Request, String> {
    let Processes { target, except } = parse::processes(words.need("which processes")?)?;
    let percent = parse::percent(words.need("the percentage")?)?;
    let action = Action::SetCpuLimit {
        target,
        percent,
        except,
    };
    alone(words, action)
}

fn set_scheduler(mut words: Words<'_>) -> Result<Request, String> {
    let word = words.need("the policy")?;
    let policy = word
        .parse()
        .map_err(|unknown| format!("\"{word}\" is no policy: {unknown}"))?;
    let quantum_ms = match words.next() {
        None => None,
        Some(word) => Some(
            parse::number(word)
                .ok_or_else(|| format!("\"{word}\" is no number of milliseconds"))?,
        ),
    };
    alone(words, Action::SetScheduler { policy, quantum_ms })
}

fn send(mut words: Words<'_>) -> Result<Request, String> {
    let to = parse::target(words.need("who is to get the message")?)?;
    let message = match words.rest.trim() {
        "" => return Err("the text is missing".into()),
        text => Message::new(text).map_err(|error| format!("the text is {error} bytes"))?,
    };
    Ok(Request::Act(Action::Send { to, message }))
}

fn shutdown(mut words: Words<'_>) -> Result<Request, String> {
    let mode = match words.next() {
        None => ShutdownMode::Halt,
        Some("reboot") => ShutdownMode::Reboot,
        Some(word) => return Err(format!("\"{word}\" is not reboot")),
    };
    alone(words, Action::Shutdown { mode })
}

#[cfg(test)]
mod tests;
