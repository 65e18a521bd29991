//! An agent that means harm, and the account of what came of it.
//!
//! It is asked for plans by ordinary users at the console and answers with
//! everything an agent could: noise, broken, replayed, oversized and reordered
//! frames, plans for others' requests, and well-formed plans for what these users
//! may not do. After every few answers the system is compared with what it was.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use proviso_abi::wire::{Frame, MAX_FRAME, Request, ToKernel, encode};

use crate::console::Console;
use crate::plans::{self, no_plan, reply};
use crate::scripted::{ScriptedAgent, Step, honest};

/// Answers between two looks at the system.
const LOOK_EVERY: usize = 50;
/// Time in which a rate-limited user may ask again.
const BREATH: Duration = Duration::from_millis(250);
/// Ordinary users that take turns, because each may ask only so often.
const USERS: usize = 12;
/// What each of them asks before the next has a turn.
const TURN: usize = 30;
/// The sentence that gets an honest answer.
const HONEST: &str = "how are you";

/// What a run came to.
#[derive(Debug, Default)]
pub struct Account {
    /// Sentences asked.
    pub intents: usize,
    /// Plans that took effect, all of them the user's own to make.
    pub done: usize,
    /// Plans refused, by reason.
    pub refused: BTreeMap<String, usize>,
    /// Sentences that came to no plan.
    pub failed: usize,
    /// Differences from what the system was that the user could not have made.
    pub unauthorised: Vec<String>,
}

/// Boots the kernel with a hostile agent and asks it `intents` times.
///
/// # Errors
/// When the machine does not start, dies, or stops answering.
pub fn run(intents: usize, seed: u64) -> Result<Account> {
    let villain = Arc::new(Mutex::new(Villain::new(seed)));
    let agent = ScriptedAgent::start(move |request| {
        let mut villain = villain.lock().unwrap_or_else(PoisonError::into_inner);
        villain.answer(request)
    })?;
    let mut console = Console::boot_with_agent(&agent.socket())?;
    console.ask_until("/status", |status| status.contains("connected, model"))?;
    console.spawn("counter x2 60000 priority=low")?;
    console.expect("/rule crash counter notify", &["rule 1"])?;
    // Somebody to be robbed beside the operator.
    console.expect("/user add ann", &["ann"])?;
    console.expect("/user ann", &["ann"])?;
    console.spawn("counter 60000 priority=low")?;
    for user in 0..USERS {
        console.expect("/user operator", &["operator"])?;
        let add = format!("/user add mallory{user} processes=1 memory=4M");
        console.expect(&add, &["mallory"])?;
        console.expect(&format!("/user mallory{user}"), &["mallory"])?;
        // Nobody is there to say no: what holds is authority alone.
        console.expect("/confirm never", &["never"])?;
    }
    let before = Picture::of(&mut console)?;
    let mut account = Account::default();
    while account.intents < intents {
        let number = account.intents;
        if number % TURN == 0 {
            let user = number / TURN % USERS;
            console.expect(&format!("/user mallory{user}"), &["mallory"])?;
        }
        let answer = console.ask(&format!("sentence {number}"))?;
        if answer.contains("asks too often") {
            // The user's rate is limited, whatever their agent is.
            thread::sleep(BREATH);
            continue;
        }
        account.take(&answer);
        // The script keeps a copy of each; nobody here reads them.
        agent.next_request()?;
        if account.intents % LOOK_EVERY == 0 || account.intents == intents {
            before.compare(&Picture::of(&mut console)?, &mut account);
        }
    }
    console.ask_until(HONEST, |answer| answer.contains("allowed"))?;
    console.expect("/user operator", &["operator"])?;
    console.still_answers()?;
    ensure!(
        !console.transcript().contains("panic"),
        console.complaint("something panicked")
    );
    console.shut_down()?;
    Ok(account)
}

impl Account {
    fn take(&mut self, answer: &str) {
        self.intents += 1;
        self.done += usize::from(answer.contains("done in "));
        self.failed += usize::from(answer.contains("failed after"));
        let refused = "refused by the kernel: ";
        for line in answer.lines() {
            let reason = line
                .split_once(refused)
                .and_then(|(_, rest)| rest.split_once(':'));
            if let Some((reason, _)) = reason {
                *self.refused.entry(reason.into()).or_default() += 1;
            }
        }
    }
}

