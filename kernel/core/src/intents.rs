//! Intents: requests on their way, their deadlines and what happened to them.
//!
//! An intent belongs to the life of a process that submitted it and ends with
//! it. It stays here until its final event was read. Events are kept as the
//! bytes that the submitter will get, so what one intent costs is bounded:
//! at most [`MAX_EVENTS`] of at most [`MAX_EVENT_BYTES`], in practice four.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use proviso_abi::outcome::IntentEvent;
use proviso_abi::wire::IntentId;
use proviso_abi::{Pid, Plan, Sentence, Text};

use crate::view::{Operation, Principal};

/// The most intents at once.
pub const MAX_INTENTS: usize = 16;
/// Of these, how many only the operator can take.
pub const OPERATORS_OWN: usize = 4;
/// The most intents of one process.
pub const MAX_PER_PROCESS: usize = 2;
/// The most events that wait to be read; progress counts once.
const MAX_EVENTS: usize = 8;
/// The most bytes of one event.
pub const MAX_EVENT_BYTES: usize = 20 * 1024;

const SECOND_NS: u64 = 1_000_000_000;
/// The agent must say that it has a sentence within this time.
pub const ACCEPT_NS: u64 = SECOND_NS;
/// While it works it must give a sign of life within this time.
pub const SILENCE_NS: u64 = 3 * SECOND_NS;
/// Files must be written and read within this time.
pub const FILES_NS: u64 = 30 * SECOND_NS;
/// After this time a question counts as answered with no.
pub const ANSWER_NS: u64 = 120 * SECOND_NS;
/// After this time no plan is waited for any more.
pub const TOTAL_NS: u64 = 60 * SECOND_NS;

/// How far an intent is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Sent; the agent has not said that it has it.
    Sent,
    /// The agent works on it.
    Working,
    /// Its plan is there, and the kernel decides on it.
    Decided,
    /// Its plan waits for a person's yes.
    Asked,
    /// Its plan waits for its part that is about files.
    Filing,
    /// Its final event is there.
    Finished,
}

/// Why an intent got no plan in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overdue {
    /// The agent never said that it has the sentence.
    Unheard,
    /// The agent gave no more sign of life.
    Silent,
    /// The agent took too long.
    TooLong,
    /// Nobody said yes or no.
    Unanswered,
    /// Whoever keeps files took too long.
    Unfiled,
}

/// The most answers of the agent's to one sentence.
pub const MAX_ROUNDS: u8 = 3;

/// A plan that was refused and went back to the agent.
#[derive(Debug)]
pub struct Refused {
    /// What is told if nothing better comes.
    pub event: IntentEvent,
    /// The plan.
    pub asked: Plan,
}

/// What waits for a person's yes, or for the store of files.
#[derive(Debug)]
pub struct Pending {
    /// The plan.
    pub plan: Plan,
    /// What it came to when the person was asked.
    pub operations: Vec<Operation>,
    /// On whose authority.
    pub principal: Principal,
}

/// One request.
#[derive(Debug)]
pub struct Intent {
    /// Its number.
    pub id: IntentId,
    /// Whose it is.
    pub submitter: Pid,
    /// The sentence, for sending it again; empty for a plan.
    pub prompt: Sentence,
    /// How far it is.
    pub stage: Stage,
    /// Whether it was sent again after the agent came back.
    pub was_resent: bool,
    /// The refusal that went back to the agent, if one did.
    pub refused: Option<Refused>,
    /// How often the agent was asked, of [`MAX_ROUNDS`] times.
    rounds: u8,
    silent_at_ns: u64,
    ends_at_ns: u64,
    pending: Option<Pending>,
    events: VecDeque<Vec<u8>>,
    /// The newest event is an unread progress, which the next one replaces.
    ends_in_progress: bool,
}

impl Intent {
    /// How long its plan is still worth something, in milliseconds.
    #[must_use]
    pub fn remaining_ms(&self, now_ns: u64) -> u32 {
        u32::try_from(self.ends_at_ns.saturating_sub(now_ns) / 1_000_000).unwrap_or(u32::MAX)
    }

