//! Agents that are wrong, slow, hostile or gone. Whatever they do costs a
//! sentence its answer and nothing else: afterwards the console answers, and a
//! sentence to an agent that keeps to the rules works.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use proviso_abi::wire::{self, Frame, Request, ToKernel, VERSION};
use proviso_abi::{Action, Plan, Sentence};
use proviso_boot::qemu::MachineKind;
use proviso_tests::console::{Console, hardware, image};
use proviso_tests::plans::{self, STATS, no_plan, reply};
use proviso_tests::scripted::{ScriptedAgent, Step, honest};

scenarios! {
    noise_before_the_answer_is_passed_over,
    a_damaged_answer_counts_as_none,
    an_oversized_frame_is_dropped,
    a_message_of_another_kind_is_dropped,
    an_oversized_plan_is_dropped,
    an_agent_that_never_answers_is_given_up,
    an_agent_that_falls_silent_is_given_up,
    signs_of_life_keep_a_sentence_alive,
    a_late_answer_does_nothing,
    an_answer_given_twice_is_done_once,
    answers_to_nothing_do_nothing,
    a_failure_of_the_agents_is_told,
    a_flood_of_progress_is_survived,
    a_flood_of_noise_is_survived,
    another_version_is_no_agent,
    an_agent_that_hangs_up_in_the_middle_gets_the_sentence_again,
    an_agent_that_always_hangs_up_is_given_up,
    an_agent_killed_in_the_middle_may_come_back,
    an_agent_may_come_late,
    control_c_cancels_a_sentence,
    what_is_typed_meanwhile_is_done_afterwards,
    the_channel_works_over_pci_too,
    a_sentence_ends_with_its_process,
    processes_cannot_crowd_out_the_operator,
}

/// What follows every abuse: a sentence that is answered by the rules.
const HONEST: &str = "are you well?";

