//! What the console shows of an intent, from the first sign to the last line.

use alloc::format;
use alloc::string::{String, ToString};
use core::time::Duration;

use proviso_abi::describe::OneLine;
use proviso_abi::plan::MAX_ACTIONS;
use proviso_abi::wire::ModelStats;
use proviso_abi::{Action, Effect, IntentEvent, List, Plan, Rejection, Text};

use crate::{QUESTION, Terminal, duration, effects};

/// A command that took longer than this gets a line with its time.
const NOTEWORTHY: Duration = Duration::from_secs(1);
/// How often the status line of a terminal that can take it back is renewed.
const ANSI_INTERVAL: Duration = Duration::from_millis(100);
/// How often a terminal that cannot take a line back gets one.
const PLAIN_INTERVAL: Duration = Duration::from_secs(5);

/// One intent on the console. Every function returns what is to be shown next.
#[derive(Debug)]
pub struct Conversation {
    terminal: Terminal,
    /// The plan is the model's, so it is shown, and so is what it cost.
    by_model: bool,
    accepted: bool,
    generated_tokens: u32,
    stats: Option<ModelStats>,
    /// Another plan is awaited, because this was refused.
    refused: Option<List<Rejection, MAX_ACTIONS>>,
    /// A status line stands on the screen and is to be erased.
    status_shown: bool,
    /// When the last status line was shown.
    last_status: Duration,
}

impl Conversation {
    /// A conversation about a sentence.
    #[must_use]
    pub const fn sentence(terminal: Terminal) -> Self {
        Self::new(terminal, true)
    }

    /// A conversation about a command.
    #[must_use]
    pub const fn command(terminal: Terminal) -> Self {
        Self::new(terminal, false)
    }

    const fn new(terminal: Terminal, by_model: bool) -> Self {
        Self {
            terminal,
            by_model,
            accepted: false,
            generated_tokens: 0,
            stats: None,
            refused: None,
            status_shown: false,
            last_status: Duration::ZERO,
        }
    }

    /// The sign that a sentence was heard.
    pub fn begin(&mut self) -> String {
        match self.terminal {
            Terminal::Ansi => self.tick(Duration::ZERO),
            Terminal::Plain => "... heard, asking the model\n".into(),
        }
    }

    /// The passing of time, while the model is at it.
    pub fn tick(&mut self, elapsed: Duration) -> String {
        if !self.by_model || self.stats.is_some() && self.refused.is_none() {
            return String::new();
        }
        let state = match (self.accepted, self.generated_tokens) {
            _ if self.refused.is_some() => "refused, asking for another plan".into(),
            (false, _) => "heard, asking the model".into(),
            (true, 0) => "heard, the model reads".into(),
            (true, tokens) => format!("heard, the model plans: {tokens} tokens"),
        };
        let seconds = elapsed.as_secs();
        let tenths = elapsed.subsec_millis() / 100;
        let since = elapsed.saturating_sub(self.last_status);
        match self.terminal {
            Terminal::Ansi if !self.status_shown || since >= ANSI_INTERVAL => {
                self.status_shown = true;
                self.last_status = elapsed;
                let line = format!("… {state}, {seconds}.{tenths} s");
                format!(
                    "{}{}",
                    self.terminal.erase_line(),
                    self.terminal.faint(line)
                )
            }
            Terminal::Plain if since >= PLAIN_INTERVAL => {
                self.last_status = elapsed;
                format!("... {state}, {seconds} s\n")
            }
            _ => String::new(),
        }
    }

    /// An event; `elapsed` is the time since the intent was submitted.
    pub fn event(&mut self, event: &IntentEvent, elapsed: Duration) -> String {
        let shown = match event {
            IntentEvent::Accepted => {
                self.accepted = true;
                return self.tick(elapsed);
            }
            IntentEvent::Progress { generated_tokens } => {
                self.accepted = true;
                self.generated_tokens = *generated_tokens;
                return self.tick(elapsed);
            }
            IntentEvent::Proposed { plan, stats } => {
                self.stats = Some(sum(self.stats, *stats));
                match self.refused.take() {
                    None => self.proposed("plan", plan),
                    Some(rejections) => {
                        self.refusals(&rejections) + &self.proposed("another plan", plan)
                    }
                }
            }
            IntentEvent::Looking { plan } => self.proposed("look first", plan),
            // Shown when another plan comes; if none does, the last event has it.
            IntentEvent::Revising { rejections } => {
                self.refused = Some(rejections.clone());
                return String::new();
            }
            IntentEvent::Done { effects, kernel_ns } => {
                let mut text = self.done(effects);
                text.push_str(&self.cost("done", elapsed, *kernel_ns));
                text
            }
            IntentEvent::Rejected {
                rejections,
                kernel_ns,
            } => {
                let mut text = self.rejected(rejections);
                text.push_str(&self.cost("refused", elapsed, *kernel_ns));
                text
            }
            IntentEvent::Confirm { loss } => self.question(loss),
            IntentEvent::Failed { text } => {
                let after = format!(" after {}", duration::words(elapsed));
                self.failed(&after, text)
            }
        };
        self.erase() + &shown
    }

    /// The user gave it up.
    pub fn cancelled(&mut self) -> String {
        self.erase() + "cancelled: nothing was done\n"
    }

