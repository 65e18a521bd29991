//! A small system to judge plans against, and the words to do it with.

use proviso_abi::Plan;
use proviso_abi::snapshot::ProcessInfo;
use proviso_abi::value::{Bytes, Name, Pid};
use proviso_abi::words::{Priority, State};
use proviso_kernel_core::admit::admit;
use proviso_kernel_core::view::{
    FilesView, OPERATOR as OPERATOR_ID, Operation, Principal, ProcessView, ProgramView, Verdict,
    View,
};

pub const M: u64 = 1 << 20;
pub const OPERATOR: Principal = Principal::Operator;

pub fn process(pid: Pid, name: &str, state: State, priority: Priority, memory: u64) -> ProcessView {
    let info = ProcessInfo {
        pid,
        name: Name::cut(name),
        state,
        priority,
        cpu: 10,
        memory: Bytes(memory),
        limit: Bytes(8 * M),
    };
    ProcessView {
        info,
        started_ns: pid.into(),
        footprint: Bytes(M),
        mailbox_free: 2,
        cpu_limit: None,
        owner: OPERATOR_ID,
    }
}

/// Eight processes, two of them dead, one with a full mailbox; 10M are free.
pub fn view() -> View {
    use Priority::{High, Low, Normal, Realtime};
    use State::{Blocked, Crashed, Exited, Ready, Running, Suspended};
    let mut processes = vec![
        process(1, "init", Ready, High, M),
        process(2, "shell", Blocked, High, M),
        process(4, "worker", Ready, Normal, 2 * M),
        process(6, "worker", Suspended, Low, 2 * M),
        process(7, "hog", Running, Realtime, 6 * M),
        process(8, "logger", Blocked, Normal, M),
        process(9, "crasher", Crashed, Normal, 0),
        process(10, "pinger", Exited, Normal, 0),
    ];
    processes[5].mailbox_free = 0;
    let program = |name, footprint| ProgramView {
        name: Name::cut(name),
        footprint: Bytes(footprint),
    };
    View {
        processes,
        programs: vec![
            program("counter", M),
            program("hog", M),
            program("whale", 3 * M),
        ],
        memory_total: Bytes(64 * M),
        memory_free: Bytes(10 * M),
        process_slots: 20,
        quota: None,
        overdrawn: proviso_kernel_core::view::Quota::default(),
        rules: vec![3],
        rule_slots: 2,
        cut_slots: 3,
        closed: Vec::new(),
        history: Vec::new(),
        is_agent_there: true,
        files: FilesView::There { home: None },
    }
}

/// Judges a plan, given as its list of actions in JSON.
pub fn judge_on(view: &View, principal: Principal, actions: &str) -> Verdict {
    let json = format!(r#"{{"plan":[{actions}]}}"#);
    let plan: Plan = serde_json::from_str(&json).unwrap_or_else(|error| panic!("{json}: {error}"));
    admit(&plan, principal, view)
}

pub fn admitted_on(view: &View, principal: Principal, actions: &str) -> Vec<Operation> {
    judge_on(view, principal, actions)
        .unwrap_or_else(|rejections| panic!("{actions}: {rejections:?}"))
}

pub fn admitted(actions: &str) -> Vec<Operation> {
    admitted_on(&view(), OPERATOR, actions)
}

/// The rejections as lines: which action, why, and the sentence.
pub fn rejected_on(view: &View, principal: Principal, actions: &str) -> Vec<String> {
    match judge_on(view, principal, actions) {
        Ok(operations) => panic!("{actions} is admitted: {operations:?}"),
        Err(rejections) => rejections
            .iter()
            .map(|rejection| match rejection.action {
                Some(index) => format!("{index} {rejection}"),
                None => format!("plan {rejection}"),
            })
            .collect(),
    }
}

pub fn rejected(actions: &str) -> Vec<String> {
    rejected_on(&view(), OPERATOR, actions)
}
