//! Memory regions: who reaches them, who pays, and when it ends.

use proptest::prelude::*;
use proviso_abi::layout::PAGE;
use proviso_abi::region::{
    Access, MAX_MAPPINGS, MAX_PINNED_PAGES, MAX_REGION_PAGES, REGIONS_BASE, REGIONS_END,
};
use proviso_abi::syscall::{Error, Syscall};
use proviso_abi::{FaultKind, Handle, Pid, Rights, State};

use super::{Lab, Outcome, kill, restart, set_limit};
use crate::machine::{BadAddress, Machine};
use crate::object::Object;

const READ: u64 = Access::Read as u64;
const WRITE: u64 = Access::Write as u64;
const EXECUTE: u64 = Access::Execute as u64;
const AT: u64 = REGIONS_BASE;

impl Lab {
    fn region(&mut self, pid: Pid, pages: u64) -> Handle {
        let made = self.call(pid, Syscall::Region, [pages, 0, 0, 0]);
        Handle(made.unwrap().unwrap())
    }

    fn map(&mut self, pid: Pid, region: Handle, place: [u64; 4]) -> Outcome {
        let [address, first, pages, access] = place;
        let arguments = [region.0, address, first, pages, access, 0];
        self.call_all(pid, Syscall::Map as u64, arguments)
    }

    /// A process touches memory. Whether it goes on.
    fn touches(&mut self, pid: Pid, address: u64, kind: FaultKind) -> bool {
        self.kernel
            .fault(&mut self.machine, pid, kind, 0x40_0000, Some(address));
        self.state(pid).is_some_and(|state| state != State::Crashed)
    }

    /// Gives another process a copy of a handle, as a message would.
    fn hand_on(&mut self, from: Pid, handle: Handle, to: Pid, rights: Rights) -> Option<Handle> {
        let (from, to) = (
            self.kernel.handles(from).ok()?,
            self.kernel.handles(to).ok()?,
        );
        let found = self.kernel.capabilities.find(from, handle).ok()?;
        self.kernel
            .capabilities
            .derive(found.slot, to, rights, 0)
            .ok()
    }

    fn peek(&mut self, pid: Pid, address: u64) -> Result<u8, BadAddress> {
        let task = self.kernel.table.get(pid).unwrap().task.as_ref().unwrap();
        let mut byte = [0];
        self.machine.copy_in(task, address, &mut byte)?;
        Ok(byte[0])
    }

    fn poke(&mut self, pid: Pid, address: u64, byte: u8) -> Result<(), BadAddress> {
        let process = self.kernel.table.get_mut(pid).unwrap();
        let task = process.task.as_mut().unwrap();
        self.machine.copy_out(task, address, &[byte])
    }

    fn held(&self, pid: Pid) -> u64 {
        self.info(pid).unwrap().memory.0 / PAGE
    }
}

#[test]
fn two_processes_share_a_page_that_is_filled_when_it_is_touched() {
    let mut lab = Lab::new();
    let (a, b) = (lab.spawn("worker"), lab.spawn("echo"));
    let before = (lab.held(a), lab.held(b), lab.machine.free);
    let mine = lab.region(a, 3);
    assert_eq!(lab.held(a), before.0 + 1, "the region's root");
    assert_eq!(lab.map(a, mine, [AT, 0, 3, WRITE]), Some(Ok(0)));
    assert_eq!(lab.peek(a, AT), Err(BadAddress), "nothing is there yet");
    assert!(lab.touches(a, AT + PAGE + 5, FaultKind::PageWrite));
    // A page, its table in the region, two tables in the space.
    assert_eq!(lab.held(a), before.0 + 1 + 2 + 2);
    lab.poke(a, AT + PAGE + 5, 7).unwrap();

    let theirs = lab.hand_on(a, mine, b, Rights::READ).unwrap();
    assert_eq!(lab.map(b, theirs, [AT, 1, 2, READ]), Some(Ok(0)));
    assert!(lab.touches(b, AT, FaultKind::PageRead));
    assert_eq!(lab.peek(b, AT + 5), Ok(7), "the second page is its first");
    assert_eq!(lab.held(b), before.1 + 2, "tables alone are on its account");
    assert_eq!(lab.poke(b, AT, 1), Err(BadAddress));
    // The last page is filled by the reader, and paid for by the maker.
    assert!(lab.touches(b, AT + PAGE, FaultKind::PageRead));
    assert_eq!(lab.held(a), before.0 + 1 + 3 + 2);

    lab.act(vec![kill(a)]);
    assert_eq!(lab.peek(b, AT), Err(BadAddress), "it ends with its maker");
    assert_eq!(lab.map(b, theirs, [AT, 0, 1, READ]), Some(Err(Error::Dead)));
    assert!(lab.machine.regions.is_empty());
    lab.act(vec![kill(b)]);
    assert_eq!(lab.machine.free, before.2 + before.0 + before.1);
}

