//! The console: lines in, commands and sentences to the kernel, words out.
//!
//! What it knows by itself is in the `proviso-console` crate; this is the loop
//! around it.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::{String, ToString};
use core::time::Duration;

use proviso_console::commands::{self, Input, Request};
use proviso_console::observe::{self, Newest};
use proviso_console::{Conversation, Editor, Event, MAX_LINE, QUESTION, Terminal, greeting};
use proviso_user::abi::console::ConsoleRequest;
use proviso_user::abi::{Effect, IntentEvent};
use proviso_user::system::{self, read_console};
use proviso_user::{
    Args, Error, Intent, clock, grow, program, sleep, submit_console, submit_plan, submit_sentence,
};

program!(main);

/// How often something typed is looked for while the kernel or the model is busy.
const LOOK: Duration = Duration::from_millis(50);
/// Longer than the machine takes to go down.
const FAREWELL: Duration = Duration::from_secs(2);
/// Taken at the start, so that commands also work when others have taken all
/// the rest: an event of the kernel's, and the text that is made of it.
const WORKING_MEMORY: u64 = 256 * 1024;
/// How long `/top` looks before it shows something, and before it shows more.
const FIRST_LOOK: Duration = Duration::from_millis(250);
const NEXT_LOOK: Duration = Duration::from_secs(1);
/// The processes that `/top` shows.
const TOP_PROCESSES: usize = 15;
/// Ctrl-C.
const INTERRUPT: u8 = 0x03;
/// The most bytes typed ahead that are kept; beyond, somebody leans on a key.
const MAX_TYPED_AHEAD: usize = 8 * MAX_LINE;

fn main(args: Args) -> Result<(), Error> {
    // If there is no room to work in, then better to end now than in the midst
    // of a command; init tries again.
    grow(WORKING_MEMORY)?;
    let mut shell = Shell::new(Terminal::from_word(args.value("console")));
    shell.say(&greeting(shell.terminal));
    shell.prompt();
    loop {
        let event = shell.next_event()?;
        shell.react(event);
        shell.prompt();
    }
}

struct Shell {
    terminal: Terminal,
    editor: Editor,
    /// Bytes that were typed and not looked at yet.
    typed: VecDeque<u8>,
}

impl Shell {
    fn new(terminal: Terminal) -> Self {
        Self {
            terminal,
            editor: Editor::new(terminal),
            typed: VecDeque::new(),
        }
    }

    fn say(&self, text: &str) {
        for piece in self.terminal.wire(text).as_bytes().chunks(4096) {
            // There is no other place to say that saying failed.
            let _ = system::write(piece);
        }
    }

    fn prompt(&mut self) {
        let mut out = String::new();
        self.editor.draw(&mut out);
        self.say(&out);
    }

    /// Waits until a line is entered, or a key pressed that means something.
    fn next_event(&mut self) -> Result<Event, Error> {
        loop {
            let mut out = String::new();
            while let Some(byte) = self.typed.pop_front() {
                if let Some(event) = self.editor.push(byte, &mut out) {
                    self.say(&out);
                    return Ok(event);
                }
            }
            self.say(&out);
            match self.read(None) {
                Err(Error::Interrupted) => self.prompt(),
                other => other?,
            }
        }
    }

    /// Takes in what was typed.
    fn read(&mut self, timeout: Option<Duration>) -> Result<(), Error> {
        let mut buffer = [0; 256];
        let length = read_console(&mut buffer, timeout)?;
        let room = MAX_TYPED_AHEAD.saturating_sub(self.typed.len());
        self.typed.extend(buffer.iter().take(length.min(room)));
        Ok(())
    }

    fn react(&mut self, event: Event) {
        let line = match event {
            Event::Line(line) => line,
            Event::Interrupt => return,
            Event::EndOfInput => return self.say("/shutdown stops the machine\n"),
            Event::TooLong => {
                let text = format!("that line is longer than {MAX_LINE} bytes and was not read\n");
                return self.say(&text);
            }
        };
        match commands::read(&line) {
            Input::Nothing => {}
            Input::Mistake(text) => self.say(&format!("{text}\n")),
            Input::Command(request) => self.carry_out(request),
            Input::Sentence(sentence) => {
                let mut talk = Conversation::sentence(self.terminal);
                self.say(&talk.begin());
                self.follow(|| submit_sentence(&sentence), &mut talk);
            }
        }
    }

    fn carry_out(&mut self, request: Request) {
        match request {
            Request::Show(text) => self.say(&text),
            Request::Clear => self.say(self.terminal.clear()),
            Request::History => {
                let lines = self.editor.history().iter().enumerate();
                let text: String = lines
                    .map(|(index, line)| format!("{:4}  {line}\n", index + 1))
                    .collect();
                self.say(&text);
            }
            Request::Console(request) => {
                let mut talk = Conversation::command(self.terminal);
                self.follow(|| submit_console(&request), &mut talk);
            }
            Request::Top => {
                if let Err(error) = self.top() {
                    self.say(&format!("failed: {error}\n"));
                }
            }
            Request::Trace(most) => match newest_records(most as usize) {
                Ok(newest) => self.say(&observe::trace(&newest.records, newest.earlier)),
                Err(error) => self.say(&format!("failed: {error}\n")),
            },
            Request::Act(action) => {
                let mut talk = Conversation::command(self.terminal);
                self.follow(|| submit_plan(&action.into()), &mut talk);
            }
        }
    }

