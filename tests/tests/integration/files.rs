//! Files: kept by services in ring 3, on a disk that outlives the machine.

use std::fs::File;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use proviso_boot::QUESTION;
use proviso_boot::qemu::{Machine, MachineKind};
use proviso_tests::console::{Console, hardware, image};
use tempfile::TempDir;

scenarios![
    what_was_acknowledged_survives_power_cuts,
    file_actions_are_judged_undone_and_shown_harmlessly,
    programs_keep_files_of_their_own,
    killed_services_come_back_and_lose_nothing,
    the_disk_works_on_the_other_machine_and_a_foreign_one_is_left_alone,
];

/// A disk of its own for each test.
struct Disk {
    _folder: TempDir,
    path: PathBuf,
}

impl Disk {
    fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("disk.img");
        // Small, so that it is made a store of files quickly.
        File::create(&path)?.set_len(2 << 20)?;
        Ok(Self {
            _folder: folder,
            path,
        })
    }

    fn machine(&self) -> Result<Machine> {
        Ok(hardware()?.disk(&self.path))
    }

    fn boot(&self) -> Result<Console> {
        Console::boot_with(&self.machine()?, &image()?)
    }
}

/// A text that is told from others.
fn text(number: usize) -> String {
    format!("text number {number} of many")
}

fn what_was_acknowledged_survives_power_cuts() -> Result<()> {
    let disk = Disk::new()?;
    for cut in 0..3 {
        let mut console = disk.boot()?;
        for number in 0..cut * 2 {
            let file = format!("/notes/{number}");
            console.expect(&format!("/cat {file}"), &[&format!("| {}", text(number))])?;
        }
        for number in cut * 2..(cut + 1) * 2 {
            let line = format!("/write /notes/{number} {}", text(number));
            console.expect(&line, &["wrote /notes/"])?;
        }
        // The power goes in the middle of another one.
        console.enter(&format!("/write /notes/half {}", text(99)))?;
        console.kill();
    }
    let mut console = disk.boot()?;
    console.expect("/ls", &["folder", "notes/"])?;
    let list = console.ask("/ls /notes")?;
    for number in 0..6 {
        let line = format!("B  {number}\n");
        console.ensure(list.contains(&line), "all are there")?;
    }
    if list.contains("half") {
        console.expect("/cat /notes/half", &[&format!("| {}\n", text(99))])?;
    }
    console.shut_down()
}

fn file_actions_are_judged_undone_and_shown_harmlessly() -> Result<()> {
    let disk = Disk::new()?;
    let mut console = disk.boot()?;
    console.expect("/write /a one", &["wrote /a, 3B"])?;
    console.expect("/write /a two words", &["wrote over /a, 9B"])?;
    console.expect("/undo", &["took back: wrote over /a"])?;
    console.expect("/cat /a", &["/a, 3B", "| one"])?;
    console.expect("/rm /a", &["deleted /a, 3B"])?;
    console.expect("/cat /a", &["NoSuchTarget: there is no such file"])?;
    console.expect("/undo", &["took back: deleted /a"])?;
    console.expect("/cat /a", &["| one"])?;
    console.expect("/rm /nowhere", &["there is no such file"])?;
    console.expect("/write /a/b x", &["a folder is no file"])?;
    // Asked first, and nothing happens before the yes.
    console.expect("/confirm always", &["is asked before: always"])?;
    console.expect("/rm /a", &["delete the file /a", QUESTION])?;
    console.expect("n", &["not confirmed"])?;
    console.expect("/confirm destroy", &["is asked before: destroy"])?;
    console.expect("/cat /a", &["| one"])?;
    // A user has a folder, and sees no other.
    console.expect("/user add ann", &["user ann"])?;
    console.expect("/user ann", &["acts as ann"])?;
    for line in [
        "/cat /a",
        "/ls /",
        "/rm /a",
        "/write /b x",
        "/ls /users/bob",
    ] {
        console.expect(line, &["NotPermitted", "/users/ann"])?;
    }
    console.expect("/write /users/ann/x mine", &["wrote /users/ann/x"])?;
    console.expect("/ls", &["4B  x"])?;
    console.expect("/user operator", &["acts as operator"])?;
    console.expect("/cat /users/ann/x", &["| mine"])?;
    console.shut_down()
}

fn programs_keep_files_of_their_own() -> Result<()> {
    let disk = Disk::new()?;
    let mut console = disk.boot()?;
    for start in 1..3 {
        console.spawn("keeper")?;
        console.eventually(&format!(
            "start number {start}, says /programs/keeper/starts"
        ))?;
    }
    console.kill();
    let mut console = disk.boot()?;
    console.spawn("keeper")?;
    console.eventually("start number 3, says")?;
    console.expect("/cat /programs/keeper/starts", &["| 3"])?;
    for (other, why) in [
        ("/a", "error: that is not among the files"),
        ("/programs/other/x", "error: that is not among the files"),
        ("/programs/keeper/../x", "error: that is no path"),
    ] {
        console.spawn(&format!("keeper {other}"))?;
        console.eventually(why)?;
    }
    console.shut_down()
}

fn killed_services_come_back_and_lose_nothing() -> Result<()> {
    let disk = Disk::new()?;
    let mut console = disk.boot()?;
    console.expect("/write /a kept", &["wrote /a"])?;
    for (turn, victims) in ["store", "block", "block,store", "*,-shell"]
        .iter()
        .enumerate()
    {
        console.spawn("hog")?;
        console.expect(&format!("/kill {victims}"), &["killed"])?;
        // It waits for the services that init starts again.
        console.expect("/cat /a", &["| kept"])?;
        let line = format!("/write /b{turn} after {victims}");
        console.expect(&line, &["wrote /b"])?;
    }
    // In the midst of its work: an answer or an error, and then all is well.
    for turn in 0..4 {
        console.enter(&format!("/write /c{turn} x"))?;
        console.send("/restart store\r")?;
        console.wait_for("restarted store")?;
        console.wait_for_prompt()?;
        let there = console.ask(&format!("/cat /c{turn}"))?;
        let is_whole = there.contains("| x") || there.contains("there is no such file");
        console.ensure(is_whole, "written or not")?;
    }
    let list = console.ask("/ls")?;
    for turn in 0..4 {
        console.ensure(list.contains(&format!("  b{turn}\n")), "all are there")?;
    }
    console.shut_down()
}

fn the_disk_works_on_the_other_machine_and_a_foreign_one_is_left_alone() -> Result<()> {
    let disk = Disk::new()?;
    let q35 = disk.machine()?.kind(MachineKind::Q35);
    let mut console = Console::boot_with(&q35, &image()?)?;
    console.expect("/write /a from q35", &["wrote /a"])?;
    console.shut_down()?;
    let mut console = disk.boot()?;
    console.expect("/cat /a", &["| from q35"])?;
    console.shut_down()?;
    std::fs::write(&disk.path, b"precious!".repeat(512))?;
    let mut console = disk.boot()?;
    console.eventually("what is on the disk is no store of files")?;
    console.still_answers()?;
    console.shut_down()?;
    let bytes = std::fs::read(&disk.path)?;
    ensure!(bytes == b"precious!".repeat(512), "nothing was written");
    Ok(())
}
