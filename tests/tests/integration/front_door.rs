//! `./qemu.sh`, as a person or a script uses it.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use proviso_boot::paths;
use proviso_tests::command::{self, Ended};
use proviso_tests::scripted::ScriptedAgent;
use proviso_tests::terminal::{self, Terminal};

scenarios! {
    dry_run_prints_the_command_line_alone,
    help_names_every_option,
    bad_options_are_refused,
    a_script_without_agent_boots_and_shuts_down,
    a_script_works_on_q35,
    a_script_may_use_an_agent_of_ones_own,
    a_script_without_shutdown_fails,
    a_script_with_lines_left_fails,
    a_script_survives_a_reboot,
    a_script_that_is_missing_or_empty_is_refused,
    a_model_that_is_missing_is_named,
    control_a_x_leaves_everything_as_it_was,
    a_person_can_shut_down,
    a_killed_launcher_leaves_nothing_running,
}

/// Far more than a run takes; the first one may have to build.
const LIMIT: Duration = Duration::from_secs(300);

/// Runs the front door with arguments and standard input.
pub fn qemu_sh(arguments: &[&str], input: &str) -> Result<Ended> {
    let mut command = Command::new(paths::root().join("qemu.sh"));
    command.args(arguments);
    command::run(command, input, LIMIT)
}

fn dry_run_prints_the_command_line_alone() -> Result<()> {
    for (arguments, parts) in [
        (
            &["--dry-run"][..],
            &["qemu-system-x86_64 ", "microvm", " -m 128M ", "virtconsole"][..],
        ),
        (
            &["--dry-run", "--machine", "q35", "--memory", "1G"],
            &["q35", " -m 1024M ", "virtio-serial-pci"],
        ),
        (&["--dry-run", "--agent", "none"], &["microvm"]),
        (&["--dry-run", "--icount", "--gdb"], &["-icount", " -S"]),
        (&["--dry-run", "--accel", "kvm"], &["-accel kvm"]),
        (
            &["--dry-run", "--agent", "/run/my.sock"],
            &["path=/run/my.sock"],
        ),
    ] {
        let ended = qemu_sh(arguments, "")?;
        ended.expect(0, parts)?;
        ensure!(
            ended.stdout.lines().count() == 1,
            ended.complaint("one line was expected")
        );
    }
    let without = qemu_sh(&["--dry-run", "--agent", "none"], "")?;
    ensure!(
        !without.stdout.contains("virtconsole"),
        without.complaint("no device is needed")
    );
    Ok(())
}

fn help_names_every_option() -> Result<()> {
    let options = [
        "--script",
        "--agent",
        "--model",
        "--machine",
        "--disk",
        "--memory",
        "--accel",
        "--icount",
        "--gdb",
        "--dry-run",
        "--help",
        "test",
        "setup",
    ];
    qemu_sh(&["--help"], "")?.expect(0, &options)
}

fn bad_options_are_refused() -> Result<()> {
    for arguments in [
        &["--machine", "pdp11"][..],
        &["--memory", "much"],
        &["--memory", "1M"],
        &["--memory", "-5"],
        &["--agent", "bob"],
        &["--frobnicate"],
        &["sing"],
    ] {
        let ended = qemu_sh(arguments, "")?;
        let named = arguments
            .last()
            .is_some_and(|word| ended.stderr.contains(word.trim_start_matches('-')));
        let refused = ended.code.is_some_and(|code| code != 0) && named;
        ensure!(
            refused,
            ended.complaint(&format!("{arguments:?} should have been refused by name"))
        );
    }
    Ok(())
}

/// Runs a script on a plain console without an agent.
fn script(arguments: &[&str], lines: &str) -> Result<Ended> {
    qemu_sh(
        &[&["--agent", "none", "--script", "-"], arguments].concat(),
        lines,
    )
}

fn a_script_without_agent_boots_and_shuts_down() -> Result<()> {
    let ended = script(&[], "/ps\n# a comment\n\nstart two counters\n/shutdown\n")?;
    ended.expect(
        0,
        &[
            "proviso> /ps",
            "init",
            "shell",
            "the agent does not answer",
            "shutting down",
        ],
    )?;
    let shown = ended.stderr.contains("qemu-system-x86_64 ") && !ended.stdout.contains('\x1b');
    ensure!(
        shown,
        ended.complaint("the command line is shown, the transcript is plain")
    );
    Ok(())
}

fn a_script_works_on_q35() -> Result<()> {
    script(
        &["--machine", "q35", "--memory", "64M"],
        "/mem\n/shutdown\n",
    )?
    .expect(0, &["reserve"])
}

fn a_script_may_use_an_agent_of_ones_own() -> Result<()> {
    let plan = r#"[{"action":"spawn","program":"counter","count":2}]"#;
    let agent = ScriptedAgent::answering(&[("start two counters", plan)])?;
    let socket = agent.socket();
    let arguments = ["--agent", &socket.to_string_lossy(), "--script", "-"];
    let ended = qemu_sh(&arguments, "start two counters\n/ps\n/shutdown\n")?;
    ended.expect(
        0,
        &[
            "plan\n  1. start 2 counter\n",
            "1. started counter ",
            "done in",
        ],
    )
}

