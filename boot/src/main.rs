//! `./qemu.sh`: set up, build, start, and leave the person at a prompt.

#![forbid(unsafe_code)]

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand};
use proviso_boot::{
    bench,
    disk::DiskChoice,
    fuzz_bench, guest,
    image::Console,
    interactive, kernel_bench,
    launch::{self, AgentChoice, Choices},
    model, paths, process,
    qemu::{MachineKind, MemorySize},
    script::{self, Limits},
    setup::{self, Purpose},
    suite,
};

/// Boots Proviso in QEMU and leaves you at its prompt.
///
/// What is missing is installed first (as root, or with a sudo that asks for no
/// password), or named. Ctrl-A X leaves the machine.
#[derive(Debug, Parser)]
#[command(
    name = "qemu.sh",
    bin_name = "./qemu.sh",
    version,
    args_conflicts_with_subcommands = true
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Verb>,
    #[command(flatten)]
    run: Run,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Boot (what happens without a command)
    Run(Run),
    /// Set up, then run all tests
    Test {
        /// More arguments for `cargo test`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Only set up: packages, core library, agent
    Setup,
    /// Measure
    Bench {
        #[command(subcommand)]
        what: What,
    },
}

#[derive(Debug, Subcommand)]
enum What {
    /// What the kernel's operations cost, in instructions, beside other kernels
    Kernel {
        /// The kind of machine
        #[arg(long, value_enum, default_value_t)]
        machine: MachineKind,
    },
    /// Many generated plans in a row, each checked for what must hold; it takes minutes
    Admission {
        /// How many
        #[arg(long, default_value_t = 1_000_000)]
        plans: u32,
    },
    /// The time from starting QEMU to the prompt, beside that of an empty guest
    Boot {
        /// Runs of each kind
        #[arg(long, default_value_t = 20)]
        runs: u32,
        #[command(flatten)]
        machine: MachineOptions,
    },
    /// System calls made up from the table, in the guest, and the ledgers after them
    Fuzz {
        /// How many
        #[arg(long, default_value_t = 1_000_000)]
        calls: u64,
        /// Where the making up begins
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// The kind of machine
        #[arg(long, value_enum, default_value_t)]
        machine: MachineKind,
    },
    /// How good, how sure, how fast and how big the planner is
    Planner {
        /// Another GGUF model, to be timed in turns with ours
        #[arg(long, value_name = "PATH")]
        against: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
struct Run {
    /// Type the lines of FILE (- is standard input), each once the prompt is back; exit
    /// with 0 only if all were answered and the machine shut down cleanly
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// Where plans come from: embedded, none, or the socket of a running agent
    #[arg(long, value_name = "embedded|none|SOCKET", default_value_t)]
    agent: AgentChoice,
    /// Another model for the embedded agent, a GGUF file
    #[arg(long, value_name = "PATH")]
    model: Option<PathBuf>,
    #[command(flatten)]
    machine: MachineOptions,
    /// Print QEMU's command line and do nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
struct MachineOptions {
    /// The kind of machine
    #[arg(long, value_enum, default_value_t)]
    machine: MachineKind,
    /// Its disk: own (one that is made on the first run and stays), none, or an image
    #[arg(long, value_name = "own|none|FILE", default_value_t)]
    disk: DiskChoice,
    /// Its memory, such as 64M or 1G
    #[arg(long, value_name = "SIZE", default_value_t = MemorySize::DEFAULT)]
    memory: MemorySize,
    /// QEMU's accelerator, such as tcg or kvm
    #[arg(long, value_name = "NAME", default_value = "tcg")]
    accel: String,
    /// Let the clock tick once an instruction, so that runs can be compared
    #[arg(long)]
    icount: bool,
    /// Wait for gdb at port 1234 before the first instruction
    #[arg(long)]
    gdb: bool,
}

impl MachineOptions {
    fn choices(self, agent: AgentChoice, model: Option<PathBuf>) -> Choices {
        Choices {
            agent,
            model,
            kind: self.machine,
            memory: self.memory,
            disk: self.disk,
            accelerator: self.accel,
            instruction_count: self.icount,
            gdb: self.gdb,
        }
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        None => run(cli.run),
        Some(Verb::Run(options)) => run(options),
        Some(Verb::Test { arguments }) => test(&arguments),
        Some(Verb::Setup) => set_up(),
        Some(Verb::Bench {
            what: What::Kernel { machine },
        }) => bench_kernel(machine),
        Some(Verb::Bench {
            what:
                What::Fuzz {
                    calls,
                    seed,
                    machine,
                },
        }) => bench_fuzz(machine, calls, seed),
        Some(Verb::Bench {
            what: What::Admission { plans },
        }) => suite::plans(plans),
        Some(Verb::Bench {
            what: What::Boot { runs, machine },
        }) => bench_boot(runs, machine),
        Some(Verb::Bench {
            what: What::Planner { against },
        }) => bench_planner(against.as_deref()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The terminal may be gone, which is no reason to panic.
            let _ = writeln!(io::stderr(), "qemu.sh: {error:#}");
            // As a shell does it for a command that a signal ended.
            let signal = process::signal().and_then(|signal| u8::try_from(128 + signal).ok());
            signal.map_or(ExitCode::FAILURE, ExitCode::from)
        }
    }
}

fn run(options: Run) -> Result<()> {
    let choices = options.machine.choices(options.agent, options.model);
    if options.dry_run {
        println!("{}", choices.preview());
        return Ok(());
    }
    match options.script {
        Some(path) => {
            let lines = script::read(&path)?;
            script::run(&choices.prepare(Console::Plain)?, &lines, Limits::default())
        }
        None => interactive::run(&choices.prepare(Console::Ansi)?),
    }
}

fn set_up() -> Result<()> {
    setup::ensure(&Purpose::ALL)?;
    eprintln!("Building what runs in the machine");
    guest::build()?;
    launch::build_agent()?;
    eprintln!("Everything is there. ./qemu.sh boots, ./qemu.sh test runs the tests.");
    Ok(())
}

fn test(arguments: &[String]) -> Result<()> {
    setup::ensure(&Purpose::ALL)?;
    suite::run(arguments).map(drop)
}

fn bench_kernel(kind: MachineKind) -> Result<()> {
    setup::ensure(&[Purpose::BuildGuest, Purpose::RunMachine])?;
    process::kill_on_signals()?;
    print!("{}", kernel_bench::run(kind)?);
    Ok(())
}

fn bench_fuzz(kind: MachineKind, calls: u64, seed: u64) -> Result<()> {
    setup::ensure(&[Purpose::BuildGuest, Purpose::RunMachine])?;
    process::kill_on_signals()?;
    println!("{}", fuzz_bench::run(kind, calls, seed)?);
    Ok(())
}

fn bench_boot(runs: u32, machine: MachineOptions) -> Result<()> {
    let prepared = machine
        .choices(AgentChoice::None, None)
        .prepare(Console::Plain)?;
    process::kill_on_signals()?;
    let (floor, boot) = bench::boot(&prepared, runs)?;
    println!("{runs} paired runs, {}", prepared.summary());
    println!("empty guest, spawn to exit   {floor}");
    println!("Proviso, spawn to prompt     {boot}");
    Ok(())
}

/// One thread, so that the figures do not depend on how many there are.
fn bench_planner(against: Option<&Path>) -> Result<()> {
    setup::ensure(&[Purpose::BuildAgent])?;
    let agent = launch::build_agent()?;
    let mut command = Command::new(agent);
    command.args(["bench", "--threads", "1", "--model"]);
    command.arg(model::default_path());
    // The cases of this repository, and the ones kept outside of it where they are.
    let development = paths::root().join("../shared/eval/dev.jsonl");
    command
        .arg("--cases")
        .arg(paths::root().join("train/test.jsonl"));
    if development.is_file() {
        command.arg("--cases").arg(development);
    }
    if let Some(other) = against {
        command.arg("--against").arg(other);
    }
    let status = command.status().context("cannot run the agent")?;
    if !status.success() {
        bail!("llm-agent bench failed; its message is above");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn options_work_with_and_without_the_verb() {
        for prefix in [&["qemu.sh"][..], &["qemu.sh", "run"]] {
            let words = [
                "--script",
                "-",
                "--agent",
                "none",
                "--machine",
                "q35",
                "--memory",
                "64M",
            ];
            let cli = Cli::try_parse_from(prefix.iter().chain(&words)).unwrap();
            let run = match cli.command {
                Some(Verb::Run(run)) => run,
                _ => cli.run,
            };
            assert_eq!(run.script, Some("-".into()));
            assert_eq!(run.agent, AgentChoice::None);
            assert_eq!(run.machine.machine, MachineKind::Q35);
            assert_eq!(run.machine.memory, MemorySize::mib(64));
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for words in [
            &["--machine", "pdp11"][..],
            &["--memory", "much"],
            &["--agent", "bob"],
            &["sing"],
        ] {
            assert!(
                Cli::try_parse_from([&["qemu.sh"], words].concat()).is_err(),
                "{words:?}"
            );
        }
    }
}
