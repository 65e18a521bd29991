//! ELF files made to measure, good and bad.

use bootloader_api::config::Mapping;

use super::*;

const TEXT: u64 = 0xffff_ffff_8000_0000;
const DATA: u64 = TEXT + 0x2000;

/// A program header of the ELF file under test.
#[derive(Clone, Copy)]
struct Header {
    kind: u32,
    flags: u32,
    address: u64,
    file_bytes: u64,
    memory_bytes: u64,
}

fn load(flags: u32, address: u64, file_bytes: u64, memory_bytes: u64) -> Header {
    Header {
        kind: abi::PT_LOAD,
        flags,
        address,
        file_bytes,
        memory_bytes,
    }
}

fn code_and_data() -> std::vec::Vec<Header> {
    std::vec![load(5, TEXT, 0x100, 0x100), load(6, DATA, 0x80, 0x1800)]
}

/// Writes an ELF file: header, program headers, 0x200 bytes of contents that
/// every segment begins with, configuration, section names, section headers.
fn elf(headers: &[Header], config: &[u8], section: &str) -> std::vec::Vec<u8> {
    let contents = 64 + 56 * headers.len() as u64;
    let config_at = contents + 0x200;
    let names = std::format!("\0.shstrtab\0{section}\0");
    let names_at = config_at + config.len() as u64;
    let sections_at = names_at + names.len() as u64;
    let mut file = std::vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    file.extend([2, 0, 62, 0, 1, 0, 0, 0]);
    for word in [TEXT + 0x10, 64, sections_at] {
        file.extend(word.to_le_bytes());
    }
    file.extend([0; 4]);
    for half in [64, 56, headers.len() as u16, 64, 3, 1] {
        file.extend(half.to_le_bytes());
    }
    for header in headers {
        file.extend(header.kind.to_le_bytes());
        file.extend(header.flags.to_le_bytes());
        let address = header.address;
        for word in [
            contents,
            address,
            address,
            header.file_bytes,
            header.memory_bytes,
            0x1000,
        ] {
            file.extend(word.to_le_bytes());
        }
    }
    file.extend([0xcc; 0x200]);
    file.extend(config);
    file.extend(names.as_bytes());
    for (name, kind, at, len) in [
        (0, 0, 0, 0),
        (1, abi::SHT_STRTAB, names_at, names.len()),
        (11, abi::SHT_PROGBITS, config_at, config.len()),
    ] {
        file.extend((name as u32).to_le_bytes());
        file.extend(kind.to_le_bytes());
        for word in [0, 0, at, len as u64, 0, 1, 0] {
            file.extend(word.to_le_bytes());
        }
    }
    file
}

fn good() -> std::vec::Vec<u8> {
    elf(
        &code_and_data(),
        &BootloaderConfig::new_default().serialize(),
        CONFIG_SECTION,
    )
}

fn refused_headers(headers: &[Header]) -> LoadError {
    let config = BootloaderConfig::new_default().serialize();
    Kernel::parse(&elf(headers, &config, CONFIG_SECTION)).unwrap_err()
}

fn refused_config(configure: impl FnOnce(&mut BootloaderConfig)) -> LoadError {
    let mut config = BootloaderConfig::new_default();
    configure(&mut config);
    Kernel::parse(&elf(&code_and_data(), &config.serialize(), CONFIG_SECTION)).unwrap_err()
}

#[test]
fn a_good_kernel_is_understood() {
    let file = good();
    let kernel = Kernel::parse(&file).unwrap();
    assert_eq!(kernel.entry, TEXT + 0x10);
    assert_eq!(kernel.config, BootloaderConfig::new_default());
    assert_eq!(kernel.tls, None);
    let [text, data] = &kernel.segments[..] else {
        panic!("two segments")
    };
    assert_eq!((text.access, data.access), (Access::Execute, Access::Write));
    assert_eq!((text.first_page(), text.page_bytes()), (TEXT, 0x1000));
    assert_eq!((data.first_page(), data.page_bytes()), (DATA, 0x2000));
    assert_eq!(data.contents, [0xcc; 0x80]);
}

#[test]
fn thread_local_storage_is_reported() {
    let mut headers = code_and_data();
    headers.push(Header {
        kind: abi::PT_TLS,
        ..load(4, DATA, 0x10, 0x20)
    });
    let file = elf(
        &headers,
        &BootloaderConfig::new_default().serialize(),
        CONFIG_SECTION,
    );
    let tls = Kernel::parse(&file).unwrap().tls;
    let expected = TlsTemplate {
        start_addr: DATA,
        file_size: 0x10,
        mem_size: 0x20,
    };
    assert_eq!(tls, Some(expected));
}

