//! The disk's registers and its interrupt line, by handle.

use proviso_abi::device::DeviceCall;
use proviso_abi::layout::HEAP_BASE;
use proviso_abi::syscall::{Error, FOREVER, Syscall};
use proviso_abi::{Handle, INIT, Pid, Rights};

use super::{BUFFER, Lab, Outcome, kill, restart};
use crate::fake::FakeMachine;

fn lab() -> Lab {
    let mut machine = FakeMachine::new(4096);
    machine.has_disk = true;
    Lab::on(machine)
}

impl Lab {
    /// Gives a process a copy of one of init's handles.
    pub(super) fn pass_on(&mut self, handle: Handle, to: Pid) -> Handle {
        let init = self.kernel.handles(INIT).unwrap();
        let found = self.kernel.capabilities.find(init, handle).unwrap();
        let table = self.kernel.handles(to).unwrap();
        let capabilities = &mut self.kernel.capabilities;
        capabilities
            .derive(found.slot, table, Rights::ALL, 0)
            .unwrap()
    }

    fn access(&mut self, pid: Pid, device: Handle, call: DeviceCall) -> Outcome {
        let (number, [a, b, c, d]) = call.encode();
        let arguments = [device.0, number, a, b, c, d];
        self.call_all(pid, Syscall::Device as u64, arguments)
    }

    fn wait_for(&mut self, pid: Pid, line: Handle, timeout_ns: u64) -> Outcome {
        self.call(pid, Syscall::Wait, [line.0, timeout_ns, 0, 0])
    }
}

#[test]
fn only_who_has_the_handle_reaches_the_disk() {
    let mut lab = lab();
    let (driver, other) = (lab.spawn("worker"), lab.spawn("hog"));
    let disk = lab.pass_on(Handle::DISK, driver);
    let line = lab.pass_on(Handle::DISK_LINE, driver);
    let status = DeviceCall::Status {};
    assert_eq!(lab.access(driver, disk, status), Some(Ok(7)));
    for handle in [disk, Handle::DISK, line] {
        assert_eq!(
            lab.access(other, handle, status),
            Some(Err(Error::BadHandle))
        );
    }
    assert_eq!(
        lab.access(driver, line, status),
        Some(Err(Error::WrongObject))
    );
    assert_eq!(
        lab.wait_for(driver, disk, 0),
        Some(Err(Error::NotPermitted))
    );
    assert_eq!(
        lab.wait_for(driver, Handle::DIRECTORY, 0),
        Some(Err(Error::NotPermitted))
    );
    // A copy without the right, an access that does not exist, one that makes no sense.
    let arguments = [disk.0, Rights::COPY.bits(), 0, 0];
    let weak = lab.call(driver, Syscall::Copy, arguments).unwrap().unwrap();
    let weak = Handle(weak);
    assert_eq!(
        lab.access(driver, weak, status),
        Some(Err(Error::NotPermitted))
    );
    let strange = [disk.0, 99, 0, 0, 0, 0];
    assert_eq!(
        lab.call_all(driver, Syscall::Device as u64, strange),
        Some(Err(Error::Invalid))
    );
    let senseless = DeviceCall::Config { offset: 3 };
    assert_eq!(
        lab.access(driver, disk, senseless),
        Some(Err(Error::Invalid))
    );
    assert_eq!(lab.machine.disk_calls.len(), 2, "the rest never got there");
}

#[test]
fn a_machine_without_a_disk_has_no_handles_for_one() {
    let mut lab = Lab::new();
    lab.kernel.end_wait(&mut lab.machine, INIT, Ok(0));
    for handle in [Handle::DISK, Handle::DISK_LINE] {
        assert_eq!(
            lab.access(INIT, handle, DeviceCall::Status {}),
            Some(Err(Error::BadHandle))
        );
    }
}

#[test]
fn an_interrupt_ends_one_wait_and_a_storm_nothing_else() {
    let mut lab = lab();
    let driver = lab.spawn("worker");
    let line = lab.pass_on(Handle::DISK_LINE, driver);
    assert!(!lab.machine.interrupt(), "masked until somebody waits");
    assert_eq!(lab.wait_for(driver, line, FOREVER), None);
    assert!(lab.machine.interrupt());
    // The rest of the storm stays outside.
    assert!((0..1000).all(|_| !lab.machine.interrupt()));
    lab.poll();
    assert_eq!(lab.result(driver), Some(Ok(1)));
    assert_eq!(lab.wait_for(driver, line, 0), Some(Err(Error::TimedOut)));
    // One that comes when the time is up is not lost.
    assert!(lab.machine.interrupt());
    lab.poll();
    assert_eq!(lab.wait_for(driver, line, FOREVER), Some(Ok(1)));
    assert!(!lab.machine.is_line_open);
}

#[test]
fn one_waits_for_the_line_and_revoking_ends_that() {
    let mut lab = lab();
    let (driver, second) = (lab.spawn("worker"), lab.spawn("hog"));
    let line = lab.pass_on(Handle::DISK_LINE, driver);
    let too = lab.pass_on(Handle::DISK_LINE, second);
    assert_eq!(lab.wait_for(driver, line, FOREVER), None);
    assert_eq!(lab.wait_for(second, too, FOREVER), Some(Err(Error::Busy)));
    lab.kernel.end_wait(&mut lab.machine, INIT, Ok(0));
    let revoked = lab.call(INIT, Syscall::Revoke, [Handle::DISK_LINE.0, 0, 0, 0]);
    assert_eq!(revoked, Some(Ok(2)));
    assert_eq!(lab.result(driver), Some(Err(Error::BadHandle)));
    assert_eq!(
        lab.wait_for(driver, line, FOREVER),
        Some(Err(Error::BadHandle))
    );
}

#[test]
fn a_drivers_memory_is_freed_only_once_the_disk_is_stopped() {
    for end in [kill as fn(Pid) -> _, restart] {
        let mut lab = lab();
        let driver = lab.spawn("worker");
        let disk = lab.pass_on(Handle::DISK, driver);
        // Who only looked gave it no memory.
        lab.access(driver, disk, DeviceCall::Status {});
        lab.act(vec![restart(driver)]);
        assert_eq!(lab.machine.disk_resets, 0);
        let disk = lab.pass_on(Handle::DISK, driver);
        // Memory that is not heap could be gone before the driver is.
        let address = BUFFER;
        let stack = lab.access(driver, disk, DeviceCall::Physical { address });
        assert_eq!(stack, Some(Err(Error::Invalid)));
        assert!(
            lab.call(driver, Syscall::Grow, [1, 0, 0, 0])
                .unwrap()
                .is_ok()
        );
        let address = HEAP_BASE;
        let heap = lab.access(driver, disk, DeviceCall::Physical { address });
        assert_eq!(heap, Some(Ok(7)));
        lab.act(vec![end(driver)]);
        assert_eq!(lab.machine.disk_resets, 1);
        assert_eq!(lab.machine.resets_before_frees, 1);
    }
}
