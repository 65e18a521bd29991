//! Memory regions: shared, protected, taken away, paid for.

use alloc::format;
use core::time::Duration;

use proviso_user::abi::layout::PAGE;
use proviso_user::abi::outcome::Exit;
use proviso_user::abi::{Access, Handle, Rights};
use proviso_user::ipc::Received;
use proviso_user::{Args, Error, Extras, Port, Region, fault, ipc, receive};

use crate::harness::{Check, at, ensure, same, tests};
use crate::kernel::{end_of, free, spawn};

tests! {
    memory_is_shared_until_it_is_revoked,
    a_region_ends_with_its_maker,
    a_page_beyond_the_end_is_a_fault,
    what_is_protected_cannot_be_written,
    a_page_that_cannot_be_paid_for_is_a_fault,
    a_region_can_be_mapped_again_and_again,
    a_pinned_region_is_there_at_once,
    a_system_call_reaches_untouched_pages,
}

const PATIENCE: Duration = Duration::from_secs(60);
const TEXT: &[u8] = b"across the edge of a page";
const EDGE: u64 = PAGE - 10;

/// The next call to us.
fn next_call() -> Result<Received, alloc::string::String> {
    loop {
        let received = at("receive", Port::OWN.receive(Some(PATIENCE)))?;
        if received.is_call {
            return Ok(received);
        }
    }
}

fn answer(handle: Handle) -> Check {
    let extras = Extras {
        handle,
        ..Extras::within(Duration::ZERO)
    };
    let next = Port::OWN.reply_receive_with([0; 4], extras);
    same("nobody else calls", next.err(), Some(Error::TimedOut))
}

/// How a role that plays with regions ends: a fault of this name.
fn crashes(pid: u32, wanted: &str) -> Check {
    match end_of(pid)? {
        Exit::Crashed { what, .. } if what.contains(wanted) => Ok(()),
        other => Err(format!("wanted {wanted}: {other}")),
    }
}

fn memory_is_shared_until_it_is_revoked() -> Check {
    free()?;
    let before = free()?;
    let region = at("create", Region::create(2))?;
    let mapping = at("map", region.map(0, 2, Access::Write))?;
    at("write", mapping.write(EDGE, TEXT))?;
    let pid = spawn("suite", &["region", "reader"])?;
    next_call()?;
    let theirs = at(
        "copy",
        ipc::copy(region.0, Rights::READ.or(Rights::COPY), 0),
    )?;
    answer(theirs)?;
    // It has read what we wrote. What we write now it sees as well.
    next_call()?;
    at("write", mapping.write(0, b"more"))?;
    answer(Handle::NONE)?;
    next_call()?;
    same("revoked", ipc::revoke(region.0), Ok(2))?;
    answer(Handle::NONE)?;
    crashes(pid, "page fault (read)")?;
    let mut bytes = [0; 4];
    at("read", mapping.read(0, &mut bytes))?;
    same("ours", &bytes, b"more")?;
    drop(mapping);
    at("close", ipc::close(region.0))?;
    // Our page tables for regions stay, once they are there.
    ensure(before.0 - free()?.0 <= 3 * PAGE, "frames are lost")
}

fn a_region_ends_with_its_maker() -> Check {
    let pid = spawn("suite", &["region", "maker"])?;
    let region = Region(next_call()?.handle);
    let mapping = at("map", region.map(0, 1, Access::Read))?;
    let mut bytes = [0; 5];
    at("read", mapping.read(0, &mut bytes))?;
    same("bytes", &bytes, b"maker")?;
    answer(Handle::NONE)?;
    same("end", end_of(pid)?, Exit::Code(0))?;
    same("protect", mapping.protect(Access::Read), Err(Error::Dead))?;
    let again = region.map(0, 1, Access::Read);
    same("map", again.err(), Some(Error::Dead))?;
    at("close", ipc::close(region.0))
}

fn a_page_beyond_the_end_is_a_fault() -> Check {
    crashes(spawn("suite", &["region", "beyond"])?, "page fault (read)")
}

fn what_is_protected_cannot_be_written() -> Check {
    let pid = spawn("suite", &["region", "protected"])?;
    crashes(pid, "page fault (write)")
}

fn a_page_that_cannot_be_paid_for_is_a_fault() -> Check {
    free()?;
    let before = free()?;
    let pid = spawn("suite", &["region", "greedy"])?;
    crashes(pid, "page fault (write): no memory for the page")?;
    same("free memory", free()?, before)
}

