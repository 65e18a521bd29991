//! Which page frames of physical memory are free: a bitmap.

use alloc::vec;
use alloc::vec::Vec;

/// A set of free frames, by frame number (physical address / 4096).
#[derive(Debug)]
pub struct Frames {
    /// One bit per frame; set means free.
    words: Vec<u64>,
    free: u64,
    /// No word below this one has a free frame.
    lowest: usize,
}

impl Frames {
    /// A set that can hold frames below `end`, none of them free yet.
    #[must_use]
    pub fn new(end: usize) -> Self {
        let words = end.div_ceil(64);
        Self {
            words: vec![0; words],
            free: 0,
            lowest: words,
        }
    }

    /// How many frames are free.
    #[must_use]
    pub const fn free(&self) -> u64 {
        self.free
    }

    /// Makes a frame free. False if it was free already or is out of range,
    /// which is a bug of the caller's.
    #[inline]
    pub fn insert(&mut self, frame: usize) -> bool {
        let (index, bit) = (frame / 64, 1 << (frame % 64));
        match self.words.get_mut(index) {
            Some(word) if *word & bit == 0 => {
                *word |= bit;
                self.free += 1;
                self.lowest = self.lowest.min(index);
                true
            }
            _ => false,
        }
    }

    /// Takes the lowest free frame.
    #[inline]
    pub fn take(&mut self) -> Option<usize> {
        while let Some(word) = self.words.get_mut(self.lowest) {
            if *word != 0 {
                let bit = word.trailing_zeros() as usize;
                *word &= *word - 1;
                self.free -= 1;
                return Some(self.lowest * 64 + bit);
            }
            self.lowest += 1;
        }
        None
    }

    /// Takes `count` frames in a row, for a device that needs them so.
    pub fn take_contiguous(&mut self, count: usize) -> Option<usize> {
        let end = self.words.len() * 64;
        let mut start = self.lowest * 64;
        while start + count <= end {
            match (start..start + count)
                .rev()
                .find(|frame| !self.is_free(*frame))
            {
                // The next run can only begin behind the frame that is taken.
                Some(taken) => start = taken + 1,
                None => {
                    for frame in start..start + count {
                        self.words[frame / 64] &= !(1 << (frame % 64));
                    }
                    self.free -= count as u64;
                    return Some(start);
                }
            }
        }
        None
    }

    fn is_free(&self, frame: usize) -> bool {
        self.words
            .get(frame / 64)
            .is_some_and(|word| word & (1 << (frame % 64)) != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn frames_come_back_once_and_only_if_they_are_ours() {
        let mut frames = Frames::new(100);
        assert!(frames.insert(70) && frames.insert(3));
        assert!(!frames.insert(70), "twice");
        assert!(!frames.insert(1 << 40), "out of range");
        assert_eq!(
            (frames.take(), frames.take(), frames.take()),
            (Some(3), Some(70), None)
        );
        assert!(frames.insert(3));
        assert_eq!(frames.take(), Some(3));
    }

    #[test]
    fn contiguous_frames_skip_the_holes() {
        let mut frames = Frames::new(256);
        for frame in (10..20).chain(60..70) {
            frames.insert(frame);
        }
        frames.take();
        assert_eq!(frames.take_contiguous(10), Some(60));
        assert_eq!(frames.take_contiguous(10), None);
        assert_eq!(frames.take_contiguous(9), Some(11));
        assert_eq!(frames.free(), 0);
    }

    proptest! {
        #[test]
        fn behaves_like_a_set(steps in proptest::collection::vec((any::<bool>(), 0usize..300), 0..400)) {
            let (mut frames, mut model) = (Frames::new(256), BTreeSet::new());
            for (insert, frame) in steps {
                if insert {
                    prop_assert_eq!(frames.insert(frame), frame < 256 && model.insert(frame));
                } else {
                    prop_assert_eq!(frames.take(), model.pop_first());
                }
                prop_assert_eq!(frames.free(), model.len() as u64);
            }
        }
    }
}
