//! The choice of processor features for llama.cpp, in `.cargo/config.toml`.
//!
//! Without it ggml is built for processors with AVX2. With it, for what this one
//! has: the difference between the slowest and the fastest is a factor of five. Only an
//! `[env]` table: flags for rustc would reach the kernel and rebuild every crate. Each
//! instruction set is named by itself, because `-march=native` builds AMX code that
//! crashes with gcc 12.

use std::{collections::BTreeSet, fs, process::Command};

use anyhow::{Context, Result};

use crate::paths;

/// The first lines, by which we know our own file.
const HEADER: &str = "\
# Written by the set-up for this machine's processor; not under version control.
# It tells llama.cpp's own build (cmake) which instructions to use. It sets no
# rustflags, so it changes nothing about how the kernel and the programs are built.
";

/// gcc before this one does not know `-mavxvnni`.
const GCC_WITH_AVX_VNNI: u32 = 11;

/// ggml's variables, and the flags in /proc/cpuinfo that each needs.
const FEATURES: [(&str, &[&str]); 11] = [
    ("GGML_SSE42", &["sse4_2"]),
    ("GGML_AVX", &["avx"]),
    ("GGML_F16C", &["f16c"]),
    ("GGML_FMA", &["fma"]),
    ("GGML_BMI2", &["bmi2"]),
    ("GGML_AVX2", &["avx2"]),
    ("GGML_AVX_VNNI", &["avx_vnni"]),
    ("GGML_AVX512", &AVX512),
    ("GGML_AVX512_VBMI", &["avx512vbmi"]),
    ("GGML_AVX512_VNNI", &["avx512_vnni"]),
    ("GGML_AVX512_BF16", &["avx512_bf16"]),
];

/// What ggml means by AVX-512.
const AVX512: [&str; 5] = ["avx512f", "avx512cd", "avx512vl", "avx512dq", "avx512bw"];

/// Set on every machine: the agent opens no network connection of llama.cpp's.
const NO_OPENSSL: &str = "CMAKE_DISABLE_FIND_PACKAGE_OpenSSL";

/// Every variable that the file may set.
pub const VARIABLES: [&str; 12] = {
    let mut names = [NO_OPENSSL; 12];
    let mut index = 0;
    while index < FEATURES.len() {
        names[index + 1] = FEATURES[index].0;
        index += 1;
    }
    names
};

/// Writes the file, if it would change (a change rebuilds llama.cpp).
///
/// # Errors
/// When it cannot be written.
pub fn ensure() -> Result<()> {
    let path = paths::root().join(".cargo/config.toml");
    let present = fs::read_to_string(&path).unwrap_or_default();
    if !present.is_empty() && !present.starts_with(HEADER) {
        eprintln!(
            "{} is yours, so it stays: llama.cpp may be slower than it could",
            path.display()
        );
        return Ok(());
    }
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let wanted = content(
        cfg!(target_arch = "x86_64").then_some(&cpuinfo),
        compiler_version(),
    );
    if wanted != present {
        let folder = path.parent().unwrap_or(&path);
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        fs::write(&path, wanted).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// The file for a processor (none: not an x86-64) and a compiler's major version.
fn content(cpuinfo: Option<&String>, compiler: Option<u32>) -> String {
    let mut text = format!("{HEADER}[env]\n{NO_OPENSSL} = \"ON\"\n");
    let Some(cpuinfo) = cpuinfo else { return text };
    let flags = processor_flags(cpuinfo);
    let has = |names: &[&str]| names.iter().all(|name| flags.contains(name));
    for (variable, needs) in FEATURES {
        let on = match variable {
            "GGML_AVX_VNNI" => {
                has(needs) && compiler.is_none_or(|version| version >= GCC_WITH_AVX_VNNI)
            }
            _ if variable.starts_with("GGML_AVX512") => has(needs) && has(&AVX512),
            _ => has(needs),
        };
        text += &format!("{variable} = \"{}\"\n", if on { "ON" } else { "OFF" });
    }
    text
}

fn processor_flags(cpuinfo: &str) -> BTreeSet<&str> {
    let line = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("flags")?.split_once(':'));
    line.map(|(_, flags)| flags.split_whitespace().collect())
        .unwrap_or_default()
}

/// The major version of the C++ compiler, if it is a gcc.
fn compiler_version() -> Option<u32> {
    let banner = Command::new("c++").arg("--version").output().ok()?;
    if String::from_utf8_lossy(&banner.stdout).contains("clang") {
        return None;
    }
    let output = Command::new("c++").arg("-dumpversion").output().ok()?;
    String::from_utf8(output.stdout)
        .ok()?
        .trim()
        .split('.')
        .next()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(flags: &str, compiler: Option<u32>) -> Vec<String> {
        let cpuinfo =
            format!("processor\t: 0\nvendor_id\t: Test\nflags\t\t: fpu {flags}\nbugs\t:\n");
        content(Some(&cpuinfo), compiler)
            .lines()
            .map(str::to_owned)
            .collect()
    }

    fn switched_on(flags: &str, compiler: Option<u32>) -> Vec<String> {
        let on = lines(flags, compiler).into_iter().filter_map(|line| {
            let name = line.strip_suffix(" = \"ON\"")?;
            Some(name.strip_prefix("GGML_")?.to_owned())
        });
        on.collect()
    }

    const AVX512_FLAGS: &str = "avx512f avx512cd avx512vl avx512dq avx512bw avx512_vnni";

    #[test]
    fn every_feature_is_named_on_or_off() {
        let text = lines("", None);
        assert_eq!(text.iter().filter(|line| line.starts_with('#')).count(), 3);
        for variable in VARIABLES {
            assert_eq!(
                text.iter()
                    .filter(|line| line.starts_with(&format!("{variable} =")))
                    .count(),
                1
            );
        }
        assert!(switched_on("", None).is_empty());
    }

    #[test]
    fn features_follow_the_processor() {
        let haswell = "sse4_2 avx f16c fma bmi2 avx2";
        let expected = ["SSE42", "AVX", "F16C", "FMA", "BMI2", "AVX2"];
        assert_eq!(switched_on(haswell, Some(12)), expected);
        assert_eq!(
            switched_on(AVX512_FLAGS, Some(12)),
            ["AVX512", "AVX512_VNNI"]
        );
    }

    #[test]
    fn extensions_need_what_they_extend_and_a_compiler() {
        assert!(switched_on("avx512f avx512_vnni avx512_bf16", Some(12)).is_empty());
        assert_eq!(switched_on("avx_vnni", Some(12)), ["AVX_VNNI"]);
        assert!(switched_on("avx_vnni", Some(10)).is_empty());
        assert!(
            !lines("amx_tile", Some(12))
                .iter()
                .any(|line| line.contains("AMX"))
        );
    }

    #[test]
    fn other_processors_get_no_x86_features() {
        assert!(!content(None, None).contains("GGML"));
    }
}