#[test]
fn a_mapping_is_what_handle_and_region_allow() {
    let mut lab = Lab::new();
    let a = lab.spawn("worker");
    for (pages, pinned) in [
        (0, 0),
        (MAX_REGION_PAGES + 1, 0),
        (u64::MAX, 0),
        (1, 2),
        (0, 1),
        (MAX_PINNED_PAGES + 1, 1),
    ] {
        let made = lab.call(a, Syscall::Region, [pages, pinned, 0, 0]);
        assert_eq!(made, Some(Err(Error::Invalid)), "{pages} {pinned}");
    }
    let region = lab.region(a, 4);
    for place in [
        [AT, 0, 0, READ],
        [AT, 0, 5, READ],
        [AT, 4, 1, READ],
        [AT, u64::MAX, 2, READ],
        [AT, 2, u64::MAX, READ],
        [AT + 1, 0, 1, READ],
        [REGIONS_BASE - PAGE, 0, 1, READ],
        [REGIONS_END, 0, 1, READ],
        [u64::MAX - PAGE + 1, 0, 1, READ],
        [AT, 0, 1, 3],
        [AT, 0, 1, u64::MAX],
    ] {
        assert_eq!(
            lab.map(a, region, place),
            Some(Err(Error::Invalid)),
            "{place:?}"
        );
    }
    let own = lab.map(a, Handle::OWN, [AT, 0, 1, READ]);
    assert_eq!(own, Some(Err(Error::WrongObject)));
    for (rights, allowed) in [
        (Rights::READ, [true, false, false]),
        (Rights::READ.or(Rights::WRITE), [true, true, false]),
        (Rights::READ.or(Rights::EXECUTE), [true, false, true]),
        (Rights::WRITE.or(Rights::EXECUTE), [false; 3]),
        (Rights::COPY, [false; 3]),
    ] {
        let copy = lab.hand_on(a, region, a, rights).unwrap();
        for (access, allowed) in [READ, WRITE, EXECUTE].into_iter().zip(allowed) {
            let got = lab.map(a, copy, [AT, 0, 1, access]).unwrap();
            assert_eq!(got.is_ok(), allowed, "{rights} {access}");
            if allowed {
                let change = lab.call(a, Syscall::Protect, [copy.0, AT, 3, 0]);
                assert_eq!(change, Some(Err(Error::Invalid)));
                let ended = lab.call(a, Syscall::Unmap, [AT, 0, 0, 0]);
                assert_eq!(ended, Some(Ok(0)));
            } else {
                assert_eq!(got, Err(Error::NotPermitted));
            }
        }
        lab.call(a, Syscall::Close, [copy.0, 0, 0, 0]);
    }
    for place in 0..MAX_MAPPINGS as u64 {
        let at = AT + place * 2 * PAGE;
        assert_eq!(lab.map(a, region, [at, 0, 2, READ]), Some(Ok(0)));
        let again = lab.map(a, region, [at + PAGE, 0, 1, READ]);
        assert_eq!(again, Some(Err(Error::Invalid)), "one upon the other");
    }
    let last = lab.map(a, region, [REGIONS_END - PAGE, 0, 1, READ]);
    assert_eq!(last, Some(Err(Error::Full)));
}

