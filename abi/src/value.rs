//! Small values with a meaning and a unit: sizes, shares, factors, names.

use core::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::bounded::Text;

/// A process number. Never used twice while the machine is up.
pub type Pid = u32;
/// The name of a process or program.
pub type Name = Text<32>;
/// A sentence: a request, an answer, a question, a reason.
pub type Sentence = Text<512>;
/// A message from one process to another.
pub type Message = Text<256>;
/// A path in the store.
pub type Path = Text<128>;
/// What is written to a file in one action.
pub type Content = Text<1024>;
/// One argument of a program.
pub type Argument = Text<64>;

/// A size in bytes. People read it in K, M and G (powers of 1024).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 3] = [(1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K")];
        for (unit, letter) in UNITS {
            if self.0 >= unit {
                let tenths = (self.0 % unit) * 10 / unit;
                let text = match tenths {
                    0 => alloc::format!("{}{letter}", self.0 / unit),
                    _ => alloc::format!("{}.{tenths}{letter}", self.0 / unit),
                };
                return f.pad(&text);
            }
        }
        f.pad(&alloc::format!("{}B", self.0))
    }
}

/// A whole percentage, 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Percent(u8);

impl Percent {
    /// A percentage, or nothing if `value` is not within 1 to 100.
    #[must_use]
    pub const fn new(value: u8) -> Option<Self> {
        if value >= 1 && value <= 100 {
            Some(Self(value))
        } else {
            None
        }
    }

    /// The percentage as a number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = u8::deserialize(deserializer)?;
        Self::new(value)
            .ok_or_else(|| D::Error::custom("a percentage is a whole number from 1 to 100"))
    }
}

/// A factor such as 2 or 0.5, kept as thousandths: the kernel has no floats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Factor {
    /// The factor times one thousand.
    pub milli: u32,
}

impl Factor {
    /// `size` times this factor, rounded down; nothing if it does not fit.
    #[must_use]
    pub fn times(self, size: Bytes) -> Option<Bytes> {
        let product = u128::from(size.0) * u128::from(self.milli) / 1000;
        u64::try_from(product).ok().map(Bytes)
    }
}

impl fmt::Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.milli / 1000)?;
        match self.milli % 1000 {
            0 => Ok(()),
            rest if rest % 100 == 0 => write!(f, ".{}", rest / 100),
            rest if rest % 10 == 0 => write!(f, ".{:02}", rest / 10),
            rest => write!(f, ".{rest:03}"),
        }
    }
}

impl Serialize for Factor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_f64(f64::from(self.milli) / 1000.0)
        } else {
            self.milli.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Factor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return Ok(Self {
                milli: u32::deserialize(deserializer)?,
            });
        }
        let value = f64::deserialize(deserializer)?;
        // The comparison also refuses NaN.
        if !(value >= 0.0 && value <= f64::from(u32::MAX / 1000)) {
            return Err(D::Error::custom("a factor is a number such as 2 or 0.5"));
        }
        // In range by the check above; rounds to the nearest thousandth.
        Ok(Self {
            milli: (value * 1000.0 + 0.5) as u32,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;

    #[test]
    fn sizes_read_as_people_write_them() {
        for (bytes, text) in [
            (0, "0B"),
            (1023, "1023B"),
            (4096, "4K"),
            (1536, "1.5K"),
            (3 << 20, "3M"),
            (5 << 30, "5G"),
        ] {
            assert_eq!(format!("{}", Bytes(bytes)), text);
        }
    }

    #[test]
    fn percentages_stay_within_one_and_a_hundred() {
        assert!(Percent::new(0).is_none() && Percent::new(101).is_none());
        assert!(serde_json::from_str::<Percent>("0").is_err());
        assert_eq!(serde_json::from_str::<Percent>("100").unwrap().get(), 100);
    }

    #[test]
    fn factors_are_exact_to_the_thousandth_and_refuse_nonsense() {
        let half: Factor = serde_json::from_str("0.5").unwrap();
        assert_eq!(half.times(Bytes(4_194_305)), Some(Bytes(2_097_152)));
        assert_eq!(serde_json::from_str::<Factor>("2").unwrap().milli, 2000);
        for nonsense in ["-1", "1e30", "\"2\"", "null"] {
            assert!(
                serde_json::from_str::<Factor>(nonsense).is_err(),
                "{nonsense}"
            );
        }
        assert_eq!(Factor { milli: u32::MAX }.times(Bytes(u64::MAX)), None);
        assert_eq!(
            format!(
                "{} {} {}",
                Factor { milli: 500 },
                Factor { milli: 2000 },
                Factor { milli: 1250 }
            ),
            "0.5 2 1.25"
        );
    }
}
