//! What a person chose on the command line, and the machine that comes of it.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::{
    agent::{self, Agent},
    disk::DiskChoice,
    guest::{self, Guest},
    image::{Console, Image},
    model, paths,
    qemu::{Machine, MachineKind, MemorySize},
    setup::{self, Purpose},
};

/// Where plans come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AgentChoice {
    /// Our own agent with a local model, started and ended with the machine.
    #[default]
    Embedded,
    /// None: everything but sentences works.
    None,
    /// An agent that listens at this socket already.
    Socket(PathBuf),
}

impl FromStr for AgentChoice {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "embedded" => Ok(Self::Embedded),
            "none" => Ok(Self::None),
            path if path.contains('/') => Ok(Self::Socket(path.into())),
            other => bail!("{other}: write embedded, none, or a socket's path with a / in it"),
        }
    }
}

impl fmt::Display for AgentChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded => write!(f, "embedded"),
            Self::None => write!(f, "none"),
            Self::Socket(path) => write!(f, "{}", path.display()),
        }
    }
}

/// The choices.
#[derive(Clone, Debug)]
pub struct Choices {
    /// Where plans come from.
    pub agent: AgentChoice,
    /// The model's file, in place of the default one.
    pub model: Option<PathBuf>,
    /// The kind of machine.
    pub kind: MachineKind,
    /// Its memory.
    pub memory: MemorySize,
    /// Its disk.
    pub disk: DiskChoice,
    /// QEMU's accelerator.
    pub accelerator: String,
    /// One clock tick an instruction.
    pub instruction_count: bool,
    /// Wait for gdb.
    pub gdb: bool,
}

/// Where cargo puts the loader below the target folder of the guest.
const LOADER: &str = "x86_64-unknown-none/release/proviso-loader";

impl Choices {
    /// The machine with its files in `folder`.
    #[must_use]
    pub fn machine(&self, loader: &Path, folder: &Path) -> Machine {
        let machine = Machine::new(loader)
            .ramdisk(&folder.join("ramdisk"))
            .kind(self.kind)
            .memory(self.memory)
            .accelerator(&self.accelerator)
            .instruction_count(self.instruction_count)
            .gdb(self.gdb)
            .log(&folder.join("resets.log"));
        let machine = match self.disk.path() {
            Some(path) => machine.disk(&path),
            None => machine,
        };
        match &self.agent {
            AgentChoice::Embedded => machine.agent_socket(&folder.join("agent.sock")),
            AgentChoice::Socket(path) => machine.agent_socket(path),
            AgentChoice::None => machine,
        }
    }

    /// The machine that a run would start, without building anything.
    #[must_use]
    pub fn preview(&self) -> Machine {
        self.machine(
            &paths::guest_target().join(LOADER),
            Path::new("/tmp/proviso-XXXXXX"),
        )
    }

    /// Sets up and builds all that the machine needs.
    ///
    /// # Errors
    /// When something is missing or does not build.
    pub fn prepare(mut self, console: Console) -> Result<Prepared> {
        let mut purposes = vec![Purpose::BuildGuest, Purpose::RunMachine];
        if self.agent == AgentChoice::Embedded {
            purposes.push(Purpose::BuildAgent);
        }
        if let Some(model) = self.model.as_ref().filter(|model| !model.is_file()) {
            bail!("{}: there is no such model file", model.display());
        }
        setup::ensure(&purposes)?;
        let guest = guest::build()?;
        let agent = match self.agent {
            AgentChoice::Embedded => Some(build_agent()?),
            _ => None,
        };
        let folder = tempfile::Builder::new().prefix("proviso-").tempdir();
        let folder = folder.context("cannot make a temporary folder")?;
        let image = Image::of(&guest)?
            // Tests start it as init; nobody else needs it.
            .without_program("suite")
            .without_program("bench")
            .console(console)
            .agent(self.agent != AgentChoice::None);
        image.check()?;
        let bytes = image.pack()?;
        check_memory(self.memory, bytes.len())?;
        let ramdisk = folder.path().join("ramdisk");
        fs::write(&ramdisk, bytes).context("cannot write the ramdisk")?;
        let disk = self.disk.take()?;
        Ok(Prepared {
            choices: self,
            guest,
            agent,
            folder,
            _disk: disk,
        })
    }
}

/// With less than the ramdisk and this, QEMU puts the ramdisk on top of the loader,
/// which then cannot even say so.
const BESIDE_THE_RAMDISK: MemorySize = MemorySize::mib(2);

