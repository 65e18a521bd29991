//! The processes that tests play with. They are no operators: what they may
//! not do they try here.

use alloc::format;
use alloc::string::String;
use core::hint::black_box;
use core::time::Duration;

use proviso_user::abi::words::{ListWhat, ShutdownMode};
use proviso_user::abi::{Action, Bytes, INIT, Priority, Reason, Rights, Target};
use proviso_user::{
    Args, Error, Extras, Intent, Notification, Port, claim, fuzz, ipc, println, sleep, system,
    try_zeroed,
};

use crate::harness::{Check, at, ensure, same};
use crate::kernel::{act, detail, end, list, refused, start};

/// Plays the role that the arguments name; the exit code.
pub fn play(args: Args) -> i32 {
    let result = match args.get(0).unwrap_or_default() {
        "spin" => spin(),
        "sleep" => pause(),
        "beat" => beat(),
        "race" => race(args),
        "args" => arguments(args),
        "stranger" => stranger(args),
        "drop" => drop_call(),
        "passer" => passer(),
        "dirty" => dirty(),
        "clean" => clean(),
        "exhaust" => exhaust(),
        "overeat" => overeat(),
        "abuse" => crate::abuse::role(args),
        "guarded" => crate::guards::role(args),
        "region" => crate::regions::role(args),
        "storm" => {
            fuzz::storm(args.number(1, 1), args.number(2, 1));
            Ok(())
        }
        other => Err(format!("no role {other}")),
    };
    match result {
        Ok(()) => 0,
        Err(why) => {
            println!("{why}");
            1
        }
    }
}

/// Wants the processor without end.
fn spin() -> Check {
    loop {
        black_box(0);
    }
}

/// Wants nothing.
fn pause() -> Check {
    loop {
        sleep(Duration::from_secs(3600));
    }
}

/// Tells init again and again that it runs.
fn beat() -> Check {
    let suite = at("open", Port::open("suite"))?;
    loop {
        let _ = suite.send(b"beat");
        sleep(Duration::from_millis(5));
    }
}

/// Works a while, then tells init who it is.
fn race(args: Args) -> Check {
    let mut value = 1u64;
    for _ in 0..2_000_000 {
        value = black_box(value.wrapping_mul(3));
    }
    let name = args.get(1).unwrap_or_default();
    let suite = at("open", Port::open("suite"))?;
    at("send", suite.send(name.as_bytes()))
}

fn arguments(args: Args) -> Check {
    let got: alloc::vec::Vec<&str> = args.iter().collect();
    same(
        "arguments",
        got,
        alloc::vec!["args", "one", "", "zwölf und drei"],
    )
}

/// Tries everything that only the operator, or somebody else, may do.
fn stranger(args: Args) -> Check {
    let own = args.pid();
    let theirs = args.number(1, 0);
    same(
        "watch",
        system::watch(Some(Duration::ZERO)).err(),
        Some(Error::BadHandle),
    )?;
    let mut buffer = [0; 8];
    let read = system::read_console(&mut buffer, Some(Duration::ZERO));
    same("read", read, Err(Error::NotPermitted))?;
    let mut intent = Intent::from_number(theirs);
    same(
        "follow",
        intent.follow(Some(Duration::ZERO)).err(),
        Some(Error::NoSuchIntent),
    )?;
    same("cancel", intent.cancel(), Err(Error::NoSuchIntent))?;

    refused(start("counter", &[]), Reason::NotPermitted)?;
    let mode = ShutdownMode::Halt;
    refused(Action::Shutdown { mode }, Reason::NotPermitted)?;
    let target = Target::pid(INIT);
    refused(end(INIT), Reason::NotPermitted)?;
    let except = None;
    refused(Action::Suspend { target, except }, Reason::NotPermitted)?;
    let raise = Action::SetPriority {
        target: Target::pid(own),
        except: None,
        priority: Some(Priority::Realtime),
        step: None,
    };
    refused(raise, Reason::NotPermitted)?;
    let target = Target::pid(own);
    let bytes = Bytes(64 << 20);
    refused(Action::GrantMemory { target, bytes }, Reason::OverQuota)?;

    // What it may do: look, and change itself.
    list(ListWhat::Processes)?;
    let before = detail(own)?.info.limit;
    let target = Target::pid(own);
    act(Action::GrantMemory {
        target,
        bytes: Bytes(4096),
    })?;
    same("own limit", detail(own)?.info.limit, Bytes(before.0 + 4096))?;
    // And it may end itself, which is the end of this role.
    let _ = act(end(own));
    Err("outlived its own end".into())
}

/// Gives init a way to call it, receives that call, and ends.
fn drop_call() -> Check {
    let own = at("create", Port::create())?;
    let handle = at("copy", ipc::copy(own.0, Rights::CALL.or(Rights::COPY), 0))?;
    let suite = at("open", Port::open("suite"))?;
    let extras = Extras {
        handle,
        ..Extras::default()
    };
    at("call", suite.call_with([0; 4], extras))?;
    at("receive", own.receive(None)).map(|_| ())
}

/// Passes init a handle and waits until it was used.
fn passer() -> Check {
    let bell = at("create", Notification::create())?;
    let handle = at(
        "copy",
        ipc::copy(bell.0, Rights::NOTIFY.or(Rights::COPY), 0),
    )?;
    let suite = at("open", Port::open("suite"))?;
    let extras = Extras {
        handle,
        ..Extras::default()
    };
    let reply = at("call", suite.call_with([0; 4], extras))?;
    same("answer", reply.words, [42; 4])?;
    same("bits", bell.wait(None), Ok(5))
}

/// Leaves its mark on memory.
fn dirty() -> Check {
    at("claim", claim(1 << 20))?.fill(0xaa);
    Ok(())
}

/// Looks for marks of others in memory.
fn clean() -> Check {
    let memory = at("claim", claim(1 << 20))?;
    ensure(
        memory.iter().all(|byte| *byte == 0),
        "new memory is not zero",
    )
}

/// Takes memory until there is none, and lives on.
fn exhaust() -> Check {
    let mut taken = 0;
    let error = loop {
        match try_zeroed(64 * 1024) {
            Ok(memory) => taken += memory.leak().len(),
            Err(error) => break error,
        }
    };
    same("error", error, Error::NoMemory)?;
    ensure(
        taken >= 1 << 20,
        "less than half of the limit was to be had",
    )?;
    sleep(Duration::from_millis(1));
    Ok(())
}

/// Takes memory without asking whether there is any.
fn overeat() -> Check {
    let mut all = String::new();
    loop {
        all.push_str("more and more and more");
        black_box(&all);
    }
}