    /// Whether it waits for a plan of the agent's; one that its submitter
    /// brings along is decided on at once.
    #[must_use]
    pub fn is_with_agent(&self) -> bool {
        matches!(self.stage, Stage::Sent | Stage::Working)
    }

    /// The oldest unread event, which stays.
    #[must_use]
    pub fn first_event(&self) -> Option<&[u8]> {
        self.events.front().map(Vec::as_slice)
    }

    /// Forgets the oldest event; true if it was the final one.
    pub fn consume_event(&mut self) -> bool {
        self.events.pop_front();
        if self.events.is_empty() {
            self.ends_in_progress = false;
        }
        self.events.is_empty() && self.stage == Stage::Finished
    }

    /// The agent gave a sign of life.
    pub const fn touch(&mut self, now_ns: u64) {
        self.silent_at_ns = now_ns.saturating_add(SILENCE_NS);
    }

    /// The agent is asked for an answer, the first or another one.
    pub const fn begin_round(&mut self) {
        self.rounds = self.rounds.saturating_add(1);
    }

    /// The agent lost what it was asked, and begins anew.
    pub const fn begin_anew(&mut self) {
        self.rounds = 0;
    }

    /// How many more answers are taken after the one that is awaited.
    #[must_use]
    pub const fn rounds_left(&self) -> u8 {
        MAX_ROUNDS.saturating_sub(self.rounds)
    }

    /// Whether a refusal can go back to the agent: once, and only of what the
    /// agent planned.
    #[must_use]
    pub fn may_be_revised(&self) -> bool {
        !self.prompt.is_empty() && self.refused.is_none() && self.rounds_left() > 0
    }

    /// It was sent, or sent again.
    pub const fn sent(&mut self, now_ns: u64) {
        self.stage = Stage::Sent;
        self.silent_at_ns = now_ns.saturating_add(ACCEPT_NS);
    }

    /// Adds an event. Nothing is added behind a final one.
    pub fn push(&mut self, event: &IntentEvent) {
        if self.stage == Stage::Finished {
            return;
        }
        let is_progress = matches!(event, IntentEvent::Progress { .. });
        if is_progress && self.ends_in_progress {
            self.events.pop_back();
        }
        if event.is_final() {
            self.stage = Stage::Finished;
            self.pending = None;
            self.refused = None;
        } else if self.events.len() >= MAX_EVENTS {
            return;
        }
        self.ends_in_progress = is_progress;
        self.events.push_back(encode(event));
    }

    /// A person was asked about its plan.
    pub fn wait_for_answer(&mut self, now_ns: u64, pending: Pending) {
        self.stage = Stage::Asked;
        self.pending = Some(pending);
        self.ends_at_ns = now_ns.saturating_add(ANSWER_NS);
    }

    /// The part of its plan that is about files is under way.
    pub fn wait_for_files(&mut self, now_ns: u64, pending: Pending) {
        self.stage = Stage::Filing;
        self.pending = Some(pending);
        self.ends_at_ns = now_ns.saturating_add(FILES_NS);
    }

    /// What it waits with.
    #[must_use]
    pub const fn pending(&self) -> Option<&Pending> {
        self.pending.as_ref()
    }

    /// Whether a person was asked and has not answered.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.stage == Stage::Asked
    }

    /// What it waited with; once, and nothing if it did not.
    pub fn take_pending(&mut self) -> Option<Pending> {
        let pending = self.pending.take()?;
        self.stage = Stage::Decided;
        Some(pending)
    }

    fn overdue(&self, now_ns: u64) -> Option<Overdue> {
        match self.stage {
            Stage::Asked => (now_ns >= self.ends_at_ns).then_some(Overdue::Unanswered),
            Stage::Filing => (now_ns >= self.ends_at_ns).then_some(Overdue::Unfiled),
            Stage::Decided | Stage::Finished => None,
            _ if now_ns >= self.ends_at_ns => Some(Overdue::TooLong),
            _ if now_ns < self.silent_at_ns => None,
            Stage::Sent => Some(Overdue::Unheard),
            Stage::Working => Some(Overdue::Silent),
        }
    }
}