    /// Shows who uses the machine: on a terminal that can be redrawn again and
    /// again until a key is pressed, on another one once.
    fn top(&mut self) -> Result<(), Error> {
        let (mut before, mut since) = (system::counters()?, clock());
        let mut pause = FIRST_LOOK;
        loop {
            let is_over = self.key_within(pause);
            let (now, at) = (system::counters()?, clock());
            let mut busiest = system::busiest()?;
            if let Effect::Processes(list) = &mut busiest {
                list.truncate(TOP_PROCESSES);
            }
            let text = observe::top(&before, &now, at.saturating_sub(since), &busiest);
            self.say(self.terminal.clear());
            self.say(&text);
            if is_over || self.terminal == Terminal::Plain {
                return Ok(());
            }
            self.say("any key ends this\n");
            (before, since, pause) = (now, at, NEXT_LOOK);
        }
    }

    /// Whether a key was pressed within this time; which one does not matter.
    fn key_within(&mut self, pause: Duration) -> bool {
        let end = clock() + pause;
        loop {
            let left = end.saturating_sub(clock());
            // Output of others interrupts; it comes on top of the picture.
            if self.terminal == Terminal::Plain {
                sleep(left);
            } else if self.read(Some(left)).is_ok() {
                self.typed.clear();
                return true;
            }
            if clock() >= end {
                return false;
            }
        }
    }

    /// Submits an intent and shows what becomes of it, until it ends or is given up.
    fn follow(&mut self, submit: impl FnOnce() -> Result<Intent, Error>, talk: &mut Conversation) {
        let begin = clock();
        let mut intent = match submit() {
            Ok(intent) => intent,
            Err(error) => return self.say(&talk.broken(&error.to_string())),
        };
        loop {
            match intent.follow(Some(LOOK)) {
                Ok(event) => {
                    self.say(&talk.event(&event, clock().saturating_sub(begin)));
                    if matches!(event, IntentEvent::Confirm { .. }) {
                        let yes = self.is_wanted();
                        let intent = intent.number();
                        // If it is over meanwhile, the next event says so.
                        let _ = submit_console(&ConsoleRequest::Answer { intent, yes });
                        continue;
                    }
                    if is_farewell(&event) {
                        // The machine goes down meanwhile: no prompt any more.
                        sleep(FAREWELL);
                    }
                    if event.is_final() {
                        return;
                    }
                }
                Err(Error::TimedOut) => self.say(&talk.tick(clock().saturating_sub(begin))),
                Err(error) => return self.say(&talk.broken(&error.to_string())),
            }
            if self.interrupted() && intent.cancel().is_ok() {
                return self.say(&talk.cancelled());
            }
        }
    }

    /// Waits for yes or no to a question that was just shown. What was typed
    /// before it was shown is no answer to it.
    fn is_wanted(&mut self) -> bool {
        let _ = self.read(Some(Duration::ZERO));
        self.typed.clear();
        let mut answer = String::new();
        loop {
            match self.read(None) {
                Ok(()) => {}
                Err(Error::Interrupted) => self.say(&format!("{QUESTION}{answer}")),
                Err(_) => return false,
            }
            while let Some(byte) = self.typed.pop_front() {
                match byte {
                    b'\r' | b'\n' => {
                        self.say("\n");
                        return matches!(answer.trim(), "y" | "Y" | "yes");
                    }
                    INTERRUPT => {
                        self.say("\n");
                        return false;
                    }
                    b' '..=b'~' if answer.len() < MAX_LINE => {
                        answer.push(char::from(byte));
                        self.say(char::from(byte).encode_utf8(&mut [0; 4]));
                    }
                    _ => {}
                }
            }
        }
    }

    /// Whether Ctrl-C was typed; what was typed before it is dropped.
    fn interrupted(&mut self) -> bool {
        // Nothing typed, or nothing that matters now: the prompt comes anyway.
        let _ = self.read(Some(Duration::ZERO));
        let Some(position) = self.typed.iter().rposition(|byte| *byte == INTERRUPT) else {
            return false;
        };
        self.typed.drain(..=position);
        true
    }
}

/// The newest of what happened up to now. Reading is something that happens too,
/// so there would be no end without one.
fn newest_records(most: usize) -> Result<Newest, Error> {
    let mut newest = Newest::new(most);
    let mut from = 0;
    let mut end = None;
    loop {
        let batch = system::trace(from)?;
        newest.add(&batch.records, batch.lost);
        from = batch.next;
        if from >= *end.get_or_insert(batch.end) {
            return Ok(newest);
        }
    }
}

/// Whether the machine goes down now.
fn is_farewell(event: &IntentEvent) -> bool {
    let down = |effect: &Effect| matches!(effect, Effect::ShuttingDown(_));
    matches!(event, IntentEvent::Done { effects, .. } if effects.iter().any(down))
}