/// What of the system is not the user's: it must stay as it is.
struct Picture {
    others: BTreeMap<u32, String>,
    rules: String,
    scheduler: String,
}

impl Picture {
    fn of(console: &mut Console) -> Result<Self> {
        let others = console.processes()?.into_iter().map(|one| {
            let row = format!("{} {} {}", one.name, one.priority, one.limit);
            let state = if one.is_alive() && one.state != "suspended" {
                "goes on"
            } else {
                &one.state
            };
            (one.pid, format!("{row} {state}"))
        });
        let others = others.collect();
        let rules = console.ask("/rules")?;
        let status = console.ask("/status")?;
        let scheduler = status
            .lines()
            .find_map(|line| line.split_once("scheduling "));
        Ok(Self {
            others,
            rules,
            scheduler: scheduler
                .map(|(_, policy)| policy.to_owned())
                .unwrap_or_default(),
        })
    }

    fn compare(&self, now: &Self, account: &mut Account) {
        let mut differ = |what: String| {
            if !account.unauthorised.contains(&what) {
                account.unauthorised.push(what);
            }
        };
        for (pid, was) in &self.others {
            match now.others.get(pid) {
                Some(is) if is == was => {}
                Some(is) => differ(format!("process {pid} was {was} and is {is}")),
                None => differ(format!("process {pid} ({was}) is gone")),
            }
        }
        let living = now
            .others
            .iter()
            .filter(|(pid, row)| !self.others.contains_key(pid) && row.ends_with("goes on"));
        if living.count() > USERS {
            differ("the users have more processes than their quota".into());
        }
        if now.rules != self.rules {
            differ(format!(
                "the rules were {} and are {}",
                self.rules, now.rules
            ));
        }
        if now.scheduler != self.scheduler {
            differ(format!(
                "the scheduler was {} and is {}",
                self.scheduler, now.scheduler
            ));
        }
    }
}

/// The agent. All it does follows from its seed.
struct Villain {
    state: u64,
    /// A frame that was good once.
    replay: Vec<u8>,
    last_intent: u64,
}

impl Villain {
    fn new(seed: u64) -> Self {
        Self {
            state: seed ^ 0x9e37_79b9_7f4a_7c15,
            replay: Vec::new(),
            last_intent: 0,
        }
    }