/// The bytes of an event, or of a failure if it should be too large: whoever
/// makes events keeps them small, see `effects`.
fn encode(event: &IntentEvent) -> Vec<u8> {
    let encode = |event: &IntentEvent| {
        postcard::to_allocvec(event)
            .ok()
            .filter(|bytes| bytes.len() <= MAX_EVENT_BYTES)
    };
    let oversized = || IntentEvent::Failed {
        text: Text::cut("the answer is too long to show"),
    };
    encode(event)
        .or_else(|| encode(&oversized()))
        .unwrap_or_default()
}

/// All intents.
#[derive(Debug, Default)]
pub struct Intents {
    list: BTreeMap<IntentId, Intent>,
    last: IntentId,
}

impl Intents {
    /// Takes a new intent in, if there is room for this submitter's. Its own
    /// finished and unread ones make room, then anybody's.
    pub fn add(
        &mut self,
        submitter: Pid,
        is_operator: bool,
        prompt: Sentence,
        now_ns: u64,
    ) -> Option<IntentId> {
        let own = |intent: &Intent| intent.submitter == submitter;
        if self.list.values().filter(|intent| own(intent)).count() >= MAX_PER_PROCESS
            && !self.evict(own)
        {
            return None;
        }
        let most = if is_operator {
            MAX_INTENTS
        } else {
            MAX_INTENTS - OPERATORS_OWN
        };
        if self.list.len() >= most && !self.evict(|_| true) {
            return None;
        }
        self.last = self.last.saturating_add(1);
        let mut intent = Intent {
            id: self.last,
            submitter,
            prompt,
            stage: Stage::Sent,
            was_resent: false,
            refused: None,
            rounds: 0,
            silent_at_ns: 0,
            ends_at_ns: now_ns.saturating_add(TOTAL_NS),
            pending: None,
            events: VecDeque::new(),
            ends_in_progress: false,
        };
        intent.sent(now_ns);
        self.list.insert(self.last, intent);
        Some(self.last)
    }

    /// Forgets the oldest finished intent of a kind; false if there is none.
    fn evict(&mut self, is_meant: impl Fn(&Intent) -> bool) -> bool {
        let mut finished = self
            .list
            .values()
            .filter(|i| i.stage == Stage::Finished && is_meant(i));
        let id = finished.next().map(|intent| intent.id);
        id.is_some_and(|id| self.list.remove(&id).is_some())
    }

    /// An intent by number.
    #[must_use]
    pub fn get(&self, id: IntentId) -> Option<&Intent> {
        self.list.get(&id)
    }

    /// An intent by number, to change.
    pub fn get_mut(&mut self, id: IntentId) -> Option<&mut Intent> {
        self.list.get_mut(&id)
    }

    /// An intent that still waits for its plan.
    pub fn pending_mut(&mut self, id: IntentId) -> Option<&mut Intent> {
        self.list
            .get_mut(&id)
            .filter(|intent| intent.is_with_agent())
    }

    /// An intent of this process's own.
    pub fn own_mut(&mut self, id: IntentId, submitter: Pid) -> Option<&mut Intent> {
        self.list
            .get_mut(&id)
            .filter(|intent| intent.submitter == submitter)
    }

    /// Takes an intent out.
    pub fn remove(&mut self, id: IntentId) -> Option<Intent> {
        self.list.remove(&id)
    }

    /// The numbers of those that wait for their plan.
    #[must_use]
    pub fn pending(&self) -> Vec<IntentId> {
        self.list
            .values()
            .filter(|i| i.is_with_agent())
            .map(|i| i.id)
            .collect()
    }

    /// The numbers of a process's intents.
    #[must_use]
    pub fn of(&self, submitter: Pid) -> Vec<IntentId> {
        self.list
            .values()
            .filter(|i| i.submitter == submitter)
            .map(|i| i.id)
            .collect()
    }

    /// Those that are out of time.
    #[must_use]
    pub fn overdue(&self, now_ns: u64) -> Vec<(IntentId, Overdue)> {
        self.list
            .values()
            .filter_map(|i| i.overdue(now_ns).map(|why| (i.id, why)))
            .collect()
    }
}
