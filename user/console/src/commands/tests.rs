use super::*;
use proptest::prelude::*;

fn action(line: &str) -> String {
    match read(line) {
        Input::Command(Request::Act(action)) => format!("{action:?}"),
        other => panic!("{line}: {other:?}"),
    }
}

fn mistake(line: &str) -> String {
    match read(line) {
        Input::Mistake(text) => text,
        other => panic!("{line}: {other:?}"),
    }
}

fn words_of(line: &str) -> String {
    match read(line) {
        Input::Command(Request::Act(action)) => action.to_string(),
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn every_command_says_what_its_plan_says() {
    for (line, words) in [
        ("/ps", "show processes"),
        ("/ps cpu", "show processes sorted by cpu"),
        ("/mem", "show the memory"),
        ("/status", "show the status of the system"),
        ("/programs", "show programs"),
        ("/log", "show the last 20 lines of the log"),
        ("/log 3", "show the last 3 lines of the log"),
        ("/inspect 4", "inspect process 4"),
        ("/spawn counter", "start counter"),
        (
            "/spawn counter x2 priority=low limit=1M 500 x9",
            "start 2 counter with 500 x9 at low priority, at most 1M memory",
        ),
        ("  /kill   4,counter  ", "kill process 4 and counter"),
        (
            "/kill *,-shell",
            "kill every process but init, except shell",
        ),
        ("/suspend hog", "suspend hog"),
        ("/resume hog", "resume hog"),
        ("/restart hog", "restart hog"),
        ("/priority hog high", "set the priority of hog to high"),
        ("/priority hog +1", "raise the priority of hog by 1"),
        ("/priority hog -2", "lower the priority of hog by 2"),
        ("/limit hog 8M", "set the memory limit of hog to 8M"),
        ("/limit hog x2", "multiply the memory limit of hog by 2"),
        ("/grant hog 512K", "give hog 512K more memory"),
        ("/cap hog,-7 20%", "limit hog, except 7 to 20% cpu"),
        ("/cap hog 100", "limit hog to 100% cpu"),
        ("/scheduler fair", "set the scheduler to fair"),
        (
            "/scheduler adaptive 20",
            "set the scheduler to adaptive, 20 ms a turn",
        ),
        ("/scale counter 3", "have 3 counter in all"),
        ("/reclaim hog", "take back unused memory of hog"),
        ("/connect 4 echo", "let process 4 call echo"),
        ("/disconnect 4 echo", "stop letting process 4 call echo"),
        ("/endpoints", "show endpoints"),
        ("/devices", "show devices"),
        ("/rules", "show rules"),
        (
            "/rule crash worker restart limit=3",
            "when worker crashes, restart it, at most 3 times",
        ),
        (
            "/rule memory_over hog set_memory_limit threshold=4M bytes=8M",
            "when hog holds over 4M memory, set its memory limit to 8M",
        ),
        ("/unrule 2", "remove rule 2"),
        ("/explain", "explain the state of the system"),
        ("/explain hog", "explain hog"),
        (
            "/search out of memory",
            "search the log for \"out of memory\"",
        ),
        ("/undo", "undo the last change"),
        ("/undo 3", "undo the last 3 changes"),
        ("/remember I work nights", "remember: I work nights"),
        ("/forget nights", "forget: nights"),
        ("/send echo  hello  you ", "send \"hello  you\" to echo"),
        ("/ls", "show files"),
        ("/ls /notes", "show files in /notes"),
        ("/cat /notes/todo.txt", "show the file /notes/todo.txt"),
        ("/write /a  two words ", "write 9 bytes to the file /a"),
        ("/rm /a", "delete the file /a"),
        ("/shutdown", "shut the machine down"),
        ("/shutdown reboot", "restart the machine"),
    ] {
        assert_eq!(words_of(line), words, "{line}");
    }
    assert!(action("/log 3").contains("limit: Some(3)"));
}

#[test]
fn what_only_the_console_may_ask_is_no_action() {
    let console = |line: &str| match read(line) {
        Input::Command(Request::Console(request)) => request,
        other => panic!("{line}: {other:?}"),
    };
    assert_eq!(console("/user"), ConsoleRequest::Users);
    assert_eq!(
        console("/user ann"),
        ConsoleRequest::Become(Name::cut("ann"))
    );
    assert_eq!(
        console("/user add ann memory=16M processes=4"),
        ConsoleRequest::AddUser {
            name: Name::cut("ann"),
            processes: Some(4),
            memory: Some(proviso_abi::Bytes(16 << 20)),
        }
    );
    assert_eq!(console("/audit export"), ConsoleRequest::ExportAudit);
    assert!(matches!(
        console("/confirm never"),
        ConsoleRequest::Confirm(_)
    ));
    assert_eq!(words_of("/audit"), "show the audit, at most 20");
    for (line, says) in [
        ("/confirm sometimes", "not one of always, destroy, never"),
        ("/confirm", "is missing"),
        ("/user add", "is missing"),
        ("/user add ann colour=red", "nothing that a user has"),
        ("/user ann bob", "one word too many"),
        ("/audit all", "neither export nor a number"),
    ] {
        assert!(mistake(line).contains(says), "{line}: {}", mistake(line));
    }
}

#[test]
fn every_misuse_is_named_and_shows_the_usage() {
    for (line, says) in [
        (
            "/ps size",
            "\"size\" is nothing to sort by: not one of cpu, memory, pid, name",
        ),
        ("/ps cpu now", "\"now\" is one word too many"),
        ("/mem all", "one word too many"),
        ("/top 5", "one word too many"),
        ("/trace 0", "\"0\" is no number of records from 1 to 1000"),
        ("/trace 1001", "is no number of records"),
        ("/cap", "which processes is missing"),
        ("/cap hog 0", "\"0\" is no percentage from 1 to 100"),
        ("/cap hog 101%", "is no percentage"),
        ("/cap hog 5 6", "one word too many"),
        (
            "/scheduler best",
            "\"best\" is no policy: not one of round_robin, fair, priority, adaptive",
        ),
        (
            "/scheduler fair ten",
            "\"ten\" is no number of milliseconds",
        ),
        ("/log many", "\"many\" is no number of lines"),
        ("/inspect", "who is to be inspected is missing"),
        ("/inspect *,-4", "no exceptions"),
        ("/spawn", "the name of the program is missing"),
        (
            "/spawn counter priority=urgent",
            "\"urgent\" is no priority: not one of idle",
        ),
        ("/spawn counter limit=lots", "\"lots\" is no size"),
        ("/spawn counter 1 2 3 4 5 6 7 8 9", "longer than 8"),
        ("/kill", "which processes is missing"),
        ("/kill 4 5", "\"5\" is one word too many"),
        ("/kill 4,,5", "empty part"),
        ("/priority hog", "the priority is missing"),
        ("/priority hog +999", "no step such as +1"),
        ("/priority hog urgent", "no priority"),
        ("/limit hog", "the size is missing"),
        ("/limit hog x1.2345", "no size"),
        ("/grant hog x2", "no size"),
        ("/send echo", "the text is missing"),
        ("/ls notes", "\"notes\" is no path"),
        ("/cat", "the file is missing"),
        ("/write /a", "the text is missing"),
        ("/rm /a /b", "\"/b\" is one word too many"),
        ("/shutdown now", "\"now\" is not reboot"),
        ("/clear all", "one word too many"),
    ] {
        let text = mistake(line);
        assert!(text.contains(says), "{line}: {text}");
        assert!(text.contains("\nusage: /"), "{line}: {text}");
    }
    let long = format!("/spawn {}", "x".repeat(33));
    assert!(mistake(&long).contains("longer than 32"));
    let long = format!("/send 4 {}", "x".repeat(257));
    assert!(mistake(&long).contains("longer than 256"));
    let long = format!("/spawn a {}", "y".repeat(65));
    assert!(mistake(&long).contains("longer than 64"));
}

#[test]
fn an_unknown_command_gets_the_nearest_one() {
    assert!(mistake("/klil 4").starts_with("there is no command /klil, did you mean /kill?\n"));
    assert!(mistake("/frobnicate").starts_with("there is no command /frobnicate\n/help"));
    assert!(mistake("/").contains("anything without a slash is a sentence"));
    assert!(mistake("/help klil").contains("did you mean /kill?"));
}

#[test]
fn help_explains_every_command() {
    let Input::Command(Request::Show(all)) = read("/help") else {
        panic!("no help");
    };
    for command in COMMANDS {
        assert!(
            all.contains(&format!("  /{} ", command.name)),
            "{}",
            command.name
        );
        let Input::Command(Request::Show(one)) = read(&format!("/help /{}", command.name)) else {
            panic!("no help for {}", command.name);
        };
        assert!(one.starts_with(&usage(command)) && one.contains(command.summary));
    }
}

#[test]
fn what_has_no_slash_is_a_sentence() {
    assert_eq!(read("  \t "), Input::Nothing);
    assert_eq!(
        read(" start two counters "),
        Input::Sentence("start two counters".into())
    );
    assert_eq!(read("/history"), Input::Command(Request::History));
    assert_eq!(read("/clear"), Input::Command(Request::Clear));
}

proptest! {
    #[test]
    fn no_line_panics(line in "/?\\PC{0,80}") {
        let _ = read(&line);
    }

    #[test]
    fn no_arguments_panic(command in 0..COMMANDS.len(), rest in "[ -~ü]{0,80}") {
        let _ = read(&format!("/{} {rest}", COMMANDS[command].name));
    }
}