fn a_script_without_shutdown_fails() -> Result<()> {
    let ended = script(&[], "/ps\n")?;
    ended.expect(1, &["proviso> /ps"])?;
    ensure!(
        ended.stderr.contains("/shutdown"),
        ended.complaint("the remedy is named")
    );
    Ok(())
}

fn a_script_with_lines_left_fails() -> Result<()> {
    let ended = script(&[], "/shutdown\n/ps\n")?;
    ended.expect(1, &["proviso> /shutdown"])?;
    ensure!(
        ended.stderr.contains("1 line"),
        ended.complaint("what was not answered is counted")
    );
    Ok(())
}

fn a_script_survives_a_reboot() -> Result<()> {
    let ended = script(&[], "/spawn counter\n/shutdown reboot\n/ps\n/shutdown\n")?;
    ended.expect(0, &["started counter ", "restarting the machine"])?;
    let boots = ended.stdout.matches("Proviso: say what you want").count();
    ensure!(boots == 2, ended.complaint("it booted twice"));
    Ok(())
}

fn a_script_that_is_missing_or_empty_is_refused() -> Result<()> {
    let missing = qemu_sh(&["--agent", "none", "--script", "/no/such/script"], "")?;
    missing.expect(1, &[])?;
    ensure!(
        missing.stderr.contains("/no/such/script"),
        missing.complaint("the file is named")
    );
    let empty = script(&[], "\n# nothing\n")?;
    empty.expect(1, &[])?;
    ensure!(
        empty.stderr.contains("no lines"),
        empty.complaint("it says why")
    );
    Ok(())
}

fn a_model_that_is_missing_is_named() -> Result<()> {
    let ended = qemu_sh(
        &["--model", "/no/such/model.gguf", "--script", "-"],
        "/shutdown\n",
    )?;
    ended.expect(1, &[])?;
    ensure!(
        ended.stderr.contains("/no/such/model.gguf"),
        ended.complaint("the file is named")
    );
    Ok(())
}

/// The front door at a terminal, up to the prompt; and words by which the machine's
/// process can be found.
fn at_a_terminal(shell_command: &str) -> Result<(Terminal, String)> {
    let mut terminal = Terminal::run(shell_command, paths::root())?;
    terminal.wait_for("proviso> ", LIMIT)?;
    let shown = terminal.shown();
    let ramdisk = shown
        .split_whitespace()
        .find(|word| word.ends_with("/ramdisk"));
    let ramdisk = ramdisk
        .context("the command line names no ramdisk")?
        .to_owned();
    ensure!(
        !terminal::running(&ramdisk).is_empty(),
        "the machine is not found"
    );
    Ok((terminal, ramdisk))
}

fn control_a_x_leaves_everything_as_it_was() -> Result<()> {
    let (mut terminal, ramdisk) = at_a_terminal("./qemu.sh --agent none; echo code $?; stty -a")?;
    // A control key of the guest's, then the one of QEMU's.
    terminal.press("/help\x03\x01x")?;
    terminal.wait_exit()?;
    let shown = terminal.shown();
    let words: Vec<&str> = shown.split_whitespace().collect();
    let restored = ["icanon", "echo", "isig", "opost"]
        .iter()
        .all(|mode| words.contains(mode));
    ensure!(
        restored && shown.contains("code 0"),
        "the terminal is not as it was:\n{shown}"
    );
    ensure!(
        terminal::running(&ramdisk).is_empty(),
        "the machine runs on"
    );
    Ok(())
}

fn a_person_can_shut_down() -> Result<()> {
    let (mut terminal, ramdisk) = at_a_terminal("./qemu.sh --agent none; echo code $?")?;
    terminal.press("/shutdown\r")?;
    terminal.wait_exit()?;
    ensure!(
        terminal.shown().contains("code 0"),
        "it should have ended well:\n{}",
        terminal.shown()
    );
    ensure!(
        terminal::running(&ramdisk).is_empty(),
        "the machine runs on"
    );
    Ok(())
}

fn a_killed_launcher_leaves_nothing_running() -> Result<()> {
    let (mut terminal, ramdisk) = at_a_terminal("echo launcher $$; exec ./qemu.sh --agent none")?;
    let shown = terminal.shown();
    let launcher = shown
        .split_once("launcher ")
        .and_then(|(_, rest)| rest.split_whitespace().next());
    // `exec` all the way: the shell's number is the launcher's.
    let launcher = launcher.context("no process number")?;
    Command::new("kill")
        .args(["-KILL", launcher])
        .status()
        .context("cannot kill")?;
    terminal.wait_exit()?;
    let begin = std::time::Instant::now();
    while !terminal::running(&ramdisk).is_empty() {
        ensure!(
            begin.elapsed() < proviso_tests::PATIENCE,
            "the machine runs on"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
