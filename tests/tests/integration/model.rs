//! The path itself with the real agent and the real model. What the model
//! proposes is its own affair here; that every sentence ends in a plan with an
//! outcome or a refusal is not.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use proviso_abi::Plan;
use proviso_boot::agent::{self, Agent};
use proviso_boot::model;
use proviso_tests::command::{self, Ended};
use proviso_tests::console::Console;
use serde_json::Value;
use tempfile::TempDir;

use crate::front_door::qemu_sh;

scenarios! {
    the_script_of_the_readme_goes_through_the_model,
    the_agent_may_be_killed_in_the_middle_and_come_back,
    one_agent_serves_two_machines,
    a_plan_is_printed_as_the_vocabulary_has_it,
    evaluation_judges_by_the_rule,
    what_the_agent_cannot_read_is_named,
}

/// Far more than loading the model and planning a few times take.
const LIMIT: Duration = Duration::from_secs(300);

fn the_script_of_the_readme_goes_through_the_model() -> Result<()> {
    let sentences = ["start two counters", "show me what is running"];
    let [first, second] = sentences;
    let lines = format!("/ps\n{first}\n{second}\n/shutdown\n");
    let ended = qemu_sh(&["--script", "-"], &lines)?;
    ended.expect(0, &["proviso> /ps", "shutting down"])?;
    for sentence in sentences {
        let answer = ended
            .stdout
            .split_once(&format!("proviso> {sentence}"))
            .map(|(_, rest)| rest);
        let answer = answer.and_then(|rest| {
            rest.split_once("\nproviso> /")
                .or_else(|| rest.split_once("proviso> show"))
        });
        let answer = answer
            .with_context(|| ended.complaint("a sentence was not answered"))?
            .0;
        check_outcome(answer).with_context(|| ended.complaint(sentence))?;
    }
    Ok(())
}

/// There is a plan, and what became of it, and whose time it took.
fn check_outcome(answer: &str) -> Result<()> {
    ensure!(
        answer.contains("plan\n  1. ") || answer.contains("plan\r\n  1. "),
        "no plan"
    );
    let allowed = answer.contains("allowed") && answer.contains("done in ");
    let refused = answer.contains("refused by the kernel: ") && answer.contains("nothing was done");
    ensure!(allowed != refused, "neither done nor refused, or both");
    ensure!(
        answer.contains("tokens read, ") && answer.contains(", kernel "),
        "no times"
    );
    Ok(())
}

/// Starts the agent at a socket and waits until it listens.
fn start(binary: &Path, folder: &TempDir) -> Result<(Agent, PathBuf)> {
    let socket = folder.path().join("agent");
    let model = model::default_path();
    let mut agent = Agent::start(binary, &model, &socket, &folder.path().join("log"))?;
    agent.wait_ready(LIMIT)?;
    Ok((agent, socket))
}

fn the_agent_may_be_killed_in_the_middle_and_come_back() -> Result<()> {
    let (binary, folder) = (agent::build()?, tempfile::tempdir()?);
    let (first, socket) = start(&binary, &folder)?;
    let mut console = Console::boot_with_agent(&socket)?;
    let connected = |status: &str| status.contains("connected, model ");
    console.ask_until("/status", connected)?;
    console.enter("show me what is running")?;
    drop(first);
    let answer = console.wait_for_prompt()?;
    console.ensure(
        answer.contains("the agent"),
        "the sentence failed, for the agent is gone",
    )?;
    console.still_answers()?;
    let (_second, _) = start(&binary, &folder)?;
    // The old agent counts as connected until the new one says hello.
    console.ask_until("/log", |log| log.matches("agent connected").count() == 2)?;
    let answer = console.ask("show me what is running")?;
    check_outcome(&answer).with_context(|| console.complaint("after the agent came back"))?;
    console.shut_down()
}

fn one_agent_serves_two_machines() -> Result<()> {
    let (binary, folder) = (agent::build()?, tempfile::tempdir()?);
    let (_agent, socket) = start(&binary, &folder)?;
    let mut consoles = [
        Console::boot_with_agent(&socket)?,
        Console::boot_with_agent(&socket)?,
    ];
    for console in &mut consoles {
        console.ask_until("/status", |status| status.contains("connected, model "))?;
    }
    // Both ask before either is answered.
    for console in &mut consoles {
        console.enter("show me what is running")?;
    }
    for mut console in consoles {
        let answer = console.wait_for_prompt()?;
        check_outcome(&answer).with_context(|| console.complaint("of two machines"))?;
        console.shut_down()?;
    }
    Ok(())
}

/// A system to plan for.
const SYSTEM: &str = r#"{"uptime_s":812,"user":"operator","scheduler":"fair",
"memory":{"total":134217728,"free":50331648},"programs":["counter","logger","hog"],
"processes":[{"pid":1,"name":"init","state":"ready","priority":"high","cpu":0,"memory":1048576,"limit":4194304},
{"pid":5,"name":"logger","state":"ready","priority":"normal","cpu":2,"memory":3984588,"limit":4194304}],
"rules":[],"log":[]}"#;

