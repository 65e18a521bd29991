//! The actions, each defined once.
//!
//! One table below yields the [`Action`] type with both serialisations, its
//! [`ActionKind`]s, and the description of every field from which the model's
//! grammar and the reference page are made.

use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::bounded::List;
use crate::target::{MAX_REFS, ProcessRef, Target, two_forms};
use crate::value::{Argument, Bytes, Content, Factor, Message, Name, Path, Percent, Sentence};
use crate::words::{
    ListWhat, Policy, Priority, RuleDo, RuleWhen, SearchWhere, ShutdownMode, SortKey, words,
};

words! {
    /// What an action needs before it may run.
    Class {
        /// Replies, and touches nothing.
        None = "none",
        /// Looks, and changes nothing.
        Observe = "observe",
        /// Needs authority over its target.
        Change = "change",
        /// Destroys something that cannot be brought back.
        Destroy = "destroy",
        /// Needs the operator.
        Admin = "admin",
    }
}

/// What may stand in a field, enough to write a grammar or a form for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// Processes: a [`Target`].
    Target,
    /// A list of process numbers and names, at most so many.
    Refs(usize),
    /// The name of a program that can be started.
    Program,
    /// A list of program arguments, at most so many.
    Arguments(usize),
    /// A size in whole bytes.
    Bytes,
    /// A whole percentage, 1 to 100.
    Percent,
    /// A factor such as 2 or 0.5.
    Factor,
    /// A whole number from 0 up.
    Number,
    /// A whole number that may be negative.
    Step,
    /// A path in the store, at most so many bytes.
    Path(usize),
    /// Free text of at most so many bytes.
    Text(usize),
    /// One of these words.
    Word(&'static [&'static str]),
}

/// One field of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Its name in the JSON form.
    pub name: &'static str,
    /// What may stand in it.
    pub kind: FieldKind,
    /// Whether the action is malformed without it.
    pub required: bool,
}

/// A type that can be a field of an action.
trait FieldType {
    /// What may stand in it.
    const KIND: FieldKind;

    /// The processes that a value of it means, if it is about processes.
    fn target(&self) -> Option<&Target> {
        None
    }
}

impl FieldType for Target {
    const KIND: FieldKind = FieldKind::Target;

    fn target(&self) -> Option<&Target> {
        Some(self)
    }
}

/// The name of a program (a [`Name`] that is looked up among the programs).
pub type Program = ProgramName;

/// A program's name; a type of its own so that its field is described as one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProgramName(pub Name);

impl fmt::Display for ProgramName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The most fields of an action that name processes.
pub const MAX_TARGETS: usize = 2;
/// The most arguments that a program can be given.
pub const MAX_ARGUMENTS: usize = 8;

macro_rules! field_types {
    ($($type:ty => $kind:expr),+ $(,)?) => {
        $(impl FieldType for $type { const KIND: FieldKind = $kind; })+
    };
}

field_types! {
    List<ProcessRef, MAX_REFS> => FieldKind::Refs(MAX_REFS),
    Program => FieldKind::Program,
    List<Argument, MAX_ARGUMENTS> => FieldKind::Arguments(MAX_ARGUMENTS),
    Bytes => FieldKind::Bytes,
    Percent => FieldKind::Percent,
    Factor => FieldKind::Factor,
    u32 => FieldKind::Number,
    u64 => FieldKind::Number,
    i8 => FieldKind::Step,
    Path => FieldKind::Path(128),
    Sentence => FieldKind::Text(512),
    Message => FieldKind::Text(256),
    Content => FieldKind::Text(1024),
    ListWhat => FieldKind::Word(ListWhat::WORDS),
    SortKey => FieldKind::Word(SortKey::WORDS),
    SearchWhere => FieldKind::Word(SearchWhere::WORDS),
    Priority => FieldKind::Word(Priority::WORDS),
    Policy => FieldKind::Word(Policy::WORDS),
    RuleWhen => FieldKind::Word(RuleWhen::WORDS),
    RuleDo => FieldKind::Word(RuleDo::WORDS),
    ShutdownMode => FieldKind::Word(ShutdownMode::WORDS),
}

