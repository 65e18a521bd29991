//! System calls used wrongly, by name: each is refused, with the right error, and
//! leaves nothing behind. What ends a program is in `crashes`.

use alloc::format;
use alloc::vec::Vec;
use core::time::Duration;

use proviso_user::abi::handle::MAX_HANDLES;
use proviso_user::abi::ipc::{MAX_LETTER, MAX_MESSAGE};
use proviso_user::abi::layout::{HEAP_BASE, PAGE, STACK_SIZE, STACK_TOP};
use proviso_user::abi::outcome::Exit;
use proviso_user::abi::region::{MAX_PINNED_PAGES, MAX_REGION_PAGES, REGIONS_BASE, REGIONS_END};
use proviso_user::abi::{Access, Handle, Rights};
use proviso_user::{
    Args, Error, Extras, Notification, Port, Region, grow, ipc, println, receive, sleep,
};

use crate::harness::{Check, at, ensure, same, tests};
use crate::kernel::{end_of, free, kill, spawn};

tests! {
    every_abuse_is_refused,
}

const NOW: Option<Duration> = Some(Duration::ZERO);
const PATIENCE: Duration = Duration::from_secs(60);

/// The table: `"name" "what is tried, and what comes of it" => how`.
macro_rules! cases {
    ($($name:literal $text:literal => $run:expr;)+) => {
        const CASES: &[(&str, &str, fn() -> Check)] = &[$(($name, $text, $run)),+];
    };
}

