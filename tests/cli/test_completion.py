"""What bash and zsh offer for the programs' options: what the option table has, and nothing else.

Every program's completion for bash is asked about every option. Besides, a bash and a zsh on a terminal of their own are typed to.
"""

import os
import select
import subprocess
import time

import pytest
from option_tables import PROGRAMS, family_of, options_of_manual, output, wants_of

TIME_LIMIT = 30
PROMPT = b"ready for the next line> "
RUN = b"the line was run"

# ask WORD...: prints what is offered for the last word of the command line, then a full stop. compopt works for a terminal only.
ASK = r"""
compopt() { COMPOPT=$2; }
ask() {
    COMP_WORDS=(program "$@") COMP_CWORD=$# COMPREPLY=() COMPOPT=
    "$function"
    printf '%s\n' $COMPOPT "${COMPREPLY[@]}" .
}
"""


def offered(program, *questions):
    """What bash offers for each question, a list of words."""
    name = f"_roomstream-{program}"
    lines = [output(program, "--print-completion", "bash"), f"function={name}", ASK]
    lines += ["ask " + " ".join(f"'{word}'" for word in words) for words in questions]
    result = subprocess.run(["bash", "--norc", "-c", "\n".join(lines)], capture_output=True, encoding="utf-8", timeout=TIME_LIMIT)
    assert (result.returncode, result.stderr) == (0, "")
    answers = result.stdout.split(".\n")[:-1]
    return [[line for line in answer.splitlines() if line] for answer in answers]


def values(option, want):
    """What is to be offered as the value of the option."""
    if want.startswith("one of "):
        return want.removeprefix("one of ").split(", ")
    return {"FILE": ["default"], "FOLDER": ["dirnames"], "SHELL": ["bash", "zsh"]}.get(option.argument, [])


@pytest.mark.parametrize("program", PROGRAMS)
def test_bash_is_offered_the_option_table(program):
    options = [option for option in options_of_manual(program)[0] if not option.secret]
    names = [f"--{option.name}" for option in options]
    questions, answers = [[""], ["--log-format", "text", ""], ["--"]], [names, names, names]
    wants = wants_of(family_of(program))
    for option in options:
        expected = values(option, wants.get(option.name, "")) if option.argument else names
        for name in filter(None, (f"--{option.name}", option.letter and f"-{option.letter}")):
            questions.append([name, ""])
            answers.append(expected)
        if option.argument:
            questions += [[f"--{option.name}", "="], [f"--{option.name}", "=", ""]]
            answers += [expected, expected]
    questions.append(["-X", "acks", "="])
    answers.append([])
    assert offered(program, *questions) == answers


@pytest.mark.parametrize("program", PROGRAMS)
def test_zsh_is_offered_the_option_table(program):
    """Each line of its _arguments, taken apart by zsh itself."""
    text = output(program, "--print-completion", "zsh")
    assert text.startswith(f"#compdef roomstream-{program}\n")
    script = "_arguments() { print -rl -- \"${@[2,-1]}\" }\n" + text
    result = subprocess.run(["zsh", "-f", "-c", script], capture_output=True, encoding="utf-8", timeout=TIME_LIMIT)
    assert (result.returncode, result.stderr) == (0, "")
    wants, expected = wants_of(family_of(program)), []
    for option in options_of_manual(program)[0]:
        names = [] if option.secret else [f"-{option.letter}+"] * bool(option.letter) + [f"--{option.name}="]
        offers = values(option, wants.get(option.name, ""))
        action = {("default",): "_files", ("dirnames",): "_files -/"}.get(tuple(offers), f"({' '.join(offers)})" if offers else " ")
        for name in names:
            expected.append((name, action) if option.argument else (name.rstrip("+="), ""))
    found = []
    for line in result.stdout.splitlines():
        name = line.split("[")[0].removeprefix("*").split(")")[-1]
        found.append((name, "" if line.endswith("]") else line.split(":")[-1]))
    assert found == expected


class Terminal:
    """A shell on a terminal of its own."""

    def __init__(self, command, folder, **variables):
        self.master, slave = os.openpty()
        self.shell = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, cwd=folder, start_new_session=True,
                                      env={"PATH": os.environ["PATH"], "TERM": "dumb", **variables})
        os.close(slave)
        self.seen = b""

    def wait_for(self, text):
        limit = time.monotonic() + TIME_LIMIT
        while text not in self.seen:
            assert select.select([self.master], [], [], max(0, limit - time.monotonic()))[0], self.seen
            self.seen += os.read(self.master, 4096)
        self.seen = self.seen.split(text, 1)[1]

    def type(self, text):
        """Types a line when the shell is ready for it, and waits until it has been run."""
        os.write(self.master, text.encode() + b"\n")
        self.wait_for(RUN)
        self.wait_for(PROMPT)

    def close(self):
        self.shell.kill()
        self.shell.wait(TIME_LIMIT)
        os.close(self.master)


def bash(folder):
    (folder / "rc").write_text(output("bridge", "--print-completion", "bash") + "bind 'set enable-bracketed-paste off'\n"
                               f"roomstream-bridge() {{ printf '%s\\n' \"$@\" >words; echo {RUN.decode()}; }}\n" f"PS1='{PROMPT.decode()}'\n")
    return Terminal(["bash", "--noprofile", "--rcfile", folder / "rc", "-i"], folder)


def zsh(folder):
    (folder / "_roomstream-bridge").write_text(output("bridge", "--print-completion", "zsh"))
    (folder / ".zshrc").write_text(f"fpath=({folder} $fpath)\nautoload -Uz compinit\ncompinit -u -D\n"
                                   f"roomstream-bridge() {{ print -rl -- \"$@\" >words; echo {RUN.decode()}; }}\n" f"PS1='{PROMPT.decode()}'\n")
    return Terminal(["zsh", "-d", "-i"], folder, ZDOTDIR=str(folder))


@pytest.mark.parametrize("shell", [bash, zsh])
def test_shell_completes(shell, tmp_path):
    (tmp_path / "authority.pem").touch()
    (tmp_path / "spool-file").touch()
    (tmp_path / "spool-folder").mkdir()
    terminal = shell(tmp_path)
    try:
        terminal.wait_for(PROMPT)
        for keys, words in {"--deliv\tex\t": ["--delivery", "exactly-once"],
                            "--delivery=at\t": ["--delivery", "at-least-once"],
                            "-V mqttv5\t": ["-V", "mqttv5"],
                            "--cafile auth\t": ["--cafile", "authority.pem"],
                            "--spool=spool-f\t": ["--spool", "spool-folder"],
                            "-t \t temp --qu\t": ["-t", "temp", "--qu"],
                            "--passw\tsecret": ["--password-file", "secret"]}.items():
            terminal.type(f"roomstream-bridge {keys}")
            found = (tmp_path / "words").read_text().replace("=", "\n").split()
            assert [word.rstrip("/") for word in found] == words
    finally:
        terminal.close()
