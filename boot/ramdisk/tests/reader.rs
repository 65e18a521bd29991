//! What is packed can be read, and nothing else can.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on may say so by panicking"
)]

use proviso_ramdisk::{Packer, Ramdisk, RamdiskError, trailer};

fn sample() -> Vec<u8> {
    Packer::new()
        .kernel(&[7; 1500])
        .and_then(|packer| packer.program("init", b"first"))
        .and_then(|packer| packer.program("shell", &[9; 512]))
        .and_then(|packer| packer.config([("init", "init"), ("console", "plain")]))
        .and_then(Packer::finish)
        .unwrap()
}

/// `archive` with a trailer that fits it, as an attacker would make one.
fn sealed(archive: &[u8]) -> Vec<u8> {
    let mut image = archive.to_vec();
    image.extend_from_slice(&trailer::encode(archive).unwrap());
    image
}

/// Puts the right header checksum into the first header of `archive`.
fn fix_header_checksum(archive: &mut [u8]) {
    archive[148..156].fill(b' ');
    let sum: u32 = archive[..512].iter().map(|byte| u32::from(*byte)).sum();
    archive[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

#[test]
fn what_was_packed_is_found() {
    let image = sample();
    for ramdisk in [
        Ramdisk::open(&image).unwrap(),
        Ramdisk::reopen(&image).unwrap(),
    ] {
        assert_eq!(ramdisk.kernel(), Some(&[7; 1500][..]));
        assert_eq!(ramdisk.program("init"), Some(&b"first"[..]));
        assert_eq!(ramdisk.find("bin/shell"), Some(&[9; 512][..]));
        assert_eq!(ramdisk.config().get("console"), Some("plain"));
        assert_eq!(ramdisk.entries().count(), 4);
        let names: Vec<_> = ramdisk
            .programs()
            .filter_map(|entry| entry.program().map(String::from))
            .collect();
        assert_eq!(names, ["init", "shell"]);
    }
}

#[test]
fn what_was_not_packed_is_not_found() {
    let image = sample();
    let ramdisk = Ramdisk::open(&image).unwrap();
    for name in ["", "Init", "shell/", "../kernel", "bin/init"] {
        assert_eq!(ramdisk.program(name), None, "{name:?}");
    }
    assert_eq!(ramdisk.find("bin"), None);
    let empty = Packer::new()
        .file("other", b"")
        .and_then(Packer::finish)
        .unwrap();
    let empty = Ramdisk::open(&empty).unwrap();
    assert_eq!(empty.kernel(), None);
    assert_eq!(empty.config().get("init"), None);
}

#[test]
fn packing_is_reproducible_and_plain_tar() {
    let image = sample();
    assert_eq!(image, sample());
    let paths: Vec<_> = tar::Archive::new(&image[..image.len() - trailer::LEN])
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap().path().unwrap().display().to_string())
        .collect();
    assert_eq!(paths, ["kernel", "bin/init", "bin/shell", "boot.cfg"]);
}

#[test]
fn a_path_that_is_too_long_is_not_packed() {
    let name = "folder/".repeat(20);
    assert!(Packer::new().file(&name, b"").is_err());
    assert!(Packer::new().file("/absolute", b"").is_err());
}

#[test]
fn the_empty_file_is_refused() {
    assert_eq!(
        Ramdisk::open(&[]).unwrap_err(),
        RamdiskError::TooShort { len: 0 }
    );
    let only_trailer = sealed(&[]);
    assert!(matches!(
        Ramdisk::open(&only_trailer),
        Err(RamdiskError::NotTar(_))
    ));
}

#[test]
fn every_truncation_is_refused() {
    let image = sample();
    for len in 0..image.len() {
        assert!(Ramdisk::open(&image[..len]).is_err(), "cut to {len} bytes");
        assert!(
            Ramdisk::reopen(&image[..len]).is_err(),
            "cut to {len} bytes"
        );
        assert!(
            Ramdisk::open(&image[image.len() - len..]).is_err(),
            "last {len} bytes"
        );
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    let mut image = sample();
    for bit in 0..image.len() * 8 {
        image[bit / 8] ^= 1 << (bit % 8);
        assert!(Ramdisk::open(&image).is_err(), "bit {bit}");
        image[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn a_sealed_archive_that_is_not_tar_is_refused() {
    for archive in [
        vec![0x5a; 512],
        vec![0xff; 4096],
        b"hello".to_vec(),
        vec![0; 1024],
    ] {
        assert!(matches!(
            Ramdisk::open(&sealed(&archive)),
            Err(RamdiskError::NotTar(_))
        ));
    }
}

#[test]
fn a_sealed_archive_with_a_huge_size_is_refused() {
    let image = sample();
    for size in [
        &b"77777777777\0"[..],
        b"00000010000\0",
        b"-0000000001\0",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
    ] {
        let mut archive = image[..image.len() - trailer::LEN].to_vec();
        archive[124..136].copy_from_slice(size);
        fix_header_checksum(&mut archive);
        assert!(matches!(
            Ramdisk::open(&sealed(&archive)),
            Err(RamdiskError::NotTar(_))
        ));
    }
}

#[test]
fn a_sealed_archive_with_a_bad_path_is_refused() {
    let image = sample();
    for (at, bytes) in [(0, &b"\0"[..]), (0, b"\xc3\x28"), (345, b"prefix")] {
        let mut archive = image[..image.len() - trailer::LEN].to_vec();
        archive[at..at + bytes.len()].copy_from_slice(bytes);
        fix_header_checksum(&mut archive);
        assert_eq!(
            Ramdisk::open(&sealed(&archive)).unwrap_err(),
            RamdiskError::BadPath { index: 0 }
        );
    }
}

/// Every byte of the first header set to every value, properly sealed: whatever
/// comes of it, reading must not panic.
#[test]
fn no_header_byte_makes_the_reader_panic() {
    let image = sample();
    let archive = &image[..image.len() - trailer::LEN];
    for at in 0..512 {
        for value in [0, 1, b' ', b'-', b'0', b'7', b'9', b'x', b'g', 0x80, 0xff] {
            let mut archive = archive.to_vec();
            archive[at] = value;
            fix_header_checksum(&mut archive);
            if let Ok(ramdisk) = Ramdisk::open(&sealed(&archive)) {
                assert!(
                    ramdisk
                        .entries()
                        .all(|entry| entry.data().len() <= archive.len())
                );
                assert_eq!(ramdisk.find("not there"), None);
            }
        }
    }
}
