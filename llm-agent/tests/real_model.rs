//! The whole agent with the real model: library, commands, server.
//!
//! The model is the one that PROVISO_MODEL names, or the project's own.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail by panicking, like tests"
)]

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use llm_agent::grammar;
use llm_agent::model::embedded::Embedded;
use llm_agent::model::{Job, Model, ModelError, Watch, locate};
use llm_agent::planner::{PlanError, Planner};
use proviso_abi::System;

const SYSTEM: &str = r#"{"uptime_s":812,"user":"operator","scheduler":"fair",
    "memory":{"total":134217728,"free":50331648},"programs":["counter","logger","odd \"name\""],
    "processes":[
      {"pid":1,"name":"init","state":"ready","priority":"high","cpu":0,"memory":1048576,"limit":4194304},
      {"pid":5,"name":"logger","state":"ready","priority":"normal","cpu":2,"memory":3984588,"limit":4194304},
      {"pid":7,"name":"odd \"name\"","state":"running","priority":"low","cpu":61,"memory":2097152,"limit":8388608}],
    "rules":[],"log":[]}"#;

fn model() -> PathBuf {
    let named = std::env::var_os("PROVISO_MODEL").map(PathBuf::from);
    locate::locate(named.as_deref(), Path::new(env!("CARGO_MANIFEST_DIR")))
        .unwrap_or_else(|error| panic!("{error}"))
}

fn system() -> System {
    serde_json::from_str(SYSTEM).unwrap()
}

#[test]
fn plans_are_valid_repeatable_and_cheaper_the_second_time() {
    let mut planner = Planner::new(Embedded::load(&model(), 1).unwrap());
    planner.warm(&Watch::default()).unwrap();
    let sentences = [
        "start a counter",
        "how is the machine?",
        "give the logger 2 MB more",
        "ünïcode, 日本語!",
        "",
    ];
    let mut ask = |sentence: &str| planner.plan(&system(), sentence, &Arc::default());
    let first: Vec<_> = sentences.iter().map(|sentence| ask(sentence)).collect();
    let again = [ask(sentences[0]), ask(sentences[0])].map(|planned| planned.prompt_tokens);
    assert!(again[1] < again[0], "what was read is not kept: {again:?}");
    for (sentence, first) in sentences.iter().zip(first) {
        assert_eq!(
            ask(sentence).plan.unwrap(),
            first.plan.unwrap(),
            "{sentence}"
        );
    }
}

/// What a replay rests on: neither who else is planned for, nor when, nor where a
/// sentence was interrupted changes a bit of what comes out.
#[test]
fn a_plan_is_the_same_to_the_bit_whoever_else_is_planned_for() {
    let mut planner = Planner::new(Embedded::load(&model(), 1).unwrap());
    let sentences = [
        "start a counter",
        "how is the machine?",
        "give the logger 2 MB more and then start three counters with low priority",
        "kill everything that uses more than 60 % of the processor, but not the logger",
        "when the logger crashes, restart it, at most 5 times",
        "pause logger",
        "why is everything so slow?",
        "ünïcode, 日本語!",
        "undo that",
        "show the last 20 log lines, please, I think something went wrong last night",
        "",
        "the one with the most memory should run at idle priority",
    ];
    let said = |planned: &llm_agent::planner::Planned| {
        let plan = planned.plan.as_ref().unwrap();
        let plan = serde_json::to_string(plan).unwrap();
        (plan, planned.likelihood.to_bits())
    };
    let alone: Vec<_> = sentences
        .iter()
        .map(|sentence| said(&planner.plan(&system(), sentence, &Arc::default())))
        .collect();
    for seats in [planner.seats(), 3] {
        // Who goes on changes every few steps, so everybody is interrupted.
        let mut open: Vec<_> = sentences
            .iter()
            .map(|sentence| planner.begin(&system(), sentence, &Arc::default()).unwrap())
            .enumerate()
            .collect();
        let mut round = 0;
        while !open.is_empty() {
            let count = open.len();
            open.rotate_left(usize::from(round % 4 == 3) * (round % count));
            round += 1;
            let jobs: Vec<_> = open.iter().take(seats).map(|(_, job)| *job).collect();
            for (job, planned) in planner.step(&jobs) {
                let at = open.iter().position(|(_, open)| *open == job).unwrap();
                let (index, _) = open.remove(at);
                assert_eq!(said(&planned), alone[index], "{}", sentences[index]);
            }
            assert!(round < 5000, "it never ends");
        }
    }
}

