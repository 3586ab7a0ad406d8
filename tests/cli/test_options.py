"""What every program does with options, as a user meets it: help, manual page, environment, file and command line agree."""

import functools
import os
import re
import string
import subprocess
from typing import NamedTuple

import pytest
from option_tables import (A_FILE, BIN, PROGRAMS, TIME_LIMIT, WRONG, configuration, family_of, options_of_help, options_of_manual, output,
                           refusal, run, specific, variables_of, wants_of)

MAN = BIN.parent / "man"

FACTORS = {"": 1, "ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600, "d": 86400,
           "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def comparable(value):
    """Numbers, durations and sizes as numbers, so that 90s and 1.5m are the same."""
    match = re.fullmatch(r"(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)(|[num]?s|[mhdKMGT])", value)
    return float(match[1]) * FACTORS[match[2]] if match else value


def another_value(what, default):
    """A right value for an option that wants `what`, other than its default."""
    if what == "":
        candidates = ["some text"]
    elif what == A_FILE:
        candidates = ["/dev/null"]
    elif what == "NAME=VALUE":
        candidates = ["some.name=some value"]
    elif what == "true or false":
        candidates = ["true", "false"]
    elif match := re.match("one of (.*)", what):
        candidates = match[1].split(", ")
    elif match := re.search(r" from (\S+) to (\S+)", what):
        candidates = match.groups()
    elif match := re.search(r" of at least (\S+)", what):
        candidates = [match[1], match[1] + "0"]
    else:
        candidates = ["7"]
    return next(value for value in candidates if [comparable(value)] != [comparable(old) for old in default])


class Table(NamedTuple):
    program: str
    options: list  # without the general ones
    variables: dict
    wants: dict
    values: dict  # a value for each option that is not its default


@functools.cache
def table_of(program):
    defaults = configuration(output(program, "--print-config"))
    wants = wants_of(family_of(program))
    values = {name: another_value(want, defaults.get(name, [])) for name, want in wants.items()}
    return Table(program, specific(program), variables_of(program), wants, values)


@pytest.fixture
def table(request):
    return table_of(request.param)


FAMILIES = sorted({family_of(program) for program in PROGRAMS})

# The programs for the sensors are the same.
EACH = [pytest.param(program, marks=[] if program in FAMILIES else pytest.mark.long) for program in PROGRAMS]

every_program = pytest.mark.parametrize("program", EACH)
every_family = pytest.mark.parametrize("program", FAMILIES)
every_table = pytest.mark.parametrize("table", EACH, indirect=True)
every_family_table = pytest.mark.parametrize("table", FAMILIES, indirect=True)


def assert_has_all_values(table, text):
    found = configuration(text)
    expected = {option.name: None if option.secret else [comparable(table.values[option.name])] for option in table.options}
    assert {name: values and [comparable(value) for value in values] for name, values in found.items()} == expected


def test_there_are_programs():
    assert {"publish", "publish-temp", "subscribe", "bridge", "bridge-co2-slope"} <= set(PROGRAMS)


# What is printed


@every_program
def test_help(program):
    text = output(program, "--help")
    assert text.startswith(f"Usage: {program} ")
    assert all(len(line) <= 80 or " " not in line.strip() for line in text.splitlines()[1:])


@every_program
def test_version(program):
    assert re.fullmatch(rf"{program} \(roomstream\) \d+\.\d+\.\d+\n", output(program, "--version"))


@every_program
def test_help_and_manual_name_the_same_options(program):
    options, descriptions = options_of_manual(program)
    assert options_of_help(program) == options
    names = [option.name for option in options]
    letters = [option.letter for option in options if option.letter]
    assert len(set(names)) == len(names)
    assert len(set(letters)) == len(letters)
    assert {"help", "version", "config", "print-config", "print-options", "log-level", "log-format"} <= set(names)
    for name, description in descriptions.items():
        assert re.match(r"\S", description) and not description.endswith("."), name


@every_family_table
def test_help_explains_every_choice(table):
    descriptions = options_of_manual(table.program)[1]
    for name, want in table.wants.items():
        if want.startswith("one of "):
            for choice in want.removeprefix("one of ").split(", "):
                assert re.search(rf"(?<![\w-]){re.escape(choice)}(?![\w-])", descriptions[name]), (name, choice)


@every_program
def test_print_config_names_only_options(program):
    names = [option.name for option in specific(program)]
    printed = list(configuration(output(program, "--print-config")))
    assert printed == [name for name in names if name in printed]


@every_program
def test_a_full_disk_is_noticed(program):
    with open("/dev/full", "w") as full:
        result = subprocess.run([BIN / program, "--help"], stdout=full, stderr=subprocess.PIPE, encoding="utf-8",
                                timeout=TIME_LIMIT)
    assert (result.returncode, result.stderr) == (1, f"{program}: cannot write to stdout: No space left on device\n")


@pytest.mark.parametrize("program", ["subscribe", "kafka-consume"])
def test_a_closed_standard_output_is_wrong_use(program):
    result = subprocess.run(["sh", "-c", f"exec '{BIN / program}' -t a >&-"], stderr=subprocess.PIPE, encoding="utf-8",
                            timeout=TIME_LIMIT)
    assert result.returncode == 2
    assert "standard output is closed" in result.stderr


@every_program
def test_manual_page(program):
    if not MAN.is_dir():
        pytest.skip("manual pages were not built: scdoc is missing")
    source = (MAN / f"roomstream-{program}.1").read_text(encoding="utf-8")
    page = re.sub(r"\\f[BIRP]|\\&", "", source)
    # How groff reads its escapes; scdoc writes a backslash as two of them or, since 1.11.3, as \e.
    page = re.sub(r"\\(\(ti|.)", lambda escape: {"(ti": "~", "e": "\\"}.get(escape[1], escape[1]), page)
    for section in ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "CONFIGURATION", "EXIT STATUS", "EXAMPLES", "SEE ALSO"):
        assert f"\n.SH {section}\n" in page
    assert not re.search(r"@\w+@", page)
    options, descriptions = options_of_manual(program)
    for option in options:
        head = f"({option.name})" if option.secret else f"--{option.name}"
        head = f"-{option.letter}, {head}" if option.letter else head
        head = f"{head} {option.argument}" if option.argument else head
        assert f"\n{head}\n.RS 4\n{descriptions[option.name]}\n" in page


