"""The dashboard's page in real browsers: what it shows, and that it recovers by itself."""

import json
import os
import subprocess
import time

import pytest
from bridges import Bridge
from browsers import BROWSERS, Chromium, keep_screenshot
from clients import MqttClient, read_topic, wait_for_messages
from dashboards import TOPICS, Dashboard, make_topics, readings, send
from programs import BIN
from scrape import address_of
from waiting import wait_until

# A table's rows, as lists of texts.
ROWS = "return [...document.querySelectorAll(arguments[0] + ' tbody tr')].map(row => [...row.cells].map(cell => cell.textContent))"

# The points of layout that moved, as browsers that know them see it; called before anything else happens.
WATCH_SHIFTS = """window.shifts = [];
new PerformanceObserver(list => list.getEntries().forEach(entry => shifts.push(entry.value))).observe({type: 'layout-shift', buffered: true})"""

CONTRASTS = """
const channel = (value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const back = (element) => { for (; element; element = element.parentElement) {
    const colour = parse(getComputedStyle(element).backgroundColor);
    if (colour.length === 3 || colour[3] > 0) return colour; } return [255, 255, 255]; };
const ratio = (a, b) => { const [low, high] = [light(a), light(b)].sort((x, y) => x - y); return (high + 0.05) / (low + 0.05); };
const texts = [...document.querySelectorAll('body *')].filter((element) => element.offsetParent &&
    [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim()));
const strokes = [...document.querySelectorAll('.legend path')];
const probe = document.createElement('i'); document.body.append(probe);
const rgb = (colour) => { probe.style.color = colour; return parse(getComputedStyle(probe).color); };
return [Math.min(...texts.map((element) => ratio(parse(getComputedStyle(element).color), back(element)))),
        Math.min(...strokes.map((path) => ratio(rgb(path.getAttribute('stroke')), back(path.closest('.chart')))))];"""

UNLABELLED = """return [...document.querySelectorAll('input, [tabindex]')].filter((element) => element.offsetParent &&
    !(element.labels?.[0]?.textContent || element.getAttribute('aria-label') || document.getElementById(element.getAttribute('aria-labelledby'))))
    .map((element) => element.outerHTML.slice(0, 200))"""

# Charts whose canvas shows something.
DRAWN = """return [...document.querySelectorAll('.plot')].filter((plot) => [...plot.querySelectorAll('canvas')].some((canvas) =>
    canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value))).length"""


@pytest.fixture(scope="module")
def topics(brokers):
    make_topics(brokers.kafka.address, *TOPICS)
    return send(brokers.kafka.address, readings())


@pytest.fixture
def dashboard(topics, programs):
    return Dashboard(programs, "--note", "A demonstration: these readings are made up").start().wait_for(sum(topics.values()))


@pytest.fixture
def chromium(tmp_path):
    with Chromium(tmp_path / "chromium") as browser:
        yield browser


def rows(browser, table="#topics"):
    """The rows of the table, by their first cells."""
    return {cells[0]: cells[1:] for cells in browser.run(ROWS, table)}


def state_of(browser):
    return browser.run("return document.getElementById('state').textContent")


def shown_messages(browser):
    return {topic: int(cells[0].replace(",", "") or -1) for topic, cells in rows(browser).items()}


def wait_until_shown(browser, topic, count, limit=30):
    wait_until(lambda: shown_messages(browser).get(topic) == count, limit, lambda: f"{topic}: {count}, not {rows(browser)}; {state_of(browser)}")


def in_kafka(brokers, topics):
    return {topic: len(read_topic(brokers.kafka.address, topic)) for topic in topics}


@pytest.mark.parametrize("name,width,dark", [(name, width, dark) for name in BROWSERS for width in (360, 1600) for dark in (False, True)
                                             if name == "chromium" or width == 1600])
