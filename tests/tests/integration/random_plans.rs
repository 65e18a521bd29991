//! Plans by chance: whatever an agent proposes, the console answers and the
//! books balance. The chance is always the same, so a failure can be repeated.

use anyhow::{Result, ensure};
use proviso_abi::wire::Request;
use proviso_tests::console::Console;
use proviso_tests::plans::{self, no_plan, reply};
use proviso_tests::scripted::{ScriptedAgent, honest};

scenarios! { plans_by_chance_never_cost_the_console_or_a_page }

/// Sentences of one run.
const SENTENCES: usize = 200;

fn plans_by_chance_never_cost_the_console_or_a_page() -> Result<()> {
    let mut chance = Chance(20_261_122);
    let agent = ScriptedAgent::start(move |request| {
        let answer = match &*request.prompt {
            "clean up" => r#"[{"action":"kill","target":"*","except":["shell"]}]"#.into(),
            "look" => r#"[{"action":"list","what":"memory"}]"#.into(),
            _ => chance.plan(),
        };
        let body = match plans::plan(&answer) {
            Ok(plan) => reply(request.intent, plan),
            // The generator's own fault, and shown on the console.
            Err(error) => no_plan(request.intent, &error.to_string()),
        };
        honest(request, body)
    })?;
    let mut console = Console::boot_with_agent(&agent.socket())?;
    console.ask_until("/status", |status| status.contains("connected, model"))?;
    // Plans are the subject here, not the questions before them.
    console.ask("/confirm never")?;
    console.expect("look", &["allowed"])?;
    let before = memory_of_all(&agent.next_request()?);
    let (mut done, mut refused) = (0, 0);
    for number in 0..SENTENCES {
        let answer = console.ask(&format!("sentence {number}"))?;
        done += usize::from(answer.contains("done in "));
        refused += usize::from(answer.contains("refused in "));
        let request = agent.next_request()?;
        ensure!(
            request.system.omitted > 0 || memory_of_all(&request) == before,
            console.complaint("the books do not balance")
        );
    }
    console.ensure(done + refused == SENTENCES, "every sentence came to an end")?;
    console.ensure(
        done > SENTENCES / 10 && refused > SENTENCES / 10,
        "there were both kinds",
    )?;
    console.still_answers()?;
    // There may be nobody to kill.
    console.ask("clean up")?;
    agent.next_request()?;
    console.expect("look", &["allowed"])?;
    let request = agent.next_request()?;
    ensure!(
        memory_of_all(&request) == before,
        "memory was lost: {:?}",
        request.system
    );
    let names: Vec<&str> = request
        .system
        .processes
        .iter()
        .map(|one| &*one.name)
        .collect();
    ensure!(names == ["init", "shell"], "{names:?}");
    console.shut_down()
}

/// What is free and what processes hold: always the same, whatever happens. Where
/// there are more processes than a request lists, it cannot be told.
fn memory_of_all(request: &Request) -> u64 {
    let system = &request.system;
    let held: u64 = system.processes.iter().map(|one| one.memory.0).sum();
    system.memory.free.0 + held
}

/// Numbers that look like chance.
struct Chance(u64);

impl Chance {
    /// A number below `bound`.
    fn below(&mut self, bound: usize) -> usize {
        // Knuth's MMIX; the upper bits are the good ones.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or_default() % bound
    }

    fn one_of(&mut self, choices: &[&str]) -> String {
        let index = self.below(choices.len());
        choices.get(index).copied().unwrap_or_default().into()
    }

    fn plan(&mut self) -> String {
        let actions: Vec<String> = (0..=self.below(3)).map(|_| self.action()).collect();
        format!("[{}]", actions.join(","))
    }

    fn action(&mut self) -> String {
        match self.below(9) {
            0 | 1 => self.spawn(),
            2 => {
                let verb = self.one_of(&["kill", "suspend", "resume", "restart"]);
                self.on_some(&verb, "")
            }
            3 => {
                let how = self.one_of(&[
                    r#","priority":"idle""#,
                    r#","priority":"realtime""#,
                    r#","step":1"#,
                    r#","step":-2"#,
                    "",
                ]);
                self.on_some("set_priority", &how)
            }
            4 => {
                let how = self.one_of(&[
                    r#","bytes":1048576"#,
                    r#","bytes":33554432"#,
                    r#","times":2"#,
                    r#","times":0.5"#,
                    r#","bytes":1"#,
                ]);
                self.on_some("set_memory_limit", &how)
            }
            5 => format!(
                r#"{{"action":"grant_memory","target":{},"bytes":1048576}}"#,
                self.target()
            ),
            6 => format!(
                r#"{{"action":"send","to":{},"message":"hello"}}"#,
                self.target()
            ),
            7 => format!(r#"{{"action":"inspect","target":{}}}"#, self.target()),
            _ => self.one_of(&[
                r#"{"action":"status"}"#,
                r#"{"action":"list","what":"processes","sort":"cpu","limit":5}"#,
                r#"{"action":"list","what":"log"}"#,
                r#"{"action":"answer","text":"so be it"}"#,
                r#"{"action":"undo"}"#,
            ]),
        }
    }

    fn spawn(&mut self) -> String {
        let what = self.one_of(&[
            r#""counter","args":["20"]"#,
            r#""worker","args":["5","5"]"#,
            r#""hog","args":["fast"]"#,
            r#""crasher","args":["stack-overflow"]"#,
            r#""crasher","args":["exit","3"]"#,
            r#""echo""#,
            r#""pinger","args":["10"]"#,
            r#""logger""#,
            r#""nothing""#,
        ]);
        let how = self.one_of(&[
            "",
            r#","count":3"#,
            r#","count":70"#,
            r#","memory_limit":8388608"#,
            r#","priority":"high""#,
        ]);
        format!(r#"{{"action":"spawn","program":{what}{how}}}"#)
    }

    /// An action on somebody but the shell, whose end would end the conversation.
    fn on_some(&mut self, action: &str, how: &str) -> String {
        let target = self.target();
        format!(r#"{{"action":"{action}","target":{target},"except":["shell"]{how}}}"#)
    }

    fn target(&mut self) -> String {
        let pid = (3 + self.below(40)).to_string();
        let fixed = self.one_of(&[
            r#""*""#,
            r#""counter""#,
            r#""hog""#,
            r#"["worker","echo"]"#,
            "1",
            r#"{"by":"memory","take":2}"#,
            r#"{"where":{"state":"crashed"}}"#,
            r#"{"where":{"priority":"normal"},"by":"age","order":"least","nth":1}"#,
        ]);
        if self.below(3) == 0 { pid } else { fixed }
    }
}