cases! {
    "no-handle" "Uses handle 0: BadHandle." => || {
        same("notify", Notification(Handle::NONE).notify(1), Err(Error::BadHandle))
    };
    "forged-handle" "Makes handles up, one for every place: BadHandle." => || {
        for place in 0..MAX_HANDLES {
            let forged = Handle::new(place, 0xdead_beef);
            same("close", ipc::close(forged), Err(Error::BadHandle))?;
        }
        same("close", ipc::close(Handle(u64::MAX)), Err(Error::BadHandle))
    };
    "stale-handle" "Uses a handle after closing it, when its place is another's: BadHandle." => || {
        let old = at("create", Notification::create())?;
        at("close", ipc::close(old.0))?;
        let new = at("create", Notification::create())?;
        same("the place", new.0.place(), old.0.place())?;
        same("notify", old.notify(1), Err(Error::BadHandle))?;
        same("bits", new.wait(NOW), Err(Error::TimedOut))?;
        at("close", ipc::close(new.0))
    };
    "foreign-handle" "Uses the number of a handle of another process: BadHandle." => || {
        let mine = at("create", Notification::create())?;
        let number = format!("{}", mine.0.0);
        let pid = spawn("suite", &["abuse", "foreign", &number])?;
        same("end", end_of(pid)?, Exit::Code(0))?;
        same("bits", mine.wait(NOW), Err(Error::TimedOut))?;
        at("close", ipc::close(mine.0))
    };
    "double-close" "Closes a handle twice: BadHandle." => || {
        let it = at("create", Port::create())?;
        at("close", ipc::close(it.0))?;
        same("again", ipc::close(it.0), Err(Error::BadHandle))
    };
    "call-a-notification" "Calls what cannot be called: WrongObject." => || {
        with_bell(|bell| same("call", Port(bell).call([0; 4]).err(), Some(Error::WrongObject)))
    };
    "notify-an-endpoint" "Sets bits of what has none: WrongObject." => || {
        same("notify", Notification(Handle::OWN).notify(1), Err(Error::WrongObject))
    };
    "map-an-endpoint" "Maps what is no memory: WrongObject." => || {
        let mapping = Region(Handle::OWN).map(0, 1, Access::Read);
        same("map", mapping.err(), Some(Error::WrongObject))
    };
    "call-without-right" "Calls by a handle to receive with: NotPermitted." => || {
        with_copy(Port::create, Rights::RECEIVE, |port| {
            same("call", port.call([0; 4]).err(), Some(Error::NotPermitted))?;
            same("send", port.send(b"x"), Err(Error::NotPermitted))
        })
    };
    "receive-without-right" "Receives by a handle to call with: NotPermitted." => || {
        with_copy(Port::create, Rights::CALL, |port| {
            same("receive", port.receive(NOW).err(), Some(Error::NotPermitted))
        })
    };
    "wait-without-right" "Waits by a handle to notify with: NotPermitted." => || {
        with_bell(|bell| {
            let copy = Notification(at("copy", ipc::copy(bell, Rights::NOTIFY, 0))?);
            same("wait", copy.wait(NOW), Err(Error::NotPermitted))?;
            at("close", ipc::close(copy.0))
        })
    };
    "copy-without-right" "Copies a handle that must not be copied: NotPermitted." => || {
        with_copy(Port::create, Rights::CALL, |port| {
            same("copy", ipc::copy(port.0, Rights::CALL, 0).err(), Some(Error::NotPermitted))
        })
    };
    "widen-rights" "Asks for a copy with more rights: it has no more." => || {
        with_copy(Port::create, Rights::CALL.or(Rights::COPY), |port| {
            let wide = at("copy", ipc::copy(port.0, Rights::ALL, 0))?;
            let got = Port(wide).receive(NOW);
            same("receive", got.err(), Some(Error::NotPermitted))?;
            at("close", ipc::close(wide))
        })
    };
    "revoke-by-a-copy" "Revokes by a copy: the original stays." => || {
        with_bell(|bell| {
            let copy = at("copy", ipc::copy(bell, Rights::ALL, 0))?;
            same("revoked", ipc::revoke(copy), Ok(0))?;
            at("notify", Notification(bell).notify(1))?;
            at("close", ipc::close(copy))
        })
    };
    "use-what-was-revoked" "Uses a copy whose original was revoked: BadHandle." => || {
        with_bell(|bell| {
            let copy = at("copy", ipc::copy(bell, Rights::ALL, 0))?;
            let third = at("copy", ipc::copy(copy, Rights::ALL, 0))?;
            same("revoked", ipc::revoke(bell), Ok(2))?;
            same("copy", Notification(copy).notify(1), Err(Error::BadHandle))?;
            same("its copy", Notification(third).notify(1), Err(Error::BadHandle))
        })
    };
    "too-many-handles" "Makes objects until the table is full: Full, for itself alone." => || {
        let mut made = Vec::new();
        let error = loop {
            match Notification::create() {
                Ok(one) => made.push(one),
                Err(error) => break error,
            }
        };
        let region = Region::create(1).err();
        for one in made {
            at("close", ipc::close(one.0))?;
        }
        same("error", error, Error::Full)?;
        same("region", region, Some(Error::Full))
    };
    "long-message" "Calls with more than a message may have: TooLong." => || {
        let bytes = alloc::vec![0; MAX_MESSAGE + 1];
        let extras = Extras { bytes: &bytes, ..Extras::within(Duration::ZERO) };
        with_copy(Port::create, Rights::ALL, |port| {
            same("call", port.call_with([0; 4], extras).err(), Some(Error::TooLong))
        })
    };
    "long-letter" "Sends a letter that is too long: TooLong." => || {
        let own = at("open", Port::open("suite"))?;
        same("send", own.send(&[0; MAX_LETTER + 1]), Err(Error::TooLong))
    };
    "letter-to-nobody" "Sends a letter to an endpoint that is no process's own: Invalid." => || {
        with_copy(Port::create, Rights::ALL, |port| same("send", port.send(b"x"), Err(Error::Invalid)))
    };
    "flood-of-letters" "Sends letters that nobody reads: Full, and those before are kept." => || {
        let own = at("open", Port::open("suite"))?;
        let mut count = 0u8;
        let error = loop {
            match own.send(&[count]) {
                Ok(()) => count += 1,
                Err(error) => break error,
            }
        };
        same("error", error, Error::Full)?;
        for number in 0..count {
            let mut room = [0; MAX_LETTER];
            same("letter", at("receive", receive(&mut room, NOW))?.1, &[number])?;
        }
        Ok(())
    };
    "unasked-reply" "Answers when nobody asked: it only receives." => || {
        let next = Port::OWN.reply_receive_with([7; 4], Extras::within(Duration::ZERO));
        same("reply", next.err(), Some(Error::TimedOut))
    };
    "late-reply" "Answers a caller whose time was up: it only receives." => || {
        let pid = spawn("suite", &["abuse", "hasty"])?;
        ensure(at("receive", Port::OWN.receive(Some(PATIENCE)))?.is_call, "no call")?;
        same("end", end_of(pid)?, Exit::Code(0))?;
        let next = Port::OWN.reply_receive_with([7; 4], Extras::within(Duration::ZERO));
        same("reply", next.err(), Some(Error::TimedOut))
    };
    "call-oneself" "Calls its own endpoint: Deadlock." => || {
        let own = at("open", Port::open("suite"))?;
        same("call", own.call([0; 4]).err(), Some(Error::Deadlock))
    };
    "call-in-a-circle" "Calls one who waits for its answer: Deadlock, and the other gets its answer." => || {
        let pid = spawn("suite", &["abuse", "circle"])?;
        let theirs = at("receive", Port::OWN.receive(Some(PATIENCE)))?.handle;
        let back = Port(theirs).call_with([0; 4], Extras::within(PATIENCE));
        same("call", back.err(), Some(Error::Deadlock))?;
        let next = Port::OWN.reply_receive_with([7; 4], Extras::within(Duration::ZERO));
        same("reply", next.err(), Some(Error::TimedOut))?;
        same("end", end_of(pid)?, Exit::Code(0))?;
        at("close", ipc::close(theirs))
    };
    "long-chain" "Eight call each other in a row, and the first is killed: the rest get errors." => || {
        let (mut row, mut last) = (Vec::new(), Handle::NONE);
        for _ in 0..8 {
            row.push(spawn("suite", &["abuse", "link"])?);
            let call = at("receive", Port::OWN.receive(Some(PATIENCE)))?;
            ensure(call.is_call, "no call")?;
            answer_with(last)?;
            let _ = ipc::close(last);
            last = call.handle;
        }
        at("close", ipc::close(last))?;
        kill(row.remove(0))?;
        for pid in row {
            same("end", end_of(pid)?, Exit::Code(0))?;
        }
        Ok(())
    };
    "map-over-the-stack" "Maps a region where its stack is: Invalid." => || {
        with_region(|region| maps(region, STACK_TOP - STACK_SIZE, 0, 1))
    };
    "map-over-the-heap" "Maps a region where its heap is: Invalid." => || {
        with_region(|region| maps(region, HEAP_BASE, 0, 1))
    };
    "map-over-the-kernel" "Maps a region in the kernel's half: Invalid." => || {
        with_region(|region| maps(region, proviso_user::fault::KERNEL_ADDRESS, 0, 1))
    };
    "map-nowhere" "Maps a region at addresses that are no pages or none for regions: Invalid." => || {
        with_region(|region| {
            for address in [0, 1, REGIONS_BASE + 1, REGIONS_BASE - PAGE, REGIONS_END, u64::MAX] {
                maps(region, address, 0, 1)?;
            }
            Ok(())
        })
    };
    "map-beyond-the-end" "Maps pages that a region does not have: Invalid." => || {
        with_region(|region| {
            for (first, pages) in [(0, 3), (2, 1), (1, 2), (0, 0), (u64::MAX, 1), (1, u64::MAX)] {
                maps(region, REGIONS_BASE, first, pages)?;
            }
            Ok(())
        })
    };
    "map-upon-a-mapping" "Maps a region over another mapping: Invalid." => || {
        with_region(|region| {
            let it = at("map", region.map(0, 2, Access::Read))?;
            maps(region, it.address() + PAGE, 0, 1)
        })
    };
    "unmap-what-is-not-mapped" "Ends a mapping that is none, or by its middle: Invalid." => || {
        with_region(|region| {
            let it = at("map", region.map(0, 2, Access::Read))?;
            for address in [HEAP_BASE, STACK_TOP - PAGE, it.address() + PAGE, 0, u64::MAX] {
                same("unmap", proviso_user::region::unmap(address), Err(Error::Invalid))?;
            }
            Ok(())
        })
    };
    "region-without-pages" "Makes regions of no pages and of far too many: Invalid." => || {
        for pages in [0, MAX_REGION_PAGES + 1, 1 << 52, u64::MAX] {
            same("region", Region::create(pages).err(), Some(Error::Invalid))?;
        }
        let pinned = Region::pinned(MAX_PINNED_PAGES + 1);
        same("pinned", pinned.err(), Some(Error::Invalid))
    };
    "grow-without-end" "Grows its heap by more than there is: NoMemory." => || {
        for bytes in [1 << 32, 1 << 47, u64::MAX - PAGE, u64::MAX] {
            same("grow", grow(bytes), Err(Error::NoMemory))?;
        }
        Ok(())
    };
    "wait-twice" "Two wait for one notification: the second is Busy." => || {
        with_bell(|bell| {
            let pid = spawn("suite", &["abuse", "waiter"])?;
            ensure(at("receive", Port::OWN.receive(Some(PATIENCE)))?.is_call, "no call")?;
            answer_with(bell)?;
            let bell = Notification(bell);
            // It may not wait yet.
            let busy = loop {
                match bell.wait(NOW) {
                    Err(Error::TimedOut) => sleep(Duration::from_millis(1)),
                    other => break other,
                }
            };
            same("wait", busy, Err(Error::Busy))?;
            at("notify", bell.notify(1))?;
            same("end", end_of(pid)?, Exit::Code(0))
        })
    };
    "storm-of-timers" "Eight sleep for a nanosecond for ever: others go on." => || storm("timers");
    "storm-of-yields" "Eight give up the processor for ever: others go on." => || storm("yields");
    "storm-of-notifications" "Eight notify for ever: others go on." => || storm("bells");
    "storm-of-faults" "Eight fault and are started again, a hundred times: nothing is lost." => || {
        for _ in 0..100 {
            let pid = spawn("crasher", &["breakpoint"])?;
            end_of(pid)?;
        }
        Ok(())
    };
}

