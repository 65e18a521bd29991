//! Several requests in one sentence, put together from patterns of one each.
//!
//! Whoever reads two wishes has to find where the first ends; patterns written as
//! one show a few hundred ways, and every pair of patterns is another.

use std::collections::BTreeMap;

use fastrand::Rng;

use crate::make::choose;
use crate::pattern::{Node, Pattern, Variable, variables};

/// Longest text of a clause, in bytes without its variables: a story does not join well.
const LONGEST: usize = 70;

/// Patterns that can be clauses, by language and by action.
pub struct Clauses {
    languages: BTreeMap<&'static str, Actions>,
}

type Actions = BTreeMap<String, Vec<Pattern>>;

/// How clauses are joined in a language.
struct Joints {
    language: &'static str,
    /// Within a sentence, between any two clauses.
    inside: &'static [&'static str],
    /// Between sentences.
    apart: &'static [&'static str],
    /// What is said second is to be done first.
    reversed: &'static [&'static str],
    /// In front of the first, with what then stands before the second.
    announced: &'static [(&'static str, &'static str)],
}

const JOINTS: &[Joints] = &[
    Joints {
        language: "en",
        inside: &[
            " and ",
            " and ",
            ", and ",
            " and then ",
            ", then ",
            "; ",
            ", also ",
            " + ",
            " & ",
            ", plus ",
            ", after that ",
            "; then ",
            ", next ",
            " - and ",
            ", ",
            " then ",
            " and afterwards ",
            ", and while you are at it ",
            " and also ",
            " / ",
            " && ",
            ", followed by: ",
            " and at the same time ",
            "; and ",
            ", as well as that ",
        ],
        apart: &[
            ". ",
            ". Then ",
            ". Also ",
            ". After that, ",
            ". And ",
            ". Oh, and ",
            "! Then ",
            ". Next, ",
            ". When that's done, ",
            ". Once you've done that, ",
            ". Secondly, ",
            ". Besides, ",
            ". And another thing: ",
            ". Afterwards ",
            " ... and ",
            "\n",
        ],
        reversed: &[
            ", but first ",
            ". Before that, ",
            ", but before you do, ",
            ". But first: ",
            " after you ",
            ", right after: ",
        ],
        announced: &[
            ("first ", ", then "),
            ("first ", " and second "),
            ("1. ", " 2. "),
            ("1) ", "; 2) "),
            ("a) ", ", b) "),
            ("two things: ", "; "),
            ("two things. ", ". "),
            ("both of these: ", "; "),
            ("- ", " - "),
            ("firstly, ", "; secondly, "),
            ("to do: ", ", "),
            ("step 1: ", ". step 2: "),
        ],
    },
    Joints {
        language: "de",
        inside: &[
            " und ",
            ", dann ",
            " und danach ",
            ", außerdem ",
            "; ",
            " und dann ",
            ", ",
        ],
        apart: &[". ", ". Dann ", ". Danach ", ". Und ", ". Außerdem: "],
        reversed: &[", aber vorher ", ". Davor aber ", ", zuerst aber "],
        announced: &[
            ("zuerst ", ", dann "),
            ("1. ", " 2. "),
            ("erstens ", ", zweitens "),
        ],
    },
    Joints {
        language: "fr",
        inside: &[
            " et ",
            ", puis ",
            " et ensuite ",
            " puis ",
            "; ",
            ", et aussi ",
        ],
        apart: &[". ", ". Ensuite ", ". Puis ", ". Et "],
        reversed: &[", mais d'abord ", ". Avant ça, "],
        announced: &[("d'abord ", ", ensuite "), ("1. ", " 2. ")],
    },
    Joints {
        language: "es",
        inside: &[
            " y ",
            ", luego ",
            " y después ",
            " y luego ",
            "; ",
            ", y también ",
        ],
        apart: &[". ", ". Luego ", ". Después ", ". Y "],
        reversed: &[", pero antes ", ". Antes de eso, "],
        announced: &[("primero ", ", después "), ("1. ", " 2. ")],
    },
    Joints {
        language: "pt",
        inside: &[
            " e ",
            ", depois ",
            " e depois ",
            " e em seguida ",
            "; ",
            ", e também ",
        ],
        apart: &[". ", ". Depois ", ". Em seguida ", ". E "],
        reversed: &[", mas antes ", ". Antes disso, "],
        announced: &[("primeiro ", ", depois "), ("1. ", " 2. ")],
    },
    Joints {
        language: "it",
        inside: &[" e ", ", poi ", " e dopo ", " e poi ", "; ", ", e anche "],
        apart: &[". ", ". Poi ", ". Dopo ", ". E "],
        reversed: &[", ma prima ", ". Prima però "],
        announced: &[("prima ", ", poi "), ("1. ", " 2. ")],
    },
];