/// Runs the agent's program.
fn llm_agent(arguments: &[&str]) -> Result<Ended> {
    let mut command = Command::new(agent::build()?);
    command.args(arguments);
    command::run(command, "", LIMIT)
}

fn a_plan_is_printed_as_the_vocabulary_has_it() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("system.json");
    std::fs::write(&file, SYSTEM)?;
    let (file, model) = (file.to_string_lossy(), model::default_path());
    let ended = llm_agent(&[
        "plan",
        "--system",
        &file,
        "--model",
        &model.to_string_lossy(),
        "kill the logger",
    ])?;
    ended.expect(0, &[])?;
    let plan: Plan =
        serde_json::from_str(&ended.stdout).with_context(|| ended.complaint("this is no plan"))?;
    ensure!(
        !plan.actions.is_empty(),
        ended.complaint("the plan is empty")
    );
    Ok(())
}

/// Sentences and the plans that are right for them. None names a process, so a
/// plan is right exactly if its actions are the same, an answer beside them
/// aside, and so are their fields, but for the sorting and length of lists.
const CASES: &[(&str, &str)] = &[
    ("how is the system doing?", r#"[[{"action":"status"}]]"#),
    (
        "show me the memory",
        r#"[[{"action":"list","what":"memory"}]]"#,
    ),
    (
        "which programs are there?",
        r#"[[{"action":"list","what":"programs"}]]"#,
    ),
    (
        "start two counters",
        r#"[[{"action":"spawn","program":"counter","count":2}]]"#,
    ),
    ("shut down", r#"[[{"action":"shutdown","mode":"halt"}]]"#),
    ("whatever you do is wrong", r#"[]"#),
];

fn evaluation_judges_by_the_rule() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("cases.jsonl");
    let line = |(number, (prompt, expect)): (usize, &(&str, &str))| {
        let system = SYSTEM.replace('\n', "");
        format!(
            "{{\"id\":\"case-{number}\",\"tags\":[\"rule\"],\"prompt\":\"{prompt}\",\"system\":{system},\"expect\":{expect}}}\n"
        )
    };
    std::fs::write(
        &file,
        CASES.iter().enumerate().map(line).collect::<String>(),
    )?;
    let (file, model) = (file.to_string_lossy(), model::default_path());
    let ended = llm_agent(&[
        "eval",
        "--cases",
        &file,
        "--json",
        "--model",
        &model.to_string_lossy(),
    ])?;
    ended.expect(0, &[])?;
    let results = ended
        .stdout
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<Vec<Value>, _>>();
    let results = results.with_context(|| ended.complaint("not JSON, one object a line"))?;
    let (summary, results) = results.split_last().context("no results")?;
    ensure!(
        results.len() == CASES.len(),
        ended.complaint("one result a case was expected")
    );
    let mut right = 0;
    for (result, (prompt, expect)) in results.iter().zip(CASES) {
        let expected: Vec<Vec<Value>> = serde_json::from_str(expect)?;
        let is_right = expected.iter().any(|plan| {
            normal(plan) == normal(result["plan"].as_array().map_or(&[], Vec::as_slice))
        });
        ensure!(
            result["right"] == is_right,
            ended.complaint(&format!("{prompt:?} should be judged {is_right}"))
        );
        right += usize::from(is_right);
    }
    ensure!(
        summary["cases"] == CASES.len() && summary["right"] == right,
        ended.complaint("the summary does not add up")
    );
    Ok(())
}

/// A plan without what is not compared, and with its defaults.
fn normal(plan: &[Value]) -> Vec<BTreeMap<String, Value>> {
    let alone = plan.len() == 1;
    let actions = plan
        .iter()
        .filter(|action| alone || action["action"] != "answer");
    let normal = actions.map(|action| {
        let fields = action.as_object().into_iter().flatten();
        let mut fields: BTreeMap<String, Value> = fields
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        if action["action"] == "list" {
            fields.remove("sort");
            fields.remove("limit");
        }
        if action["action"] == "spawn" {
            fields.entry("count".into()).or_insert(1.into());
        }
        fields
    });
    normal.collect()
}

fn what_the_agent_cannot_read_is_named() -> Result<()> {
    for arguments in [
        &["eval", "--cases", "/no/such/cases.jsonl"][..],
        &[
            "plan",
            "--system",
            "/no/such/system.json",
            "kill the logger",
        ],
        &[
            "serve",
            "--listen",
            "/no/such/folder/socket",
            "--model",
            "/no/such/model.gguf",
        ],
    ] {
        let ended = llm_agent(arguments)?;
        ended.expect(1, &[])?;
        ensure!(
            ended.stderr.contains("/no/such/"),
            ended.complaint("the file should be named")
        );
    }
    Ok(())
}
