//! The 16 bytes after the tar: magic, length, CRC-32.

use crate::RamdiskError;

/// The trailer's first eight bytes.
pub const MAGIC: [u8; 8] = *b"PRVRAMDK";

/// Bytes in a trailer: magic (8), length of the tar (`u32`, little-endian),
/// CRC-32 ISO-HDLC of the tar (`u32`, little-endian).
pub const LEN: usize = 16;

/// Builds the trailer of `archive`, or `None` if it has 4 GiB or more.
#[must_use]
pub fn encode(archive: &[u8]) -> Option<[u8; LEN]> {
    let len = u32::try_from(archive.len()).ok()?;
    let mut trailer = [0; LEN];
    trailer[..8].copy_from_slice(&MAGIC);
    trailer[8..12].copy_from_slice(&len.to_le_bytes());
    trailer[12..].copy_from_slice(&crc32fast::hash(archive).to_le_bytes());
    Some(trailer)
}

/// Splits `image` into its archive and the CRC-32 promised for it.
///
/// # Errors
/// When the trailer is missing or its length is not that of the archive.
pub fn split(image: &[u8]) -> Result<(&[u8], u32), RamdiskError> {
    let (archive, trailer) = image
        .split_last_chunk::<LEN>()
        .ok_or(RamdiskError::TooShort { len: image.len() })?;
    let [
        m0,
        m1,
        m2,
        m3,
        m4,
        m5,
        m6,
        m7,
        l0,
        l1,
        l2,
        l3,
        c0,
        c1,
        c2,
        c3,
    ] = *trailer;
    if [m0, m1, m2, m3, m4, m5, m6, m7] != MAGIC {
        return Err(RamdiskError::NoTrailer);
    }
    let promised = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    if promised != archive.len() {
        return Err(RamdiskError::WrongLength {
            promised,
            present: archive.len(),
        });
    }
    Ok((archive, u32::from_le_bytes([c0, c1, c2, c3])))
}
