//! Random plans and systems; names and numbers often meet, and often do not.

use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proviso_abi::action::ProgramName;
use proviso_abi::snapshot::ProcessInfo;
use proviso_abi::target::{Filter, ProcessRef, Selector, Target};
use proviso_abi::value::{Bytes, Factor, Name, Percent, Pid};
use proviso_abi::words::{
    ListWhat, Order, Policy, Priority, RankKey, RuleDo, RuleWhen, ShutdownMode, SortKey, State,
};
use proviso_abi::{Action, List, Plan, Text};
use proviso_kernel_core::view::{FilesView, Principal, ProcessView, ProgramView, View};

/// Numbers near those that exist, and strangers.
fn pid() -> impl Strategy<Value = Pid> {
    prop_oneof![8 => 1u32..16, 1 => any::<u32>()]
}

fn name() -> impl Strategy<Value = Name> {
    let known = select(vec![
        "init", "shell", "worker", "hog", "Worker", "HOG", " hog ", "counter",
    ]);
    let odd = select(vec![
        "ghost",
        "",
        "*",
        "7",
        "99999999999",
        "007",
        "a\u{1b}[2J",
        "Ünïcode",
    ]);
    prop_oneof![6 => known.prop_map(Name::cut), 2 => odd.prop_map(Name::cut), 1 => ".{0,40}".prop_map(|name| Name::cut(&name))]
}

fn text<const N: usize>() -> impl Strategy<Value = Text<N>> {
    prop_oneof![
        Just(Text::cut("")),
        ".{0,80}".prop_map(|text| Text::cut(&text))
    ]
}

/// Sizes around those of the systems below, and the ends of the range.
fn bytes() -> impl Strategy<Value = Bytes> {
    prop_oneof![6 => (0u64..64).prop_map(|pages| Bytes(pages << 18)), 1 => any::<u64>().prop_map(Bytes), 1 => Just(Bytes(u64::MAX))]
}

fn percent() -> impl Strategy<Value = Percent> {
    (1u8..=100).prop_filter_map("within 1 to 100", Percent::new)
}

fn process_ref() -> impl Strategy<Value = ProcessRef> {
    prop_oneof![
        pid().prop_map(ProcessRef::Pid),
        name().prop_map(ProcessRef::Name)
    ]
}

pub fn refs() -> impl Strategy<Value = Vec<ProcessRef>> {
    vec(process_ref(), 0..4)
}

fn bounded<T: Clone + std::fmt::Debug, const N: usize>(
    items: impl Strategy<Value = Vec<T>>,
) -> impl Strategy<Value = List<T, N>> {
    items.prop_map(|mut items| {
        items.truncate(N);
        List::new(items).unwrap_or_default()
    })
}

fn word<T: Copy + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = T> {
    select(all)
}

fn filter() -> impl Strategy<Value = Filter> {
    let rare = |strategy| option::weighted(0.2, strategy);
    let size = || option::weighted(0.2, bytes());
    (
        option::weighted(0.3, name()),
        option::weighted(0.3, word(State::ALL)),
        option::weighted(0.2, word(Priority::ALL)),
        (rare(0u8..100), rare(0u8..100)),
        (size(), size()),
    )
        .prop_map(
            |(name, state, priority, (cpu_over, cpu_under), (memory_over, memory_under))| Filter {
                name,
                state,
                priority,
                cpu_over,
                cpu_under,
                memory_over,
                memory_under,
            },
        )
}

pub fn selector() -> impl Strategy<Value = Selector> {
    let place = || option::weighted(0.4, prop_oneof![8 => 0u32..6, 1 => Just(u32::MAX)]);
    (
        filter(),
        option::of(word(RankKey::ALL)),
        option::of(word(Order::ALL)),
        place(),
        place(),
    )
        // A place of 0 is malformed, and the rule's slices make something else of it.
        .prop_map(|(filter, by, order, take, nth)| Selector {
            filter,
            by,
            order,
            take,
            nth: nth.map(|nth| nth.max(1)),
        })
}

pub fn target() -> impl Strategy<Value = Target> {
    prop_oneof![
        4 => process_ref().prop_map(Target::One),
        2 => bounded(refs()).prop_map(Target::Many),
        1 => Just(Target::All),
        3 => selector().prop_map(Target::Select),
    ]
}

fn except() -> impl Strategy<Value = Option<List<ProcessRef, 16>>> {
    option::weighted(0.3, bounded(refs()))
}