fn every_abuse_is_refused() -> Check {
    // What we hold for asking, and for tables of mappings, is taken the first time.
    for (name, _, run) in CASES {
        run().map_err(|why| format!("{name}: {why}"))?;
    }
    free()?;
    let before = free()?;
    for (name, text, run) in CASES {
        run().map_err(|why| format!("{name}: {why}"))?;
        println!("abuse {name}: {text}");
    }
    same("free memory", free()?, before)
}

fn with_bell(run: impl FnOnce(Handle) -> Check) -> Check {
    let bell = at("create", Notification::create())?;
    run(bell.0)?;
    at("close", ipc::close(bell.0))
}

fn with_copy(
    create: impl FnOnce() -> Result<Port, Error>,
    rights: Rights,
    run: impl FnOnce(Port) -> Check,
) -> Check {
    let port = at("create", create())?;
    let copy = at("copy", ipc::copy(port.0, rights, 0))?;
    run(Port(copy))?;
    at("close", ipc::close(copy))?;
    at("close", ipc::close(port.0))
}

fn with_region(run: impl FnOnce(Region) -> Check) -> Check {
    let region = at("create", Region::create(2))?;
    run(region)?;
    at("close", ipc::close(region.0))
}

fn maps(region: Region, address: u64, first: u64, pages: u64) -> Check {
    let got = region.map_at(address, first, pages, Access::Read);
    same("map", got.err(), Some(Error::Invalid))
}

