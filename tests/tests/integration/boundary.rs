//! The boundary at the console: questions, users, rules, undo, the record, and
//! an agent that means harm.

use anyhow::{Result, ensure};
use proviso_abi::Plan;
use proviso_abi::wire::Before;
use proviso_boot::QUESTION;
use proviso_tests::console::Console;
use proviso_tests::scripted::{ScriptedAgent, honest};
use proviso_tests::{hostile, plans};

scenarios! {
    what_destroys_is_asked_first,
    a_refused_amount_is_offered_again_and_asked_about,
    a_user_is_kept_to_what_is_theirs,
    a_rule_restarts_without_the_model,
    changes_are_taken_back,
    everything_is_on_record,
    a_hostile_agent_changes_nothing_that_is_not_its_users,
}

fn boot(answers: &[(&str, &str)]) -> Result<(Console, ScriptedAgent)> {
    let agent = ScriptedAgent::answering(answers)?;
    let mut console = Console::boot_with_agent(&agent.socket())?;
    console.ask_until("/status", |status| status.contains("connected, model"))?;
    Ok((console, agent))
}

fn what_destroys_is_asked_first() -> Result<()> {
    let (mut console, _agent) = boot(&[
        ("make room", r#"[{"action":"kill","target":"counter"}]"#),
        (
            "kill the counter",
            r#"[{"action":"kill","target":"counter"}]"#,
        ),
    ])?;
    console.spawn("counter 60000")?;
    // So that it says nothing: a question that is interrupted is asked again.
    console.expect("/suspend counter", &["counter 3"])?;
    console.expect(
        "make room",
        &[
            "plan\n",
            "this would\n",
            "end counter 3: what a killed",
            QUESTION,
        ],
    )?;
    console.expect(
        "n",
        &[
            "refused by the kernel: NeedsConfirmation",
            "nothing was done",
        ],
    )?;
    ensure!(
        console.living("counter")?.len() == 1,
        console.complaint("no means no")
    );
    console.expect("make room", &[QUESTION])?;
    console.expect("y", &["allowed", "killed counter 3"])?;
    console.spawn("counter 60000")?;
    let answer = console.expect("kill the counter", &["allowed", "killed counter 4"])?;
    ensure!(
        !answer.contains(QUESTION),
        console.complaint("it was asked for by name")
    );
    console.spawn("counter 60000")?;
    console.expect("/confirm never", &["never"])?;
    console.expect("make room", &["allowed"])?;
    console.shut_down()
}

fn a_refused_amount_is_offered_again_and_asked_about() -> Result<()> {
    let agent = ScriptedAgent::start(|request| {
        let wanted = r#"[{"action":"spawn","program":"counter","args":["60000"],"count":100}]"#;
        let answer = match &request.before {
            Some(Before::Rejected { rejections, .. }) => {
                let first = rejections.first().and_then(|one| one.instead.clone());
                first.map(Plan::from)
            }
            _ => plans::plan(wanted).ok(),
        };
        let answer = match answer {
            Some(plan) => plans::reply(request.intent, plan),
            None => plans::no_plan(request.intent, "the script is over"),
        };
        honest(request, answer)
    })?;
    let mut console = Console::boot_with_agent(&agent.socket())?;
    console.ask_until("/status", |status| status.contains("connected, model"))?;
    console.expect(
        "start 100 counters",
        &[
            "refused by the kernel: TooMany",
            "another plan\n",
            "this would\n",
            "where start 100 counter",
            QUESTION,
        ],
    )?;
    console.expect("n", &["NeedsConfirmation", "nothing was done"])?;
    ensure!(
        console.living("counter")?.is_empty(),
        console.complaint("no means no")
    );
    console.expect("start 100 counters", &[QUESTION])?;
    console.expect("y", &["allowed", "started counter"])?;
    console.shut_down()
}

fn a_user_is_kept_to_what_is_theirs() -> Result<()> {
    let mut console = Console::boot()?;
    console.spawn("counter 60000")?;
    console.expect(
        "/user add ann processes=2 memory=4M",
        &["user ann may have 2 processes and 4M"],
    )?;
    console.expect("/user ann", &["the console acts as ann"])?;
    console.expect(
        "/kill counter",
        &["NotPermitted: you may kill only processes of your own"],
    )?;
    console.expect("/spawn counter x3 60000", &["OverQuota"])?;
    console.expect("/spawn counter x2 60000", &["started"])?;
    console.expect("/shutdown", &["NotPermitted"])?;
    console.expect("/audit", &["NotPermitted"])?;
    console.expect("/user", &["* ", "ann", "2 of 2"])?;
    console.expect("/user operator", &["operator"])?;
    console.shut_down()
}

fn a_rule_restarts_without_the_model() -> Result<()> {
    let mut console = Console::boot()?;
    console.expect(
        "/rule crash crasher restart limit=2",
        &["rule 1: when crasher crashes, restart it, at most 2 times"],
    )?;
    console.enter("/spawn crasher divide")?;
    console.eventually("rule 1: restarted crasher")?;
    console.ask_until("/rules", |rules| {
        rules.lines().any(|line| line.trim_end().ends_with(" 2"))
    })?;
    console.expect("/unrule 1", &["removed rule 1"])?;
    console.shut_down()
}

fn changes_are_taken_back() -> Result<()> {
    let mut console = Console::boot()?;
    console.spawn("counter 60000")?;
    console.expect("/priority counter low", &["priority of counter 3 is low"])?;
    console.expect("/undo", &["took back: priority of counter 3 is low"])?;
    ensure!(
        console.living("counter")?[0].priority == "normal",
        console.complaint("not taken back")
    );
    console.expect("/undo 2", &["TooMany"])?;
    console.expect("/undo", &["took back: started counter 3"])?;
    ensure!(
        console.living("counter")?.is_empty(),
        console.complaint("still there")
    );
    console.expect("/undo", &["NotUndoable"])?;
    console.shut_down()
}

fn everything_is_on_record() -> Result<()> {
    let (mut console, _agent) = boot(&[("who", r#"[{"action":"kill","target":99}]"#)])?;
    console.expect("who", &["refused"])?;
    console.expect(
        "/audit",
        &[
            "boot",
            "operator",
            "asked: who",
            "plan: kill process 99",
            "refused: NoSuchTarget",
        ],
    )?;
    console.expect("/audit export", &["records go to the agent"])?;
    console.shut_down()
}

fn a_hostile_agent_changes_nothing_that_is_not_its_users() -> Result<()> {
    let account = hostile::run(60, 20_261_122)?;
    ensure!(account.unauthorised.is_empty(), "{account:?}");
    ensure!(
        account.refused.len() >= 3 && account.failed > 0,
        "it did not try hard: {account:?}"
    );
    Ok(())
}
