//! `boot.cfg`: what the person who starts the machine wants of it.

/// The boot configuration: lines of `key=value`; `#` begins a comment line.
///
/// | key | values | default |
/// |---|---|---|
/// | `init` | the first program, under `bin/` | `init` |
/// | `console` | `ansi` or `plain` | `ansi` |
/// | `agent` | `yes` or `no` | `yes` |
#[derive(Clone, Copy, Debug, Default)]
pub struct BootConfig<'a> {
    text: &'a str,
}

impl<'a> BootConfig<'a> {
    /// A configuration with the lines of `text`.
    #[must_use]
    pub const fn new(text: &'a str) -> Self {
        Self { text }
    }

    /// Every key with its value, white space around both taken off.
    pub fn entries(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.text
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'))
            .filter_map(|line| line.split_once('='))
            .map(|(key, value)| (key.trim(), value.trim()))
    }

    /// The value of `key`. The last line wins, so that lines can be overridden
    /// by appending.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&'a str> {
        self.entries()
            .filter(|(own, _)| *own == key)
            .last()
            .map(|(_, value)| value)
    }

    /// The value of `key`, or `default` if there is none.
    #[must_use]
    pub fn get_or(&self, key: &str, default: &'a str) -> &'a str {
        self.get(key).unwrap_or(default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_up_values_and_lets_the_last_line_win() {
        let config = BootConfig::new("init=init\n console = ansi \n# init=no\nconsole=plain\n");
        assert_eq!(config.get("init"), Some("init"));
        assert_eq!(config.get("console"), Some("plain"));
        assert_eq!(config.entries().count(), 3);
    }

    #[test]
    fn answers_nothing_for_what_is_not_there() {
        let config = BootConfig::new("no equals sign\n=empty key\ninit\n");
        assert_eq!(config.get("init"), None);
        assert_eq!(config.get_or("init", "init"), "init");
        assert_eq!(BootConfig::default().get("console"), None);
    }
}