fn answer_with(handle: Handle) -> Check {
    let extras = Extras {
        handle,
        ..Extras::within(Duration::ZERO)
    };
    let next = Port::OWN.reply_receive_with([0; 4], extras);
    same("nobody else calls", next.err(), Some(Error::TimedOut))
}

/// Eight that trouble the kernel without end, while we ask it a hundred things.
fn storm(kind: &str) -> Check {
    let mut pids = Vec::new();
    for _ in 0..8 {
        pids.push(spawn("suite", &["abuse", kind])?);
    }
    for _ in 0..100 {
        free()?;
        sleep(Duration::from_nanos(1));
    }
    pids.into_iter().try_for_each(kill)
}

/// The other side of these cases.
pub fn role(args: Args) -> Check {
    let suite = || at("open", Port::open("suite"));
    match args.get(1).unwrap_or_default() {
        "foreign" => {
            let theirs = Notification(Handle(args.number(2, 0)));
            same("notify", theirs.notify(1), Err(Error::BadHandle))
        }
        "hasty" => {
            let got = suite()?.call_with([0; 4], Extras::within(Duration::from_millis(20)));
            same("call", got.err(), Some(Error::TimedOut))
        }
        "circle" => {
            let handle = at("copy", ipc::copy(Handle::OWN, Rights::ALL, 0))?;
            let extras = Extras {
                handle,
                ..Extras::default()
            };
            let reply = at("call", suite()?.call_with([0; 4], extras))?;
            same("answer", reply.words, [7; 4])
        }
        "link" => link(suite()?),
        "waiter" => {
            let bell = Notification(at("call", suite()?.call([0; 4]))?.handle);
            same("bits", bell.wait(Some(PATIENCE)), Ok(1))
        }
        "timers" => loop {
            sleep(Duration::from_nanos(1));
        },
        "yields" => loop {
            proviso_user::yield_now();
        },
        "bells" => {
            let bell = at("create", Notification::create())?;
            loop {
                at("notify", bell.notify(1))?;
            }
        }
        other => Err(format!("no role {other}")),
    }
}

/// Gives us a handle to itself, gets that of the one before, and calls it, if there
/// is one; else it is called, and does not answer.
fn link(suite: Port) -> Check {
    // Whoever could receive there would keep the endpoint alive.
    let rights = Rights::CALL.or(Rights::COPY);
    let handle = at("copy", ipc::copy(Handle::OWN, rights, 0))?;
    let extras = Extras {
        handle,
        ..Extras::default()
    };
    let before = at("call", suite.call_with([0; 4], extras))?.handle;
    if before.is_none() {
        at("receive", Port::OWN.receive(None))?;
        sleep(PATIENCE);
        return Err("nobody ended it".into());
    }
    same("call", Port(before).call([0; 4]).err(), Some(Error::Dead))
}