def test_what_it_shows_everywhere(brokers, topics, dashboard, tmp_path, name, width, dark):
    with BROWSERS[name](tmp_path / name, width=width, height=740 if width == 360 else 1000, dark=dark) as browser:
        browser.open(dashboard.url)
        wait_until(lambda: browser.run(DRAWN) == len(TOPICS), 30, lambda: f"{browser.run(DRAWN)} charts are drawn; {state_of(browser)}")
        assert shown_messages(browser) == in_kafka(brokers, topics)
        assert browser.run("return [...document.querySelectorAll('.chart:not(.people) .legend')].map(legend => legend.children.length)") == [4, 4, 4, 1, 1, 2]
        assert browser.run("return document.querySelector('.people .legend').textContent").startswith("truth")
        assert browser.run("return document.documentElement.scrollWidth <= innerWidth"), "nothing lies beside the page"
        text, lines = browser.run(CONTRASTS)
        assert text >= 4.5 and lines >= 3, "as WCAG 2 wants it"
        assert browser.run(UNLABELLED) == []
        keep_screenshot(browser, f"{name}-{width}-{'dark' if dark else 'light'}", tmp_path)
        assert browser.errors() == []


def test_nothing_moves_when_data_come(brokers, programs, chromium):
    """The page is there before the first message."""
    topics = [f"{name}{os.getpid()}" for name in ("a", "b")]
    make_topics(brokers.kafka.address, *topics)
    dashboard = Dashboard(programs, "-t", topics[0], "-t", topics[1], "--people", "").start()
    chromium.open(dashboard.url)
    chromium.run(WATCH_SHIFTS)
    wait_until(lambda: state_of(chromium) == "live", 20, lambda: state_of(chromium))
    send(brokers.kafka.address, ((topic, node, json.dumps({"time": 1700000000 + 30 * i, "value": i % 9})) for i in range(100) for topic in topics for node in "1234"))
    wait_until_shown(chromium, topics[1], 400)
    wait_until(lambda: chromium.run(DRAWN) == 2, 20, "both are drawn")
    assert sum(chromium.run("return shifts")) < 0.01


def test_a_message_is_seen_within_a_second(brokers, dashboard, topics, chromium):
    chromium.open(dashboard.url)
    wait_until(lambda: state_of(chromium) == "live", 20, lambda: state_of(chromium))
    chromium.run("""window.seen = {}; new MutationObserver(() => { const text = document.querySelector('#topics').textContent;
        for (const [, number] of text.matchAll(/"mark":(\\d+)/g)) seen[number] ??= Date.now(); })
        .observe(document.querySelector('#topics'), {subtree: true, childList: true, characterData: true})""")
    waits = []
    for mark in range(10):
        sent = time.time() * 1000
        send(brokers.kafka.address, [("sound", "1", f'{{"mark":{mark},"time":"2024-01-02T10:1{mark}:30","value":1}}')])
        waits.append(wait_until(lambda: chromium.run("return seen[arguments[0]]", str(mark)), 10, "it is seen") - sent)
    print("seen after ms:", [round(wait) for wait in waits])
    assert sorted(waits)[5] < 1000


def test_the_first_view_of_a_day_of_history(brokers, programs, chromium):
    """160,000 points of six topics. Where librdkafka has read ahead as much as it may, it is woken, or it would rest for a second each time."""
    topics = [f"day{i}x{os.getpid()}" for i in range(6)]
    make_topics(brokers.kafka.address, *topics)
    slowness, more = float(os.environ.get("ROOMSTREAM_SLOWNESS", 3)), "x" * 200
    send(brokers.kafka.address, ((topic, str(node), f'{{"time":{1700000000 + 13 * i},"value":{i % 97 + node},"more":"{more}"}}')
                                 for i in range(6667) for topic in topics for node in range(4)))
    dashboard = Dashboard(programs, *(word for topic in topics for word in ("-t", topic)), "--people", "").start().wait_for(160008, 5 * slowness)
    times = []
    for _ in range(3):
        chromium.open(dashboard.url)
        times.append(wait_until(lambda: chromium.run("return performance.getEntriesByName('drawn')[0]?.startTime"), 20, "it is drawn"))
    print("drawn after ms:", [round(drawn) for drawn in times])
    assert min(times) < 1000 * slowness


