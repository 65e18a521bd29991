//! Letters that wait for a process: few, short, each with its sender.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use proviso_abi::ipc::MAX_LETTER;

/// The most messages that wait for one process.
pub const MAX_MESSAGES: usize = 8;

/// There is no room for one more message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

/// A message and who sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// What names the sender: the badge of the handle that it wrote to.
    pub badge: u64,
    /// At most [`MAX_LETTER`] bytes.
    pub bytes: Vec<u8>,
}

/// The messages of one process, oldest first.
#[derive(Debug, Default)]
pub struct Mailbox {
    letters: VecDeque<Letter>,
}

impl Mailbox {
    /// Adds a message; what is longer than [`MAX_LETTER`] is cut.
    ///
    /// # Errors
    /// [`Full`] if [`MAX_MESSAGES`] wait already.
    pub fn push(&mut self, badge: u64, bytes: &[u8]) -> Result<(), Full> {
        if self.letters.len() >= MAX_MESSAGES {
            return Err(Full);
        }
        let bytes = bytes.get(..MAX_LETTER).unwrap_or(bytes).to_vec();
        self.letters.push_back(Letter { badge, bytes });
        Ok(())
    }

    /// Takes the oldest message out that has at most so many bytes.
    pub fn take(&mut self, most: usize) -> Option<Letter> {
        let at = self.letters.iter().position(|it| it.bytes.len() <= most)?;
        self.letters.remove(at)
    }

    /// How many messages wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.letters.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.letters.is_empty()
    }

    /// How many more fit.
    #[must_use]
    pub fn room(&self) -> usize {
        MAX_MESSAGES.saturating_sub(self.letters.len())
    }

    /// Forgets all messages.
    pub fn clear(&mut self) {
        self.letters.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_out_as_they_went_in_and_the_ninth_is_refused() {
        let mut mailbox = Mailbox::default();
        for badge in 0..8 {
            assert_eq!(mailbox.push(badge, &[badge as u8]), Ok(()));
        }
        assert_eq!(mailbox.push(9, b"x"), Err(Full));
        assert_eq!((mailbox.len(), mailbox.room()), (8, 0));
        assert_eq!(mailbox.take(0), None);
        assert_eq!(
            mailbox.take(MAX_LETTER),
            Some(Letter {
                badge: 0,
                bytes: vec![0]
            })
        );
        assert_eq!(mailbox.take(1).map(|letter| letter.badge), Some(1));
    }

    #[test]
    fn a_long_message_is_cut() {
        let mut mailbox = Mailbox::default();
        assert!(mailbox.push(1, &[7; 1000]).is_ok());
        assert_eq!(
            mailbox.take(MAX_LETTER).map(|letter| letter.bytes.len()),
            Some(MAX_LETTER)
        );
    }
}
