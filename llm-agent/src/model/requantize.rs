//! A copy of a model in an encoding that this kind of machine computes fast.
//!
//! llama.cpp multiplies whole matrices in Q8_0 but not in Q4_1, where it goes
//! number by number: reading a prompt takes three times as long. Every Q4_1
//! weight is one of sixteen values on a line, which Q8_0 holds to within 0.4 %
//! of its block's largest, so the copy answers as the original does.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use half::f16;

use super::gguf::{self, Parts, Tensor};

/// `ggml_type` numbers and sizes of a block of 32 weights.
const Q4_1: u32 = 3;
const Q4_1_BYTES: usize = 20;
const Q8_0: u32 = 8;
const Q8_0_BYTES: usize = 34;
const BLOCK: u64 = 32;

/// The model to load for `path`: a fast copy beside it, made now if it is not
/// there yet, or `path` itself if it needs none or none can be made.
#[must_use]
pub fn fast_copy(path: &Path) -> PathBuf {
    // One at a time in a process; other processes write under other names.
    static MAKING: Mutex<()> = Mutex::new(());
    let _making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    let copy = path.with_extension("fast.gguf");
    if is_newer(&copy, path) {
        return copy;
    }
    // What needs no copy is found out from its beginning.
    if !begins_with_q4_1(path) {
        return path.into();
    }
    let Some(converted) = std::fs::read(path).ok().and_then(|file| convert(&file)) else {
        return path.into();
    };
    // Written aside and then renamed: nobody ever finds half a copy.
    let aside = path.with_extension(format!("{}.partial", std::process::id()));
    let written = write(&aside, &converted).and_then(|()| std::fs::rename(&aside, &copy));
    match written {
        Ok(()) => {
            eprintln!("llm-agent: wrote {}, which computes faster", copy.display());
            copy
        }
        Err(error) => {
            let _ = std::fs::remove_file(&aside);
            eprintln!("llm-agent: no fast copy of {}: {error}", path.display());
            path.into()
        }
    }
}

/// Whether a file has Q4_1 tensors, as far as its beginning tells.
fn begins_with_q4_1(path: &Path) -> bool {
    /// More than the metadata and the tensors' records of any model take.
    const HEAD: u64 = 64 << 20;
    let Ok(mut file) = std::fs::File::open(path) else {
        return false;
    };
    let mut head = Vec::new();
    let mut wanted = 1 << 20;
    // A megabyte does for our own model; others have larger vocabularies.
    while wanted <= HEAD {
        let missing = wanted - head.len() as u64;
        let read = std::io::Read::by_ref(&mut file)
            .take(missing)
            .read_to_end(&mut head);
        match (read, gguf::parts(&head)) {
            (Ok(_), Some(parts)) => {
                return parts.tensors.iter().any(|tensor| tensor.encoding == Q4_1);
            }
            (Ok(read), None) if read as u64 == missing => wanted *= 8,
            _ => return false,
        }
    }
    false
}

fn is_newer(copy: &Path, original: &Path) -> bool {
    let changed = |path: &Path| path.metadata().and_then(|metadata| metadata.modified());
    matches!((changed(copy), changed(original)), (Ok(copy), Ok(original)) if copy >= original)
}

fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = std::fs::File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// The file with every Q4_1 tensor in Q8_0; nothing if it has none.
fn convert(file: &[u8]) -> Option<Vec<u8>> {
    let Parts {
        head,
        tensors,
        data_start,
    } = gguf::parts(file)?;
    if !tensors.iter().any(|tensor| tensor.encoding == Q4_1) {
        return None;
    }
    let data = file.get(usize::try_from(data_start).ok()?..)?;
    let mut out = head;
    let mut converted = Vec::new();
    for (index, tensor) in tensors.iter().enumerate() {
        let bytes = bytes_of(tensor, tensors.get(index + 1), data)?;
        let (encoding, bytes) = match tensor.encoding {
            Q4_1 => (Q8_0, to_q8_0(bytes.get(..q4_1_size(tensor)?)?)),
            other => (other, bytes.to_vec()),
        };
        let offset = gguf::aligned(converted.len() as u64);
        converted.resize(usize::try_from(offset).ok()?, 0);
        converted.extend(bytes);
        out.extend(&tensor.name);
        out.extend(&tensor.shape);
        out.extend(encoding.to_le_bytes());
        out.extend(offset.to_le_bytes());
    }
    out.resize(usize::try_from(gguf::aligned(out.len() as u64)).ok()?, 0);
    out.extend(converted);
    // The reader expects the last tensor to be filled up as well.
    out.resize(usize::try_from(gguf::aligned(out.len() as u64)).ok()?, 0);
    Some(out)
}

/// A tensor's data, up to where the next one's begins.
fn bytes_of<'d>(tensor: &Tensor, next: Option<&Tensor>, data: &'d [u8]) -> Option<&'d [u8]> {
    let start = usize::try_from(tensor.offset).ok()?;
    let end = match next {
        Some(next) => usize::try_from(next.offset).ok()?,
        None => data.len(),
    };
    data.get(start..end)
}

