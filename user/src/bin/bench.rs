//! Counts what the kernel's operations cost, in timestamp counts: with QEMU's
//! `-icount shift=0,sleep=off` one count is one instruction.
//!
//! Started as init it measures, prints a line `figure NAME = COUNT` for each
//! operation, and ends. `./qemu.sh bench kernel` puts them beside others' figures.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::hint::black_box;
use core::time::Duration;

use proviso_user::abi::action::ProgramName;
use proviso_user::abi::trace::TraceKind;
use proviso_user::abi::value::Argument;
use proviso_user::abi::{
    Access, Action, Effect, FaultKind, Handle, INIT, IntentEvent, List, Name, Plan, Priority,
    Rights, Target,
};
use proviso_user::{
    Args, Error, Extras, Port, Region, claim, clock, fault, guard, ipc, measure, println, program,
    sleep, submit_plan, system,
};

program!(main);

/// Operations that are measured together.
const BATCH: u64 = 1000;
/// Batches; the quickest counts, since a tick of the timer may fall into any.
const BATCHES: u64 = 10;
const PAGE: usize = 4096;
const PAGES: usize = 64;
/// Farther than any region is long.
const SPAN: u64 = 1 << 24;

fn main(args: Args) -> Result<(), String> {
    match (args.pid(), args.get(0)) {
        (INIT, _) => measure_all(),
        (_, Some("server")) => serve().map_err(|error| error.to_string()),
        (_, Some("faulter")) => faulter().map_err(|error| error.to_string()),
        (_, Some("client")) => client().map_err(|error| error.to_string()),
        (_, Some("rest")) => loop {
            sleep(Duration::from_secs(3600));
        },
        _ => Ok(()),
    }
}

fn measure_all() -> Result<(), String> {
    figure("boot_to_init", measure::counts());
    let fresh = measure::counts();
    // Before anything is allocated: new memory comes straight from the kernel.
    claim(PAGE * PAGES).map_err(|error| error.to_string())?;
    figure("map_page", (measure::counts() - fresh) / PAGES as u64);
    regions()?;
    figure(
        "null_call",
        each(|| {
            black_box(clock());
        }),
    );
    figure(
        "refused_call",
        each(|| {
            let _ = black_box(ipc::close(Handle::NONE));
        }),
    );
    calls()?;
    faults()?;
    let mut cycles = u64::MAX;
    for _ in 0..20 {
        let begin = measure::counts();
        start("none")?;
        // The server of the measurement above lives; this one just ends.
        system::watch(None).map_err(|error| error.to_string())?;
        cycles = cycles.min(measure::counts() - begin);
    }
    figure("spawn_to_exit", cycles);
    admission()
}

/// Pages that are touched first, and changes of what a page is for.
fn regions() -> Result<(), String> {
    let text = |error: Error| error.to_string();
    let region = Region::create(PAGES as u64 + 1).map_err(text)?;
    let mapping = region
        .map(0, PAGES as u64 + 1, Access::Write)
        .map_err(text)?;
    // The first brings the tables as well.
    mapping.write(0, &[1]).map_err(text)?;
    let begin = measure::counts();
    for page in 1..=PAGES as u64 {
        fault::read(mapping.address() + page * PAGE as u64);
    }
    figure("page_fault", (measure::counts() - begin) / PAGES as u64);
    let page = region
        .map_at(mapping.address() + SPAN, 0, 1, Access::Read)
        .map_err(text)?;
    page.read(0, &mut [0]).map_err(text)?;
    let mut access = [Access::Write, Access::Read].into_iter().cycle();
    let protect = each(|| {
        let _ = black_box(page.protect(access.next().unwrap_or(Access::Read)));
    });
    figure("protect_page", protect);
    Ok(())
}

fn figure(name: &str, count: u64) {
    println!("figure {name} = {count}");
}

/// Counts for one run of an operation, the loop around it included.
fn each(mut operation: impl FnMut()) -> u64 {
    let batch = || {
        let begin = measure::counts();
        (0..BATCH).for_each(|_| operation());
        (measure::counts() - begin) / BATCH
    };
    core::iter::repeat_with(batch)
        .take(BATCHES as usize)
        .min()
        .unwrap_or(0)
}

/// Starts this program in a role.
fn start(role: &str) -> Result<(), String> {
    let spawn = Action::Spawn {
        program: ProgramName(Name::cut("bench")),
        args: List::new(alloc::vec![Argument::cut(role)]).ok(),
        count: None,
        priority: None,
        memory_limit: None,
    };
    submit(&spawn).map(|_| ())
}

fn submit(action: &Action) -> Result<Vec<Effect>, String> {
    let plan = action.clone().into();
    match submit_plan(&plan).and_then(|mut intent| intent.finish()) {
        Ok(IntentEvent::Done { effects, .. }) => Ok(effects),
        other => Err(alloc::format!("{action} is not done: {other:?}")),
    }
}

