//! What is fuzzed: every decoder of what strangers send, and admission.
//!
//! Each target takes bytes, whatever they are, and panics if something does not
//! hold. `fuzz/` drives them by coverage (cargo-fuzz), the binary `fuzz` by
//! mutation alone, and a test runs the corpora that are checked in.

use std::path::PathBuf;

use proviso_abi::audit::{AuditRecord, Verifier};
use proviso_abi::console::ConsoleRequest;
use proviso_abi::outcome::IntentEvent;
use proviso_abi::syscall::{REGISTERS, Request, Syscall};
use proviso_abi::wire::{MAX_FRAME, Receiver, ToAgent, ToKernel, decode, encode};
use proviso_abi::{INIT, Plan};
use proviso_console::commands;
use proviso_kernel_core::admit::admit;
use proviso_kernel_core::view::{Operation, Principal};
use proviso_ramdisk::Ramdisk;
use serde::Serialize;
use serde::de::DeserializeOwned;

mod seeds;
mod system;

pub use seeds::seeds;

/// A name and what is done with the bytes.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 10] = [
    ("wire_to_kernel", wire::<ToKernel>),
    ("wire_to_agent", wire::<ToAgent>),
    ("plan_json", plan_json),
    ("plan", postcard_form::<Plan>),
    ("console_request", postcard_form::<ConsoleRequest>),
    ("intent_event", postcard_form::<IntentEvent>),
    ("syscall", syscall),
    ("audit_export", audit_export),
    ("ramdisk", ramdisk),
    ("command_line", command_line),
];

/// Admission, which is not a decoder: bytes become a plan and who asks for it.
pub const ADMISSION: Target = ("admission", admission);

/// All targets, admission included.
pub fn all() -> impl Iterator<Item = Target> {
    TARGETS.into_iter().chain([ADMISSION])
}

/// The target of a name.
#[must_use]
pub fn find(name: &str) -> Option<Target> {
    all().find(|(own, _)| *own == name)
}

/// The folder of corpora, one folder for each target.
#[must_use]
pub fn corpora() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus")
}

/// Frames survive being taken in byte by byte, and what is understood comes out
/// the same when it is sent on.
fn wire<T: DeserializeOwned + Serialize + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    let mut receiver = Receiver::new();
    for byte in bytes.iter().chain([&0]) {
        if let Some(Ok(frame)) = receiver.push::<T>(*byte)
            && let Ok(mut sent) = encode(&frame)
        {
            assert!(sent.len() <= MAX_FRAME + 1);
            sent.pop();
            assert_eq!(decode::<T>(&mut sent), Ok(frame));
        }
    }
    // The checksum keeps chance out, so the content is tried without it, too.
    postcard_form::<T>(bytes);
}

/// What decodes encodes again to what decodes to the same.
fn postcard_form<T: DeserializeOwned + Serialize + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    if let Ok((value, _)) = postcard::take_from_bytes::<T>(bytes) {
        let again = postcard::to_allocvec(&value).unwrap_or_default();
        assert_eq!(postcard::from_bytes::<T>(&again).as_ref(), Ok(&value));
    }
}

/// A plan in JSON says the same in both forms, and its words are one line.
fn plan_json(bytes: &[u8]) {
    let Ok(plan) = serde_json::from_slice::<Plan>(bytes) else {
        return;
    };
    let json = serde_json::to_string(&plan).unwrap_or_default();
    assert_eq!(
        serde_json::from_str::<Plan>(&json).ok().as_ref(),
        Some(&plan)
    );
    let words = plan.to_string();
    assert!(!words.chars().any(char::is_control), "{words:?}");
    postcard_form::<Plan>(&postcard::to_allocvec(&plan).unwrap_or_default());
}

/// Every number and every register makes a call or none.
fn syscall(bytes: &[u8]) {
    let mut words = bytes.chunks(8).map(|chunk| {
        let mut word = [0; 8];
        for (to, from) in word.iter_mut().zip(chunk) {
            *to = *from;
        }
        u64::from_le_bytes(word)
    });
    let Some(call) = words.next().and_then(Syscall::from_number) else {
        return;
    };
    let mut registers = [0; REGISTERS];
    for (register, word) in registers.iter_mut().zip(words) {
        *register = word;
    }
    let request = Request::decode(call, &registers);
    let (again, registers) = request.encode();
    assert_eq!(again, call);
    assert_eq!(Request::decode(again, &registers), request);
}

/// An export, one record a line.
fn audit_export(bytes: &[u8]) {
    let mut verifier = Verifier::default();
    for line in bytes.split(|byte| *byte == b'\n') {
        let Ok(record) = serde_json::from_slice::<AuditRecord>(line) else {
            return;
        };
        let words = record.event.to_string();
        assert!(!words.chars().any(char::is_control), "{words:?}");
        if verifier.check(&record).is_err() {
            return;
        }
    }
}