fn q4_1_size(tensor: &Tensor) -> Option<usize> {
    if !tensor.elements.is_multiple_of(BLOCK) {
        return None;
    }
    usize::try_from(tensor.elements / BLOCK)
        .ok()?
        .checked_mul(Q4_1_BYTES)
}

fn to_q8_0(blocks: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(blocks.len() / Q4_1_BYTES * Q8_0_BYTES);
    for block in blocks.chunks_exact(Q4_1_BYTES) {
        let weights = weights(block);
        let largest = weights
            .iter()
            .fold(0.0_f32, |largest, weight| largest.max(weight.abs()));
        let scale = largest / 127.0;
        let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
        out.extend(f16::from_f32(scale).to_le_bytes());
        // Within -127 to 127 by the choice of the scale.
        out.extend(
            weights
                .iter()
                .map(|weight| ((weight * inverse).round() as i8).cast_unsigned()),
        );
    }
    out
}

/// The 32 weights of a Q4_1 block: a scale, a least value, and four bits each,
/// the first sixteen in the low halves.
fn weights(block: &[u8]) -> [f32; 32] {
    let number = |at: usize| {
        let bytes = [
            block.get(at).copied().unwrap_or(0),
            block.get(at + 1).copied().unwrap_or(0),
        ];
        f16::from_le_bytes(bytes).to_f32()
    };
    let (scale, least) = (number(0), number(2));
    let mut weights = [0.0; 32];
    let (low, high) = weights.split_at_mut(16);
    for ((low, high), bits) in low.iter_mut().zip(high).zip(block.iter().skip(4)) {
        *low = f32::from(bits & 15) * scale + least;
        *high = f32::from(bits >> 4) * scale + least;
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with one pair, one Q4_1 tensor of 32 weights and one plain one.
    fn file() -> Vec<u8> {
        let mut file = b"GGUF".to_vec();
        let string =
            |text: &str| [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat();
        file.extend(3u32.to_le_bytes());
        file.extend(2u64.to_le_bytes());
        file.extend(1u64.to_le_bytes());
        file.extend(string("tags"));
        file.extend([9u32.to_le_bytes(), 8u32.to_le_bytes()].concat());
        file.extend(2u64.to_le_bytes());
        file.extend([string("a"), string("bc")].concat());
        for (name, encoding, offset) in [("w", Q4_1, 0u64), ("norm", 0, 32)] {
            file.extend(string(name));
            file.extend(1u32.to_le_bytes());
            file.extend(32u64.to_le_bytes());
            file.extend(encoding.to_le_bytes());
            file.extend(offset.to_le_bytes());
        }
        file.resize(file.len().next_multiple_of(32), 0);
        file.extend(block());
        file.resize(file.len().next_multiple_of(32), 0);
        file.extend([7; 128]);
        file
    }

    fn block() -> Vec<u8> {
        let mut block = Vec::new();
        block.extend(f16::from_f32(0.5).to_le_bytes());
        block.extend(f16::from_f32(-3.0).to_le_bytes());
        block.extend((0..16).map(|index| index | (15 - index) << 4));
        block
    }

    #[test]
    fn the_copy_has_the_same_weights_within_its_precision() {
        let converted = convert(&file()).unwrap();
        let parts = gguf::parts(&converted).unwrap();
        assert_eq!(parts.tensors[0].encoding, Q8_0);
        assert_eq!(
            (parts.tensors[1].encoding, parts.tensors[1].offset),
            (0, 64)
        );
        let data = &converted[parts.data_start as usize..];
        assert_eq!(data[64..192], [7; 128]);
        let scale = f16::from_le_bytes([data[0], data[1]]).to_f32();
        for (weight, stored) in weights(&block()).iter().zip(&data[2..34]) {
            let stored = f32::from(stored.cast_signed()) * scale;
            assert!(
                (weight - stored).abs() <= 4.5 * 0.006,
                "{weight} became {stored}"
            );
        }
    }

    #[test]
    fn what_cannot_be_read_is_left_alone() {
        let whole = file();
        for length in 0..whole.len() - 128 {
            // Cut anywhere, it must not panic, and never be taken for whole.
            assert!(convert(&whole[..length]).is_none(), "cut at {length}");
        }
        assert!(convert(b"something else").is_none());
    }

    #[test]
    fn the_copy_is_made_once_beside_the_original() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.Q4_1.gguf");
        std::fs::write(&path, file()).unwrap();
        let copy = fast_copy(&path);
        assert_eq!(copy, folder.path().join("m.Q4_1.fast.gguf"));
        let made = copy.metadata().unwrap().modified().unwrap();
        assert_eq!(fast_copy(&path), copy);
        assert_eq!(copy.metadata().unwrap().modified().unwrap(), made);
        // A copy needs no copy.
        assert_eq!(fast_copy(&copy), copy);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
