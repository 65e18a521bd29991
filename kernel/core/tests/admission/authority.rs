//! The whole of authority as one table: every action by every class of
//! principal. An action or reason without its row does not compile.

use proviso_abi::{ActionKind, Bytes, Reason, Text};
use proviso_kernel_core::view::{Change, FilesView, Operation, Principal, View};

use crate::fixture::{M, judge_on, view};

const ANN: u32 = 1;

/// An action on the process `T`, or a file of its owner `O`, and what comes of it for five: the operator on
/// another's process, a user on their own, a user on another's, a process on
/// itself, a process on another. `+` is admitted, `P` not permitted, `U` not
/// supported.
const fn row(kind: ActionKind) -> (&'static str, &'static str) {
    match kind {
        ActionKind::Status => (r#"{"action":"status"}"#, "+++++"),
        ActionKind::List => (r#"{"action":"list","what":"processes"}"#, "+++++"),
        ActionKind::Inspect => (r#"{"action":"inspect","target":T}"#, "+++++"),
        ActionKind::Explain => (r#"{"action":"explain","target":T}"#, "+++++"),
        ActionKind::Search => (r#"{"action":"search","query":"x"}"#, "+++++"),
        ActionKind::ReadFile => (r#"{"action":"read_file","path":"/users/O/x"}"#, "++P++"),
        ActionKind::Spawn => (r#"{"action":"spawn","program":"counter"}"#, "+++PP"),
        ActionKind::Scale => (
            r#"{"action":"scale","program":"counter","count":1}"#,
            "+++PP",
        ),
        ActionKind::Kill => (r#"{"action":"kill","target":T}"#, "++P+P"),
        ActionKind::Suspend => (r#"{"action":"suspend","target":T}"#, "++P+P"),
        ActionKind::Resume => (r#"{"action":"resume","target":S}"#, "++P+P"),
        ActionKind::Restart => (r#"{"action":"restart","target":T}"#, "++P+P"),
        ActionKind::SetPriority => (
            r#"{"action":"set_priority","target":T,"priority":"low"}"#,
            "++P+P",
        ),
        ActionKind::SetCpuLimit => (
            r#"{"action":"set_cpu_limit","target":T,"percent":50}"#,
            "++P+P",
        ),
        ActionKind::SetMemoryLimit => (
            r#"{"action":"set_memory_limit","target":T,"bytes":7340032}"#,
            "++P+P",
        ),
        ActionKind::GrantMemory => (
            r#"{"action":"grant_memory","target":T,"bytes":4096}"#,
            "++P+P",
        ),
        ActionKind::Reclaim => (r#"{"action":"reclaim","target":T}"#, "++P+P"),
        ActionKind::SetScheduler => (r#"{"action":"set_scheduler","policy":"fair"}"#, "+PPPP"),
        ActionKind::Connect => (r#"{"action":"connect","from":T,"to":S}"#, "++PPP"),
        ActionKind::Disconnect => (r#"{"action":"disconnect","from":T,"to":S}"#, "++P+P"),
        ActionKind::Send => (r#"{"action":"send","to":T,"message":"x"}"#, "++P++"),
        ActionKind::WriteFile => (
            r#"{"action":"write_file","path":"/users/O/x","content":"x"}"#,
            "++PPP",
        ),
        ActionKind::DeleteFile => (r#"{"action":"delete_file","path":"/users/O/x"}"#, "++PPP"),
        ActionKind::SetRule => (
            r#"{"action":"set_rule","when":"crash","target":T,"do":"restart"}"#,
            "+PPPP",
        ),
        ActionKind::ClearRule => (r#"{"action":"clear_rule","id":3}"#, "+PPPP"),
        ActionKind::Remember => (r#"{"action":"remember","fact":"x"}"#, "+++PP"),
        ActionKind::Forget => (r#"{"action":"forget","fact":"x"}"#, "+++PP"),
        ActionKind::Undo => (r#"{"action":"undo"}"#, "++P+P"),
        ActionKind::Shutdown => (r#"{"action":"shutdown","mode":"halt"}"#, "+PPPP"),
        ActionKind::Answer => (r#"{"action":"answer","text":"x"}"#, "+++++"),
        ActionKind::Ask => (r#"{"action":"ask","question":"x"}"#, "+++++"),
        ActionKind::Refuse => (r#"{"action":"refuse","reason":"x"}"#, "+++++"),
    }
}

/// The fixture, where 4 runs and 6 is suspended, both of this owner.
fn owned_by(owner: u32) -> View {
    let mut view = view();
    for process in view.processes.iter_mut().skip(2).take(2) {
        process.owner = owner;
        process.info.limit = Bytes(6 * M);
    }
    view.history = vec![Change {
        number: 1,
        what: Text::cut("priority of worker 4 is low"),
        inverse: vec![Operation::SetPriority(vec![(
            4,
            proviso_abi::Priority::Low,
        )])],
        lost: None,
    }];
    view
}

fn outcome(view: &View, principal: Principal, action: &str) -> char {
    let owner = view.processes[2].owner;
    let action = action.replace(":T", ":4").replace(":S", ":6");
    let action = action.replace("/O/", &format!("/{owner}/"));
    let mut view = view.clone();
    if let Principal::User(user) = principal {
        let home = Some(Text::format(format_args!("/users/{user}")));
        view.files = FilesView::There { home };
    }
    match judge_on(&view, principal, &action) {
        Ok(_) => '+',
        Err(rejections) => match rejections[0].reason {
            Reason::NotPermitted => 'P',
            Reason::Unsupported => 'U',
            other => panic!("{principal:?}, {action}: {other}"),
        },
    }
}

#[test]
fn every_action_has_its_row_for_every_class_of_principal() {
    for kind in ActionKind::ALL {
        let (action, expected) = row(*kind);
        // Who resumes itself is the suspended one.
        let itself = if *kind == ActionKind::Resume { 6 } else { 4 };
        let found: String = [
            (OTHERS, Principal::Operator),
            (ANN, Principal::User(ANN)),
            (OTHERS, Principal::User(ANN)),
            (OTHERS, Principal::Process(itself)),
            (OTHERS, Principal::Process(8)),
        ]
        .map(|(owner, principal)| outcome(&owned_by(owner), principal, action))
        .iter()
        .collect();
        assert_eq!(found, expected, "{kind}");
    }
}

const OTHERS: u32 = 0;

/// A plan that admission rejects for this reason; nothing, for those that come
/// later or from others.
const fn example(reason: Reason) -> Option<(Principal, &'static str)> {
    let operator = Principal::Operator;
    match reason {
        Reason::NoSuchTarget => Some((operator, r#"{"action":"kill","target":99}"#)),
        Reason::NoSuchProgram => Some((operator, r#"{"action":"spawn","program":"ghost"}"#)),
        Reason::NotPermitted => Some((Principal::Process(4), r#"{"action":"kill","target":7}"#)),
        Reason::OverQuota => Some((
            Principal::Process(4),
            r#"{"action":"set_memory_limit","target":4,"bytes":16777216}"#,
        )),
        Reason::WouldExhaustMemory => Some((
            operator,
            r#"{"action":"spawn","program":"whale","count":9}"#,
        )),
        Reason::Protected => Some((operator, r#"{"action":"kill","target":1}"#)),
        Reason::Malformed => Some((operator, "")),
        Reason::TooMany => Some((operator, r#"{"action":"spawn","program":"hog","count":65}"#)),
        Reason::Stale => Some((Principal::Process(99), r#"{"action":"status"}"#)),
        Reason::WrongState => Some((operator, r#"{"action":"resume","target":4}"#)),
        Reason::Unsupported => Some((
            operator,
            r#"{"action":"search","query":"x","where":"files"}"#,
        )),
        Reason::NotUndoable => Some((operator, r#"{"action":"undo"}"#)),
        // Selectors and names mean all that fit; two readings are for the
        // planner to ask about.
        Reason::Ambiguous => None,
        // Comes after admission: `tests/boundary.rs` has it.
        Reason::NeedsConfirmation => None,
    }
}

#[test]
fn every_reason_has_a_plan_that_is_rejected_for_it() {
    for reason in Reason::ALL {
        let Some((principal, action)) = example(*reason) else {
            continue;
        };
        let rejections = judge_on(&view(), principal, action).unwrap_err();
        assert_eq!(rejections[0].reason, *reason, "{action}");
    }
}