# Where values come from


@every_table
def test_environment(table):
    variables = {table.variables[name]: value for name, value in table.values.items()}
    assert_has_all_values(table, output(table.program, "--print-config", **variables))


@every_table
def test_configuration_file(table, tmp_path):
    file = tmp_path / "options.ini"
    file.write_text("".join(f"{name} = {value}\n" for name, value in table.values.items()))
    text = output(table.program, "--print-config", "--config", file)
    assert_has_all_values(table, text)
    assert output(table.program, "--print-config", ROOMSTREAM_CONFIG=str(file)) == text


@every_table
def test_command_line(table):
    words, variables = [], {}
    for option in table.options:
        value = table.values[option.name]
        if option.secret:
            variables[table.variables[option.name]] = value
        elif option.argument:
            words.append(f"--{option.name}={value}")
        elif value == "true":
            words.append(f"--{option.name}")
        else:
            variables[table.variables[option.name]] = value
    assert_has_all_values(table, output(table.program, "--print-config", *words, **variables))


@every_family_table
def test_letters(table):
    lettered = [option for option in table.options if option.letter]
    assert lettered or table.program == "dead-letters"
    for option in lettered:
        value = table.values[option.name]
        short = [f"-{option.letter}", value] if option.argument else [f"-{option.letter}"]
        long = [f"--{option.name}", value] if option.argument else [f"--{option.name}"]
        text = output(table.program, "--print-config", *short)
        assert text == output(table.program, "--print-config", *long)
        assert text != output(table.program, "--print-config"), option


@every_program
def test_precedence(program, tmp_path):
    file = tmp_path / "options.ini"

    def level(text, *words, **variables):
        file.write_text(text)
        values = configuration(output(program, "--print-config", "--config", file, *words, **variables))
        return values["log-level"]

    # The most specific section comes first in the file, so that it is not just the last one that wins.
    text = "[default]\nlog-level = error\n"
    assert level(text) == ["error"]
    text = "[log]\nlog-level = debug\n" + text
    assert level(text) == ["debug"]
    family = program.split("-")[0]
    if family in PROGRAMS:
        text = f"[{family}]\nlog-level = warning\n" + text
        assert level(text) == ["warning"]
    if program != family:
        text = f"[{program}]\nlog-level = error\n" + text
        assert level(text) == ["error"]
    assert level(text, ROOMSTREAM_LOG_LEVEL="debug") == ["debug"]
    assert level(text, "--log-level", "info", ROOMSTREAM_LOG_LEVEL="debug") == ["info"]


