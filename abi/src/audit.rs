//! The audit record: a chain of hashes over everything that was asked and done.
//!
//! Each record's hash covers the hash before it, so nothing can be changed,
//! taken out or put in without breaking the chain from there on. Whoever can
//! rewrite the whole of it and everything that copies it can still forge it:
//! the chain proves that an export is unbroken, not who wrote it.

use alloc::string::String;
use core::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use crate::bounded::Text;
use crate::value::{Name, Sentence};
use crate::wire::IntentId;

/// A SHA-256 hash; hexadecimal in the JSON form.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// What the first record follows.
    pub const START: Self = Self([0; 32]);
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serializer.is_human_readable() {
            true => serializer.collect_str(self),
            false => self.0.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return <[u8; 32]>::deserialize(deserializer).map(Self);
        }
        let text = String::deserialize(deserializer)?;
        from_hex(&text).ok_or_else(|| D::Error::custom("a hash has 64 hexadecimal digits"))
    }
}

fn from_hex(text: &str) -> Option<Hash> {
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut hash = [0; 32];
    for (place, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * place..2 * place + 2)?, 16).ok()?;
    }
    Some(Hash(hash))
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditEvent {
    /// The machine started.
    Boot,
    /// Somebody asked for something in words.
    Sentence(Sentence),
    /// A plan came, from the agent or from the one who asks, in words.
    Plan(Sentence),
    /// The kernel refused it, and why.
    Rejected(Sentence),
    /// The plan needs a person's yes, and what they were asked.
    Asked(Sentence),
    /// The person's answer.
    Answered(bool),
    /// The plan took effect, in words.
    Committed(Sentence),
    /// There was no plan, or it was given up.
    Failed(Sentence),
    /// A standing rule acted, or was refused.
    Rule(Sentence),
    /// Something about users or policies was changed at the console.
    Console(Sentence),
    /// Older records were dropped to make room.
    Dropped(Dropped),
}

/// What is known of records that were dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// The number of the last that was dropped; all before it are gone too.
    pub up_to: u64,
    /// Its hash, which the oldest record that is left follows.
    pub hash: Hash,
    /// Plans that took effect, of all that were dropped so far.
    pub committed: u64,
    /// Plans that were refused, of all that were dropped so far.
    pub rejected: u64,
}

/// One link of the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// Its number, from 0 on without gaps.
    pub number: u64,
    /// Milliseconds since boot.
    pub t_ms: u64,
    /// The intent it is about; 0 if it is about none.
    pub intent: IntentId,
    /// On whose authority.
    pub who: Name,
    /// What happened.
    pub event: AuditEvent,
    /// The hash over the one before and everything above.
    pub hash: Hash,
}

impl AuditRecord {
    /// The hash that this record must have, given the one before.
    #[must_use]
    pub fn link(&self, before: Hash) -> Hash {
        let mut hasher = Sha256::new();
        hasher.update(before.0);
        let content = (self.number, self.t_ms, self.intent, &self.who, &self.event);
        // Into memory, so it succeeds; if not, the empty content is no forgery
        // that anybody could choose.
        hasher.update(postcard::to_allocvec(&content).unwrap_or_default());
        Hash(hasher.finalize().into())
    }
}

/// Where a chain is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The number of the first record that does not fit.
    pub number: u64,
    /// In what way.
    pub why: Text<120>,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {}: {}", self.number, self.why)
    }
}

/// Follows a chain link by link.
#[derive(Debug, Default)]
pub struct Verifier {
    last: Option<(u64, Hash)>,
}

impl Verifier {
    /// Checks the next record. An export that begins in the midst of the chain
    /// is taken at its first record's word for what came before.
    ///
    /// # Errors
    /// If it does not follow the one before.
    pub fn check(&mut self, record: &AuditRecord) -> Result<(), Broken> {
        let broken = |why: fmt::Arguments<'_>| {
            Err(Broken {
                number: record.number,
                why: Text::format(why),
            })
        };
        let before = match self.last {
            Some((number, _)) if number.checked_add(1) != Some(record.number) => {
                return broken(format_args!("it follows record {number}"));
            }
            Some((_, hash)) => Some(hash),
            None if record.number == 0 => Some(Hash::START),
            None => None,
        };
        if before.is_some_and(|before| record.link(before) != record.hash) {
            return broken(format_args!(
                "its content does not match its hash, or the record before was changed"
            ));
        }
        self.last = Some((record.number, record.hash));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn chain(count: u64) -> Vec<AuditRecord> {
        let mut before = Hash::START;
        let mut records = Vec::new();
        for number in 0..count {
            let mut record = AuditRecord {
                number,
                t_ms: number * 10,
                intent: number,
                who: Name::cut("operator"),
                event: AuditEvent::Sentence(Sentence::cut("kill the hog")),
                hash: Hash::START,
            };
            record.hash = record.link(before);
            before = record.hash;
            records.push(record);
        }
        records
    }

    fn verdict(records: &[AuditRecord]) -> Result<(), u64> {
        let mut verifier = Verifier::default();
        records
            .iter()
            .try_for_each(|record| verifier.check(record))
            .map_err(|broken| broken.number)
    }

    #[test]
    fn every_change_breaks_the_chain_at_its_place() {
        let records = chain(6);
        assert_eq!(verdict(&records), Ok(()));
        assert_eq!(verdict(&records[2..]), Ok(()));
        let mut changed = records.clone();
        changed[3].event = AuditEvent::Answered(true);
        assert_eq!(verdict(&changed), Err(3));
        let mut rehashed = changed.clone();
        rehashed[3].hash = rehashed[3].link(rehashed[2].hash);
        assert_eq!(verdict(&rehashed), Err(4));
        let mut missing = records.clone();
        missing.remove(2);
        assert_eq!(verdict(&missing), Err(3));
        let mut swapped = records.clone();
        swapped.swap(1, 2);
        assert_eq!(verdict(&swapped), Err(2));
        let mut doubled = records;
        doubled.insert(4, doubled[4].clone());
        assert_eq!(verdict(&doubled), Err(4));
    }

    #[test]
    fn a_record_survives_both_forms() {
        let mut record = chain(1).remove(0);
        record.event = AuditEvent::Dropped(Dropped {
            up_to: 7,
            hash: record.hash,
            committed: 3,
            rejected: 2,
        });
        let json = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<AuditRecord>(&json).unwrap(), record);
        let wire = postcard::to_allocvec(&record).unwrap();
        assert_eq!(postcard::from_bytes::<AuditRecord>(&wire).unwrap(), record);
        for wrong in ["", "00", &"é".repeat(32), &"g".repeat(64)] {
            let text = std::format!("\"{wrong}\"");
            assert!(serde_json::from_str::<Hash>(&text).is_err(), "{wrong}");
        }
    }
}
