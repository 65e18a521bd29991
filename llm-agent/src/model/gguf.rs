//! Just enough of the GGUF format to rewrite a file's tensors.
//!
//! Layout (gguf.md of the ggml project): magic, version, two counts, the
//! key-value pairs, one record for each tensor, then, aligned, their data.

/// A tensor as its record describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// Its name, with its length before it, as stored.
    pub name: Vec<u8>,
    /// Its shape, with the number of dimensions before it, as stored.
    pub shape: Vec<u8>,
    /// How many numbers it holds.
    pub elements: u64,
    /// How they are encoded: a `ggml_type`.
    pub encoding: u32,
    /// Where its data begins, in bytes from the beginning of all data.
    pub offset: u64,
}

/// A file's parts.
#[derive(Debug)]
pub struct Parts {
    /// Everything before the tensors' records.
    pub head: Vec<u8>,
    /// The tensors' records.
    pub tensors: Vec<Tensor>,
    /// Where the data begins, in bytes from the beginning of the file.
    pub data_start: u64,
}

/// Data, and each tensor's part of it, begins at a multiple of so many bytes.
/// Files may say otherwise; such files are not rewritten.
pub const ALIGNMENT: u64 = 32;
const MAGIC: &[u8] = b"GGUF";
const VERSION: u32 = 3;

/// Rounds up to [`ALIGNMENT`].
pub const fn aligned(offset: u64) -> u64 {
    offset.next_multiple_of(ALIGNMENT)
}

/// Reads a file's parts; nothing if it is cut short, or of a kind not known here.
pub fn parts(file: &[u8]) -> Option<Parts> {
    let mut reader = Reader { file, at: 0 };
    if reader.take(4)? != MAGIC || reader.u32()? != VERSION {
        return None;
    }
    let (tensor_count, pair_count) = (reader.u64()?, reader.u64()?);
    for _ in 0..pair_count {
        let key = reader.string()?;
        if key == b"general.alignment" {
            return None;
        }
        let kind = reader.u32()?;
        reader.skip_value(kind)?;
    }
    let head = file.get(..reader.at)?.to_vec();
    let mut tensors = Vec::new();
    for _ in 0..tensor_count {
        tensors.push(reader.tensor()?);
    }
    Some(Parts {
        head,
        tensors,
        data_start: aligned(reader.at as u64),
    })
}

struct Reader<'f> {
    file: &'f [u8],
    at: usize,
}

impl<'f> Reader<'f> {
    fn take(&mut self, count: usize) -> Option<&'f [u8]> {
        let end = self.at.checked_add(count)?;
        let bytes = self.file.get(self.at..end)?;
        self.at = end;
        Some(bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take(8)?.try_into().ok().map(u64::from_le_bytes)
    }

    fn string(&mut self) -> Option<&'f [u8]> {
        let length = usize::try_from(self.u64()?).ok()?;
        self.take(length)
    }

    fn skip_value(&mut self, kind: u32) -> Option<()> {
        const STRING: u32 = 8;
        const ARRAY: u32 = 9;
        match kind {
            STRING => self.string().map(drop),
            ARRAY => {
                let (kind, count) = (self.u32()?, self.u64()?);
                // Arrays of arrays do not occur; refusing them bounds the depth.
                if kind == ARRAY {
                    return None;
                }
                (0..count).try_for_each(|_| self.skip_value(kind))
            }
            0 | 1 | 7 => self.take(1).map(drop),
            2 | 3 => self.take(2).map(drop),
            4..=6 => self.take(4).map(drop),
            10..=12 => self.take(8).map(drop),
            _ => None,
        }
    }

    fn tensor(&mut self) -> Option<Tensor> {
        let start = self.at;
        self.string()?;
        let name = self.file.get(start..self.at)?.to_vec();
        let start = self.at;
        let mut elements: u64 = 1;
        for _ in 0..self.u32()? {
            elements = elements.checked_mul(self.u64()?)?;
        }
        let shape = self.file.get(start..self.at)?.to_vec();
        Some(Tensor {
            name,
            shape,
            elements,
            encoding: self.u32()?,
            offset: self.u64()?,
        })
    }
}