fn check_memory(memory: MemorySize, ramdisk_bytes: usize) -> Result<()> {
    let needed = (ramdisk_bytes as u64 + BESIDE_THE_RAMDISK.bytes()).div_ceil(1 << 20);
    if memory < MemorySize::mib(needed) {
        bail!("too little memory: {memory}, and the loader and its ramdisk alone need {needed}M");
    }
    Ok(())
}

/// Builds the agent, and says so if that will take its time.
///
/// # Errors
/// When it does not compile.
pub fn build_agent() -> Result<PathBuf> {
    if !paths::target().join("debug/llm-agent").exists() {
        eprintln!("Building the agent; the first time this takes minutes, for llama.cpp");
    }
    agent::build()
}

/// A machine that can be started.
#[derive(Debug)]
pub struct Prepared {
    /// What was chosen.
    pub choices: Choices,
    /// What was built.
    pub guest: Guest,
    agent: Option<PathBuf>,
    folder: TempDir,
    /// Keeps other machines from using it too.
    _disk: Option<fs::File>,
}

impl Prepared {
    /// The machine, its ramdisk in place.
    #[must_use]
    pub fn machine(&self) -> Machine {
        self.choices.machine(&self.guest.loader, self.folder.path())
    }

    /// Starts the embedded agent, if that was chosen. It loads its model while the
    /// machine boots.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_agent(&self) -> Result<Option<Agent>> {
        let Some(binary) = &self.agent else {
            return Ok(None);
        };
        let model = self
            .choices
            .model
            .clone()
            .unwrap_or_else(model::default_path);
        let socket = self.folder.path().join("agent.sock");
        Agent::start(binary, &model, &socket, &paths::state().join("agent.log")).map(Some)
    }

    /// Whether the machine reset itself, as it does after a triple fault.
    #[must_use]
    pub fn has_reset(&self) -> bool {
        let log = std::fs::read_to_string(self.folder.path().join("resets.log"));
        log.is_ok_and(|log| log.contains("Triple fault"))
    }

    /// One line on what is being started.
    #[must_use]
    pub fn summary(&self) -> String {
        let Choices {
            kind,
            memory,
            accelerator,
            agent,
            ..
        } = &self.choices;
        let kind = match kind {
            MachineKind::Microvm => "microvm",
            MachineKind::Q35 => "q35",
        };
        format!("Proviso on {kind} with {memory}, accelerator {accelerator}, agent {agent}")
    }
}

/// Longer than any model of a reasonable size takes to load.
pub const AGENT_TIMEOUT: Duration = Duration::from_secs(120);

#[cfg(test)]
mod tests {
    use super::*;

    fn choices(agent: &str) -> Choices {
        Choices {
            agent: agent.parse().unwrap(),
            model: None,
            kind: MachineKind::Microvm,
            memory: MemorySize::DEFAULT,
            disk: DiskChoice::None,
            accelerator: "tcg".to_owned(),
            instruction_count: false,
            gdb: false,
        }
    }

    #[test]
    fn agents_are_chosen_by_name_or_path() {
        assert_eq!(
            "embedded".parse::<AgentChoice>().unwrap(),
            AgentChoice::Embedded
        );
        assert_eq!("none".parse::<AgentChoice>().unwrap(), AgentChoice::None);
        let socket = "./agent.sock".parse::<AgentChoice>().unwrap();
        assert_eq!(socket, AgentChoice::Socket("./agent.sock".into()));
        assert!("nobody".parse::<AgentChoice>().is_err());
    }

    #[test]
    fn the_agent_decides_on_the_device() {
        let line = |agent| choices(agent).preview().to_string();
        assert!(line("embedded").contains("path=/tmp/proviso-XXXXXX/agent.sock"));
        assert!(line("/run/my.sock").contains("path=/run/my.sock"));
        assert!(!line("none").contains("virtconsole"));
    }

    #[test]
    fn the_ramdisk_must_fit_beside_the_loader() {
        assert!(check_memory(MemorySize::mib(4), 2 << 20).is_ok());
        let error = check_memory(MemorySize::mib(4), (2 << 20) + 1)
            .unwrap_err()
            .to_string();
        assert!(error.contains("alone need 5M"), "{error}");
    }

    #[test]
    fn a_model_that_is_not_there_is_refused_before_anything_is_built() {
        let choices = Choices {
            model: Some("/no/such.gguf".into()),
            ..choices("embedded")
        };
        let error = choices.prepare(Console::Plain).unwrap_err().to_string();
        assert!(error.contains("/no/such.gguf"), "{error}");
    }
}