impl Clauses {
    /// Those of `patterns` that ask for one thing, in few words.
    pub fn new(patterns: &[Pattern]) -> Self {
        let mut languages: BTreeMap<&'static str, Actions> = BTreeMap::new();
        for pattern in patterns {
            if let (Some(language), Some(action)) = (language(pattern), action(pattern)) {
                let actions = languages.entry(language).or_default();
                actions.entry(action).or_default().push(pattern.clone());
            }
        }
        Self { languages }
    }

    /// A pattern of two to four clauses; `number` names it.
    pub fn compose(&self, number: usize, rng: &mut Rng) -> Option<Pattern> {
        let joints = match rng.u8(..8) {
            0 => rng.choice(JOINTS)?,
            _ => JOINTS.first()?,
        };
        let actions = self.languages.get(joints.language)?;
        let count = match rng.u8(..20) {
            0..=13 => 2,
            14..=18 => 3,
            _ => 4,
        };
        let mut clauses = Vec::new();
        for index in 1..=count {
            let of_action = rng.choice(actions.values())?;
            clauses.push(Clause::new(rng.choice(of_action)?, index, rng)?);
        }
        if joints.language == "en" && rng.u8(..10) < 4 {
            refer_back(&mut clauses, rng);
        }
        Some(joined(joints, clauses, number, rng))
    }
}

/// The language of a pattern that may be a clause.
fn language(pattern: &Pattern) -> Option<&'static str> {
    let tag = pattern.tag.as_str();
    if matches!(tag, "style" | "injection" | "ask" | "refuse" | "multi") {
        return None;
    }
    let other = JOINTS.iter().find(|joints| joints.language == tag);
    Some(other.map_or("en", |joints| joints.language))
}

/// The one action that a pattern asks for, if it can stand beside others.
fn action(pattern: &Pattern) -> Option<String> {
    let Some(Node::Text(first)) = pattern.plan.first() else {
        return None;
    };
    let action = first.split(' ').next()?;
    let is_one = !pattern
        .plan
        .iter()
        .any(|node| matches!(node, Node::Text(text) if text.contains(';')));
    // Unquoted words have no end in the middle of a sentence; who is absent is refused.
    let is_plain = variables(&pattern.sentence).iter().all(|variable| {
        !matches!(
            variable.kind.as_str(),
            "msg" | "fact" | "topic" | "absent" | "norule" | "huge" | "me"
        )
    });
    let is_wish = !matches!(action, "ask" | "refuse" | "answer" | "shutdown" | "undo");
    (is_one && is_plain && is_wish).then(|| action.to_owned())
}

/// One request of several.
struct Clause {
    sentence: Vec<Node>,
    plan: Vec<Node>,
    place: String,
}

impl Clause {
    /// A way through a pattern's choices, with variables of its own.
    fn new(pattern: &Pattern, index: usize, rng: &mut Rng) -> Option<Self> {
        let mut sentence = choose(&pattern.sentence, rng);
        let length: usize = sentence.iter().map(text_length).sum();
        let is_speech = !sentence
            .iter()
            .any(|node| matches!(node, Node::Text(text) if text.contains(['=', '{', '\n'])));
        if length > LONGEST || !is_speech {
            return None;
        }
        let mut plan = pattern.plan.clone();
        for node in sentence.iter_mut().chain(&mut plan) {
            if let Node::Variable(variable) = node {
                let own = variable.name.trim_start_matches(variable.kind.as_str());
                variable.name = format!("{}{index}{own}", variable.kind);
            }
        }
        trim_end(&mut sentence);
        Some(Self {
            sentence,
            plan,
            place: pattern.place.clone(),
        })
    }