#[test]
fn protecting_is_for_the_handles_own_mapping() {
    let mut lab = Lab::new();
    let a = lab.spawn("worker");
    let (one, two) = (lab.region(a, 1), lab.region(a, 1));
    lab.map(a, one, [AT, 0, 1, READ]);
    assert!(lab.touches(a, AT, FaultKind::PageRead));
    assert_eq!(lab.poke(a, AT, 1), Err(BadAddress));
    let protect =
        |lab: &mut Lab, of: Handle, access| lab.call(a, Syscall::Protect, [of.0, AT, access, 0]);
    assert_eq!(protect(&mut lab, two, WRITE), Some(Err(Error::Invalid)));
    assert_eq!(protect(&mut lab, one, WRITE), Some(Ok(0)));
    assert_eq!(lab.poke(a, AT, 1), Ok(()));
    let copy = lab.hand_on(a, one, a, Rights::READ).unwrap();
    assert_eq!(
        protect(&mut lab, copy, WRITE),
        Some(Err(Error::NotPermitted))
    );
    assert_eq!(protect(&mut lab, copy, READ), Some(Ok(0)));
    assert_eq!(lab.poke(a, AT, 1), Err(BadAddress));
    // What a mapping does not allow is the end of who tries.
    assert!(!lab.touches(a, AT, FaultKind::PageWrite));
}

#[test]
fn a_mapping_ends_with_the_rights_that_it_stands_on() {
    let mut lab = Lab::new();
    let (a, b) = (lab.spawn("worker"), lab.spawn("echo"));
    let region = lab.region(a, 1);
    let both = Rights::READ.or(Rights::WRITE);
    let theirs = lab.hand_on(a, region, b, both).unwrap();
    lab.map(b, theirs, [AT, 0, 1, WRITE]);
    lab.map(b, theirs, [AT + PAGE, 0, 1, READ]);
    assert!(lab.touches(b, AT, FaultKind::PageWrite));
    assert!(lab.touches(b, AT + PAGE, FaultKind::PageRead));
    // One handle less, but another with the right to read.
    let read = lab.hand_on(a, region, b, Rights::READ).unwrap();
    lab.call(b, Syscall::Close, [theirs.0, 0, 0, 0]);
    assert_eq!(lab.peek(b, AT), Err(BadAddress));
    assert_eq!(lab.peek(b, AT + PAGE), Ok(0));
    assert_eq!(
        lab.call(a, Syscall::Revoke, [region.0, 0, 0, 0]),
        Some(Ok(1))
    );
    assert_eq!(lab.peek(b, AT + PAGE), Err(BadAddress));
    let gone = lab.map(b, read, [AT, 0, 1, READ]);
    assert_eq!(gone, Some(Err(Error::BadHandle)));
    // Its maker closes the last handle: all of it goes back.
    lab.map(a, region, [AT, 0, 1, WRITE]);
    assert!(lab.touches(a, AT, FaultKind::PageWrite));
    let held = lab.held(a);
    lab.call(a, Syscall::Close, [region.0, 0, 0, 0]);
    assert_eq!(lab.peek(a, AT), Err(BadAddress));
    assert_eq!(lab.held(a), held - 3, "root, table and page");
    assert!(lab.machine.regions.is_empty());
}

#[test]
fn what_cannot_be_paid_for_is_an_error_or_the_touchers_fault() {
    let mut lab = Lab::new();
    let (a, b) = (lab.spawn("worker"), lab.spawn("echo"));
    let region = lab.region(a, 64);
    lab.map(a, region, [AT, 0, 64, WRITE]);
    assert!(lab.touches(a, AT, FaultKind::PageWrite));
    let limit = (lab.held(a) + 1) * PAGE;
    lab.act(vec![set_limit(a, limit)]);
    let pinned = lab.call(a, Syscall::Region, [1, 1, 0, 0]);
    assert_eq!(pinned, Some(Err(Error::NoMemory)));
    assert!(lab.touches(a, AT + PAGE, FaultKind::PageWrite));
    let made = lab.call(a, Syscall::Region, [1, 0, 0, 0]);
    assert_eq!(made, Some(Err(Error::NoMemory)));
    assert_eq!(
        lab.call(a, Syscall::Grow, [1, 0, 0, 0]),
        Some(Err(Error::NoMemory))
    );
    // The maker's limit stops others too, and does not end the maker.
    let theirs = lab.hand_on(a, region, b, Rights::READ).unwrap();
    lab.map(b, theirs, [AT, 0, 64, READ]);
    assert!(lab.touches(b, AT + PAGE, FaultKind::PageRead), "is there");
    assert!(!lab.touches(b, AT + 2 * PAGE, FaultKind::PageRead));
    let log = lab.log().join("\n");
    assert!(log.contains("no memory for the page"), "{log}");
    assert_eq!(lab.state(a), Some(State::Ready));
}

