//! Finding processes, sending and receiving; writing and reading the console.

use core::time::Duration;

use proviso_user::abi::syscall::MAX_BUFFER;
use proviso_user::abi::{Action, INIT, Message, Reason, Target};
use proviso_user::{Error, clock, find, receive, send, system};

use crate::harness::{Check, at, ensure, same, tests};
use crate::kernel::{kill, refused, spawn};

tests! {
    processes_are_found_by_name,
    a_message_arrives_with_its_sender,
    an_empty_message_is_a_message,
    waiting_for_a_message_ends_in_time,
    a_full_mailbox_refuses_more,
    a_message_too_long_is_refused,
    a_message_stays_until_it_fits,
    nobody_gets_no_message,
    the_echo_service_answers,
    writing_takes_any_bytes_but_not_too_many,
    only_the_owner_of_the_console_reads,
}

const AT_ONCE: Option<Duration> = Some(Duration::ZERO);
const SOON: Option<Duration> = Some(Duration::from_secs(2));

/// Reads messages of earlier tests away.
fn drain() {
    let mut buffer = [0; 256];
    while receive(&mut buffer, AT_ONCE).is_ok() {}
}

fn processes_are_found_by_name() -> Check {
    same("suite", find("suite"), Ok(INIT))?;
    for name in ["nobody", "", "suit", "suite ", "\u{1f642}"] {
        same(name, find(name), Err(Error::NoSuchProcess))?;
    }
    let long = "x".repeat(MAX_BUFFER + 1);
    same("a long name", find(&long), Err(Error::TooLong))
}

fn a_message_arrives_with_its_sender() -> Check {
    drain();
    at("send", send(INIT, b"hello"))?;
    let mut buffer = [0; 256];
    same(
        "message",
        receive(&mut buffer, AT_ONCE),
        Ok((INIT, &b"hello"[..])),
    )
}

fn an_empty_message_is_a_message() -> Check {
    at("send", send(INIT, b""))?;
    let mut buffer = [0; 256];
    same(
        "message",
        receive(&mut buffer, AT_ONCE),
        Ok((INIT, &b""[..])),
    )
}

fn waiting_for_a_message_ends_in_time() -> Check {
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
    let sent = (0..100).take_while(|_| send(INIT, b"more").is_ok()).count();
    ensure((1..100).contains(&sent), "a mailbox without an end")?;
    same("one more", send(INIT, b"more"), Err(Error::Full))?;
    let message = Message::cut("more");
    let to = Target::pid(INIT);
    refused(Action::Send { to, message }, Reason::TooMany)?;
    drain();
    at("send again", send(INIT, b"more"))?;
    drain();
    Ok(())
}

fn a_message_too_long_is_refused() -> Check {
    same("257 bytes", send(INIT, &[0; 257]), Err(Error::TooLong))?;
    at("256 bytes", send(INIT, &[7; 256]))?;
    let mut buffer = [0; 256];
    same(
        "message",
        receive(&mut buffer, AT_ONCE),
        Ok((INIT, &[7; 256][..])),
    )
}

fn a_message_stays_until_it_fits() -> Check {
    at("send", send(INIT, b"four"))?;
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
        Ok((INIT, &b"four"[..])),
    )
}

fn nobody_gets_no_message() -> Check {
    for pid in [0, 9999, u32::MAX] {
        same("send", send(pid, b"?"), Err(Error::NoSuchProcess))?;
    }
    Ok(())
}

fn the_echo_service_answers() -> Check {
    let echo = spawn("echo", &[])?;
    for message in [&b"one"[..], b"", &[0; 256]] {
        at("send", send(echo, message))?;
        let mut buffer = [0; 256];
        same("answer", receive(&mut buffer, SOON), Ok((echo, message)))?;
    }
    kill(echo)?;
    same("the dead", send(echo, b"?"), Err(Error::NoSuchProcess))
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