/// The name of a field without the `r#` that Rust needs for its keywords.
const fn field_name(raw: &'static str) -> &'static str {
    match raw.as_bytes() {
        [b'r', b'#', ..] => raw.split_at(2).1,
        _ => raw,
    }
}

/// The table: `Variant "word" Class { required: Type, ...; optional: Type, ... }`.
macro_rules! actions {
    ($($(#[$doc:meta])+ $variant:ident $word:literal $class:ident {
        $($field:ident : $type:ty),* ; $($option:ident : $option_type:ty),*
    })+) => {
        /// One action. Fields are described in [`ActionKind::fields`].
        #[expect(missing_docs, reason = "the fields are described by the action vocabulary")]
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(remote = "Self")]
        pub enum Action {
            $($(#[$doc])+ $variant { $($field: $type,)* $($option: Option<$option_type>,)* },)+
        }

        mod json {
            use super::*;

            /// The JSON form: tagged by `action`, absent options left out.
            #[derive(Serialize, Deserialize)]
            #[serde(remote = "Action", tag = "action", deny_unknown_fields)]
            pub enum ActionJson {
                $(#[serde(rename = $word)] $variant {
                    $($field: $type,)*
                    $(#[serde(default, skip_serializing_if = "Option::is_none")] $option: Option<$option_type>,)*
                },)+
            }
        }

        words! {
            /// Which action, without its fields.
            ActionKind { $($(#[$doc])+ $variant = $word,)+ }
        }

        impl ActionKind {
            /// What the action needs before it may run.
            #[must_use]
            pub const fn class(self) -> Class {
                match self { $(Self::$variant => Class::$class,)+ }
            }

            /// The action's fields in order of definition, required ones first.
            #[must_use]
            pub const fn fields(self) -> &'static [Field] {
                match self {
                    $(Self::$variant => {
                        const FIELDS: &[Field] = &[
                            $(Field { name: field_name(stringify!($field)), kind: <$type as FieldType>::KIND, required: true },)*
                            $(Field { name: field_name(stringify!($option)), kind: <$option_type as FieldType>::KIND, required: false },)*
                        ];
                        FIELDS
                    })+
                }
            }
        }

        impl Action {
            /// Which action this is.
            #[must_use]
            pub const fn kind(&self) -> ActionKind {
                match self { $(Self::$variant { .. } => ActionKind::$variant,)+ }
            }

            /// The processes that it is about, in the order of its fields; no
            /// action has more than [`MAX_TARGETS`].
            pub fn targets<'a>(&'a self) -> impl Iterator<Item = &'a Target> {
                let mut found = [None; MAX_TARGETS];
                let mut places = found.iter_mut();
                let mut add = |target: Option<&'a Target>| {
                    if target.is_some() && let Some(place) = places.next() {
                        *place = target;
                    }
                };
                match self {
                    $(Self::$variant { $($field,)* $($option,)* } => {
                        $(add($field.target());)*
                        $(add($option.as_ref().and_then(FieldType::target));)*
                    })+
                }
                found.into_iter().flatten()
            }
        }
    };
}

actions! {
    /// Shows the health of the system.
    Status "status" Observe { ; }
    /// Shows a list.
    List "list" Observe { what: ListWhat; sort: SortKey, limit: u32, path: Path }
    /// Shows everything about some processes.
    Inspect "inspect" Observe { target: Target; }
    /// Explains why something crashed, is slow, or grew.
    Explain "explain" Observe { ; target: Target }
    /// Searches records.
    Search "search" Observe { query: Sentence; r#where: SearchWhere }
    /// Shows a file.
    ReadFile "read_file" Observe { path: Path; }
    /// Starts a program, once or several times.
    Spawn "spawn" Change {
        program: Program; args: List<Argument, MAX_ARGUMENTS>, count: u32, priority: Priority, memory_limit: Bytes
    }
    /// Starts or ends processes until so many of a program run.
    Scale "scale" Destroy { program: Program, count: u32; }
    /// Ends processes.
    Kill "kill" Destroy { target: Target; except: List<ProcessRef, MAX_REFS> }
    /// Stops processes until they are resumed.
    Suspend "suspend" Change { target: Target; except: List<ProcessRef, MAX_REFS> }
    /// Lets suspended processes go on.
    Resume "resume" Change { target: Target; except: List<ProcessRef, MAX_REFS> }
    /// Ends processes and starts them anew.
    Restart "restart" Destroy { target: Target; except: List<ProcessRef, MAX_REFS> }
    /// Gives processes another priority, absolute or by steps.
    SetPriority "set_priority" Change {
        target: Target; except: List<ProcessRef, MAX_REFS>, priority: Priority, step: i8
    }
    /// Caps the processor share of processes.
    SetCpuLimit "set_cpu_limit" Change { target: Target, percent: Percent; except: List<ProcessRef, MAX_REFS> }
    /// Gives processes another memory limit, absolute or as a factor.
    SetMemoryLimit "set_memory_limit" Change {
        target: Target; except: List<ProcessRef, MAX_REFS>, bytes: Bytes, times: Factor
    }
    /// Raises the memory limit of processes by so much.
    GrantMemory "grant_memory" Change { target: Target, bytes: Bytes; }
    /// Takes back memory that processes do not use.
    Reclaim "reclaim" Change { target: Target; except: List<ProcessRef, MAX_REFS> }
    /// Chooses how processor time is shared out.
    SetScheduler "set_scheduler" Admin { policy: Policy; quantum_ms: u32 }
    /// Lets one process call another.
    Connect "connect" Change { from: Target, to: Target; }
    /// Stops letting one process call another.
    Disconnect "disconnect" Change { from: Target, to: Target; }
    /// Sends a message to processes.
    Send "send" Change { to: Target, message: Message; }
    /// Writes a file.
    WriteFile "write_file" Change { path: Path, content: Content; }
    /// Deletes a file.
    DeleteFile "delete_file" Destroy { path: Path; }
    /// Adds a standing rule.
    SetRule "set_rule" Admin {
        when: RuleWhen, target: Target, r#do: RuleDo;
        threshold: u64, priority: Priority, bytes: Bytes, limit: u32
    }
    /// Removes a standing rule.
    ClearRule "clear_rule" Admin { id: u32; }
    /// Remembers a fact for the user.
    Remember "remember" Change { fact: Sentence; }
    /// Forgets a fact of the user.
    Forget "forget" Change { fact: Sentence; }
    /// Takes back the last changes.
    Undo "undo" Change { ; count: u32 }
    /// Stops or restarts the machine.
    Shutdown "shutdown" Destroy { mode: ShutdownMode; }
    /// Replies, and does nothing.
    Answer "answer" None { text: Sentence; }
    /// Asks back, because the request is ambiguous.
    Ask "ask" None { question: Sentence; }
    /// Says that no action could do this.
    Refuse "refuse" None { reason: Sentence; }
}

two_forms!(Action, json::ActionJson);

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::string::String;
    use std::vec::Vec;

    fn json(text: &str) -> Result<Action, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn the_json_form_is_the_vocabularys() {
        let text = r#"{"action":"spawn","program":"worker","args":["a"],"count":2,"priority":"low","memory_limit":4096}"#;
        let action = json(text).unwrap();
        assert_eq!(serde_json::to_string(&action).unwrap(), text);
        assert_eq!(action.kind(), ActionKind::Spawn);
        let rule =
            r#"{"action":"set_rule","when":"cpu_over","target":"*","do":"kill","threshold":90}"#;
        assert_eq!(serde_json::to_string(&json(rule).unwrap()).unwrap(), rule);
        assert_eq!(
            serde_json::to_string(&Action::Status {}).unwrap(),
            r#"{"action":"status"}"#
        );
    }

    #[test]
    fn every_target_form_survives_both_serialisations() {
        for target in [
            "7",
            r#""counter""#,
            r#"[4,"counter"]"#,
            r#""*""#,
            "{}",
            r#"{"where":{"name":"web","state":"crashed","memory_over":4096},"by":"memory","order":"least","take":3}"#,
            r#"{"where":{"cpu_under":5},"nth":2}"#,
        ] {
            let text = std::format!(r#"{{"action":"kill","target":{target}}}"#);
            let action = json(&text).unwrap();
            assert_eq!(serde_json::to_string(&action).unwrap(), text);
            let wire = postcard::to_allocvec(&action).unwrap();
            assert_eq!(postcard::from_bytes::<Action>(&wire).unwrap(), action);
        }
        assert_eq!(
            json(r#"{"action":"kill","target":"7"}"#).unwrap(),
            json(r#"{"action":"kill","target":7}"#).unwrap()
        );
    }

    #[test]
    fn what_is_not_in_the_vocabulary_is_refused() {
        for text in [
            r#"{"action":"format_disk"}"#,
            r#"{"action":"kill"}"#,
            r#"{"action":"status","now":true}"#,
            r#"{"action":"kill","target":-1}"#,
            r#"{"action":"kill","target":[[1]]}"#,
            r#"{"action":"kill","target":{"who":"me"}}"#,
            r#"{"action":"kill","target":1.5}"#,
            r#"{"action":"set_cpu_limit","target":1,"percent":0}"#,
            r#"{"action":"list","what":"passwords"}"#,
            r#"{"action":"spawn","program":7}"#,
        ] {
            assert!(json(text).is_err(), "{text}");
        }
        let long = std::format!(r#"{{"action":"answer","text":"{}"}}"#, "x".repeat(513));
        assert!(json(&long).is_err());
    }

    #[test]
    fn targets_are_found_in_whatever_field_they_stand() {
        let targets =
            |text: &str| -> Vec<Target> { json(text).unwrap().targets().cloned().collect() };
        let (a, b) = (|| Target::name("a"), || Target::pid(7));
        assert_eq!(targets(r#"{"action":"kill","target":"a"}"#), [a()]);
        assert_eq!(
            targets(r#"{"action":"connect","from":7,"to":"a"}"#),
            [b(), a()]
        );
        assert_eq!(targets(r#"{"action":"explain","target":7}"#), [b()]);
        assert_eq!(targets(r#"{"action":"explain"}"#), []);
        for kind in ActionKind::ALL {
            let count = |field: &&Field| field.kind == FieldKind::Target;
            assert!(
                kind.fields().iter().filter(count).count() <= MAX_TARGETS,
                "{kind}"
            );
        }
    }

    #[test]
    fn the_description_of_the_fields_matches_the_json_form() {
        for kind in ActionKind::ALL {
            let mut names = HashSet::new();
            for field in kind.fields() {
                assert!(names.insert(field.name), "{kind} has {} twice", field.name);
            }
            let value = |field: &Field| match field.kind {
                FieldKind::Target
                | FieldKind::Bytes
                | FieldKind::Percent
                | FieldKind::Number
                | FieldKind::Factor
                | FieldKind::Step => String::from("7"),
                FieldKind::Refs(_) => String::from("[7]"),
                FieldKind::Arguments(_) => String::from(r#"["a"]"#),
                FieldKind::Program | FieldKind::Path(_) | FieldKind::Text(_) => {
                    String::from(r#""a""#)
                }
                FieldKind::Word(words) => std::format!("\"{}\"", words[0]),
            };
            let write = |skip: Option<&str>| {
                let fields: String = kind
                    .fields()
                    .iter()
                    .filter(|f| Some(f.name) != skip)
                    .map(|f| std::format!(r#","{}":{}"#, f.name, value(f)))
                    .collect();
                std::format!(r#"{{"action":"{kind}"{fields}}}"#)
            };
            json(&write(None)).unwrap_or_else(|e| panic!("{}: {e}", write(None)));
            for field in kind.fields() {
                assert_eq!(
                    json(&write(Some(field.name))).is_err(),
                    field.required,
                    "{kind}.{}",
                    field.name
                );
            }
        }
    }
}
