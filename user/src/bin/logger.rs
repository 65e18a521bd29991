//! Logs every message it gets, and keeps the newest in a buffer that grows
//! slowly. Argument: how many KiB it may grow to.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use proviso_user::{Args, Error, clock, println, program, receive, try_zeroed};

program!(main);

/// What one entry takes: the time and a message.
const ENTRY_BYTES: usize = 1024;
/// Without messages it notes the time this often, so that it always grows.
const PULSE: Duration = Duration::from_secs(1);

fn main(args: Args) -> Result<(), Error> {
    let cap = usize::try_from(args.number(0, 512)).unwrap_or(usize::MAX);
    let mut entries = Entries {
        list: VecDeque::new(),
        cap: cap.clamp(1, 1 << 20),
    };
    println!("keeping up to {cap} KiB of messages");
    let mut buffer = [0; 256];
    loop {
        match receive(&mut buffer, Some(PULSE)) {
            Ok((badge, letter)) => {
                let text = core::str::from_utf8(letter).unwrap_or("(not text)");
                println!("from process {badge}: {text}");
                entries.keep(letter);
            }
            Err(Error::TimedOut) => entries.keep(b"nothing to log"),
            Err(error) => return Err(error),
        }
    }
}

/// The newest entries.
struct Entries {
    list: VecDeque<Vec<u8>>,
    cap: usize,
}

impl Entries {
    /// Keeps a message, in place of the oldest if there is no room.
    fn keep(&mut self, message: &[u8]) {
        let Some(mut entry) = self.room() else {
            return;
        };
        let time = clock().as_secs().to_le_bytes();
        for (place, byte) in entry.iter_mut().zip(time.iter().chain(message)) {
            *place = *byte;
        }
        self.list.push_back(entry);
    }

    /// Memory for one more entry.
    fn room(&mut self) -> Option<Vec<u8>> {
        let has_place = self.list.len() < self.cap && self.list.try_reserve(1).is_ok();
        match has_place.then(|| try_zeroed(ENTRY_BYTES)) {
            Some(Ok(entry)) => Some(entry),
            // At its own cap, or out of memory: both are no reason to end.
            _ => self.list.pop_front(),
        }
    }
}