    /// It could not even be asked, or not be followed.
    pub fn broken(&mut self, why: &str) -> String {
        let text = self.failed("", why);
        self.erase() + &text
    }

    /// Takes the status line away.
    fn erase(&mut self) -> String {
        match core::mem::take(&mut self.status_shown) {
            true => self.terminal.erase_line().into(),
            false => String::new(),
        }
    }

    /// What would be lost, and the question whether that is wanted.
    fn question(&self, loss: &[Text<160>]) -> String {
        let mut text = format!("{}\n", self.terminal.bad("this would"));
        for line in loss {
            text.push_str(&format!("  {}\n", OneLine(line)));
        }
        text.push_str(QUESTION);
        text
    }

    fn proposed(&self, title: &str, plan: &Plan) -> String {
        let mut text = format!("{}\n", self.terminal.strong(title));
        for (index, action) in plan.actions.iter().enumerate() {
            // What is only said comes below, in full.
            let words = match action {
                Action::Answer { .. } => "answer".into(),
                Action::Ask { .. } => "ask back".into(),
                Action::Refuse { .. } => "say that no action does this".into(),
                _ => action.to_string(),
            };
            text.push_str(&format!("  {}. {words}\n", index + 1));
        }
        text
    }

    fn done(&self, effects: &[Effect]) -> String {
        if !self.by_model {
            return effects.iter().map(effects::render).collect();
        }
        let mut text = format!("{}\n", self.terminal.good("allowed"));
        for (index, effect) in effects.iter().enumerate() {
            text.push_str(&self.numbered(index + 1, effect));
        }
        text
    }

    /// An effect under its number; tables stand on lines of their own.
    fn numbered(&self, number: usize, effect: &Effect) -> String {
        match effect {
            Effect::Answer(text) => format!("  {number}. {}\n", OneLine(text)),
            Effect::Ask(text) => format!("  {number}. the model asks: {}\n", OneLine(text)),
            Effect::Refuse(text) => {
                format!("  {number}. the model found no way: {}\n", OneLine(text))
            }
            _ => {
                let rendered = effects::render(effect);
                match rendered.starts_with(' ') || rendered.lines().count() > 1 {
                    false => format!("  {number}. {rendered}"),
                    true => {
                        let lines = rendered.lines().map(|line| format!("   {line}\n"));
                        lines.fold(format!("  {number}. {}\n", heading(effect)), |all, line| {
                            all + &line
                        })
                    }
                }
            }
        }
    }

    fn rejected(&self, rejections: &[Rejection]) -> String {
        let mut text = self.refusals(rejections);
        if self.by_model {
            text.push_str("nothing was done\n");
        }
        text
    }

    fn refusals(&self, rejections: &[Rejection]) -> String {
        let mut text = String::new();
        for rejection in rejections {
            let refused = self.terminal.bad("refused by the kernel");
            let place = match rejection.action {
                Some(index) if self.by_model => format!("  {}. ", u32::from(index) + 1),
                _ => String::new(),
            };
            text.push_str(&format!("{place}{refused}: {}\n", OneLine(rejection)));
            if let Some(instead) = &rejection.instead {
                text.push_str(&format!("     this would be allowed: {instead}\n"));
            }
        }
        text
    }

    fn failed(&self, after: &str, why: &str) -> String {
        let failed = self.terminal.bad("failed");
        let hint = match self.by_model {
            true => "nothing was done; commands such as /ps work without the model: /help\n",
            false => "",
        };
        format!("{failed}{after}: {}\n{hint}", OneLine(why))
    }

    /// The last line: how long it took, and who took it.
    fn cost(&self, what: &str, elapsed: Duration, kernel_ns: u64) -> String {
        let kernel = duration::words(Duration::from_nanos(kernel_ns));
        let elapsed_words = duration::words(elapsed);
        let line = match self.stats {
            Some(ModelStats {
                total_us,
                prompt_tokens,
                generated_tokens,
            }) => {
                let model = duration::words(Duration::from_micros(total_us));
                format!(
                    "{what} in {elapsed_words}: model {model} ({prompt_tokens} tokens read, \
                     {generated_tokens} written), kernel {kernel}"
                )
            }
            None if self.by_model || elapsed > NOTEWORTHY => {
                format!("{what} in {elapsed_words}: kernel {kernel}")
            }
            None => return String::new(),
        };
        format!("{}\n", self.terminal.faint(line))
    }
}

/// What all rounds of the model's cost together.
fn sum(before: Option<ModelStats>, now: ModelStats) -> ModelStats {
    let before = before.unwrap_or_default();
    ModelStats {
        total_us: before.total_us.saturating_add(now.total_us),
        prompt_tokens: before.prompt_tokens.saturating_add(now.prompt_tokens),
        generated_tokens: before.generated_tokens.saturating_add(now.generated_tokens),
    }
}

/// What stands above a table.
fn heading(effect: &Effect) -> String {
    match effect {
        Effect::Status(_) => "status".into(),
        Effect::Memory(_) => "memory".into(),
        Effect::Programs(_) => "programs".into(),
        // How many rows follow.
        _ => effect.to_string(),
    }
}

#[cfg(test)]
mod tests;