@every_program
def test_sections_of_other_programs(program, tmp_path):
    file = tmp_path / "options.ini"
    file.write_text("[other-program]\nlog-level = debug\nno-such-option = 1\n")
    text = output(program, "--print-config", "--config", file)
    assert text == "# [other-program] is for other programs\n" + output(program, "--print-config")


@every_table
def test_print_config_can_be_read_back(table, tmp_path):
    file = tmp_path / "options.ini"
    variables = {table.variables[option.name]: table.values[option.name] for option in table.options if not option.secret}
    for text in (output(table.program, "--print-config"), output(table.program, "--print-config", **variables)):
        file.write_text(text)
        assert output(table.program, "--print-config", "--config", file) == text


# What is refused


@every_family_table
def test_wrong_values(table, tmp_path):
    file = tmp_path / "options.ini"
    checked = [option for option in table.options if table.wants[option.name] not in ("", A_FILE)]
    assert len(checked) > 3
    for option in checked:
        reason = f"{option.name}: '{WRONG}' is not {table.wants[option.name]}\n"
        file.write_text(f"# a comment\n{option.name} = {WRONG}\n")
        assert f": {file}:2: {reason}" in refusal(table.program, "--config", file)
        if option.argument:
            assert f": --{reason}" in refusal(table.program, f"--{option.name}", WRONG)
            assert f": --{option.name}: '' is not" in refusal(table.program, f"--{option.name}=")


@every_family_table
def test_bounds(table):
    bounded = {name: re.search(r" from (\S+) to (\S+)", want) for name, want in table.wants.items()}
    bounded = {name: match for name, match in bounded.items() if match}
    assert bounded
    for name, match in bounded.items():
        low, high = match.groups()
        for value in (low, high):
            output(table.program, f"--{name}={value}", "--print-config")
        for value in (f"{float(low) - 1:.17g}", f"{float(high) * 2:.17g}"):
            assert f"--{name}: '{value}' is not" in refusal(table.program, f"--{name}={value}")


@every_family
def test_missing_values(program):
    for option in options_of_manual(program)[0]:
        if option.argument:
            message = refusal(program, f"--{option.name}")
            assert f": option '--{option.name}' needs a value: {option.argument}\n" in message
        elif not option.secret:
            assert f": option '--{option.name}' takes no value\n" in refusal(program, f"--{option.name}=true")


@every_family
def test_letters_that_help_does_not_name(program):
    letters = {option.letter for option in options_of_help(program)}
    wants_password = any(option.name == "password-file" for option in options_of_help(program))  # -P is mosquitto_sub's
    for letter in sorted(set(string.ascii_letters + string.digits + "?@:+") - letters):
        answer = "--password is not taken on the command line" if letter == "P" and wants_password else f": unknown option '-{letter}'\n"
        assert answer in refusal(program, f"-{letter}")


@every_family
def test_names_that_help_does_not_name(program):
    names = {option.name for option in options_of_help(program)}
    foreign = {option.name for other in FAMILIES for option in options_of_help(other)}
    abbreviations = {name[:length] for name in names for length in (1, len(name) - 1)}
    for name in sorted((foreign | abbreviations | {"no-tls", "Host", "host ", "print_config"}) - names):
        message = refusal(program, f"--{name}=hunter2")
        assert f"option '--{name}" in message
        assert "hunter2" not in message


def test_wrong_use_in_the_journal(tmp_path):
    """Every line has its priority. The help names the program as it is installed: bridge(8) is of iproute2."""
    (tmp_path / "roomstream-bridge").symlink_to(BIN / "bridge")
    reader, writer = os.pipe()
    info = os.fstat(writer)
    subprocess.run([tmp_path / "roomstream-bridge", "--bogus"], stderr=writer, check=False, timeout=30,
                   env={**os.environ, "JOURNAL_STREAM": f"{info.st_dev}:{info.st_ino}"})
    os.close(writer)
    with open(reader, encoding="utf-8") as lines:
        assert lines.read() == "<3>bridge: unknown option '--bogus'\n<3>Try 'roomstream-bridge --help'.\n"


