//! Letters: opening processes, sending, receiving; writing and reading the console.

use core::time::Duration;

use proviso_user::abi::syscall::MAX_BUFFER;
use proviso_user::abi::{Action, INIT, Message, Reason, Target};
use proviso_user::{Error, Port, clock, receive, system};

use crate::harness::{Check, at, ensure, same, tests};
use crate::kernel::{kill, refused, spawn};

tests! {
    processes_are_opened_by_name,
    a_letter_arrives_with_its_senders_badge,
    an_empty_letter_is_a_letter,
    waiting_for_a_letter_ends_in_time,
    a_full_mailbox_refuses_more,
    a_letter_too_long_is_refused,
    a_letter_stays_until_it_fits,
    the_dead_get_no_letter,
    writing_takes_any_bytes_but_not_too_many,
    only_the_owner_of_the_console_reads,
}

const AT_ONCE: Option<Duration> = Some(Duration::ZERO);

/// Reads letters of earlier tests away.
fn drain() {
    let mut buffer = [0; 256];
    while receive(&mut buffer, AT_ONCE).is_ok() {}
}

/// The badge of letters that init sends itself.
const OWN: u64 = INIT as u64;

/// Sends init, that is us, a letter.
fn send(letter: &[u8]) -> Result<(), Error> {
    Port::open("suite")?.send(letter)
}

fn processes_are_opened_by_name() -> Check {
    let suite = at("open", Port::open("suite"))?;
    same("again", Port::open("suite"), Ok(suite))?;
    for name in ["nobody", "", "suit", "suite ", "\u{1f642}"] {
        same(name, Port::open(name), Err(Error::NoSuchProcess))?;
    }
    let long = "x".repeat(MAX_BUFFER + 1);
    same("a long name", Port::open(&long), Err(Error::TooLong))
}

fn a_letter_arrives_with_its_senders_badge() -> Check {
    drain();
    at("send", send(b"hello"))?;
    let mut buffer = [0; 256];
    same(
        "letter",
        receive(&mut buffer, AT_ONCE),
        Ok((OWN, &b"hello"[..])),
    )
}

fn an_empty_letter_is_a_letter() -> Check {
    at("send", send(b""))?;
    let mut buffer = [0; 256];
    same("letter", receive(&mut buffer, AT_ONCE), Ok((OWN, &b""[..])))
}

fn waiting_for_a_letter_ends_in_time() -> Check {
    let mut buffer = [0; 256];
    same(
        "at once",
        receive(&mut buffer, AT_ONCE).err(),
        Some(Error::TimedOut),
    )?;
    let wait = Duration::from_millis(20);
    let begin = clock();
    same(
        "later",
        receive(&mut buffer, Some(wait)).err(),
        Some(Error::TimedOut),
    )?;
    ensure(clock() - begin >= wait, "too early")
}

fn a_full_mailbox_refuses_more() -> Check {
    let sent = (0..100).take_while(|_| send(b"more").is_ok()).count();
    ensure((1..100).contains(&sent), "a mailbox without an end")?;
    same("one more", send(b"more"), Err(Error::Full))?;
    let message = Message::cut("more");
    let to = Target::pid(INIT);
    refused(Action::Send { to, message }, Reason::TooMany)?;
    drain();
    at("send again", send(b"more"))?;
    drain();
    Ok(())
}

fn a_letter_too_long_is_refused() -> Check {
    same("257 bytes", send(&[0; 257]), Err(Error::TooLong))?;
    at("256 bytes", send(&[7; 256]))?;
    let mut buffer = [0; 256];
    same(
        "letter",
        receive(&mut buffer, AT_ONCE),
        Ok((OWN, &[7; 256][..])),
    )
}

fn a_letter_stays_until_it_fits() -> Check {
    at("send", send(b"four"))?;
    let mut small = [0; 3];
    same(
        "small",
        receive(&mut small, AT_ONCE).err(),
        Some(Error::TooLong),
    )?;
    let mut exact = [0; 4];
    same(
        "exact",
        receive(&mut exact, AT_ONCE),
        Ok((OWN, &b"four"[..])),
    )
}

fn the_dead_get_no_letter() -> Check {
    let pid = spawn("echo", &[])?;
    let echo = at("open", Port::open("echo"))?;
    at("send", echo.send(b"?"))?;
    kill(pid)?;
    same("send", echo.send(b"?"), Err(Error::Dead))?;
    same("again", echo.send(b"?"), Err(Error::Dead))?;
    at("close", proviso_user::ipc::close(echo.0))?;
    same("closed", echo.send(b"?"), Err(Error::BadHandle))
}

fn writing_takes_any_bytes_but_not_too_many() -> Check {
    same("nothing", system::write(b""), Ok(0))?;
    same("odd bytes", system::write(b"\xff\x1b[31modd\x07\n"), Ok(11))?;
    let long = alloc::vec![b' '; MAX_BUFFER + 1];
    same("too much", system::write(&long), Err(Error::TooLong))
}

fn only_the_owner_of_the_console_reads() -> Check {
    let mut buffer = [0; 16];
    let read = system::read_console(&mut buffer, AT_ONCE);
    same("read", read, Err(Error::NotPermitted))
}
