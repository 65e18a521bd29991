//! Counts how often it was started, in a file that outlives the machine. Argument:
//! another path than its own folder's.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::string::ToString;

use proviso_user::abi::files::FileError;
use proviso_user::fs::{self, FsError};
use proviso_user::{Args, println, program};

program!(main);

fn main(args: Args) -> Result<(), FsError> {
    let path = match args.iter().next() {
        Some(path) => path.into(),
        None => fs::own_folder(&args)? + "/starts",
    };
    let before: u64 = match fs::read(&path) {
        Ok(text) => core::str::from_utf8(&text)
            .unwrap_or_default()
            .parse()
            .unwrap_or(0),
        Err(FsError::Refused(FileError::NotFound)) => 0,
        Err(error) => return Err(error),
    };
    let count = before.saturating_add(1);
    fs::write(&path, count.to_string().as_bytes())?;
    println!("start number {count}, says {path}");
    Ok(())
}