/// An image, checked and unchecked.
fn ramdisk(bytes: &[u8]) {
    for disk in [Ramdisk::open(bytes), Ramdisk::reopen(bytes)] {
        let Ok(disk) = disk else { continue };
        for entry in disk.entries() {
            assert!(entry.data().len() <= bytes.len());
            assert!(disk.find(entry.path()).is_some());
        }
        assert!(disk.config().entries().all(|(key, _)| !key.is_empty()));
        let _ = (disk.kernel(), disk.programs().count());
    }
}

/// A line typed at the console.
fn command_line(bytes: &[u8]) {
    let _ = commands::read(&String::from_utf8_lossy(bytes));
}

/// The first byte says who asks, the rest is their plan.
fn admission(bytes: &[u8]) {
    let Some((who, rest)) = bytes.split_first() else {
        return;
    };
    let Ok((plan, _)) = postcard::take_from_bytes::<Plan>(rest) else {
        return;
    };
    let principal = match who % 4 {
        0 => Principal::Operator,
        1 => Principal::User(1),
        other => Principal::Process(u32::from(other) + 2),
    };
    let view = system::view(principal);
    let verdict = admit(&plan, principal, &view);
    assert_eq!(
        verdict,
        admit(&plan, principal, &view),
        "it is not the same again"
    );
    let Ok(operations) = verdict else { return };
    assert_eq!(operations.len(), plan.actions.len());
    for operation in &operations {
        let ended = match operation {
            Operation::Kill(pids) | Operation::Restart(pids) | Operation::Suspend(pids) => pids,
            _ => continue,
        };
        assert!(!ended.contains(&INIT), "{plan}");
        let owner = |pid| view.processes.iter().find(|one| one.info.pid == pid);
        match principal {
            Principal::Operator => {}
            Principal::User(user) => assert!(
                ended
                    .iter()
                    .all(|pid| owner(*pid).is_some_and(|one| one.owner == user)),
                "{plan}"
            ),
            Principal::Process(own) => assert!(ended.iter().all(|pid| *pid == own), "{plan}"),
        }
    }
}

/// Changes bytes as chance has it: what a fuzzer does that sees no coverage.
#[derive(Debug)]
pub struct Mutator(u64);

impl Mutator {
    /// All it does follows from the seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed ^ 0x9e37_79b9_7f4a_7c15)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        // Knuth's MMIX; the upper bits are the good ones.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or_default() % bound.max(1)
    }

    fn byte(&mut self) -> u8 {
        // The ends of the range and of varints come more often.
        let odd = [0, 1, 0x7f, 0x80, 0xff, b'"', b'*', b'-'];
        match self.below(3) {
            0 => odd.get(self.below(odd.len())).copied().unwrap_or_default(),
            _ => u8::try_from(self.below(256)).unwrap_or_default(),
        }
    }

    /// Another input from one, or from two.
    pub fn mutate(&mut self, one: &[u8], other: &[u8]) -> Vec<u8> {
        let mut bytes = one.to_vec();
        for _ in 0..=self.below(4) {
            let place = self.below(bytes.len() + 1);
            let end = (place + 1 + self.below(8)).min(bytes.len());
            match self.below(6) {
                0 => bytes.insert(place, self.byte()),
                1 => drop(bytes.drain(place.min(end)..end)),
                2 => {
                    let tail = other.get(self.below(other.len() + 1)..);
                    bytes.truncate(place);
                    bytes.extend_from_slice(tail.unwrap_or_default());
                }
                3 => {
                    let again = bytes.get(place.min(end)..end).unwrap_or_default().to_vec();
                    bytes.splice(place..place, again);
                }
                4 => bytes.truncate(place),
                _ => {
                    let new = match self.below(2) {
                        0 => self.byte(),
                        _ => bytes.get(place).copied().unwrap_or_default() ^ (1 << self.below(8)),
                    };
                    if let Some(byte) = bytes.get_mut(place) {
                        *byte = new;
                    }
                }
            }
        }
        bytes.truncate(MAX_FRAME);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is checked in, and some hundred mutations of each.
    #[test]
    fn the_corpora_hold() {
        let mut mutator = Mutator::new(20_261_122);
        for (name, run) in all() {
            let folder = corpora().join(name);
            let files = std::fs::read_dir(&folder)
                .unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
            let inputs: Vec<Vec<u8>> = files
                .map(|file| std::fs::read(file.unwrap().path()).unwrap())
                .collect();
            assert!(!inputs.is_empty(), "{name} has no corpus");
            for input in &inputs {
                run(input);
                for _ in 0..200 {
                    let other = &inputs[mutator.below(inputs.len())];
                    run(&mutator.mutate(input, other));
                }
            }
        }
    }

    #[test]
    fn every_target_can_be_driven_by_coverage() {
        let manifest = corpora().join("../Cargo.toml");
        let manifest = std::fs::read_to_string(manifest).unwrap();
        for (name, _) in all() {
            assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
        }
    }

    /// Seeds are what the decoders take, or mutations of them would reach nothing.
    #[test]
    fn seeds_are_understood() {
        for (name, inputs) in seeds() {
            assert!(all().any(|(target, _)| target == name), "{name}");
            assert!(inputs.len() >= 2, "{name}");
        }
    }
}
