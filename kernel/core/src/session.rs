//! What the person at the console asks of the kernel beside plans.

use core::fmt;

use proviso_abi::audit::AuditEvent;
use proviso_abi::console::ConsoleRequest;
use proviso_abi::outcome::IntentEvent;
use proviso_abi::syscall::Error;
use proviso_abi::{Bytes, Effect, Name, Pid, Sentence, Text};

use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::users::{DEFAULT_QUOTA, MAX_USERS, NoUser};
use crate::view::{Principal, Quota};

impl<M: Machine> Kernel<M> {
    /// Takes a request of the console's and sets the result of the call. Only
    /// the console's owner may make one.
    pub(crate) fn submit_console(
        &mut self,
        machine: &mut M,
        pid: Pid,
        bytes: &[u8],
    ) -> Result<(), Error> {
        if self.console_owner() != Some(pid) {
            return Err(Error::NotPermitted);
        }
        let Ok((request, [])) = postcard::take_from_bytes::<ConsoleRequest>(bytes) else {
            return Err(Error::Invalid);
        };
        if let ConsoleRequest::Answer { intent, yes } = request {
            if self.intents.own_mut(intent, pid).is_none() {
                return Err(Error::NoSuchIntent);
            }
            // Before the plan may end the caller.
            self.set_result(machine, pid, Ok(intent));
            // An answer that nobody waits for changes nothing.
            let _ = self.take_answer(machine, pid, intent, yes);
            return Ok(());
        }
        let id = self.add_intent(machine, pid, Sentence::default())?;
        self.set_result(machine, pid, Ok(id));
        let event = match self.do_for_console(machine, request) {
            Ok(effect) => IntentEvent::Done {
                effects: alloc::vec![effect],
                kernel_ns: 0,
            },
            Err(text) => IntentEvent::Failed { text },
        };
        self.tell(machine, id, &event);
        Ok(())
    }

    fn do_for_console(
        &mut self,
        machine: &M,
        request: ConsoleRequest,
    ) -> Result<Effect, Text<200>> {
        match request {
            ConsoleRequest::Users => Ok(Effect::Users(self.show_users())),
            // Answered above.
            ConsoleRequest::Answer { .. } => Err(Text::cut("nothing waits for an answer")),
            ConsoleRequest::AddUser {
                name,
                processes,
                memory,
            } => self.add_user(machine, &name, processes, memory),
            ConsoleRequest::Become(name) => {
                let before = self.users.at_console();
                if !self.users.become_user(&name) {
                    return Err(Text::format(format_args!(
                        "there is no user {name}; /user add {name} makes one"
                    )));
                }
                let line = format_args!("the console acts as {name} now");
                Ok(self.done_for(machine, before, line))
            }
            ConsoleRequest::Confirm(policy) => {
                let principal = self.users.at_console();
                self.users.set_confirm(policy);
                let name = self.principal_name(principal);
                let line = format_args!("{name} is asked before: {policy}");
                Ok(self.done_for(machine, principal, line))
            }
            ConsoleRequest::ExportAudit if self.users.at_console() != Principal::Operator => {
                Err(Text::cut("the audit record is the operator's"))
            }
            ConsoleRequest::ExportAudit if self.link.model().is_none() => Err(Text::cut(
                "no agent is connected, and it is the agent that writes the file",
            )),
            ConsoleRequest::ExportAudit => {
                let count = self.audit.export();
                Ok(Effect::Note(Text::format(format_args!(
                    "{count} records go to the agent, which writes them to its audit folder"
                ))))
            }
        }
    }

    fn add_user(
        &mut self,
        machine: &M,
        name: &Name,
        processes: Option<u32>,
        memory: Option<Bytes>,
    ) -> Result<Effect, Text<200>> {
        let principal = self.users.at_console();
        if principal != Principal::Operator {
            return Err(Text::cut(
                "only the operator makes users; /user operator first",
            ));
        }
        let quota = Quota {
            processes: processes.unwrap_or(DEFAULT_QUOTA.processes),
            memory: memory.unwrap_or(DEFAULT_QUOTA.memory),
        };
        self.users.add(name, quota).map_err(|why| match why {
            NoUser::Exists => Text::format(format_args!("there is a user {name} already")),
            NoUser::TooMany => Text::format(format_args!("there are {MAX_USERS} users already")),
            NoUser::BadName => {
                Text::cut("a user's name has letters, digits, - and _ and nothing else")
            }
        })?;
        let line = format_args!(
            "user {name} may have {} processes and {} in their limits",
            quota.processes, quota.memory
        );
        Ok(self.done_for(machine, principal, line))
    }

    fn done_for(&mut self, machine: &M, principal: Principal, line: fmt::Arguments<'_>) -> Effect {
        let event = AuditEvent::Console(Sentence::format(line));
        self.note(machine, principal, 0, event);
        Effect::Note(Text::format(line))
    }
}
