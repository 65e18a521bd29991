//! Which processes an action means: numbers, names, lists, selectors.

use core::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::bounded::List;
use crate::value::{Bytes, Name, Pid};
use crate::words::{Order, Priority, RankKey, State};

/// The most names and numbers that one list of processes can hold.
pub const MAX_REFS: usize = 16;

/// One process by number, or all of a name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ProcessRef {
    /// The process with this number.
    Pid(Pid),
    /// Every process of this name.
    Name(Name),
}

/// The processes that an action is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// One process or all of a name.
    One(ProcessRef),
    /// These together.
    Many(List<ProcessRef, MAX_REFS>),
    /// Every process but init.
    All,
    /// Whatever the selector finds in the live system, never init.
    Select(Selector),
}

/// A question to the live system: which processes, ranked how, how many.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Selector {
    /// Which processes come into question at all.
    pub filter: Filter,
    /// What they are ranked by.
    pub by: Option<RankKey>,
    /// Which end of the ranking comes first.
    pub order: Option<Order>,
    /// Keeps only the first so many.
    pub take: Option<u32>,
    /// Keeps only the one at this place; 1 is first.
    pub nth: Option<u32>,
}

/// What a process must be for a selector to consider it; all parts must hold.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Filter {
    /// Has this name.
    pub name: Option<Name>,
    /// Is in this state.
    pub state: Option<State>,
    /// Has this priority.
    pub priority: Option<Priority>,
    /// Uses more than this percentage of the processor.
    pub cpu_over: Option<u8>,
    /// Uses less than this percentage of the processor.
    pub cpu_under: Option<u8>,
    /// Uses more memory than this.
    pub memory_over: Option<Bytes>,
    /// Uses less memory than this.
    pub memory_under: Option<Bytes>,
}

/// The JSON forms: unknown parts are errors, absent parts are left out.
mod json {
    use super::{Bytes, Filter, Name, Order, Priority, RankKey, Selector, State};
    use serde::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize)]
    #[serde(remote = "Selector", deny_unknown_fields)]
    pub struct SelectorJson {
        #[serde(rename = "where", default, skip_serializing_if = "is_default")]
        filter: Filter,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<RankKey>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        order: Option<Order>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        take: Option<u32>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        nth: Option<u32>,
    }

    fn is_default(filter: &Filter) -> bool {
        *filter == Filter::default()
    }

    #[derive(Serialize, Deserialize)]
    #[serde(remote = "Filter", deny_unknown_fields)]
    pub struct FilterJson {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<Name>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        state: Option<State>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        priority: Option<Priority>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cpu_over: Option<u8>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cpu_under: Option<u8>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        memory_over: Option<Bytes>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        memory_under: Option<Bytes>,
    }
}

/// Implements serde by the JSON mirror for readable formats, by the derived
/// form for the rest.
macro_rules! two_forms {
    ($type:ident, $json:path) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use $json as Json;
                if serializer.is_human_readable() {
                    Json::serialize(self, serializer)
                } else {
                    $type::serialize(self, serializer)
                }
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                use $json as Json;
                if deserializer.is_human_readable() {
                    Json::deserialize(deserializer)
                } else {
                    $type::deserialize(deserializer)
                }
            }
        }
    };
}
pub(crate) use two_forms;

two_forms!(Selector, json::SelectorJson);
two_forms!(Filter, json::FilterJson);

/// The compact forms, for postcard.
#[derive(Serialize, Deserialize)]
enum RefWire {
    Pid(Pid),
    Name(Name),
}

#[derive(Serialize, Deserialize)]
enum TargetWire {
    One(ProcessRef),
    Many(List<ProcessRef, MAX_REFS>),
    All,
    Select(Selector),
}

impl ProcessRef {
    /// Reads a number or a name; digits alone are a number.
    ///
    /// # Errors
    /// If the name is longer than a [`Name`] can be.
    pub fn parse(text: &str) -> Result<Self, crate::bounded::TooLong> {
        let text = text.trim();
        match text.parse() {
            Ok(pid) => Ok(Self::Pid(pid)),
            Err(_) => Name::new(text).map(Self::Name),
        }
    }
}

impl Target {
    /// The process with this number.
    #[must_use]
    pub fn pid(pid: Pid) -> Self {
        Self::One(ProcessRef::Pid(pid))
    }

    /// Every process of this name (cut if longer than a name can be).
    #[must_use]
    pub fn name(name: &str) -> Self {
        Self::One(ProcessRef::Name(Name::cut(name)))
    }