@every_family
def test_operands(program):
    if program in ("dead-letters", "kafka-produce"):  # these have some
        return
    for words in (["word"], ["--", "--help"], ["-"], [""]):
        assert f": '{words[-1]}' is not an option: values follow an option" in refusal(program, *words)


@every_table
def test_secrets(table):
    secrets = [option for option in table.options if option.secret]
    for option in secrets:
        for words in ([f"--{option.name}", "hunter2"], [f"--{option.name}=hunter2"]):
            message = refusal(table.program, *words)
            assert f"--{option.name} is not taken on the command line" in message
            assert table.variables[option.name] in message
            assert "hunter2" not in message
        assert "hunter2" not in output(table.program, "--print-config", **{table.variables[option.name]: "hunter2"})


@every_program
def test_configuration_file_errors(program, tmp_path):
    file = tmp_path / "options.ini"
    assert f"cannot read the configuration file '{file}': No such file" in refusal(program, "--config", file)
    file.write_text("no-such-option = 1\n")
    assert f"{file}:1: {program} has no option 'no-such-option'" in refusal(program, "--config", file)
    file.write_text(f"[{program}]\nhelp = true\n")
    assert f"{file}:2: 'help' makes sense on the command line only" in refusal(program, "--config", file)
    file.write_text("[default]\n\nnonsense\n")
    assert f"{file}:3: expected 'key = value'" in refusal(program, "--config", file)
    # Help and version must work in spite of any mistake.
    assert output(program, "--help", ROOMSTREAM_CONFIG=str(file)) == output(program, "--help")
    assert output(program, "--version", ROOMSTREAM_CONFIG=str(file)) == output(program, "--version")


# Each holds a secret in a form that some other tool takes.
MISTAKES = ["password: S3CRET", "password S3CRET", "password: S3CRET=x", "sasl.password: S3CRET=x", "mqtt password is S3CRET=",
            "[mqtt]\npassword: S3CRET", "host = user:S3CRET@broker", "host = mqtt://user:S3CRET@broker", "host = tcp://user:S3CRET@broker"]


@every_family
@pytest.mark.parametrize("mistake", MISTAKES)
def test_no_message_shows_a_secret_of_the_configuration_file(program, tmp_path, mistake):
    file = tmp_path / "options.ini"
    file.write_text(mistake + "\n")
    arguments = ["--file", "/nowhere"] if program == "publish" else []
    result = run(program, "--config", file, *arguments)
    assert result.returncode == 2 and result.stderr
    assert "S3CRET" not in result.stderr and "S3CRET" not in result.stdout


def warnings_of(config="", rights=0o600, folder=None, **environment):
    """What publish-temp logs before it ends because its file is missing."""
    arguments = []
    if folder:
        file = folder / "options.ini"
        file.write_text(config)
        file.chmod(rights)
        arguments = ["--config", file]
    result = run("publish-temp", "--file", "/nowhere", *arguments, **environment)
    assert result.returncode == 1 and "/nowhere: cannot be opened" in result.stderr, result.stderr
    return [line for line in result.stderr.splitlines() if "warning:" in line]


def test_what_kubernetes_sets_for_a_service_is_no_option():
    (warning,) = warnings_of(MQTT_PORT="tcp://10.0.0.1:1883")
    assert "MQTT_PORT is ignored: 'tcp://10.0.0.1:1883' is what Kubernetes or Docker sets" in warning
    assert "port" not in configuration(output("publish-temp", "--print-config", MQTT_PORT="udp://[fd00::1]:1883"))
    assert "'tcp:1883' is not a whole number" in refusal("publish-temp", MQTT_PORT="tcp:1883")


@pytest.mark.parametrize(("rights", "config", "message"), [
    (0o600, "password = x", None), (0o640, "password = x", None), (0o644, "qos = 2", None), (0o644, "password-file = /dev/null", None),
    (0o644, "[mqtt]\npassword = x", "holds a secret, and all users can read it (mode 0644): chmod o-r"),
    (0o644, "[kafka]\nsasl.password = x", "holds a secret, and all users can read it (mode 0644): chmod o-r"),
    (0o606, "qos = 2", "can be changed by other users (mode 0606), and so can what this program does: chmod go-w"),
])
def test_a_configuration_file_that_others_can_use(tmp_path, rights, config, message):
    config = config.replace("qos", "[messages]\nqos")
    warnings = warnings_of(config, rights, tmp_path)
    assert [f"{tmp_path}/options.ini {message}" in warning for warning in warnings] == ([True] if message else [])