def test_by_keyboard_alone(dashboard, chromium):
    chromium.open(dashboard.url)
    wait_until(lambda: chromium.run(DRAWN) == len(TOPICS), 30, "all is drawn")
    chromium.press("Tab")
    assert chromium.run("return document.activeElement.className") == "skip"
    chromium.press("Tab")
    assert chromium.run("return document.activeElement.name") == "range"
    chromium.press("ArrowLeft")
    assert chromium.run("return document.querySelector('#range input:checked').value") == "all"
    chromium.press("Tab")
    assert chromium.run("return document.activeElement.getAttribute('aria-label')").startswith("occupancy, chart")
    newest = chromium.run("return document.querySelector('.people .value').textContent")
    spoken = "return document.getElementById('spoken').textContent"
    first = "2023-12-29 15:24:40: truth 1, estimate 1"
    wait_until(lambda: chromium.press("Home") or chromium.run(spoken) == first, 10, lambda: chromium.run(spoken))
    chromium.press("End", "ArrowLeft")
    assert chromium.run(spoken) not in ("", first)
    chromium.press("Escape")
    assert chromium.run("return document.querySelector('.people .value').textContent") == newest


HOSTILE = "<img src=x onerror=hacked=1><script>hacked=1</script>"


def test_what_comes_is_text(brokers, programs, mqtt_client, tmp_path, chromium):
    topic = f"hostile{os.getpid()}"
    make_topics(brokers.kafka.address, topic)
    bridge = Bridge(programs, tmp_path, "--http", "0", "--id", f"{HOSTILE[:28]}", topic=f"in{os.getpid()}").start()
    dashboard = Dashboard(programs, "-t", topic, "--people", "", "--note", HOSTILE, "--status", address_of(bridge)).start()
    chromium.open(dashboard.url)
    payloads = [json.dumps({"value": 1, "time": 1700000000, "unit": HOSTILE[:15]}), b"\xff\xfe<script>hacked=1</script>", b"<script>hacked=1</script>" * 40000,
                "x" * 1000000, json.dumps({"value": 2, "time": 1700000030}), HOSTILE]
    send(brokers.kafka.address, [(topic, HOSTILE, payload) for payload in payloads])
    send(brokers.kafka.address, [(topic, b"\xff\x00\x1b[31m", json.dumps({"value": 3, "time": 1700000030})), (topic, "k", HOSTILE)])
    wait_until_shown(chromium, topic, len(payloads) + 2)
    assert rows(chromium)[topic][4] == HOSTILE
    wait_until(lambda: chromium.run("return document.querySelector('.legend').children.length") == 2, 20, "two keys are shown")
    shown = chromium.run("return [...document.querySelectorAll('.legend .name')].map(name => name.textContent)")
    assert sorted(shown) == sorted([HOSTILE[:44] + "…", "\ufffd\ufffd\ufffd[31m"])
    assert chromium.run("return document.querySelector('.note').textContent") == HOSTILE
    wait_until(lambda: HOSTILE[:28] in rows(chromium, "#programs"), 20, lambda: str(rows(chromium, "#programs")))
    # The page's policy keeps inline scripts from running.
    chromium.run("const script = document.createElement('script'); script.textContent = 'hacked = 1'; document.body.append(script);")
    assert chromium.run("return typeof hacked") == "undefined"
    assert chromium.run("return document.querySelectorAll('main img, main script').length") == 0
    assert chromium.run("return [...document.querySelectorAll('script, link, img')].every(one => !(one.src || one.href) || (one.src || one.href).startsWith(location.origin))")
    assert [error for error in chromium.errors() if "inline script" not in error] == []
    assert dashboard.program.is_running()