fn a_region_can_be_mapped_again_and_again() -> Check {
    let region = at("create", Region::create(3))?;
    let mut held = None;
    for round in 0..100u8 {
        let mapping = at("map", region.map(round as u64 % 3, 1, Access::Write))?;
        let mut byte = [0];
        at("read", mapping.read(7, &mut byte))?;
        same("what was left", byte[0], round.saturating_sub(2))?;
        at("write", mapping.write(7, &[round + 1]))?;
        if round > 3 {
            let now = free()?;
            same("free memory", *held.get_or_insert(now), now)?;
        }
    }
    let mut all = alloc::vec![];
    let error = loop {
        match region.map(0, 3, Access::Read) {
            Ok(mapping) => all.push(mapping),
            Err(error) => break error,
        }
    };
    same("too many", error, Error::Full)?;
    drop(all);
    at("close", ipc::close(region.0))
}

fn a_pinned_region_is_there_at_once() -> Check {
    free()?;
    let before = free()?;
    let region = at("create", Region::pinned(16))?;
    // A root, a table and the pages.
    same("taken", before.0 - free()?.0, 18 * PAGE)?;
    same("too many", Region::pinned(65).err(), Some(Error::Invalid))?;
    at("close", ipc::close(region.0))?;
    same("free memory", free()?, before)
}

fn a_system_call_reaches_untouched_pages() -> Check {
    let pid = spawn("suite", &["region", "letter"])?;
    same("end", end_of(pid)?, Exit::Code(0))?;
    let mut room = [1; 256];
    let (from, letter) = at("receive", receive(&mut room, Some(PATIENCE)))?;
    same("from", from, u64::from(pid))?;
    same("letter", letter, &[0; 20])
}

/// The other side of these tests.
pub fn role(args: Args) -> Check {
    let suite = at("open", Port::open("suite"))?;
    match args.get(1).unwrap_or_default() {
        "reader" => reader(suite),
        "maker" => {
            let region = at("create", Region::create(1))?;
            let mapping = at("map", region.map(0, 1, Access::Write))?;
            at("write", mapping.write(0, b"maker"))?;
            let extras = Extras {
                handle: region.0,
                ..Extras::default()
            };
            at("call", suite.call_with([0; 4], extras)).map(|_| ())
        }
        "beyond" => {
            let region = at("create", Region::create(3))?;
            // Two of three pages: the third is the region's, but not mapped.
            let mapping = at("map", region.map(0, 2, Access::Read))?;
            let mut byte = [0];
            at("read", mapping.read(2 * PAGE - 1, &mut byte))?;
            fault::read(mapping.address() + 2 * PAGE);
            Ok(())
        }
        "protected" => {
            let region = at("create", Region::create(1))?;
            let mapping = at("map", region.map(0, 1, Access::Write))?;
            at("write", mapping.write(0, b"once"))?;
            at("protect", mapping.protect(Access::Read))?;
            let mut bytes = [0; 4];
            at("read", mapping.read(0, &mut bytes))?;
            same("bytes", &bytes, b"once")?;
            at("write", mapping.write(0, b"more"))
        }
        "greedy" => {
            let region = at("create", Region::create(4096))?;
            let mapping = at("map", region.map(0, 4096, Access::Write))?;
            (0..4096).try_for_each(|page| at("write", mapping.write(page * PAGE, b"x")))
        }
        "letter" => {
            let region = at("create", Region::create(2))?;
            let mapping = at("map", region.map(0, 2, Access::Write))?;
            at(
                "send",
                fault::send_from(suite, mapping.address() + EDGE, 20),
            )
        }
        other => Err(format!("no role {other}")),
    }
}

fn reader(suite: Port) -> Check {
    let region = Region(at("call", suite.call([0; 4]))?.handle);
    let write = region.map(0, 1, Access::Write);
    same("write", write.err(), Some(Error::NotPermitted))?;
    let run = region.map(0, 1, Access::Execute);
    same("execute", run.err(), Some(Error::NotPermitted))?;
    let mapping = at("map", region.map(0, 2, Access::Read))?;
    let mut bytes = [0; TEXT.len()];
    at("read", mapping.read(EDGE, &mut bytes))?;
    same("bytes", &bytes[..], TEXT)?;
    at("call", suite.call([0; 4]))?;
    let mut bytes = [0; 4];
    at("read", mapping.read(0, &mut bytes))?;
    same("bytes", &bytes, b"more")?;
    at("call", suite.call([0; 4]))?;
    // It was revoked meanwhile.
    at("read", mapping.read(0, &mut bytes))
}
