"""Routes of the bridge, as a user writes them: on the command line or in the file, and what is refused."""

import pytest
from option_tables import output, refusal, run

ROUTE = ("--route", "building/{room}/{sensor}=sensors.{sensor}")
TOPICS = ("building/a/temp", "building/b/temp", "other")


def printed(*arguments, topics=TOPICS, status=0):
    result = run("bridge", *arguments, "--print-routes", *topics)
    assert (result.returncode, result.stderr) == (status, ""), result
    return result.stdout.splitlines()


@pytest.fixture
def file(tmp_path):
    def write(text):
        (tmp_path / "conf").write_text(text)
        return "--config", str(tmp_path / "conf")

    return write


def test_where_messages_go():
    assert printed(*ROUTE, "--route", "other/#=rest.{rest},topic", "--kafka-key", "{room}", "--topic-max", "9",
                   topics=("building/a/temp", "other", "other/x/y", "building/a/..", "nothing", "a/+"), status=1) == [
        "building/a/temp: to the Kafka topic 'sensors.temp', key 'a', by the route 'building/{room}/{sensor}=sensors.{sensor}'",
        "other: to the Kafka topic 'rest.', key 'other', by the route 'other/#=rest.{rest},topic'",
        "other/x/y: to the Kafka topic 'rest.x.y', key 'other/x/y', by the route 'other/#=rest.{rest},topic'",
        "building/a/..: to the Kafka topic 'sensors...', key 'a', by the route 'building/{room}/{sensor}=sensors.{sensor}'",
        "nothing: nowhere: no route matches",
        "a/+: nowhere: a message cannot be published to a topic with the wildcards + or #",
    ]


@pytest.mark.parametrize("key, expected", [
    ("property", "key the user property 'key', else 'building/a/temp'"), ("topic", "key 'building/a/temp'"), ("none", "key none"),
    ("{room}/{sensor}", "key 'a/temp'"), ("json:/id", "key what the JSON pointer finds in the payload, else 'building/a/temp'"),
])
def test_keys(key, expected):
    assert expected in printed(*ROUTE, "--kafka-key", key, topics=TOPICS[:1])[0]


def test_a_section_of_the_file_has_a_route_on_each_line(file):
    config = file("[route]\nbuilding/{room}/temp = temp,{room}\nbuilding/{room}/{sensor}=sensors.{sensor}\na.b = dotted\na=b=c\n"
                  "# = comment\n+/# = all\n[bridge]\nkafka-key = none\n")
    topics = ("building/a/temp", "building/a/co2", "a.b", "a=b", "x", "x/y")
    routes = ("building/{room}/temp=temp,{room}", "building/{room}/{sensor}=sensors.{sensor}", "a.b=dotted", "a=b=c", "+/#=all", "+/#=all")
    assert printed(*config, topics=topics) == [
        f"{topic}: to the Kafka topic '{name}', key {key}, by the route '{route}'"
        for topic, name, key, route in zip(topics, ("temp", "sensors.co2", "dotted", "c", "all", "all"), ("'a'", *["none"] * 5), routes)]


def test_the_command_line_takes_the_place_of_the_section(file):
    config = file("[route]\nbuilding/# = of_the_file\n")
    assert "'of_the_file'" in printed(*config, topics=TOPICS[:1])[0]
    assert "'sensors.temp'" in printed(*config, *ROUTE, topics=TOPICS[:1])[0]
    assert "'own'" in printed(*file("[route]\nbuilding/# = of_the_file\n[bridge]\nroute = building/#=own\n"), topics=TOPICS[:1])[0]
    variable = run("bridge", *config, "--print-routes", "building/a/temp", ROOMSTREAM_ROUTE="building/+/temp=of_the_variable")
    assert "'of_the_variable'" in variable.stdout


def test_other_programs_leave_the_section_out(file):
    config = file("[route]\nbuilding/{room} = rooms\n")
    assert "topic = temp" in output("bridge-temp", *config, "--print-config")
    assert output("bridge", *config, "--print-config").count("route = building/{room}=rooms\n") == 1


