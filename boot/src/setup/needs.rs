//! What is needed for which purpose, and which Debian packages bring it.

/// What somebody wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Build what runs in the machine.
    BuildGuest,
    /// Start a machine.
    RunMachine,
    /// Build the agent, llama.cpp included.
    BuildAgent,
}

impl Purpose {
    /// Everything.
    pub const ALL: [Self; 3] = [Self::BuildGuest, Self::RunMachine, Self::BuildAgent];
}

/// Something that may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// `core` for the bare machine.
    CoreLibrary,
    /// The emulator.
    Qemu,
    /// What llama.cpp is built with.
    Cmake,
    /// What cmake calls.
    Make,
    /// llama.cpp is C++.
    CppCompiler,
    /// bindgen reads llama.cpp's headers with it.
    Libclang,
}

impl Need {
    const ALL: [Self; 6] = [
        Self::CoreLibrary,
        Self::Qemu,
        Self::Cmake,
        Self::Make,
        Self::CppCompiler,
        Self::Libclang,
    ];

    const fn purpose(self) -> Purpose {
        match self {
            Self::CoreLibrary => Purpose::BuildGuest,
            Self::Qemu => Purpose::RunMachine,
            Self::Cmake | Self::Make | Self::CppCompiler | Self::Libclang => Purpose::BuildAgent,
        }
    }

    /// What it is, for a person.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::CoreLibrary => "a core library for x86_64-unknown-none",
            Self::Qemu => "the emulator QEMU",
            Self::Cmake => "cmake",
            Self::Make => "make",
            Self::CppCompiler => "a C++ compiler",
            Self::Libclang => "libclang",
        }
    }

    /// The Debian packages that bring it.
    #[must_use]
    pub const fn packages(self) -> &'static [&'static str] {
        match self {
            Self::CoreLibrary => &["rustc-web", "cargo-web", "rust-web-src"],
            Self::Qemu => &["qemu-system-x86"],
            Self::Cmake => &["cmake"],
            Self::Make => &["make"],
            Self::CppCompiler => &["g++"],
            Self::Libclang => &["clang", "libclang-dev"],
        }
    }

    fn is_met(self, host: &impl Host) -> bool {
        match self {
            Self::CoreLibrary => host.has_core_library(),
            Self::Qemu => host.has_program(crate::qemu::PROGRAM),
            Self::Cmake => host.has_program("cmake"),
            Self::Make => host.has_program("make") || host.has_program("ninja"),
            Self::CppCompiler => host.has_program("c++"),
            Self::Libclang => host.has_libclang(),
        }
    }
}

/// What can be asked about a machine.
pub trait Host {
    /// Whether a program is on the path.
    fn has_program(&self, name: &str) -> bool;
    /// Whether bindgen would find libclang.
    fn has_libclang(&self) -> bool;
    /// Whether there is a way to compile for the bare machine.
    fn has_core_library(&self) -> bool;
}

/// What `host` lacks for `purposes`.
pub fn missing(host: &impl Host, purposes: &[Purpose]) -> Vec<Need> {
    let needed = Need::ALL
        .into_iter()
        .filter(|need| purposes.contains(&need.purpose()));
    needed.filter(|need| !need.is_met(host)).collect()
}

/// The packages that bring all of `needs`.
pub fn packages(needs: &[Need]) -> Vec<&'static str> {
    needs
        .iter()
        .flat_map(|need| need.packages())
        .copied()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine that has what the test says.
    #[derive(Default)]
    struct FakeHost {
        programs: Vec<&'static str>,
        libclang: bool,
        core: bool,
    }

    impl Host for FakeHost {
        fn has_program(&self, name: &str) -> bool {
            self.programs.contains(&name)
        }

        fn has_libclang(&self) -> bool {
            self.libclang
        }

        fn has_core_library(&self) -> bool {
            self.core
        }
    }

    #[test]
    fn a_bare_host_lacks_everything() {
        let needs = missing(&FakeHost::default(), &Purpose::ALL);
        assert_eq!(needs, Need::ALL);
        let packages = packages(&needs);
        for package in ["rust-web-src", "qemu-system-x86", "cmake", "libclang-dev"] {
            assert!(packages.contains(&package), "{package}");
        }
    }

    #[test]
    fn a_complete_host_lacks_nothing() {
        let programs = vec![crate::qemu::PROGRAM, "cmake", "make", "c++"];
        let host = FakeHost {
            programs,
            libclang: true,
            core: true,
        };
        assert!(missing(&host, &Purpose::ALL).is_empty());
    }

    #[test]
    fn only_what_the_purpose_needs_is_asked_for() {
        let bare = FakeHost::default();
        let without_agent = missing(&bare, &[Purpose::BuildGuest, Purpose::RunMachine]);
        assert_eq!(without_agent, [Need::CoreLibrary, Need::Qemu]);
        assert!(missing(&bare, &[]).is_empty());
    }
}
