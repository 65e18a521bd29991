//! Hostile images.

use proptest::prelude::*;
use proviso_abi::Name;
use proviso_abi::layout::{HEAP_BASE, STACK_TOP};

use super::image::{CODE, CONSTANTS, DATA, Part, image, program};
use crate::machine::Access;
use crate::program::{Program, ProgramError};

const BASE: u64 = 0x40_0000;

fn check(bytes: Vec<u8>) -> Result<Program, ProgramError> {
    Program::new(Name::cut("p"), bytes.leak())
}

fn error(entry: u64, parts: &[Part]) -> ProgramError {
    check(image(entry, parts)).unwrap_err()
}

#[test]
fn an_ordinary_program_is_understood() {
    let program = Program::new(Name::cut("p"), program()).unwrap();
    let shape: Vec<_> = program
        .segments
        .iter()
        .map(|s| (s.address, s.pages, s.access, s.data.len()))
        .collect();
    assert_eq!(
        shape,
        [
            (BASE, 2, Access::Execute, 64),
            (BASE + 0x2000, 1, Access::Write, 64)
        ]
    );
    // Root; a table of each level for the program and one for the stack;
    // 3 pages; 8 pages of stack.
    assert_eq!(program.frames, 1 + 6 + 3 + 8);
}

#[test]
fn a_segment_within_a_page_keeps_its_place() {
    let mut part = Part::load(CODE, BASE + 0x10, 0x1000);
    part.offset = 8;
    let program = check(image(BASE + 0x20, &[part])).unwrap();
    let segment = program.segments[0];
    assert_eq!(
        (segment.address, segment.pages, segment.data_address),
        (BASE, 2, BASE + 0x10)
    );
}

#[test]
fn what_is_no_elf_file_is_refused() {
    assert_eq!(check(Vec::new()).unwrap_err(), ProgramError::NotElf);
    assert_eq!(check(vec![0x7f; 4096]).unwrap_err(), ProgramError::NotElf);
    let whole = image(BASE, &[Part::load(CODE, BASE, 64)]);
    for length in 0..whole.len() {
        assert!(check(whole[..length].to_vec()).is_err(), "cut to {length}");
    }
}

#[test]
fn other_machines_and_kinds_are_refused() {
    for (at, value) in [(4, 1), (16, 3), (18, 3)] {
        let mut bytes = image(BASE, &[Part::load(CODE, BASE, 64)]);
        bytes[at] = value;
        assert!(check(bytes).is_err(), "byte {at}");
    }
    for kind in [2, 3, 7] {
        let part = Part {
            kind,
            ..Part::load(CONSTANTS, BASE + 0x8000, 64)
        };
        assert_eq!(
            error(BASE, &[Part::load(CODE, BASE, 64), part]),
            ProgramError::NotStatic
        );
    }
}

#[test]
fn segments_lie_where_programs_may() {
    for address in [
        0,
        0xfff,
        HEAP_BASE,
        HEAP_BASE - 0x10,
        STACK_TOP - 4096,
        1 << 47,
        u64::MAX - 4096,
        u64::MAX,
    ] {
        let part = Part::load(CODE, address, 64);
        assert_eq!(
            error(address, &[part]),
            ProgramError::BadAddress,
            "{address:#x}"
        );
    }
    let endless = Part {
        file_size: 0,
        memory_size: u64::MAX,
        ..Part::load(CODE, BASE, 64)
    };
    assert_eq!(error(BASE, &[endless]), ProgramError::BadAddress);
}

#[test]
fn a_segments_bytes_are_in_the_file() {
    let part = Part::load(CODE, BASE, 64);
    for bad in [
        Part {
            file_size: 65,
            ..part.clone()
        },
        Part {
            offset: u64::MAX,
            ..part.clone()
        },
        Part {
            offset: u64::MAX - 63,
            ..part.clone()
        },
        Part {
            offset: 1 << 20,
            ..part.clone()
        },
        Part {
            file_size: 1 << 30,
            memory_size: 1 << 30,
            ..part
        },
    ] {
        assert_eq!(
            error(BASE, std::slice::from_ref(&bad)),
            ProgramError::BadSegment,
            "{bad:?}"
        );
    }
}

#[test]
fn nothing_is_writable_and_executable_nor_mapped_twice() {
    assert_eq!(
        error(BASE, &[Part::load(7, BASE, 64)]),
        ProgramError::WritableCode
    );
    let code = Part::load(CODE, BASE, 4097);
    let data = Part::load(DATA, BASE + 0x1800, 64);
    assert_eq!(error(BASE, &[data, code]), ProgramError::Overlap);
}

#[test]
fn a_program_starts_in_its_code() {
    let parts = [
        Part::load(CODE, BASE, 64),
        Part::load(DATA, BASE + 0x1000, 64),
    ];
    for entry in [0, BASE - 1, BASE + 0x1000, u64::MAX] {
        assert_eq!(error(entry, &parts), ProgramError::BadEntry, "{entry:#x}");
    }
    assert_eq!(error(BASE, &[]), ProgramError::SegmentCount);
    let many: Vec<_> = (0..9)
        .map(|i| Part::load(CODE, BASE + i * 4096, 64))
        .collect();
    assert_eq!(error(BASE, &many), ProgramError::SegmentCount);
}

proptest! {
    #[test]
    fn a_damaged_image_never_panics(damage in proptest::collection::vec((0usize..176, any::<u8>()), 1..12)) {
        let mut bytes = program().to_vec();
        for (at, value) in damage {
            bytes[at] = value;
        }
        // Leaks some bytes; images live as long as the kernel.
        if let Ok(program) = check(bytes) {
            for segment in program.segments {
                prop_assert!(segment.address >= 4096 && segment.address + segment.pages * 4096 <= HEAP_BASE);
            }
        }
    }
}