    fn action(&self) -> &str {
        match self.plan.first() {
            Some(Node::Text(text)) => text.split(' ').next().unwrap_or_default(),
            _ => "",
        }
    }

    /// The one process that a clause is about, by name.
    fn subject(&self) -> Option<Variable> {
        let mut all = variables(&self.sentence);
        all.extend(variables(&self.plan));
        let first = all.first()?.clone();
        let is_it = |variable: &Variable| variable.kind != "p" || *variable == first;
        (first.kind == "p"
            && first.instance.is_none()
            && first.state.is_none()
            && all.iter().filter(|one| one.kind == "p").all(is_it)
            && variables(&self.plan).contains(&first))
        .then_some(first)
    }

    fn has_end_inside(&self) -> bool {
        let is_end = |text: &String| {
            [". ", "? ", "! ", ";", ": "]
                .iter()
                .any(|end| text.contains(end))
        };
        let mut texts = self.sentence.iter();
        texts.any(|node| matches!(node, Node::Text(text) if is_end(text)))
    }
}

fn text_length(node: &Node) -> usize {
    match node {
        Node::Text(text) => text.len(),
        _ => 0,
    }
}

fn trim_end(sentence: &mut Vec<Node>) {
    if let Some(Node::Text(last)) = sentence.last_mut() {
        let length = last.trim_end_matches(['.', '!', '?', ' ', ',']).len();
        last.truncate(length);
        if last.is_empty() {
            sentence.pop();
        }
    }
}

/// Lets the second clause be about the process of the first, mostly as "it".
fn refer_back(clauses: &mut [Clause], rng: &mut Rng) {
    let [first, second, ..] = clauses else {
        return;
    };
    let (Some(one), Some(other)) = (first.subject(), second.subject()) else {
        return;
    };
    if first.action() == second.action() || matches!(first.action(), "kill") {
        return;
    }
    let is_pronoun = rng.u8(..10) < 7;
    for node in &mut second.plan {
        if *node == Node::Variable(other.clone()) {
            *node = Node::Variable(one.clone());
        }
    }
    let mut sentence: Vec<Node> = Vec::new();
    let mut is_possessive = false;
    let mut nodes = second.sentence.iter().peekable();
    while let Some(node) = nodes.next() {
        match node {
            Node::Variable(variable) if *variable == other && is_pronoun => {
                is_possessive =
                    matches!(nodes.peek(), Some(Node::Text(text)) if text.starts_with("'s"));
                let mut before = String::new();
                if let Some(Node::Text(_)) = sentence.last()
                    && let Some(Node::Text(text)) = sentence.pop()
                {
                    before = text;
                }
                let length = before.trim_end_matches("the ").len();
                before.truncate(length);
                before.push_str(if is_possessive { "its" } else { "it" });
                sentence.push(Node::Text(before));
            }
            Node::Variable(variable) if *variable == other => {
                sentence.push(Node::Variable(one.clone()));
            }
            Node::Text(text) => {
                let text = match is_possessive {
                    true => text.trim_start_matches("'s"),
                    false => text,
                };
                is_possessive = false;
                match sentence.last_mut() {
                    Some(Node::Text(last)) => last.push_str(text),
                    _ => sentence.push(Node::Text(text.to_owned())),
                }
            }
            node => sentence.push(node.clone()),
        }
    }
    second.sentence = sentence;
}