fn rule() -> impl Strategy<Value = Action> {
    let numbers = (
        option::of(0u64..200),
        option::of(word(Priority::ALL)),
        option::of(bytes()),
        option::of(0u32..3),
    );
    (word(RuleWhen::ALL), target(), word(RuleDo::ALL), numbers).prop_map(
        |(when, target, r#do, (threshold, priority, bytes, limit))| Action::SetRule {
            when,
            target,
            r#do,
            threshold,
            priority,
            bytes,
            limit,
        },
    )
}

/// Actions that this kernel executes.
fn supported() -> BoxedStrategy<Action> {
    let whom = || (target(), except());
    prop_oneof![
        1 => Just(Action::Status {}),
        1 => (word(ListWhat::ALL), option::of(word(SortKey::ALL)), option::of(0u32..3))
            .prop_map(|(what, sort, limit)| Action::List { what, sort, limit, path: None }),
        1 => target().prop_map(|target| Action::Inspect { target }),
        6 => (name(), bounded(vec(text(), 0..3)), option::of(prop_oneof![4 => 0u32..8, 1 => any::<u32>()]), option::of(word(Priority::ALL)), option::of(bytes()))
            .prop_map(|(program, args, count, priority, memory_limit)| {
                Action::Spawn { program: ProgramName(program), args: Some(args), count, priority, memory_limit }
            }),
        4 => whom().prop_map(|(target, except)| Action::Kill { target, except }),
        2 => whom().prop_map(|(target, except)| Action::Suspend { target, except }),
        2 => whom().prop_map(|(target, except)| Action::Resume { target, except }),
        4 => whom().prop_map(|(target, except)| Action::Restart { target, except }),
        4 => (whom(), option::of(word(Priority::ALL)), option::of(any::<i8>()))
            .prop_map(|((target, except), priority, step)| Action::SetPriority { target, except, priority, step }),
        4 => (whom(), option::of(bytes()), option::of(any::<u32>().prop_map(|milli| Factor { milli: milli % 4000 })))
            .prop_map(|((target, except), bytes, times)| Action::SetMemoryLimit { target, except, bytes, times }),
        4 => (whom(), percent()).prop_map(|((target, except), percent)| Action::SetCpuLimit { target, percent, except }),
        2 => (word(Policy::ALL), option::of(prop_oneof![0u32..3, 999u32..1002, any::<u32>()]))
            .prop_map(|(policy, quantum_ms)| Action::SetScheduler { policy, quantum_ms }),
        4 => (target(), bytes()).prop_map(|(target, bytes)| Action::GrantMemory { target, bytes }),
        2 => (target(), text()).prop_map(|(to, message)| Action::Send { to, message }),
        1 => option::of(target()).prop_map(|target| Action::Explain { target }),
        1 => text().prop_map(|query| Action::Search { query, r#where: None }),
        3 => (name(), prop_oneof![8 => 0u32..6, 1 => any::<u32>()])
            .prop_map(|(program, count)| Action::Scale { program: ProgramName(program), count }),
        2 => whom().prop_map(|(target, except)| Action::Reclaim { target, except }),
        2 => (target(), target()).prop_map(|(from, to)| Action::Connect { from, to }),
        2 => (target(), target()).prop_map(|(from, to)| Action::Disconnect { from, to }),
        3 => rule(),
        1 => (0u32..4).prop_map(|id| Action::ClearRule { id }),
        1 => text().prop_map(|fact| Action::Remember { fact }),
        1 => text().prop_map(|fact| Action::Forget { fact }),
        1 => option::of(0u32..3).prop_map(|count| Action::Undo { count }),
        1 => word(ShutdownMode::ALL).prop_map(|mode| Action::Shutdown { mode }),
        1 => text().prop_map(|text| Action::Answer { text }),
        1 => text().prop_map(|question| Action::Ask { question }),
        1 => text().prop_map(|reason| Action::Refuse { reason }),
    ]
    .boxed()
}

/// Actions that it does not execute.
fn unsupported() -> BoxedStrategy<Action> {
    prop_oneof![
        text().prop_map(|path| Action::ReadFile { path }),
        (text(), text()).prop_map(|(path, content)| Action::WriteFile { path, content }),
        text().prop_map(|path| Action::DeleteFile { path }),
    ]
    .boxed()
}

pub fn plan() -> impl Strategy<Value = Plan> {
    let action = prop_oneof![20 => supported(), 1 => unsupported()];
    // Short plans are admitted often enough to say something.
    let actions = prop_oneof![4 => vec(action, 0..4), 1 => vec(supported(), 4..9)];
    bounded(actions).prop_map(|actions| Plan { actions })
}

pub fn principal() -> impl Strategy<Value = Principal> {
    prop_oneof![
        2 => Just(Principal::Operator),
        1 => (0u32..3).prop_map(Principal::User),
        1 => pid().prop_map(Principal::Process),
    ]
}

fn process(pid: Pid) -> impl Strategy<Value = ProcessView> {
    (
        (name(), word(State::ALL), word(Priority::ALL), 0u8..5),
        (bytes(), bytes(), bytes()),
        (0u64..9, 0u32..3, option::of(percent())),
    )
        .prop_map(
            move |(
                (name, state, priority, cpu),
                (memory, limit, footprint),
                (started_ns, mailbox_free, cpu_limit),
            )| {
                let name = if pid == 1 { Name::cut("init") } else { name };
                let info = ProcessInfo {
                    pid,
                    name,
                    state,
                    priority,
                    cpu: cpu * 20,
                    memory,
                    limit,
                };
                ProcessView {
                    info,
                    started_ns,
                    footprint,
                    mailbox_free,
                    cpu_limit,
                    owner: pid % 3,
                }
            },
        )
}

pub fn view() -> impl Strategy<Value = View> {
    let processes = btree_set(1u32..16, 0..10)
        .prop_flat_map(|pids| pids.into_iter().map(process).collect::<Vec<_>>());
    let program = (name(), bytes()).prop_map(|(name, footprint)| ProgramView { name, footprint });
    (
        processes,
        vec(program, 0..5),
        bytes(),
        bytes(),
        prop_oneof![4 => 0u32..20, 1 => any::<u32>()],
    )
        .prop_map(
            |(processes, programs, memory_total, memory_free, process_slots)| View {
                processes,
                programs,
                memory_total,
                memory_free,
                process_slots,
                quota: None,
                overdrawn: proviso_kernel_core::view::Quota::default(),
                rules: vec![1, 2],
                rule_slots: 2,
                cut_slots: 8,
                closed: vec![4],
                history: Vec::new(),
                is_agent_there: true,
                files: FilesView::There { home: None },
            },
        )
}

/// Starts and ends of processes that exist, in numbers that nearly fit a
/// [`tight_view`].
pub fn lively_plan() -> impl Strategy<Value = Plan> {
    let whom = || prop_oneof![2 => (2u32..8).prop_map(Target::pid), 1 => Just(Target::name("hog"))];
    let action = prop_oneof![
        2 => (select(vec!["hog", "worker"]), 1u32..4).prop_map(|(program, count)| Action::Spawn {
            program: ProgramName(Name::cut(program)),
            args: None,
            count: Some(count),
            priority: None,
            memory_limit: None,
        }),
        1 => whom().prop_map(|target| Action::Kill { target, except: None }),
        1 => whom().prop_map(|target| Action::Restart { target, except: None }),
    ];
    bounded(vec(action, 1..9)).prop_map(|actions| Plan { actions })
}

/// A system of seven processes and two programs, with little to spare.
pub fn tight_view() -> impl Strategy<Value = View> {
    let size = || (1u64..4).prop_map(|pages| Bytes(pages << 12));
    let process = move |pid| {
        (
            select(vec!["hog", "worker"]),
            word(State::ALL),
            size(),
            size(),
        )
            .prop_map(move |(name, state, memory, footprint)| {
                let name = Name::cut(if pid == 1 { "init" } else { name });
                let limit = Bytes(1 << 20);
                let priority = Priority::Normal;
                let info = ProcessInfo {
                    pid,
                    name,
                    state,
                    priority,
                    cpu: 0,
                    memory,
                    limit,
                };
                ProcessView {
                    info,
                    started_ns: 0,
                    footprint,
                    mailbox_free: 0,
                    cpu_limit: None,
                    owner: 0,
                }
            })
    };
    let processes = (1u32..8).map(process).collect::<Vec<_>>();
    let programs = (size(), size()).prop_map(|(hog, worker)| {
        let program = |name, footprint| ProgramView {
            name: Name::cut(name),
            footprint,
        };
        vec![program("hog", hog), program("worker", worker)]
    });
    (processes, programs, 0u64..12, 0u32..8).prop_map(
        |(processes, programs, pages, process_slots)| View {
            processes,
            programs,
            memory_total: Bytes(1 << 20),
            memory_free: Bytes(pages << 12),
            process_slots,
            quota: None,
            overdrawn: proviso_kernel_core::view::Quota::default(),
            rules: Vec::new(),
            rule_slots: 0,
            cut_slots: 0,
            closed: Vec::new(),
            history: Vec::new(),
            is_agent_there: false,
            files: FilesView::NoDisk,
        },
    )
}