#[test]
fn calls_reach_pages_that_nobody_has_touched() {
    let mut lab = Lab::new();
    let a = lab.spawn("worker");
    let region = lab.region(a, 4);
    lab.map(a, region, [AT, 0, 4, WRITE]);
    // Text over the edge of two pages, and a record written into a third.
    let written = lab.call(a, Syscall::Write, [AT + PAGE - 3, 6, 0, 0]);
    assert_eq!(written, Some(Ok(6)));
    let seen = lab.call(a, Syscall::Observe, [1, AT + 2 * PAGE, 2 * PAGE, 0]);
    assert!(matches!(seen, Some(Ok(1..))), "{seen:?}");
    // Reading alone does not allow the kernel to write either.
    lab.call(a, Syscall::Protect, [region.0, AT, READ, 0]);
    lab.call(a, Syscall::Observe, [1, AT + 2 * PAGE, 2 * PAGE, 0]);
    assert_eq!(lab.state(a), Some(State::Crashed));
}

#[test]
fn a_pinned_region_has_all_its_pages_in_a_row() {
    let mut lab = Lab::new();
    let a = lab.spawn("worker");
    let made = lab.call(a, Syscall::Region, [8, 1, 0, 0]);
    let table = lab.kernel.handles(a).unwrap();
    let handle = Handle(made.unwrap().unwrap());
    let found = lab.kernel.capabilities.find(table, handle).unwrap();
    let Some(Object::Region(region)) = lab.kernel.capabilities.object(found.object) else {
        panic!("no region");
    };
    let first = lab.machine.region_address(region.memory, 0).unwrap();
    for page in 0..8 {
        let address = lab.machine.region_address(region.memory, page);
        assert_eq!(address, Some(first + page * PAGE));
    }
    assert_eq!(lab.machine.region_address(region.memory, 8), None);
}