def test_a_password_file_that_others_can_use(tmp_path):
    file = tmp_path / "password"
    file.write_text("x")
    file.chmod(0o644)
    (warning,) = warnings_of(f"password-file = {file}", 0o644, tmp_path)
    assert f"{file} holds a secret, and all users can read it (mode 0644)" in warning


def test_a_file_of_properties_that_others_can_use(tmp_path):
    file = tmp_path / "client.properties"
    file.write_text("sasl.password=x\n")
    file.chmod(0o666)
    result = run("kafka-consume", "-t", "x", "-F", file, "-b", "127.0.0.1:1", "-e", "-W", "1s")
    assert "can be changed by other users" in result.stderr and "holds a secret" in result.stderr


def test_errors_name_the_file_that_the_user_wrote_not_what_systemd_shows_of_it(tmp_path):
    shown = {"CREDENTIALS_DIRECTORY": str(tmp_path), "ROOMSTREAM_CREDENTIALS_FROM": "/etc/roomstream"}
    file = tmp_path / "roomstream.conf"
    file.write_text("[bridge]\nno-such-option = 1\n")
    assert "/etc/roomstream/roomstream.conf:2: " in refusal("bridge-temp", "--config", file, **shown)
    file.write_text("[mqtt]\npassword = x\n")
    file.chmod(0o644)
    result = run("publish-temp", "--file", "/nowhere", "--config", file, **shown)
    assert "/etc/roomstream/roomstream.conf holds a secret" in result.stderr and str(tmp_path) not in result.stderr


def test_a_file_of_kafka_properties_can_be_pasted_into_the_configuration_file(tmp_path):
    """Properties as in Confluent Cloud's console, some with names without a dot."""
    file = tmp_path / "roomstream.conf"
    file.write_text("[mqtt]\nhost = mine\n[kafka]\nbootstrap.servers=theirs:9092\nsecurity.protocol=SASL_SSL\nsasl.mechanism=PLAIN\n"
                    "client.dns.lookup=use_all_dns_ips\nacks=all\n")
    printed = output("bridge-temp", "--config", file, "--print-config")
    assert "brokers = theirs:9092" in printed and "kafka-property = acks=all" in printed
    assert "has no option 'acks'" in refusal("subscribe", "-t", "x", "--config", write(tmp_path / "mine", "[subscribe]\nacks=all\n"))


@every_family
def test_kafka_properties_above_all_sections_are_for_the_programs_that_speak_kafka(program, tmp_path):
    """Other programs ignore them: the file is for all."""
    file = write(tmp_path / "shared", "acks = all\npartitioner = random\nretries = 3\nlinger.ms = 7\n")
    printed = output(program, "--config", file, "--print-config")
    speaks_kafka = any(option.name == "kafka-property" for option in options_of_help(program))
    for line in ("acks=all", "partitioner=random", "retries=3", "linger.ms=7"):
        assert (f"kafka-property = {line}" in printed) == speaks_kafka


def test_an_option_of_the_program_goes_before_a_kafka_property_of_that_name(tmp_path):
    file = write(tmp_path / "shared", "debug = true\n")
    assert "debug = true\n" in output("subscribe", "--config", file, "--print-config")
    assert "kafka-property = debug=true\n" in output("kafka-consume", "--config", file, "--print-config")


def write(path, text):
    path.write_text(text)
    return path


def test_habits_of_kcat_and_mosquitto_sub():
    assert "mqtt-version = 311" in output("subscribe", "-t", "x", "-V", "311", "--print-config")
    assert "--offset stored needs --group" in refusal("kafka-consume", "-t", "x", "-o", "stored")
    for offset in ("earliest", "latest", "stored"):
        result = run("kafka-consume", "-C", "-q", "-t", "x", "-G", "g", "-o", offset, "-b", "127.0.0.1:1", "-W", "0.1s")
        assert result.returncode == 27, result.stderr