fn well() -> Plan {
    plans::plan(r#"[{"action":"answer","text":"I am well."}]"#).unwrap_or_default()
}

fn two_counters() -> Plan {
    plans::plan(r#"[{"action":"spawn","program":"counter","count":2}]"#).unwrap_or_default()
}

/// A machine with an agent that answers [`HONEST`] by the rules and everything
/// else by the script.
fn boot(
    mut script: impl FnMut(&Request) -> Vec<Step> + Send + 'static,
) -> Result<(Console, ScriptedAgent)> {
    let agent = ScriptedAgent::start(move |request| match request.prompt.as_str() {
        HONEST => honest(request, reply(request.intent, well())),
        _ => script(request),
    })?;
    let mut console = Console::boot_with_agent(&agent.socket())?;
    wait_for_agent(&mut console)?;
    Ok((console, agent))
}

fn wait_for_agent(console: &mut Console) -> Result<()> {
    console
        .ask_until("/status", |status| {
            status.contains("connected, model scripted")
        })
        .map(drop)
}

/// The console answers, a sentence works, no counter was started on the way.
fn all_is_well(mut console: Console) -> Result<()> {
    let counters = console.living("counter")?;
    console.ensure(counters.is_empty(), "nothing was started")?;
    console.expect(HONEST, &["plan\n  1. answer\n", "1. I am well.", "done in"])?;
    console.shut_down()
}

/// The number of [`ToKernel::Plan`] on the wire.
const PLAN_VARIANT: u32 = 3;

fn accepted(request: &Request) -> Step {
    Step::Say(ToKernel::Accepted {
        intent: request.intent,
    })
}

fn bytes_of(sequence: u32, body: ToKernel) -> Vec<u8> {
    wire::encode(&Frame { sequence, body }).unwrap_or_default()
}

fn noise_before_the_answer_is_passed_over() -> Result<()> {
    let (mut console, _agent) = boot(|request| {
        let noise = vec![0, 1, 2, 3, 0, 0xff, 0xff, 0, 7, 0];
        vec![
            accepted(request),
            Step::Bytes(noise),
            Step::Say(reply(request.intent, well())),
        ]
    })?;
    console.expect("through the noise", &["I am well."])?;
    console.expect("/log", &["dropped 1 frames of the agent's: frame damaged"])?;
    all_is_well(console)
}

fn a_damaged_answer_counts_as_none() -> Result<()> {
    let (mut console, _agent) = boot(|request| {
        let mut bytes = bytes_of(2, reply(request.intent, two_counters()));
        if let Some(byte) = bytes.get_mut(9) {
            *byte = if *byte == 0x55 { 0x56 } else { 0x55 };
        }
        vec![accepted(request), Step::Bytes(bytes)]
    })?;
    console.expect(
        "one bit is wrong",
        &[": the agent fell silent", "nothing was done"],
    )?;
    all_is_well(console)
}

fn an_oversized_frame_is_dropped() -> Result<()> {
    let (mut console, _agent) = boot(|request| {
        let endless = vec![1; 200 * 1024];
        vec![
            accepted(request),
            Step::Bytes(endless),
            Step::Bytes(vec![0]),
            Step::Say(reply(request.intent, well())),
        ]
    })?;
    console.expect("a lot", &["I am well."])?;
    console.expect("/log", &["frame too long"])?;
    all_is_well(console)
}

fn a_message_of_another_kind_is_dropped() -> Result<()> {
    let (mut console, _agent) = boot(|request| {
        // A proper frame, but what is in it is no message to the kernel.
        let frame = Frame {
            sequence: 9,
            body: (200u8, [0xffu8; 16]),
        };
        let bytes = wire::encode(&frame).unwrap_or_default();
        vec![
            accepted(request),
            Step::Bytes(bytes),
            Step::Say(reply(request.intent, well())),
        ]
    })?;
    console.expect("in tongues", &["I am well."])?;
    console.expect("/log", &["frame not understood"])?;
    all_is_well(console)
}

fn an_oversized_plan_is_dropped() -> Result<()> {
    let (mut console, _agent) = boot(|request| {
        // Eight actions are the most, and the types do not let anybody build more:
        // the variant's number and its fields by hand make the same bytes.
        let nine = vec![Action::Status {}; 9];
        let body = (PLAN_VARIANT, request.intent, nine, STATS);
        let bytes = wire::encode(&Frame { sequence: 2, body }).unwrap_or_default();
        vec![accepted(request), Step::Bytes(bytes)]
    })?;
    console.expect(
        "nine things",
        &[": the agent fell silent", "nothing was done"],
    )?;
    console.expect("/log", &["frame not understood"])?;
    all_is_well(console)
}

fn an_agent_that_never_answers_is_given_up() -> Result<()> {
    let (mut console, agent) = boot(|_| vec![])?;
    console.expect(
        "hello?",
        &[
            ": the agent does not answer: it was there with model scripted",
            "nothing was done",
        ],
    )?;
    let (asked, given_up) = (agent.next_request()?, agent.next_cancel()?);
    ensure!(asked.intent == given_up, "the kernel says that it gave up");
    all_is_well(console)
}

fn an_agent_that_falls_silent_is_given_up() -> Result<()> {
    let (mut console, agent) = boot(|request| vec![accepted(request)])?;
    console.expect(
        "think",
        &[
            ": the agent fell silent while it was planning",
            "nothing was done",
        ],
    )?;
    ensure!(agent.next_cancel()? == agent.next_request()?.intent);
    all_is_well(console)
}

fn signs_of_life_keep_a_sentence_alive() -> Result<()> {
    let (mut console, _agent) = boot(|request| {
        let mut steps = vec![accepted(request)];
        // Twice as long as it could be silent.
        for generated_tokens in 0..24 {
            steps.push(Step::Say(ToKernel::Progress {
                intent: request.intent,
                generated_tokens,
            }));
            steps.push(Step::Pause(Duration::from_millis(250)));
        }
        steps.push(Step::Say(reply(request.intent, well())));
        steps
    })?;
    console.expect(
        "think long",
        &["... heard, the model plans: ", "I am well."],
    )?;
    all_is_well(console)
}

/// The sentence at which [`answers_late`] answers the one before.
const NOW: &str = "and now?";

/// Says that it has a sentence, and answers it when nobody waits any more.
fn answers_late() -> impl FnMut(&Request) -> Vec<Step> {
    let mut late = 0;
    move |request| {
        if request.prompt != NOW {
            late = request.intent;
            return vec![accepted(request)];
        }
        let mut steps = vec![Step::Say(reply(late, two_counters()))];
        steps.extend(honest(request, reply(request.intent, well())));
        steps
    }
}

/// The late answer comes, and nothing comes of it.
fn late_answer_is_dropped(mut console: Console) -> Result<()> {
    console.expect(NOW, &["I am well."])?;
    console.expect("/log", &["dropped 1 replies that nobody waits for"])?;
    all_is_well(console)
}

fn a_late_answer_does_nothing() -> Result<()> {
    let (mut console, _agent) = boot(answers_late())?;
    console.expect("too late", &[": the agent fell silent"])?;
    late_answer_is_dropped(console)
}

fn an_answer_given_twice_is_done_once() -> Result<()> {
    let (mut console, _agent) = boot(|request| {
        let answer = Step::Say(reply(request.intent, two_counters()));
        vec![accepted(request), answer.clone(), answer.clone(), answer]
    })?;
    console.expect("twice", &["started counter 3, counter 4", "done in"])?;
    console.ask_until("/log", |log| {
        log.contains("dropped 2 replies that nobody waits for")
    })?;
    let counters = console.living("counter")?;
    console.ensure(counters.len() == 2, "two counters, not four")?;
    console.expect("/kill counter", &["killed counter 3, counter 4"])?;
    all_is_well(console)
}

fn answers_to_nothing_do_nothing() -> Result<()> {
    let (mut console, _agent) = boot(|request| {
        let mut steps = vec![];
        for intent in [0, request.intent + 1, request.intent + 1000, u64::MAX] {
            steps.push(Step::Say(ToKernel::Accepted { intent }));
            steps.push(Step::Say(reply(intent, two_counters())));
            steps.push(Step::Say(no_plan(intent, "no")));
        }
        steps.extend(honest(request, reply(request.intent, well())));
        steps
    })?;
    console.expect("not mine", &["I am well."])?;
    console.expect("/log", &["dropped 8 replies that nobody waits for"])?;
    all_is_well(console)
}

fn a_failure_of_the_agents_is_told() -> Result<()> {
    let (mut console, _agent) = boot(|request| {
        honest(
            request,
            ToKernel::Failed {
                intent: request.intent,
                text: Sentence::cut("the model\x1b[2J is\r\ntired"),
            },
        )
    })?;
    console.expect(
        "be quick",
        &[
            ": the agent has no plan: the model?[2J is  tired",
            "nothing was done",
        ],
    )?;
    all_is_well(console)
}

fn a_flood_of_progress_is_survived() -> Result<()> {
    let (mut console, _agent) = boot(|request| {
        let progress = |generated_tokens| {
            bytes_of(
                1,
                ToKernel::Progress {
                    intent: request.intent,
                    generated_tokens,
                },
            )
        };
        let flood: Vec<u8> = (0..20_000).flat_map(progress).collect();
        vec![
            accepted(request),
            Step::Bytes(flood),
            Step::Say(reply(request.intent, well())),
        ]
    })?;
    console.expect("many words", &["I am well."])?;
    all_is_well(console)
}

fn a_flood_of_noise_is_survived() -> Result<()> {
    let (mut console, _agent) = boot(|request| {
        let mut state = 1u32;
        let noise = std::iter::repeat_with(move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        });
        let noise: Vec<u8> = noise.take(2 << 20).collect();
        vec![
            accepted(request),
            Step::Bytes(noise),
            Step::Bytes(vec![0]),
            Step::Say(reply(request.intent, well())),
        ]
    })?;
    console.expect("shout", &["I am well."])?;
    all_is_well(console)
}

fn another_version_is_no_agent() -> Result<()> {
    let agent = ScriptedAgent::start_with_hello(VERSION + 1, |request| {
        honest(request, reply(request.intent, two_counters()))
    })?;
    let mut console = Console::boot_with_agent(&agent.socket())?;
    console.ask_until("/log", |log| {
        log.contains(&format!(
            "an agent of version {} connected, but this kernel needs version {VERSION}",
            VERSION + 1
        ))
    })?;
    console.expect("/status", &["not connected"])?;
    console.expect(
        "start two counters",
        &[
            &format!(": the agent speaks version {}", VERSION + 1),
            "update the older one",
            "nothing was done",
        ],
    )?;
    let counters = console.living("counter")?;
    console.ensure(counters.is_empty(), "nothing was started")?;
    console.shut_down()
}

/// Hangs up whenever it is asked, so many times.
fn hangs_up(times: u32) -> impl FnMut(&Request) -> Vec<Step> {
    let asked = AtomicU32::new(0);
    move |request| match asked.fetch_add(1, Ordering::SeqCst) < times {
        true => vec![accepted(request), Step::Hang],
        false => honest(request, reply(request.intent, well())),
    }
}

fn an_agent_that_hangs_up_in_the_middle_gets_the_sentence_again() -> Result<()> {
    let (mut console, agent) = boot(hangs_up(1))?;
    console.expect("once more", &["I am well.", "done in"])?;
    let (first, second) = (agent.next_request()?, agent.next_request()?);
    ensure!(first.intent == second.intent && second.deadline_ms <= first.deadline_ms);
    all_is_well(console)
}

fn an_agent_that_always_hangs_up_is_given_up() -> Result<()> {
    let (mut console, _agent) = boot(hangs_up(2))?;
    console.expect(
        "and again",
        &[
            ": the agent restarted while it was planning; try again",
            "nothing was done",
        ],
    )?;
    wait_for_agent(&mut console)?;
    all_is_well(console)
}

fn an_agent_killed_in_the_middle_may_come_back() -> Result<()> {
    let (mut console, mut agent) = boot(|request| vec![accepted(request)])?;
    console.enter("think hard")?;
    agent.next_request()?;
    agent.stop();
    // Whether it had said that it has the sentence or not.
    console.wait_for(": the agent ")?;
    console.wait_for_prompt()?;
    console.still_answers()?;
    console.expect("anybody there?", &[": the agent does not answer"])?;
    console.expect("/spawn counter", &["started counter 3"])?;
    console.expect("/kill counter", &["killed counter 3"])?;
    agent.restart(|request| honest(request, reply(request.intent, well())))?;
    wait_for_agent(&mut console)?;
    all_is_well(console)
}

fn an_agent_may_come_late() -> Result<()> {
    let mut agent = ScriptedAgent::start(|_| vec![])?;
    agent.stop();
    let mut console = Console::boot_with_agent(&agent.socket())?;
    console.expect(
        "start two counters",
        &[": the agent does not answer: none is connected"],
    )?;
    agent.restart(|request| honest(request, reply(request.intent, well())))?;
    wait_for_agent(&mut console)?;
    all_is_well(console)
}

fn control_c_cancels_a_sentence() -> Result<()> {
    let (mut console, agent) = boot(answers_late())?;
    console.enter("never mind")?;
    let asked = agent.next_request()?;
    console.send("\x03")?;
    console.wait_for("cancelled: nothing was done")?;
    console.wait_for_prompt()?;
    ensure!(agent.next_cancel()? == asked.intent, "the agent is told");
    late_answer_is_dropped(console)
}

fn what_is_typed_meanwhile_is_done_afterwards() -> Result<()> {
    let (mut console, agent) = boot(|request| {
        let pause = Step::Pause(Duration::from_millis(500));
        vec![
            accepted(request),
            pause,
            Step::Say(reply(request.intent, two_counters())),
        ]
    })?;
    console.enter("start two counters")?;
    agent.next_request()?;
    // More than the kernel keeps; what does not fit waits in the device.
    let lines: String = (0..40)
        .map(|n| format!("/there-is-no-such-command-{n}\r"))
        .collect();
    console.send(&lines)?;
    console.send("/kill counter\r")?;
    console.wait_for("started counter 3, counter 4")?;
    for n in 0..40 {
        console.wait_for(&format!(
            "there is no command /there-is-no-such-command-{n}"
        ))?;
    }
    console.wait_for("killed counter 3, counter 4")?;
    console.wait_for_prompt()?;
    all_is_well(console)
}

fn the_channel_works_over_pci_too() -> Result<()> {
    let agent = ScriptedAgent::start(|request| {
        let mut steps = vec![accepted(request)];
        if request.prompt != HONEST {
            steps.push(Step::Bytes(vec![0xa5; 300_000]));
            steps.push(Step::Bytes(vec![0]));
        }
        steps.push(Step::Say(reply(request.intent, well())));
        steps
    })?;
    let machine = hardware()?
        .kind(MachineKind::Q35)
        .agent_socket(&agent.socket());
    let mut console = Console::boot_with(&machine, &image()?.agent(true))?;
    wait_for_agent(&mut console)?;
    for _ in 0..3 {
        console.expect("shout, then speak", &["I am well."])?;
    }
    console.expect("/log", &["frame too long"])?;
    all_is_well(console)
}

fn a_sentence_ends_with_its_process() -> Result<()> {
    let (mut console, agent) = boot(answers_late())?;
    console.spawn("worker 1 60000 ask for the moon")?;
    let asked = agent.next_request()?;
    ensure!(asked.system.caller == Some(3), "{:?}", asked.system.caller);
    console.expect("/kill worker", &["killed worker 3"])?;
    ensure!(agent.next_cancel()? == asked.intent, "the agent is told");
    late_answer_is_dropped(console)
}

fn processes_cannot_crowd_out_the_operator() -> Result<()> {
    // Processes' sentences are kept alive and never answered; the operator's is.
    let (mut console, agent) = boot(|request| match request.system.caller {
        Some(_) => vec![accepted(request)],
        None => honest(request, reply(request.intent, well())),
    })?;
    console.spawn("worker x20 1 60000 ask for the moon")?;
    for _ in 0..12 {
        ensure!(agent.next_request()?.system.caller.is_some());
    }
    console.eventually("could not ask: the queue is full")?;
    console.expect("am I heard?", &["I am well."])?;
    console.expect("/kill worker", &["killed worker"])?;
    all_is_well(console)
}
