//! Inputs to begin with: well-formed ones of every kind, from which the corpora
//! were made.

use proviso_abi::audit::{AuditEvent, AuditRecord, Hash};
use proviso_abi::console::{ConfirmPolicy, ConsoleRequest};
use proviso_abi::outcome::{IntentEvent, Rejection};
use proviso_abi::syscall::Syscall;
use proviso_abi::wire::{Frame, MemoryChange, ModelStats, ToAgent, ToKernel, VERSION, encode};
use proviso_abi::{Bytes, List, Name, Plan, Reason, Sentence, Text};
use proviso_ramdisk::Packer;
use serde::Serialize;

use crate::plans;

/// Plans with every kind of target and value.
const PLANS: [&str; 10] = [
    r#"[{"action":"status"},{"action":"list","what":"processes","sort":"cpu","limit":3}]"#,
    r#"[{"action":"spawn","program":"worker","args":["a b","-1"],"count":2,"priority":"low","memory_limit":1048576}]"#,
    r#"[{"action":"kill","target":[4,"hog"],"except":["shell",1]},{"action":"answer","text":"ok"}]"#,
    r#"[{"action":"suspend","target":{"where":{"name":"worker","state":"ready","memory_over":4096},"by":"memory","order":"least","take":3}}]"#,
    r#"[{"action":"restart","target":{"by":"age","nth":2}},{"action":"resume","target":"*"}]"#,
    r#"[{"action":"set_priority","target":7,"step":-1},{"action":"set_cpu_limit","target":"echo","percent":50}]"#,
    r#"[{"action":"set_memory_limit","target":5,"times":0.5},{"action":"grant_memory","target":4,"bytes":4096}]"#,
    r#"[{"action":"set_rule","when":"memory_over","target":"hog","do":"restart","threshold":65536,"limit":2},{"action":"clear_rule","id":1}]"#,
    r#"[{"action":"connect","from":3,"to":"echo"},{"action":"send","to":4,"message":"hello"},{"action":"undo","count":2}]"#,
    r#"[{"action":"write_file","path":"a/b","content":"x"},{"action":"search","query":"why","where":"log"},{"action":"shutdown","mode":"halt"}]"#,
];

/// The inputs of each target.
#[must_use]
pub fn seeds() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let plans: Vec<Plan> = PLANS
        .iter()
        .filter_map(|text| plans::plan(text).ok())
        .collect();
    let json = PLANS.map(|text| format!("{{\"plan\":{text}}}").into_bytes());
    let asked = |who: u8| {
        let form = |plan: &Plan| [vec![who], bytes(plan)].concat();
        plans.iter().map(form).collect::<Vec<_>>()
    };
    vec![
        ("wire_to_kernel", to_kernel(&plans)),
        ("wire_to_agent", to_agent()),
        ("plan_json", json.to_vec()),
        ("plan", plans.iter().map(bytes).collect()),
        ("console_request", console_requests()),
        ("intent_event", events(&plans)),
        (
            "syscall",
            Syscall::ALL.iter().map(|call| registers(*call)).collect(),
        ),
        ("audit_export", vec![export(1), export(4)]),
        ("ramdisk", ramdisks()),
        ("command_line", lines()),
        ("admission", [asked(0), asked(1), asked(2)].concat()),
    ]
}

fn bytes(value: &impl Serialize) -> Vec<u8> {
    postcard::to_allocvec(value).unwrap_or_default()
}

/// Both as a frame and bare, since mutations break checksums.
fn frames<T: Serialize>(messages: Vec<T>) -> Vec<Vec<u8>> {
    let frame = |body| encode(&Frame { sequence: 3, body }).unwrap_or_default();
    let bare: Vec<_> = messages.iter().map(bytes).collect();
    messages.into_iter().map(frame).chain(bare).collect()
}