# What each wrong route is answered with; the text before it names the route.
WRONG_ROUTES = [
    ("a", "it must be FILTER=TOPIC or FILTER=TOPIC,KEY"),
    ("=a", "it must be FILTER=TOPIC or FILTER=TOPIC,KEY"),
    ("a/#/b=c", "# must be the last level"),
    ("a/b#=c", "# must be a whole level"),
    ("a/{b}c=d", "a {name} must be a whole level, as in a/{name}/b"),
    ("a/{b c}=d", "{b c} is no name (letters, digits, '_', '-')"),
    ("a/{b}/{b}=c", "two levels are called {b}"),
    ("a/{b}=c.{d}", "the Kafka topic 'c.{d}': there is no {d} in the route's MQTT filter"),
    ("a/{b}=c.{b", "the Kafka topic 'c.{b': a brace has no counterpart: a name is {NAME}"),
    ("a=b c", "the Kafka topic 'b c': ' ' cannot stand in a Kafka topic's name (letters, digits, '.', '_', '-')"),
    ("a=..", "the Kafka topic '..': it cannot be the name of a Kafka topic (1 to 249 letters, digits, '.', '_', '-')"),
    ("{a}/{b}={a}{b}", "behind a {name} that another one follows '.' or '-' must stand: else different topics could have one name"),
    ("a={}".format("x" * 300), "it cannot be the name of a Kafka topic (1 to 249 letters, digits, '.', '_', '-')"),
    ("a/{{b}}={}{{b}}".format("x" * 300), "a Kafka topic's name has at most 249 characters"),
    ("a=b,c", "the key 'c': it must be property, topic, none, json:POINTER, or have a {NAME} of a route"),
    ("a=b,{c}", "the key '{c}': there is no {c} in the route's MQTT filter"),
    ("a=b,json:c", "the key 'json:c': "),
    ("$share/g/a=b", "$share stands in --share"),
    ("a\tb=c", "its filter has a tab or a line break"),
    ("/".join(["+"] * 129) + "=c", "its filter has more than 128 levels"),
    ("/".join(f"{{n{number}}}" for number in range(17)) + "=c", "more than 16 names"),
]


@pytest.mark.parametrize("route, reason", WRONG_ROUTES, ids=[reason[:40] for _, reason in WRONG_ROUTES])
def test_wrong_routes(route, reason):
    message = refusal("bridge", "--route", route)
    assert f"bridge: the route '{route[:200]}': " in message and reason in message


WRONG_USE = [
    (("--route", "a=b", "-t", "c"), "--route takes the place of --topic and --kafka-topic: leave out either"),
    (("--route", "a=b", "--kafka-topic", "c"), "--route takes the place of --topic and --kafka-topic: leave out either"),
    (("--route", "a/#=b", "--route", "a/c=d"), "the route 'a/c=d' never gets a message: 'a/#=b' before it takes all of them. Put that one "
     "behind it, or leave one out"),
    ((*ROUTE, "--kafka-key", "{floor}"), "--kafka-key '{floor}', for the route 'building/{room}/{sensor}=sensors.{sensor}': there is no {floor} "
     "in the route's MQTT filter. Give this route a key of its own, FILTER=TOPIC,KEY"),
    (("--route", "a=b", "--route", "c=d", "--topic-max", "1"), "the routes name 2 Kafka topics, more than --topic-max 1 allows"),
    (("--route", "a/+=b", "--route", "+/c=d", "--mqtt-version", "3.1.1"), "the routes' filters 'a/+' and '+/c' overlap: a broker may send one "
     "message for each, and with MQTT 3.1.1 nothing tells such copies. Use --mqtt-version 5, or a route that covers both"),
    ((*ROUTE, "--route", "a=b", "--dead-letter-topic", "b"), "--dead-letter-topic 'b' is where the messages go: choose another"),
    (("--route", "a=b", "--position-topic", "c d"), "--position-topic 'c d' cannot be the name of a Kafka topic"),
    (("--print-routes", "a"), "--print-routes needs a --route, and MQTT topics behind it: --print-routes a/b c/d"),
    ((*ROUTE, "--print-routes"), "--print-routes needs a --route, and MQTT topics behind it: --print-routes a/b c/d"),
    ((*ROUTE, "stray"), "'stray' is not an option: values follow an option, as in --name VALUE"),
    (("-t", "a", "--kafka-key", "{room}"), "--kafka-key '{room}': there is no {room} in the route's MQTT filter"),
    (("-t", "a", "--kafka-key", "rooms"), "--kafka-key 'rooms': it must be property, topic, none, json:POINTER, or have a {NAME} of a route"),
]


@pytest.mark.parametrize("arguments, message", WRONG_USE, ids=[message[:50] for _, message in WRONG_USE])
def test_wrong_use(arguments, message):
    assert f"bridge: {message}\n" in refusal("bridge", *arguments)


def test_a_wrong_line_of_the_file(file):
    assert "the route 'a/{b=c': " in refusal("bridge", *file("[route]\na/{b = c\n"))
