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
    /// Have the default model's weights.
    Model,
}

impl Purpose {
    /// Everything.
    pub const ALL: [Self; 4] = [
        Self::BuildGuest,
        Self::RunMachine,
        Self::BuildAgent,
        Self::Model,
    ];
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
    /// Fetches the model.
    Python,
    /// Fetches the model.
    Pip,
}

impl Need {
    const ALL: [Self; 8] = [
        Self::CoreLibrary,
        Self::Qemu,
        Self::Cmake,
        Self::Make,
        Self::CppCompiler,
        Self::Libclang,
        Self::Python,
        Self::Pip,
    ];

    const fn purpose(self) -> Purpose {
        match self {
            Self::CoreLibrary => Purpose::BuildGuest,
            Self::Qemu => Purpose::RunMachine,
            Self::Cmake | Self::Make | Self::CppCompiler | Self::Libclang => Purpose::BuildAgent,
            Self::Python | Self::Pip => Purpose::Model,
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
            Self::Python => "Python",
            Self::Pip => "pip",
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
            Self::Python => &["python3"],
            Self::Pip => &["python3-pip"],
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
            // Only for fetching the model, so not when it is there.
            Self::Python => host.has_model() || host.has_program("python3"),
            Self::Pip => host.has_model() || host.has_pip(),
        }
    }
}

/// What can be asked about a machine.
pub trait Host {
    /// Whether a program is on the path.
    fn has_program(&self, name: &str) -> bool;
    /// Whether bindgen would find libclang.
    fn has_libclang(&self) -> bool;
    /// Whether Python has pip.
    fn has_pip(&self) -> bool;
    /// Whether there is a way to compile for the bare machine.
    fn has_core_library(&self) -> bool;
    /// Whether the model's weights are there.
    fn has_model(&self) -> bool;
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
        pip: bool,
        core: bool,
        model: bool,
    }

    impl Host for FakeHost {
        fn has_program(&self, name: &str) -> bool {
            self.programs.contains(&name)
        }

        fn has_libclang(&self) -> bool {
            self.libclang
        }

        fn has_pip(&self) -> bool {
            self.pip
        }

        fn has_core_library(&self) -> bool {
            self.core
        }

        fn has_model(&self) -> bool {
            self.model
        }
    }

    #[test]
    fn a_bare_host_lacks_everything() {
        let needs = missing(&FakeHost::default(), &Purpose::ALL);
        assert_eq!(needs, Need::ALL);
        let packages = packages(&needs);
        for package in [
            "rust-web-src",
            "qemu-system-x86",
            "cmake",
            "libclang-dev",
            "python3-pip",
        ] {
            assert!(packages.contains(&package), "{package}");
        }
    }

    #[test]
    fn a_complete_host_lacks_nothing() {
        let programs = vec![crate::qemu::PROGRAM, "cmake", "make", "c++", "python3"];
        let host = FakeHost {
            programs,
            libclang: true,
            pip: true,
            core: true,
            model: false,
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

    #[test]
    fn with_the_model_there_nothing_is_needed_to_fetch_it() {
        let host = FakeHost {
            model: true,
            ..Default::default()
        };
        assert!(missing(&host, &[Purpose::Model]).is_empty());
    }
}