fn to_kernel(plans: &[Plan]) -> Vec<Vec<u8>> {
    let mut messages = vec![
        ToKernel::Hello {
            version: VERSION,
            model: Name::cut("m"),
        },
        ToKernel::Accepted { intent: 7 },
        ToKernel::Progress {
            intent: 7,
            generated_tokens: 300,
        },
        plans::no_plan(7, "no"),
        ToKernel::Observe { is_on: true },
    ];
    let first = plans.first().cloned().unwrap_or_default();
    messages.push(ToKernel::Look {
        intent: 7,
        plan: first,
    });
    messages.extend(plans.iter().map(|plan| plans::reply(7, plan.clone())));
    frames(messages)
}

fn to_agent() -> Vec<Vec<u8>> {
    frames(vec![
        ToAgent::Hello { version: VERSION },
        ToAgent::Cancel { intent: 7 },
        ToAgent::Memory {
            user: Name::cut("ann"),
            facts: vec![MemoryChange::Remember(Sentence::cut("tea"))],
        },
        ToAgent::Audit {
            records: records(2),
            is_last: true,
        },
    ])
}

fn console_requests() -> Vec<Vec<u8>> {
    let requests = [
        ConsoleRequest::Answer {
            intent: 3,
            yes: true,
        },
        ConsoleRequest::Users,
        ConsoleRequest::AddUser {
            name: Name::cut("ann"),
            processes: Some(2),
            memory: Some(Bytes(1 << 20)),
        },
        ConsoleRequest::Become(Name::cut("ann")),
        ConsoleRequest::Confirm(ConfirmPolicy::Never),
    ];
    requests.iter().map(bytes).collect()
}

fn events(plans: &[Plan]) -> Vec<Vec<u8>> {
    let rejection = Rejection {
        action: Some(0),
        reason: Reason::OverQuota,
        text: Text::cut("too much"),
        instead: plans.first().and_then(|plan| plan.actions.first().cloned()),
    };
    let mut events = vec![
        IntentEvent::Accepted,
        IntentEvent::Confirm {
            loss: vec![Text::cut("all of it")],
        },
        IntentEvent::Rejected {
            rejections: List::new(vec![rejection]).unwrap_or_default(),
            kernel_ns: 5,
        },
    ];
    events.extend(plans.iter().map(|plan| IntentEvent::Proposed {
        plan: plan.clone(),
        stats: ModelStats::default(),
    }));
    events.iter().map(bytes).collect()
}

fn registers(call: Syscall) -> Vec<u8> {
    let words = [call as u64, 1, 0x7fff_0000, 4096, u64::MAX, 0, 7];
    words.map(u64::to_le_bytes).concat()
}

fn records(count: u64) -> Vec<AuditRecord> {
    let mut before = Hash::START;
    let mut records = Vec::new();
    for number in 0..count {
        let mut record = AuditRecord {
            number,
            t_ms: number * 10,
            intent: number,
            who: Name::cut("operator"),
            event: AuditEvent::Sentence(Sentence::cut("kill the hog")),
            hash: Hash::START,
        };
        record.hash = record.link(before);
        before = record.hash;
        records.push(record);
    }
    records
}

fn export(count: u64) -> Vec<u8> {
    let lines = records(count).into_iter();
    let lines = lines.filter_map(|record| serde_json::to_string(&record).ok());
    lines.collect::<Vec<_>>().join("\n").into_bytes()
}

fn ramdisks() -> Vec<Vec<u8>> {
    let empty = Packer::new().finish();
    let small = Packer::new()
        .kernel(b"\x7fELF")
        .and_then(|packer| packer.program("hog", b"\x7fELF program"))
        .and_then(|packer| packer.file("boot.cfg", b"init=init\nconsole=plain\n"))
        .and_then(Packer::finish);
    [empty, small].into_iter().flatten().collect()
}

fn lines() -> Vec<Vec<u8>> {
    let lines = [
        "start two counters",
        "/spawn counter x2 priority=low limit=1M 500",
        "/kill hog 4 except shell",
        "/rule memory_over hog restart above=4M limit=2",
        "/user add ann processes=2 memory=4M",
        "/confirm never",
        "/undo 2",
        "/priority * +1",
    ];
    lines.map(|line| line.as_bytes().to_vec()).to_vec()
}