    /// Reads `*`, a number or a name.
    ///
    /// # Errors
    /// If the name is longer than a [`Name`] can be.
    pub fn parse(text: &str) -> Result<Self, crate::bounded::TooLong> {
        if text.trim() == "*" {
            return Ok(Self::All);
        }
        ProcessRef::parse(text).map(Self::One)
    }
}

impl fmt::Display for ProcessRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pid(pid) => write!(f, "process {pid}"),
            Self::Name(name) => write!(f, "{name}"),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(one) => one.fmt(f),
            Self::Many(many) => {
                for (index, one) in many.iter().enumerate() {
                    if index > 0 {
                        f.write_str(" and ")?;
                    }
                    one.fmt(f)?;
                }
                Ok(())
            }
            Self::All => f.write_str("every process but init"),
            Self::Select(selector) => selector.fmt(f),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.take, self.nth) {
            (_, Some(nth)) => write!(f, "number {nth} of the ")?,
            (Some(take), None) => write!(f, "the first {take} of the ")?,
            (None, None) => f.write_str("all ")?,
        }
        self.filter.fmt(f)?;
        if let Some(by) = self.by {
            write!(f, ", {} {by} first", self.order.unwrap_or(Order::Most))?;
        }
        Ok(())
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(state) = self.state {
            write!(f, "{state} ")?;
        }
        if let Some(priority) = self.priority {
            write!(f, "{priority}-priority ")?;
        }
        match &self.name {
            Some(name) => write!(f, "processes named {name}")?,
            None => f.write_str("processes")?,
        }
        if let Some(share) = self.cpu_over {
            write!(f, " over {share}% cpu")?;
        }
        if let Some(share) = self.cpu_under {
            write!(f, " under {share}% cpu")?;
        }
        if let Some(size) = self.memory_over {
            write!(f, " over {size} memory")?;
        }
        if let Some(size) = self.memory_under {
            write!(f, " under {size} memory")?;
        }
        Ok(())
    }
}

impl Serialize for ProcessRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (serializer.is_human_readable(), self) {
            (true, Self::Pid(pid)) => pid.serialize(serializer),
            (true, Self::Name(name)) => name.serialize(serializer),
            (false, Self::Pid(pid)) => RefWire::Pid(*pid).serialize(serializer),
            (false, Self::Name(name)) => RefWire::Name(name.clone()).serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for ProcessRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return deserializer.deserialize_any(RefReader);
        }
        Ok(match RefWire::deserialize(deserializer)? {
            RefWire::Pid(pid) => Self::Pid(pid),
            RefWire::Name(name) => Self::Name(name),
        })
    }
}

struct RefReader;

impl Visitor<'_> for RefReader {
    type Value = ProcessRef;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a process number or name")
    }
    fn visit_u64<E: serde::de::Error>(self, pid: u64) -> Result<ProcessRef, E> {
        Pid::try_from(pid)
            .map(ProcessRef::Pid)
            .map_err(|_| E::custom("no such process number"))
    }
    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<ProcessRef, E> {
        ProcessRef::parse(text).map_err(E::custom)
    }
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            return match self {
                Self::One(one) => TargetWire::One(one.clone()),
                Self::Many(many) => TargetWire::Many(many.clone()),
                Self::All => TargetWire::All,
                Self::Select(selector) => TargetWire::Select(selector.clone()),
            }
            .serialize(serializer);
        }
        match self {
            Self::One(one) => Serialize::serialize(one, serializer),
            Self::Many(many) => many.serialize(serializer),
            Self::All => serializer.serialize_str("*"),
            Self::Select(selector) => Serialize::serialize(selector, serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return deserializer.deserialize_any(TargetReader);
        }
        Ok(match TargetWire::deserialize(deserializer)? {
            TargetWire::One(one) => Self::One(one),
            TargetWire::Many(many) => Self::Many(many),
            TargetWire::All => Self::All,
            TargetWire::Select(selector) => Self::Select(selector),
        })
    }
}

struct TargetReader;

impl<'de> Visitor<'de> for TargetReader {
    type Value = Target;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a process number, a name, a list of them, \"*\" or a selector")
    }
    fn visit_u64<E: serde::de::Error>(self, pid: u64) -> Result<Target, E> {
        RefReader.visit_u64(pid).map(Target::One)
    }
    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Target, E> {
        Target::parse(text).map_err(E::custom)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Target, A::Error> {
        List::deserialize(SeqAccessDeserializer::new(seq)).map(Target::Many)
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Target, A::Error> {
        <Selector as Deserialize>::deserialize(MapAccessDeserializer::new(map)).map(Target::Select)
    }
}