def test_it_goes_on_by_itself(brokers, programs, tmp_path, chromium):
    """After the dashboard, Kafka or a bridge was restarted, the page shows news again without a click."""
    topic = f"again{os.getpid()}"
    bridge = Bridge(programs, tmp_path, "--http", "127.0.0.1:0", topic=topic).start()
    dashboard = Dashboard(programs, "-t", topic, "--people", "").start()
    with MqttClient(brokers.mqtt.port) as client:
        def publish(number):
            client.published(client.publish(topic, f'{{"time":{1700000000 + 30 * number},"value":{number}}}', user_properties=[("key", "1")]))

        publish(1)
        chromium.open(dashboard.url)
        wait_until_shown(chromium, topic, 1)
        dashboard.program.kill()
        wait_until(lambda: "does not answer" in state_of(chromium), 20, lambda: state_of(chromium))
        dashboard.start()
        wait_until(lambda: state_of(chromium) == "live", 30, lambda: state_of(chromium))
        publish(2)
        wait_until_shown(chromium, topic, 2)
        brokers.kafka.stop()
        wait_until(lambda: "Kafka" in state_of(chromium), 30, lambda: state_of(chromium))
        brokers.kafka.start()
        wait_until(lambda: state_of(chromium) == "live", 60, lambda: state_of(chromium))
        publish(3)
        wait_until_shown(chromium, topic, 3, 60)
        name = f"bridge-{topic}"
        wait_until(lambda: rows(chromium, "#programs")[name][:2] == ["subscribed", "connected"], 20, lambda: str(rows(chromium, "#programs")))
        bridge.kill()
        wait_until(lambda: rows(chromium, "#programs").get(name, [""])[0] != "subscribed", 20, lambda: str(rows(chromium, "#programs")))
        bridge.start()
        wait_until(lambda: rows(chromium, "#programs").get(name, [""])[0] == "subscribed", 20, lambda: str(rows(chromium, "#programs")))
        publish(4)
        wait_until_shown(chromium, topic, 4)
    assert dashboard.program.is_running()


def test_kafka_consume_status_and_the_page_agree(brokers, programs, mqtt_client, tmp_path, chromium):
    topic, count = f"agree{os.getpid()}", 500
    bridge = Bridge(programs, tmp_path, "--http", "0", topic=topic).start()
    dashboard = Dashboard(programs, "-t", topic, "--people", "").start()
    chromium.open(dashboard.url)
    for number in range(count):
        mqtt_client.publish(topic, f'{{"time":{1700000000 + number},"value":{number}}}', user_properties=[("key", "1")])
    wait_for_messages(brokers.kafka.address, topic, count)
    wait_until_shown(chromium, topic, count)
    consumed = subprocess.run([BIN / "kafka-consume", "-t", topic, "-e", "-o", "beginning", "-f", "%o\\n"], env={**os.environ, **brokers.env},
                              stdout=subprocess.PIPE, check=True, timeout=60).stdout.splitlines()
    said = json.loads(subprocess.run([BIN / "status", "-J", "-a", address_of(bridge), "-a", dashboard.address], stdout=subprocess.PIPE, check=False, timeout=30).stdout)
    assert len(consumed) == shown_messages(chromium)[topic] == count
    assert said[0]["status"]["messages"]["delivered"] == said[1]["status"]["messages"]["received"] == count
    # The same cells, also of the dashboard itself.
    ours = {f"bridge-{topic}", "dashboard"}  # the machine may have others

    def printed():
        return subprocess.run([BIN / "status"], stdout=subprocess.PIPE, check=False, timeout=30, text=True).stdout.splitlines()

    def agree():
        """Whether they agree now: states change."""
        table = {words[0]: words[1:3] for words in map(str.split, printed()[1:]) if words[0] in ours}
        return set(table) == ours and {name: cells[:2] for name, cells in rows(chromium, "#programs").items() if name in ours} == table

    assert printed()[0].split() == chromium.run("return [...document.querySelectorAll('#programs thead th')].map(cell => cell.textContent)")
    wait_until(agree, 20, lambda: f"{printed()}, not {rows(chromium, '#programs')}")