/// What may happen to regions.
#[derive(Debug, Clone, Copy)]
enum Step {
    Create(u64, u64),
    Map(usize, [u64; 4]),
    Unmap(u64),
    Protect(usize, u64, u64),
    Touch(u64, usize),
    Pass(usize, Pid, u64),
    Close(usize),
    Revoke(usize),
    Say(u64),
    Exit,
    Restart,
    Limit(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let handle = || 0usize..16;
    let page = || (0u64..12).prop_map(|page| AT + page * PAGE);
    prop_oneof![
        3 => (0u64..700, 0u64..2).prop_map(|(pages, pinned)| Step::Create(pages, pinned)),
        6 => (handle(), page(), 0u64..4, 1u64..5, 0u64..3)
            .prop_map(|(handle, at, first, pages, access)| Step::Map(handle, [at, first, pages, access])),
        2 => page().prop_map(Step::Unmap),
        2 => (handle(), page(), 0u64..3).prop_map(|(handle, at, access)| Step::Protect(handle, at, access)),
        8 => (page(), 0usize..3).prop_map(|(at, kind)| Step::Touch(at, kind)),
        4 => (handle(), 3u32..7, any::<u64>()).prop_map(|(handle, to, rights)| Step::Pass(handle, to, rights)),
        2 => handle().prop_map(Step::Close),
        1 => handle().prop_map(Step::Revoke),
        2 => page().prop_map(Step::Say),
        1 => Just(Step::Exit),
        1 => Just(Step::Restart),
        1 => (8u64..600).prop_map(|pages| Step::Limit(pages * PAGE)),
    ]
}

/// The handle at a place of a process's table, whatever it is for.
fn handle_at(lab: &Lab, pid: Pid, place: usize) -> Handle {
    // Few are used so often that they get another generation than these.
    let table = lab.kernel.handles(pid);
    let generations = 1..20;
    let found = |handle: &Handle| {
        table.is_ok_and(|table| lab.kernel.capabilities.find(table, *handle).is_ok())
    };
    let mut handles = generations.map(|generation| Handle::new(place, generation));
    handles.find(found).unwrap_or(Handle::NONE)
}

fn take(lab: &mut Lab, pid: Pid, step: Step) {
    let is_caller = |lab: &Lab| {
        let process = lab.kernel.table.get(pid);
        process.is_some_and(crate::process::Process::is_runnable)
    };
    if let Step::Restart = step {
        return drop(lab.plan(super::SHELL, vec![restart(pid)]));
    }
    if !is_caller(lab) {
        return;
    }
    let at = |lab: &Lab, place| handle_at(lab, pid, place).0;
    match step {
        Step::Create(pages, pinned) => drop(lab.call(pid, Syscall::Region, [pages, pinned, 0, 0])),
        Step::Map(place, to) => drop(lab.map(pid, handle_at(lab, pid, place), to)),
        Step::Unmap(address) => drop(lab.call(pid, Syscall::Unmap, [address, 0, 0, 0])),
        Step::Protect(place, address, access) => {
            let arguments = [at(lab, place), address, access, 0];
            lab.call(pid, Syscall::Protect, arguments);
        }
        Step::Touch(address, kind) => drop(lab.touches(pid, address, FaultKind::ALL[kind])),
        Step::Pass(place, to, rights) => {
            let handle = handle_at(lab, pid, place);
            lab.hand_on(pid, handle, to, Rights::from_bits(rights));
        }
        Step::Close(place) => drop(lab.call(pid, Syscall::Close, [at(lab, place), 0, 0, 0])),
        Step::Revoke(place) => drop(lab.call(pid, Syscall::Revoke, [at(lab, place), 0, 0, 0])),
        Step::Say(address) => drop(lab.call(pid, Syscall::Write, [address + 4000, 200, 0, 0])),
        Step::Exit => drop(lab.call(pid, Syscall::Exit, [0; 4])),
        Step::Limit(bytes) => drop(lab.plan(super::SHELL, vec![set_limit(pid, bytes)])),
        Step::Restart => {}
    }
}

/// Every region that a task reaches exists and is one that it has a handle to,
/// and every maker's account has what its regions hold.
fn check(lab: &Lab) -> Result<(), TestCaseError> {
    super::accounting::check(lab)?;
    let capabilities = &lab.kernel.capabilities;
    let regions: Vec<_> = capabilities.living_objects().collect();
    let mut living = 0;
    for process in lab.kernel.table.iter() {
        let mut held = 0;
        for (id, object) in &regions {
            let Object::Region(region) = object else {
                continue;
            };
            if region.owner == process.pid {
                living += 1;
                held += lab.machine.region_frames(region.memory);
            }
            let is_reached = process
                .task
                .as_ref()
                .is_some_and(|it| it.reaches(region.memory.0));
            let has = |table| capabilities.has(table, *id, Rights::READ);
            prop_assert!(!is_reached || process.handles.is_some_and(has));
        }
        prop_assert_eq!(process.region_frames, held);
        let over = process.frames(&lab.machine) > process.limit_frames();
        prop_assert!(
            !over || process.task.is_none(),
            "{} is over its limit",
            process.pid
        );
        for (memory, ..) in process.task.iter().flat_map(|task| task.regions()) {
            prop_assert!(
                lab.machine.regions.contains_key(&memory),
                "reaches what is gone"
            );
        }
    }
    prop_assert_eq!(
        lab.machine.regions.len(),
        living,
        "every region has a maker"
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn ledgers_hold_whatever_is_made_mapped_passed_and_ended(
        steps in proptest::collection::vec((3u32..7, step()), 1..80)
    ) {
        let mut lab = Lab::with_frames(2048);
        for name in ["worker", "echo", "hog", "worker"] {
            lab.spawn(name);
        }
        for (pid, step) in steps {
            take(&mut lab, pid, step);
            check(&lab)?;
        }
        for pid in 3..7 {
            lab.plan(super::SHELL, vec![kill(pid)]);
        }
        prop_assert!(lab.machine.regions.is_empty());
        check(&lab)?;
    }
}
