//! Patterns: a sentence template and the plan that it means.

use std::fmt;
use std::path::Path;

/// One pattern of a file.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// `folder/file:line`.
    pub place: String,
    /// The first part of the file's name: `process` of `process-1.txt`.
    pub tag: String,
    /// The sentence.
    pub sentence: Vec<Node>,
    /// The plan in short form, with variables and no choices.
    pub plan: Vec<Node>,
}

/// A part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// Text as it is.
    Text(String),
    /// A variable.
    Variable(Variable),
    /// One of these.
    Choice(Vec<Vec<Node>>),
}

/// A variable: `{p2}`, `{p:crashed}`, `{m#1}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Variable {
    /// What it is about: `p2`.
    pub name: String,
    /// Its kind: `p`.
    pub kind: String,
    /// The state that the process has to be in.
    pub state: Option<String>,
    /// A pid instead of a name: of the first instance, or of that one.
    pub instance: Option<usize>,
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{}", self.name)?;
        if let Some(state) = &self.state {
            write!(f, ":{state}")?;
        }
        match self.instance {
            Some(0) => write!(f, "#")?,
            Some(instance) => write!(f, "#{instance}")?,
            None => {}
        }
        f.write_str("}")
    }
}

/// Why a line is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Nothing says what it means.
    #[error("there is no `=>` between a sentence and a plan")]
    NoArrow,
    /// Brackets do not match.
    #[error("`{0}` does not match")]
    Unmatched(char),
    /// There is no such variable.
    #[error("there is no variable {{{0}}}")]
    NoVariable(String),
}

/// The kinds of variables that patterns may use.
const KINDS: &[&str] = &[
    "p", "m", "x", "g", "pid", "me", "absent", "norule", "size", "huge", "n", "pct", "level", "ms",
    "idle", "path", "dir", "text", "msg", "fact", "topic", "rule",
];

/// Reads the patterns of a file; lines that are none come with the reason.
pub fn read(path: &Path) -> std::io::Result<Vec<Result<Pattern, (String, PatternError)>>> {
    let name = |path: &Path| {
        path.file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    let (folder, file) = (path.parent().map(name).unwrap_or_default(), name(path));
    let tag = file.split(['-', '.']).next().unwrap_or_default().to_owned();
    let text = std::fs::read_to_string(path)?;
    let lines = text.lines().enumerate().filter(|(_, line)| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with('#')
    });
    let patterns = lines.map(|(index, line)| {
        let place = format!("{folder}/{file}:{}", index + 1);
        let (sentence, plan) = parse(line).map_err(|why| (place.clone(), why))?;
        Ok(Pattern {
            place,
            tag: tag.clone(),
            sentence,
            plan,
        })
    });
    Ok(patterns.collect())
}

/// The pattern of a line, for tests.
#[cfg(test)]
pub fn of_line(line: &str, tag: &str) -> Result<Pattern, PatternError> {
    let (sentence, plan) = parse(line)?;
    Ok(Pattern {
        place: "test:1".to_owned(),
        tag: tag.to_owned(),
        sentence,
        plan,
    })
}

fn parse(line: &str) -> Result<(Vec<Node>, Vec<Node>), PatternError> {
    let (sentence, plan) = line.rsplit_once("=>").ok_or(PatternError::NoArrow)?;
    let sentence = template(sentence.trim(), true)?;
    let plan = template(plan.trim(), false)?;
    Ok((sentence, plan))
}

/// Reads a template; in plans, brackets are plain text.
fn template(text: &str, has_choices: bool) -> Result<Vec<Node>, PatternError> {
    let mut reader = Reader {
        rest: text,
        has_choices,
    };
    let nodes = reader.sequence(0)?;
    match reader.rest.chars().next() {
        Some(letter) => Err(PatternError::Unmatched(letter)),
        None => Ok(nodes),
    }
}

struct Reader<'t> {
    rest: &'t str,
    has_choices: bool,
}