/// The clauses as one pattern.
fn joined(joints: &Joints, clauses: Vec<Clause>, number: usize, rng: &mut Rng) -> Pattern {
    let is_pair = clauses.len() == 2;
    let is_apart = clauses.iter().any(Clause::has_end_inside) || rng.u8(..4) == 0;
    let (before, announced) = match rng.u8(..8) {
        0 if is_pair => rng.choice(joints.announced).copied().unwrap_or_default(),
        _ => ("", ""),
    };
    let is_reversed = is_pair && announced.is_empty() && rng.u8(..14) == 0;
    let mut sentence = vec![Node::Text(before.to_owned())];
    let (mut plan, mut places) = (Vec::new(), Vec::new());
    for (index, mut clause) in clauses.into_iter().enumerate() {
        if index > 0 {
            let ways = match (is_reversed, is_apart) {
                (true, _) => joints.reversed,
                (_, true) => joints.apart,
                _ => joints.inside,
            };
            let joint = match announced {
                "" => rng.choice(ways).copied().unwrap_or(" "),
                joint => joint,
            };
            sentence.push(Node::Text(joint.to_owned()));
        }
        if index > 0 || !before.is_empty() {
            lower_first(&mut clause.sentence, joints.language);
        }
        sentence.extend(clause.sentence);
        places.push(clause.place);
        let joint = Node::Text(" ; ".to_owned());
        if is_reversed && index > 0 {
            clause.plan.push(joint);
            clause.plan.append(&mut plan);
        } else if index > 0 {
            plan.push(joint);
        }
        plan.append(&mut clause.plan);
    }
    sentence.retain(|node| *node != Node::Text(String::new()));
    Pattern {
        place: format!("composed:{number}"),
        tag: match joints.language {
            "en" => "multi".to_owned(),
            other => other.to_owned(),
        },
        sentence: merged(sentence),
        plan: merged(plan),
    }
}

/// A clause in the middle does not begin with a capital, unless it is "I" or a noun of its own.
fn lower_first(sentence: &mut [Node], language: &str) {
    let Some(Node::Text(text)) = sentence.first_mut() else {
        return;
    };
    let mut letters = text.chars();
    let (Some(first), second) = (letters.next(), letters.next()) else {
        return;
    };
    let is_word = second.is_some_and(|letter| letter.is_lowercase());
    if is_word && !(language == "en" && text.starts_with("I'")) {
        let rest = text.get(first.len_utf8()..).unwrap_or_default();
        *text = first.to_lowercase().chain(rest.chars()).collect();
    }
}

/// Neighbouring texts as one.
fn merged(nodes: Vec<Node>) -> Vec<Node> {
    let mut merged: Vec<Node> = Vec::new();
    for node in nodes {
        match (merged.last_mut(), node) {
            (Some(Node::Text(last)), Node::Text(text)) => last.push_str(&text),
            (_, node) => merged.push(node),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::make::example;
    use crate::pattern;

    fn clauses(lines: &[&str]) -> Vec<Pattern> {
        lines
            .iter()
            .map(|line| pattern::of_line(line, "process").unwrap())
            .collect()
    }

    #[test]
    fn clauses_become_one_pattern_that_means_all_of_them() {
        let pool = Clauses::new(&clauses(&[
            "restart {p} => restart {p}",
            "Give the {p} {size} more. => grant_memory {p} {size}",
        ]));
        let mut rng = Rng::with_seed(3);
        let (mut made, mut shared) = (0, 0);
        for number in 0..400 {
            let Some(pattern) = pool.compose(number, &mut rng) else {
                continue;
            };
            let Ok(example) = example(&pattern, &mut rng) else {
                continue;
            };
            assert!(example.plan.actions.len() > 1, "{}", example.sentence);
            made += 1;
            shared += usize::from(example.input.contains(" it"));
        }
        assert!(made > 40 && shared > 5, "{made} {shared}");
    }

    #[test]
    fn what_cannot_stand_beside_others_is_no_clause() {
        let pool = Clauses::new(&clauses(&[
            "stop the {m} => ask",
            "tell {p} {msg} => send {p} {msg}",
            "stop {p} and {p2} => suspend {p} ; suspend {p2}",
            "kill {absent} => refuse",
        ]));
        assert!(pool.languages.is_empty());
    }
}
