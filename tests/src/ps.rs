//! The table of processes, read back from the console.

/// One row of `/ps`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// Its name.
    pub name: String,
    /// What it is doing.
    pub state: String,
    /// Its priority.
    pub priority: String,
    /// The memory it holds, as people read it.
    pub memory: String,
    /// The most it may hold, as people read it.
    pub limit: String,
}

impl Process {
    /// Whether it still runs or could.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        !matches!(self.state.as_str(), "crashed" | "exited")
    }
}

/// Reads the rows out of an answer, passing over everything else.
#[must_use]
pub fn read(answer: &str) -> Vec<Process> {
    answer.lines().filter_map(row).collect()
}

fn row(line: &str) -> Option<Process> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [pid, name, state, priority, cpu, memory, limit] = words[..] else {
        return None;
    };
    cpu.strip_suffix('%')?.parse::<u8>().ok()?;
    Some(Process {
        pid: pid.parse().ok()?,
        name: name.into(),
        state: state.into(),
        priority: priority.into(),
        memory: memory.into(),
        limit: limit.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_and_other_lines_are_not() {
        let answer = "  pid  name     state    priority  cpu  memory  limit\n\
             \x20   1  init     blocked  normal     7%    120K     4M\n\
             [counter 12] counted to 7 of 9 in all\n\
             \x20  12  counter  crashed  low       0%      0B     2M\n";
        let rows = read(answer);
        assert_eq!(rows.len(), 2);
        assert_eq!((rows[0].pid, rows[0].name.as_str()), (1, "init"));
        assert!(rows[0].is_alive() && !rows[1].is_alive());
        assert_eq!(rows[1].limit, "2M");
        assert!(read("1 2 3 4 5 6 7").is_empty());
    }
}
