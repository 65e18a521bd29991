//! Calls between processes: there and back, with and without bytes and handles.

use alloc::string::String;
use alloc::vec;
use core::time::Duration;

use proviso_user::abi::ipc::MAX_MESSAGE;
use proviso_user::abi::outcome::Exit;
use proviso_user::abi::{Handle, Rights};
use proviso_user::ipc::Received;
use proviso_user::{Error, Extras, Notification, Port, ipc, sleep};

use crate::harness::{Check, at, ensure, same, tests};
use crate::kernel::{child, end_of, kill, spawn};

tests! {
    the_echo_service_answers,
    bytes_come_back_whole,
    a_client_without_room_and_a_letter_do_not_stop_a_server,
    a_call_ends_when_its_server_dies,
    a_call_ends_when_its_time_is_up,
    calling_oneself_is_a_deadlock,
    handles_are_passed_along,
    a_copy_has_fewer_rights_and_ends_with_its_origin,
    there_are_so_many_handles_and_no_more,
    notifications_collect_bits,
}

/// How long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(60);
const MOMENT: Duration = Duration::from_millis(20);

fn the_echo_service_answers() -> Check {
    let pid = spawn("echo", &[])?;
    let echo = at("open", Port::open("echo"))?;
    for round in 0..100 {
        let words = [round, u64::MAX, 0, round << 32];
        same("answer", at("call", echo.call(words))?.words, words)?;
    }
    kill(pid)?;
    same("the dead", echo.call([0; 4]).err(), Some(Error::Dead))?;
    at("close", ipc::close(echo.0))
}

fn bytes_come_back_whole() -> Check {
    let pid = spawn("echo", &[])?;
    let echo = at("open", Port::open("echo"))?;
    let mut room = vec![0; MAX_MESSAGE];
    let long = vec![0xa5; MAX_MESSAGE];
    for bytes in [&b""[..], b"x", b"hello", &long] {
        let extras = Extras {
            bytes,
            room: &mut room,
            ..Extras::default()
        };
        let reply = at("call", echo.call_with([7; 4], extras))?;
        same("words", reply.words, [7; 4])?;
        same("bytes", room.get(..reply.length), Some(bytes))?;
    }
    let over = vec![0; MAX_MESSAGE + 1];
    let extras = Extras {
        bytes: &over,
        ..Extras::default()
    };
    same(
        "long",
        echo.call_with([0; 4], extras).err(),
        Some(Error::TooLong),
    )?;
    kill(pid)?;
    at("close", ipc::close(echo.0))
}

fn a_client_without_room_and_a_letter_do_not_stop_a_server() -> Check {
    let pid = spawn("echo", &[])?;
    let echo = at("open", Port::open("echo"))?;
    let extras = Extras {
        bytes: b"x",
        ..Extras::default()
    };
    same(
        "no room",
        echo.call_with([0; 4], extras).err(),
        Some(Error::TooLong),
    )?;
    at("letter", echo.send(&[7; 256]))?;
    same("answer", at("call", echo.call([5; 4]))?.words, [5; 4])?;
    kill(pid)?;
    at("close", ipc::close(echo.0))
}

/// The next call to init, which is us; letters of earlier tests are passed over.
fn next_call() -> Result<Received, String> {
    loop {
        let received = at("receive", Port::OWN.receive(Some(PATIENCE)))?;
        if received.is_call {
            return Ok(received);
        }
    }
}

/// Answers the last call and does not wait for another.
fn answer(words: [u64; 4]) -> Check {
    let next = Port::OWN.reply_receive_with(words, Extras::within(Duration::ZERO));
    same("nobody else calls", next.err(), Some(Error::TimedOut))
}

fn a_call_ends_when_its_server_dies() -> Check {
    // The role gives us a handle, receives our call and ends without an answer.
    let pid = spawn("suite", &["drop"])?;
    let server = Port(next_call()?.handle);
    answer([0; 4])?;
    same("call", server.call([1; 4]).err(), Some(Error::Dead))?;
    end_of(pid)?;
    at("close", ipc::close(server.0))
}

