//! The reference of the command line, made from the definitions that `clap` reads.

use clap::{Command, CommandFactory as _};

use super::Arguments;

/// Returns the reference page in Markdown.
pub fn reference() -> String {
    let mut root = Arguments::command().term_width(96);
    root.build();
    let mut page = String::from(
        "# Command line\n\nMade from the code. Each section is what `tidegate COMMAND --help` prints.\n\n\
         | command | what it does |\n|---|---|\n",
    );
    let mut sections = String::new();
    for command in root.get_subcommands().filter(|command| command.get_name() != "help") {
        describe(command, &mut page, &mut sections);
    }
    page.push_str(
        "\nEvery command accepts `--config FILE` and `--set NAME=VALUE`. Exit code 0 is success, 1 is a \
                   failure, and 2 is a wrong command line or setting.\n",
    );
    page + &sections
}

/// Adds a command, and those below it.
fn describe(command: &Command, table: &mut String, sections: &mut String) {
    let mut command = command.clone();
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name()).to_owned();
    let anchor = name.replace(' ', "-");
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    table.push_str(&format!("| [`{name}`](#{anchor}) | {about} |\n"));
    let help = command.render_long_help().to_string();
    let help: Vec<&str> = help.lines().map(str::trim_end).collect();
    sections.push_str(&format!("\n## {name}\n\n```console\n{}\n```\n", help.join("\n").trim()));
    for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
        describe(below, table, sections);
    }
}
