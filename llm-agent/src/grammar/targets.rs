//! The grammar of targets: processes by number, by name, by what they do.

use proviso_abi::words::{Order, RankKey};
use proviso_abi::{State, System};

use super::expr::{Class, Expr, list, optional, string, text};
use super::values::{names, words};

/// The most names and pids in one list of them.
const MAX_REFS: usize = 6;

/// The rules for `target`, and for `processes` as they can be listed.
pub fn rules(system: &System) -> Vec<(&'static str, Expr)> {
    vec![
        ("process", process(system)),
        ("processes", list(Expr::Rule("process"), MAX_REFS)),
        ("selector", selector(system)),
        ("target", target()),
    ]
}

fn target() -> Expr {
    let rules = ["process", "processes", "selector"].map(Expr::Rule);
    let mut ways = Vec::from(rules);
    ways.push(string("*"));
    Expr::Any(ways)
}

/// A pid or a name that exists; any pid if the snapshot does not show them all.
fn process(system: &System) -> Expr {
    let mut ways: Vec<_> = system
        .processes
        .iter()
        .map(|process| text(process.pid.to_string()))
        .collect();
    ways.extend(names(system.processes.iter().map(|process| &process.name)));
    if system.omitted > 0 || ways.is_empty() {
        ways.push(Expr::Rule("number"));
    }
    Expr::Any(ways)
}

/// A selector with at least one part; its filter has a name, another test, or both.
fn selector(system: &System) -> Expr {
    let test = Expr::Any(vec![
        entry("state", words(State::WORDS)),
        entry("priority", Expr::Rule("priority")),
        entry("cpu_over", Expr::Rule("percent")),
        entry("cpu_under", Expr::Rule("percent")),
        entry("memory_over", Expr::Rule("bytes")),
        entry("memory_under", Expr::Rule("bytes")),
    ]);
    let then = |part: Expr| optional(Expr::Seq(vec![text(","), part]));
    let tests = match names(system.processes.iter().map(|process| &process.name)) {
        Some(names) => Expr::Any(vec![
            Expr::Seq(vec![entry("name", names), then(test.clone())]),
            test,
        ]),
        None => test,
    };
    let filter = entry("where", Expr::Seq(vec![text("{"), tests, text("}")]));
    let by = entry("by", words(RankKey::WORDS));
    let order = entry("order", words(Order::WORDS));
    let few = || Expr::Class(Class::NonZero);
    let count = Expr::Any(vec![entry("take", few()), entry("nth", few())]);
    let ranked = Expr::Seq(vec![by, then(order), then(count.clone())]);
    let filtered = Expr::Seq(vec![filter, then(Expr::Any(vec![ranked.clone(), count]))]);
    Expr::Seq(vec![
        text("{"),
        Expr::Any(vec![filtered, ranked]),
        text("}"),
    ])
}

fn entry(name: &str, value: Expr) -> Expr {
    Expr::Seq(vec![text(format!("\"{name}\":")), value])
}