fn a_call_ends_when_its_time_is_up() -> Check {
    // A counter never receives.
    let pid = spawn("counter", &[])?;
    let counter = at("open", Port::open("counter"))?;
    same(
        "call",
        counter.call_with([0; 4], Extras::within(MOMENT)).err(),
        Some(Error::TimedOut),
    )?;
    kill(pid)?;
    at("close", ipc::close(counter.0))
}

fn calling_oneself_is_a_deadlock() -> Check {
    let own = at("open", Port::open("suite"))?;
    same("call", own.call([0; 4]).err(), Some(Error::Deadlock))
}

fn handles_are_passed_along() -> Check {
    // The role calls us with a handle to a notification; we set a bit, it ends.
    let pid = spawn("suite", &["passer"])?;
    let request = next_call()?;
    ensure(!request.handle.is_none(), "no handle came")?;
    same("badge", request.badge, u64::from(pid))?;
    let bell = Notification(request.handle);
    at("notify", bell.notify(5))?;
    same("wait", bell.wait(Some(MOMENT)), Err(Error::NotPermitted))?;
    answer([42; 4])?;
    same("end", end_of(pid)?, Exit::Code(0))?;
    // An object lives as long as somebody has a handle to it.
    at("its notification", bell.notify(1))?;
    at("close", ipc::close(request.handle))
}

fn a_copy_has_fewer_rights_and_ends_with_its_origin() -> Check {
    let bell = at("create", Notification::create())?;
    let copy = at(
        "copy",
        ipc::copy(bell.0, Rights::NOTIFY.or(Rights::COPY), 0),
    )?;
    same(
        "wait",
        Notification(copy).wait(Some(MOMENT)),
        Err(Error::NotPermitted),
    )?;
    // What the first does not have, the copy of the copy cannot have.
    let third = at("copy", ipc::copy(copy, Rights::ALL, 0))?;
    same(
        "wait",
        Notification(third).wait(Some(MOMENT)),
        Err(Error::NotPermitted),
    )?;
    at("notify", Notification(third).notify(1))?;
    same("revoke", ipc::revoke(bell.0), Ok(2))?;
    for gone in [copy, third] {
        same("gone", Notification(gone).notify(1), Err(Error::BadHandle))?;
    }
    same("bits", bell.wait(Some(MOMENT)), Ok(1))?;
    at("close", ipc::close(bell.0))?;
    same("closed", ipc::close(bell.0), Err(Error::BadHandle))
}

fn there_are_so_many_handles_and_no_more() -> Check {
    let mut made = vec![];
    let error = loop {
        match Port::create() {
            Ok(port) => made.push(port),
            Err(error) => break error,
        }
        ensure(made.len() < 1000, "handles without an end")?;
    };
    same("error", error, Error::Full)?;
    same("open", Port::open("suite").is_ok(), true)?;
    for port in made {
        at("close", ipc::close(port.0))?;
    }
    child(&["args", "one", "", "zwölf und drei"])
}

fn notifications_collect_bits() -> Check {
    let bell = at("create", Notification::create())?;
    same(
        "nothing",
        bell.wait(Some(Duration::ZERO)),
        Err(Error::TimedOut),
    )?;
    at("notify", bell.notify(1))?;
    at("notify", bell.notify(4))?;
    same("both", bell.wait(None), Ok(5))?;
    sleep(Duration::from_millis(1));
    same("cleared", bell.wait(Some(MOMENT)), Err(Error::TimedOut))?;
    same(
        "not an endpoint",
        Port(bell.0).call([0; 4]).err(),
        Some(Error::WrongObject),
    )?;
    same(
        "none",
        Notification(Handle::NONE).notify(1),
        Err(Error::BadHandle),
    )?;
    at("close", ipc::close(bell.0))
}