/// Has plans of eight actions judged among 64 processes: one whose actions are
/// about a process each, and one in which each means everybody.
fn admission() -> Result<(), String> {
    let most = 64 - 2;
    let effects = submit(&Action::Spawn {
        program: ProgramName(Name::cut("bench")),
        args: List::new(alloc::vec![Argument::cut("rest")]).ok(),
        count: Some(most),
        priority: None,
        memory_limit: None,
    })?;
    let [Effect::Spawned(started)] = &effects[..] else {
        return Err(alloc::format!("it did not start: {effects:?}"));
    };
    let raise = |target: Target| Action::SetPriority {
        target,
        except: None,
        priority: Some(Priority::Normal),
        step: None,
    };
    let some = started.iter().rev().take(8);
    let each: Vec<Action> = some.map(|one| raise(Target::pid(one.pid))).collect();
    let [view, judge] = judged(&each)?;
    figure("admit_view", view);
    figure("admit_each", judge);
    let [_, judge] = judged(&alloc::vec![raise(Target::All); 8])?;
    figure("admit_all", judge);
    Ok(())
}

/// What it costs at least to make a picture of the system, and to judge a plan
/// of these actions by it, which is allowed.
fn judged(actions: &[Action]) -> Result<[u64; 2], String> {
    let text = |error: Error| error.to_string();
    let plan = Plan::new(actions.to_vec()).map_err(|error| error.to_string())?;
    let sums = || -> Result<[u64; 2], String> {
        let counters = system::counters().map_err(text)?;
        Ok([TraceKind::View, TraceKind::Judge].map(|kind| counters.of(kind).sum))
    };
    let mut least = [u64::MAX; 2];
    for _ in 0..BATCHES {
        let before = sums()?;
        match submit_plan(&plan).and_then(|mut intent| intent.finish()) {
            Ok(IntentEvent::Done { .. }) => {}
            other => return Err(alloc::format!("it is not allowed: {other:?}")),
        }
        for ((least, after), before) in least.iter_mut().zip(sums()?).zip(before) {
            *least = (*least).min(after - before);
        }
    }
    Ok(least)
}

/// Two processes call each other: one serves, one measures and tells us. We pass
/// the one's handle to the other.
fn calls() -> Result<(), String> {
    let text = |error: Error| error.to_string();
    start("server")?;
    let server = Port::OWN.receive(None).map_err(text)?.handle;
    answer(Handle::NONE)?;
    start("client")?;
    Port::OWN.receive(None).map_err(text)?;
    answer(server)?;
    let [counts, switches, wall_ns, _] = Port::OWN.receive(None).map_err(text)?.words;
    figure("call_reply", counts / BATCH);
    figure("call_reply_ns", wall_ns / BATCH);
    figure("call_reply_cr3_writes", switches / BATCH);
    answer(Handle::NONE)?;
    system::watch(None).map_err(text).map(|_| ())
}

/// A process faults, we let it go on: it measures, and tells us.
fn faults() -> Result<(), String> {
    let text = |error: Error| error.to_string();
    start("faulter")?;
    // It guards itself with our endpoint. What is no fault is its figure.
    let mut told = Port::OWN.receive(None).map_err(text)?;
    while guard::Fault::of(&told).is_some_and(|it| it.kind == FaultKind::Breakpoint) {
        told = Port::OWN.reply_receive(guard::RESUME).map_err(text)?;
    }
    let [_, counts, ..] = told.words;
    figure("fault_resume", counts);
    answer(Handle::NONE)?;
    system::watch(None).map_err(text).map(|_| ())
}

fn faulter() -> Result<(), Error> {
    let init = Port::open("bench")?;
    guard::guard(init, 0)?;
    let counts = each(|| fault::Fault::Breakpoint.happen());
    init.call([u64::MAX, counts, 0, 0]).map(|_| ())
}

/// Answers the last call with a handle, and does not wait for another.
fn answer(handle: Handle) -> Result<(), String> {
    let extras = Extras {
        handle,
        ..Extras::within(Duration::ZERO)
    };
    match Port::OWN.reply_receive_with([0; 4], extras) {
        Err(Error::TimedOut) => Ok(()),
        other => Err(alloc::format!("an answer came to {other:?}")),
    }
}

fn serve() -> Result<(), Error> {
    let own = Port::create()?;
    let handle = ipc::copy(own.0, Rights::CALL.or(Rights::COPY), 0)?;
    let extras = Extras {
        handle,
        ..Extras::default()
    };
    Port::open("bench")?.call_with([0; 4], extras)?;
    let mut request = own.receive(None)?;
    loop {
        request = own.reply_receive(request.words)?;
    }
}

fn client() -> Result<(), Error> {
    let init = Port::open("bench")?;
    let server = Port(init.call([0; 4])?.handle);
    let (mut counts, mut switches, mut wall) = (u64::MAX, u64::MAX, Duration::MAX);
    for _ in 0..BATCHES {
        let begin = clock();
        let before = (measure::space_switches(), measure::counts());
        for number in 0..BATCH {
            let words = [number, 1, 2, 3];
            let [a, b, c, d] = server.call(words)?.words;
            // Not compared as arrays, which would be a call of `memcmp`.
            if a != number || (b, c, d) != (1, 2, 3) {
                return Err(Error::Unanswered);
            }
        }
        counts = counts.min(measure::counts() - before.1);
        switches = switches.min(measure::space_switches() - before.0);
        wall = wall.min(clock() - begin);
    }
    let wall_ns = u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX);
    init.call([counts, switches, wall_ns, 0]).map(|_| ())
}