impl Reader<'_> {
    fn sequence(&mut self, depth: usize) -> Result<Vec<Node>, PatternError> {
        let mut nodes = Vec::new();
        let mut text = String::new();
        while let Some(letter) = self.rest.chars().next() {
            // `{` begins a variable where a known one follows; programs write it too.
            if letter == '{'
                && let Some(variable) = self.variable()?
            {
                push_text(&mut nodes, &mut text);
                nodes.push(Node::Variable(variable));
                continue;
            }
            if self.has_choices && letter == '(' && self.is_choice() {
                self.rest = self.rest.get(1..).unwrap_or_default();
                push_text(&mut nodes, &mut text);
                nodes.push(self.choice(depth + 1)?);
                continue;
            }
            if self.has_choices && depth > 0 && matches!(letter, '|' | ')') {
                break;
            }
            text.push(letter);
            self.rest = self.rest.get(letter.len_utf8()..).unwrap_or_default();
        }
        push_text(&mut nodes, &mut text);
        Ok(nodes)
    }

    /// Whether a bracket holds a choice; one without `|` is just a bracket.
    fn is_choice(&self) -> bool {
        let mut depth = 0;
        for letter in self.rest.chars() {
            match letter {
                '(' => depth += 1,
                ')' if depth == 1 => return false,
                ')' => depth -= 1,
                '|' if depth == 1 => return true,
                _ => {}
            }
        }
        false
    }

    fn choice(&mut self, depth: usize) -> Result<Node, PatternError> {
        let mut ways = Vec::new();
        loop {
            ways.push(self.sequence(depth)?);
            let letter = self
                .rest
                .chars()
                .next()
                .ok_or(PatternError::Unmatched('('))?;
            self.rest = self.rest.get(1..).unwrap_or_default();
            if letter == ')' {
                return Ok(Node::Choice(ways));
            }
        }
    }

    fn variable(&mut self) -> Result<Option<Variable>, PatternError> {
        let Some((inside, rest)) = self.rest.get(1..).and_then(|rest| rest.split_once('}')) else {
            return Ok(None);
        };
        let is_name = |letter: char| letter.is_ascii_alphanumeric() || ":#".contains(letter);
        if inside.is_empty() || !inside.chars().all(is_name) {
            return Ok(None);
        }
        let variable =
            variable(inside).ok_or_else(|| PatternError::NoVariable(inside.to_owned()))?;
        self.rest = rest;
        Ok(Some(variable))
    }
}

fn push_text(nodes: &mut Vec<Node>, text: &mut String) {
    if !text.is_empty() {
        nodes.push(Node::Text(std::mem::take(text)));
    }
}

fn variable(inside: &str) -> Option<Variable> {
    let (inside, state) = match inside.split_once(':') {
        Some((inside, state)) => {
            state.parse::<proviso_abi::State>().ok()?;
            (inside, Some(state.to_owned()))
        }
        None => (inside, None),
    };
    let (name, instance) = match inside.split_once('#') {
        Some((name, "")) => (name, Some(0)),
        Some((name, instance)) => (name, Some(instance.parse().ok()?)),
        None => (inside, None),
    };
    let kind = name.trim_end_matches(|letter: char| letter.is_ascii_digit());
    KINDS.contains(&kind).then(|| Variable {
        name: name.to_owned(),
        kind: kind.to_owned(),
        state,
        instance,
    })
}

/// Every variable of a template, whichever way its choices go.
pub fn variables(nodes: &[Node]) -> Vec<Variable> {
    let mut found = Vec::new();
    for node in nodes {
        match node {
            Node::Text(_) => {}
            Node::Variable(variable) => found.push(variable.clone()),
            Node::Choice(ways) => found.extend(ways.iter().flat_map(|way| variables(way))),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_template_and_a_plan() {
        let (sentence, plan) =
            parse("(stop|end (it|)) the {p:crashed} (now) {m#2} => kill {p}").unwrap();
        assert!(matches!(&sentence[0], Node::Choice(ways) if ways.len() == 2));
        let names: Vec<_> = variables(&sentence)
            .iter()
            .map(Variable::to_string)
            .collect();
        assert_eq!(names, ["{p:crashed}", "{m#2}"]);
        assert_eq!(plan.len(), 2);
        assert!(sentence.contains(&Node::Text(" (now) ".into())));
    }

    #[test]
    fn a_line_that_is_none_says_why() {
        assert_eq!(parse("stop it").unwrap_err(), PatternError::NoArrow);
        assert_eq!(
            parse("(a|b => kill {p}").unwrap_err(),
            PatternError::Unmatched('(')
        );
        assert_eq!(
            parse("{who} => status").unwrap_err(),
            PatternError::NoVariable("who".into())
        );
        assert!(parse(r#"{"kill": "{p}"} => kill {p}"#).is_ok());
    }
}
