//! What can be wrong with a ramdisk, each as a sentence for a person.

use thiserror::Error;

/// Why a ramdisk cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RamdiskError {
    /// Fewer bytes than the trailer alone has.
    #[error("the ramdisk has only {len} bytes, too few for its 16-byte trailer")]
    TooShort {
        /// Bytes that are there.
        len: usize,
    },
    /// The trailer does not begin with the magic bytes.
    #[error(
        "the ramdisk does not end in a Proviso trailer: it was cut short or is not a Proviso ramdisk"
    )]
    NoTrailer,
    /// The trailer's length is not that of the bytes before it.
    #[error("the ramdisk's trailer promises {promised} bytes of archive, but {present} are there")]
    WrongLength {
        /// Bytes that the trailer promises.
        promised: usize,
        /// Bytes before the trailer.
        present: usize,
    },
    /// The CRC-32 does not match.
    #[error(
        "the ramdisk is damaged: its checksum is {computed:08x}, and {promised:08x} was promised"
    )]
    WrongChecksum {
        /// CRC-32 in the trailer.
        promised: u32,
        /// CRC-32 of the bytes that are there.
        computed: u32,
    },
    /// The checksum is right but the archive is not a tar.
    #[error("the ramdisk is not a tar archive: {0}")]
    NotTar(tar_no_std::CorruptDataError),
    /// An entry's path is empty, not UTF-8 or longer than a header's name field.
    #[error("entry {index} of the ramdisk has a path that is empty, not UTF-8 or over 100 bytes")]
    BadPath {
        /// Number of the entry, from 0.
        index: usize,
    },
}