#[test]
fn work_that_is_not_wanted_ends_and_leaves_the_model_as_it_was() {
    let mut planner = Planner::new(Embedded::load(&model(), 1).unwrap());
    let before = planner
        .plan(&system(), "end the logger", &Arc::default())
        .plan
        .unwrap();
    for pause_ms in [0, 30, 150, 400] {
        let late = Arc::new(Watch::until(
            Instant::now() + Duration::from_millis(pause_ms),
        ));
        let planned = planner.plan(&system(), "how much memory is free on this machine?", &late);
        assert!(
            matches!(
                planned.plan,
                Ok(_) | Err(PlanError::Model(ModelError::TooLate))
            ),
            "{planned:?}"
        );
    }
    assert_eq!(
        planner
            .plan(&system(), "end the logger", &Arc::default())
            .plan
            .unwrap(),
        before
    );
}

#[test]
fn a_prompt_beyond_the_context_is_refused_in_words() {
    let mut model = Embedded::load(&model(), 1).unwrap();
    let job = Job {
        fixed: "",
        request: "process ".repeat(9000),
        grammar: grammar::plans(&system(), ""),
        max_tokens: 64,
        watch: Arc::default(),
    };
    let error = model.complete(job).unwrap_err();
    assert!(
        matches!(error, ModelError::PromptTooLong { .. }) && error.to_string().contains("tokens"),
        "{error}"
    );
}

fn agent(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_llm-agent"));
    command
        .args(arguments)
        .env("PROVISO_MODEL", model())
        .output()
        .unwrap()
}

#[test]
fn the_plan_and_eval_commands_print_what_they_promise() {
    let folder = tempfile::tempdir().unwrap();
    let system = folder.path().join("system.json");
    std::fs::write(&system, SYSTEM).unwrap();
    let output = agent(&["plan", "--system", system.to_str().unwrap(), "show the log"]);
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice::<proviso_abi::Plan>(&output.stdout).unwrap();

    let cases = folder.path().join("cases.jsonl");
    let one_line = SYSTEM.replace('\n', " ");
    let case = |id: &str| {
        format!(
            r#"{{"id":"{id}","tags":["a"],"prompt":"show the log","system":{one_line},"expect":[]}}"#
        )
    };
    std::fs::write(&cases, format!("{}\n{}\n", case("x"), case("y"))).unwrap();
    let output = agent(&["eval", "--json", "--cases", cases.to_str().unwrap()]);
    let lines: Vec<serde_json::Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(
        (&lines[0]["id"], &lines[0]["right"], &lines[0]["valid"]),
        (&"x".into(), &false.into(), &true.into())
    );
    assert_eq!(
        (&lines[2]["cases"], &lines[2]["right"]),
        (&2.into(), &0.into())
    );

    let output = agent(&[
        "eval",
        "--model",
        "/nowhere/m.gguf",
        "--cases",
        cases.to_str().unwrap(),
    ]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        !output.status.success()
            && error.contains("/nowhere/m.gguf")
            && error.contains("--model names"),
        "{error}"
    );
}

/// Ends the server whatever happens to the test.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_server_ends_cleanly_when_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("agent.sock");
    let mut command = Command::new(env!("CARGO_BIN_EXE_llm-agent"));
    command
        .args(["serve", "--listen"])
        .arg(&socket)
        .arg("--model")
        .arg(model())
        .stderr(Stdio::piped());
    let mut serving = Serving(command.spawn().unwrap());
    let mut lines = BufReader::new(serving.0.stderr.take().unwrap()).lines();
    assert!(lines.by_ref().any(|line| line.unwrap().contains("serving")));
    let mut guest = UnixStream::connect(&socket).unwrap();
    assert!(guest.read(&mut [0; 64]).unwrap() > 0, "no greeting");

    // The path is taken while somebody serves it.
    let second = agent(&["serve", "--listen", socket.to_str().unwrap()]);
    assert!(
        !second.status.success()
            && String::from_utf8_lossy(&second.stderr).contains("already serves")
    );

    let pid = serving.0.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    let status = serving.0.wait().unwrap();
    assert!(status.success(), "{status}");
    assert!(!socket.exists());
}
