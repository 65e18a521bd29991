//! Files: which path, whose, and whether anybody keeps them.

use proviso_abi::Path;
use proviso_abi::action::ActionKind;
use proviso_abi::files::{is_path, is_within};
use proviso_abi::outcome::Reason::{Malformed, NotPermitted, WrongState};

use super::Judge;
use super::words::{Judged, refuse};
use crate::view::FilesView;

impl Judge<'_> {
    /// A path that the principal may do this with; none is the top of what it has.
    pub(super) fn path(&self, kind: ActionKind, path: Option<&Path>) -> Judged<Path> {
        let home = match &self.view.files {
            FilesView::There { home } => home.as_ref(),
            FilesView::NoDisk => {
                return refuse(
                    WrongState,
                    format_args!(
                        "this machine has no disk, so there are no files; start it with one"
                    ),
                );
            }
            FilesView::Closed => {
                return refuse(
                    NotPermitted,
                    format_args!("this process was disconnected from the store of files"),
                );
            }
        };
        let Some(path) = path else {
            return Ok(home.cloned().unwrap_or_else(|| Path::cut("/")));
        };
        let is_folder = kind == ActionKind::List;
        if !is_path(path) || (**path == *"/" && !is_folder) {
            return refuse(
                Malformed,
                format_args!("\"{path}\" is no path of a file; one looks like /notes/todo.txt"),
            );
        }
        match home {
            Some(home) if !is_within(path, home) => refuse(
                NotPermitted,
                format_args!("{path} is not among your files, which are below {home}"),
            ),
            _ => Ok(path.clone()),
        }
    }
}