#[test]
fn what_is_not_an_executable_is_refused() {
    for bytes in [&b""[..], b"\x7fELF", b"#!/bin/sh\n", &[0; 4096]] {
        assert_eq!(
            Kernel::parse(bytes).unwrap_err(),
            KernelError::NotElf.into()
        );
    }
    for (at, value) in [(16, 3), (18, 3)] {
        let mut file = good();
        file[at] = value;
        assert_eq!(
            Kernel::parse(&file).unwrap_err(),
            KernelError::NotExecutable.into()
        );
    }
}

#[test]
fn no_truncation_and_no_flipped_header_bit_panics() {
    let file = good();
    for len in 0..file.len() {
        assert!(Kernel::parse(&file[..len]).is_err(), "cut to {len} bytes");
    }
    let tables = (0..176).chain(file.len() - 192..file.len());
    for bit in tables.flat_map(|byte| byte * 8..byte * 8 + 8) {
        let mut file = file.clone();
        file[bit / 8] ^= 1 << (bit % 8);
        if let Ok(kernel) = Kernel::parse(&file) {
            assert!(
                kernel
                    .segments
                    .iter()
                    .all(|segment| segment.first_page() >= UPPER_HALF)
            );
        }
    }
}

#[test]
fn bad_segments_are_refused() {
    let text = load(5, TEXT, 0x100, 0x100);
    let cases = [
        (
            load(7, DATA, 0, 0x10),
            KernelError::WritableCode { address: DATA },
        ),
        (
            load(6, 0x10_0000, 0, 0x10),
            KernelError::LowerHalf { address: 0x10_0000 },
        ),
        (
            load(6, DATA, 0x9999, 0x9999),
            KernelError::BadSegment { address: DATA },
        ),
        (
            load(6, DATA, 0x20, 0x10),
            KernelError::BadSegment { address: DATA },
        ),
        (
            load(6, DATA, u64::MAX, u64::MAX),
            KernelError::BadSegment { address: DATA },
        ),
        (
            load(6, DATA, 0, u64::MAX),
            KernelError::BadSegment { address: DATA },
        ),
        (
            load(6, TEXT + 0x200, 0, 0x10),
            KernelError::SharedPage { address: TEXT },
        ),
    ];
    for (segment, error) in cases {
        assert_eq!(refused_headers(&[text, segment]), error.into());
    }
    assert_eq!(refused_headers(&[]), KernelError::NoSegments.into());
    let many: std::vec::Vec<_> = (0..17)
        .map(|index| load(5, TEXT + index * 0x1000, 0x10, 0x10))
        .collect();
    assert_eq!(
        refused_headers(&many),
        KernelError::TooManySegments { max: 16 }.into()
    );
}

#[test]
fn an_entry_point_outside_code_is_refused() {
    let address = TEXT + 0x10;
    for header in [load(4, TEXT, 0x100, 0x100), load(5, TEXT, 0x10, 0x10)] {
        assert_eq!(
            refused_headers(&[header]),
            KernelError::BadEntry { address }.into()
        );
    }
}

#[test]
fn configurations_that_cannot_be_met_are_refused() {
    let aslr = refused_config(|config| config.mappings.aslr = true);
    assert!(matches!(
        aslr,
        LoadError::BadConfig(ConfigError::NotOffered(_))
    ));
    let base = refused_config(|config| config.mappings.kernel_base = Mapping::FixedAddress(0));
    assert!(matches!(
        base,
        LoadError::BadConfig(ConfigError::NotOffered(_))
    ));
    for bytes in [0, u64::MAX] {
        let stack = refused_config(|config| config.kernel_stack_size = bytes);
        assert_eq!(stack, ConfigError::BadStackSize { bytes }.into());
    }
}

#[test]
fn a_missing_broken_or_foreign_configuration_is_refused() {
    let mut config = BootloaderConfig::new_default().serialize();
    let unnamed = elf(&code_and_data(), &config, ".bootloader-konfig");
    assert_eq!(
        Kernel::parse(&unnamed).unwrap_err(),
        KernelError::NoConfig.into()
    );
    let short = elf(&code_and_data(), &config[1..], CONFIG_SECTION);
    let refused = Kernel::parse(&short).unwrap_err();
    assert!(matches!(
        refused,
        LoadError::BadConfig(ConfigError::Broken(_))
    ));
    config[18] = 99;
    let foreign = elf(&code_and_data(), &config, CONFIG_SECTION);
    let refused = Kernel::parse(&foreign).unwrap_err();
    assert!(matches!(
        refused,
        LoadError::BadConfig(ConfigError::Version { minor: 99, .. })
    ));
}
