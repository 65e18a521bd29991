//! A small system for plans to be judged on.

use proviso_abi::snapshot::ProcessInfo;
use proviso_abi::{Bytes, Name, Percent, Priority, State, Text};
use proviso_kernel_core::view::{
    Change, FilesView, Operation, Principal, ProcessView, ProgramView, Quota, View,
};

/// Init, a shell, and processes of the operator's and of a user's, one crashed,
/// one suspended, one capped; little memory, and a history.
pub fn view(principal: Principal) -> View {
    let names = [
        "init", "shell", "worker", "worker", "hog", "counter", "echo",
    ];
    let states = [
        State::Ready,
        State::Blocked,
        State::Ready,
        State::Suspended,
        State::Running,
        State::Crashed,
        State::Ready,
    ];
    let processes = (1u32..)
        .zip(names)
        .zip(states)
        .map(|((pid, name), state)| ProcessView {
            info: ProcessInfo {
                pid,
                name: Name::cut(name),
                state,
                priority: match pid {
                    1 | 2 => Priority::High,
                    _ => Priority::Normal,
                },
                cpu: 10,
                memory: Bytes(u64::from(pid) << 18),
                limit: Bytes(4 << 20),
            },
            started_ns: u64::from(pid),
            footprint: Bytes(1 << 18),
            mailbox_free: pid % 3,
            cpu_limit: Percent::new(50).filter(|_| pid == 5),
            owner: u32::from(pid > 3),
        });
    let program = |name| ProgramView {
        name: Name::cut(name),
        footprint: Bytes(1 << 18),
    };
    let change = |number, inverse, lost: Option<&str>| Change {
        number,
        what: Text::cut("a change"),
        inverse,
        lost: lost.map(Text::cut),
    };
    View {
        processes: processes.collect(),
        programs: ["counter", "hog", "worker"].map(program).to_vec(),
        memory_total: Bytes(32 << 20),
        memory_free: Bytes(3 << 20),
        process_slots: 6,
        quota: matches!(principal, Principal::User(_)).then_some(Quota {
            processes: 2,
            memory: Bytes(5 << 20),
        }),
        overdrawn: Quota::default(),
        rules: vec![1, 4],
        rule_slots: 2,
        cut_slots: 3,
        closed: vec![3],
        history: vec![
            change(9, vec![Operation::Resume(vec![4])], None),
            change(
                8,
                vec![Operation::SetLimit(vec![(5, Bytes(2 << 20))])],
                None,
            ),
            change(7, Vec::new(), Some("it is gone")),
        ],
        is_agent_there: true,
        files: FilesView::There { home: None },
    }
}