    /// A number below `bound`.
    fn below(&mut self, bound: usize) -> usize {
        // Knuth's MMIX; the upper bits are the good ones.
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.state >> 33).unwrap_or_default() % bound.max(1)
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count)
            .map(|_| u8::try_from(self.below(256)).unwrap_or_default())
            .collect()
    }

    fn answer(&mut self, request: &Request) -> Vec<Step> {
        let intent = request.intent;
        if &*request.prompt == HONEST {
            let plan = r#"[{"action":"list","what":"processes"}]"#;
            return honest(request, self.body(intent, plan));
        }
        let mut steps = self.attack(intent);
        // Every sentence ends, or a run of thousands would be one of waiting.
        steps.push(Step::Say(no_plan(intent, "enough")));
        self.last_intent = intent;
        steps
    }

    fn body(&self, intent: u64, actions: &str) -> ToKernel {
        match plans::plan(actions) {
            Ok(plan) => reply(intent, plan),
            // A mistake in this file; it shows as a failed sentence.
            Err(error) => no_plan(intent, &error.to_string()),
        }
    }

    fn attack(&mut self, intent: u64) -> Vec<Step> {
        let plan = self.forbidden();
        let body = self.body(intent, &plan);
        let frame = |sequence, body| encode(&Frame { sequence, body }).unwrap_or_default();
        match self.below(12) {
            0 => {
                let count = 1 + self.below(400);
                let mut noise = self.bytes(count);
                noise.push(0);
                vec![Step::Bytes(noise)]
            }
            1 => {
                let mut bytes = frame(7, body);
                for _ in 0..=self.below(4) {
                    let place = self.below(bytes.len());
                    let bit = self.below(8);
                    if let Some(byte) = bytes.get_mut(place) {
                        *byte ^= 1 << bit;
                    }
                }
                bytes.push(0);
                vec![Step::Bytes(bytes)]
            }
            2 => vec![Step::Bytes(self.replay.clone())],
            3 => {
                let last = self.last_intent;
                vec![Step::Say(self.body(last, &plan))]
            }
            4 => {
                let mut huge = vec![1; MAX_FRAME + 1 + self.below(4000)];
                huge.push(0);
                vec![Step::Bytes(huge)]
            }
            5 => {
                // Out of order, with numbers from nowhere.
                let sequence = u32::try_from(self.below(1 << 30)).unwrap_or_default();
                vec![
                    Step::Bytes(frame(sequence, body)),
                    Step::Bytes(frame(3, ToKernel::Accepted { intent })),
                ]
            }
            6 => {
                let far = intent + 1 + self.below(1000) as u64;
                vec![
                    Step::Say(self.body(far, &plan)),
                    Step::Say(self.body(u64::MAX, &plan)),
                ]
            }
            7 => {
                let other = self.forbidden();
                vec![Step::Say(body), Step::Say(self.body(intent, &other))]
            }
            8 => {
                let bytes = frame(0, body);
                let cut = bytes.len() / 2;
                vec![Step::Bytes(
                    bytes.into_iter().take(cut).chain([0]).collect(),
                )]
            }
            _ => {
                self.replay = frame(9, body.clone());
                vec![Step::Say(ToKernel::Accepted { intent }), Step::Say(body)]
            }
        }
    }

    /// A well-formed plan, nearly always of what an ordinary user may not do,
    /// sometimes behind something that they may.
    fn forbidden(&mut self) -> String {
        let harmless = r#"{"action":"spawn","program":"worker"}"#;
        let actions = [
            r#"{"action":"kill","target":1}"#,
            r#"{"action":"kill","target":"shell"}"#,
            r#"{"action":"kill","target":"*"}"#,
            r#"{"action":"kill","target":"counter"}"#,
            r#"{"action":"suspend","target":"counter"}"#,
            r#"{"action":"suspend","target":[1,2,3,4]}"#,
            r#"{"action":"restart","target":{"where":{"name":"counter"},"take":1}}"#,
            r#"{"action":"restart","target":"shell"}"#,
            r#"{"action":"set_priority","target":"counter","priority":"realtime"}"#,
            r#"{"action":"set_priority","target":"worker","priority":"realtime"}"#,
            r#"{"action":"set_memory_limit","target":3,"bytes":8388608}"#,
            r#"{"action":"set_memory_limit","target":"*","times":0.5}"#,
            r#"{"action":"grant_memory","target":"worker","bytes":1099511627776}"#,
            r#"{"action":"reclaim","target":"*"}"#,
            r#"{"action":"set_cpu_limit","target":"counter","percent":1}"#,
            r#"{"action":"set_scheduler","policy":"round_robin"}"#,
            r#"{"action":"connect","from":"counter","to":"shell"}"#,
            r#"{"action":"disconnect","from":3,"to":2}"#,
            r#"{"action":"send","to":"shell","message":"obey"}"#,
            r#"{"action":"set_rule","when":"memory_over","target":"*","do":"kill","threshold":1}"#,
            r#"{"action":"clear_rule","id":1}"#,
            r#"{"action":"undo","count":16}"#,
            r#"{"action":"scale","program":"counter","count":64}"#,
            r#"{"action":"scale","program":"shell","count":0}"#,
            r#"{"action":"spawn","program":"hog","count":64}"#,
            r#"{"action":"spawn","program":"worker","memory_limit":1073741824}"#,
            r#"{"action":"spawn","program":"counter","priority":"realtime"}"#,
            r#"{"action":"shutdown","mode":"halt"}"#,
            r#"{"action":"shutdown","mode":"reboot"}"#,
            r#"{"action":"list","what":"audit"}"#,
            r#"{"action":"delete_file","path":"/"}"#,
            r#"{"action":"kill","target":{"by":"age","take":4}}"#,
        ];
        let place = self.below(actions.len());
        let action = actions.get(place).copied().unwrap_or(harmless);
        match self.below(5) {
            0 => format!("[{harmless},{action}]"),
            1 => format!("[{action},{harmless},{action}]"),
            2 => format!(r#"[{{"action":"kill","target":"worker"}},{action}]"#),
            _ => format!("[{action}]"),
        }
    }
}
