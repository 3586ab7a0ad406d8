// What the dashboard sends by Server-Sent Events, drawn. Names and messages come from anywhere: they become text, never markup.
"use strict";
(() => {
    const LIMIT = 1024; // points of a line; the server thins in the same way
    const REDRAW_MS = 400;
    const SILENCE_MS = 15000; // the server sends something every second
    const PATTERNS = [null, [7, 3], [2, 2], [9, 3, 2, 3]];
    const COLOURS = 8;
    const HOUR = 3600000; // ms

    // Its legend writes markup, and styles that the page's policy forbids: ours is text.
    Dygraph.PLUGINS = [Dygraph.Plugins.Axes, Dygraph.Plugins.Grid];

    const byId = (id) => document.getElementById(id);
    const setText = (element, text) => {
        if (element.textContent !== text) element.textContent = text;
    };
    const make = (name, className, text) => {
        const element = document.createElement(name);
        if (className) element.className = className;
        if (text !== undefined) element.textContent = text;
        return element;
    };
    const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    const whole = new Intl.NumberFormat("en");
    const shown = (value) => (value === null || Number.isNaN(value) ? "–" : String(Number(value.toPrecision(5))));
    const UNITS = { Cel: "°C", "/": "" }; // of RFC 8428, those that people write otherwise
    const timeText = (time) => new Date(time).toISOString().slice(0, 19).replace("T", " ");

    // ---- a line: times and values in order of time ----

    function thinOlderHalf(line) {
        const older = Math.floor(line.times.length / 2 / 4) * 4;
        const kept = [];
        for (let i = 0; i < older; i += 4) {
            let lowest = 0, highest = 3;
            for (let k = 0; k < 4; k++) {
                if (line.values[i + k] < line.values[i + lowest]) lowest = k;
                if (line.values[i + k] > line.values[i + highest]) highest = k;
            }
            kept.push(i + Math.min(lowest, highest), i + Math.max(lowest, highest));
        }
        line.times = [...kept.map((i) => line.times[i]), ...line.times.slice(older)];
        line.values = [...kept.map((i) => line.values[i]), ...line.values.slice(older)];
    }

    function addPoint(line, time, value) {
        let at = line.times.length;
        while (at > 0 && line.times[at - 1] >= time) at--; // new ones come at the end
        if (line.times[at] === time) {
            line.values[at] = value;
            return;
        }
        line.times.splice(at, 0, time);
        line.values.splice(at, 0, value);
        if (line.times.length > LIMIT) thinOlderHalf(line);
    }

    // Where nothing was recorded for long, the line breaks.
    function longestStep(line) {
        const steps = [];
        for (let i = 1; i < line.times.length; i++) steps.push(line.times[i] - line.times[i - 1]);
        steps.sort((a, b) => a - b);
        const range = line.times[line.times.length - 1] - line.times[0];
        return Math.max(30 * (steps[Math.floor(steps.length / 2)] || 0), range / 50);
    }

    // The chart library's rows: a time, and a value for each line, null where it has none and NaN where it breaks.
    function toRows(lines) {
        const rows = new Map();
        lines.forEach((line, column) => {
            const longest = longestStep(line);
            const put = (time, value) => {
                let row = rows.get(time);
                if (!row) rows.set(time, (row = [time, ...lines.map(() => null)]));
                row[column + 1] = value;
            };
            line.times.forEach((time, i) => {
                if (i > 0 && time - line.times[i - 1] > longest) put(line.times[i - 1] + 1, NaN);
                put(time, line.values[i]);
            });
        });
        return [...rows.values()].sort((a, b) => a[0] - b[0]);
    }

    // ---- a chart ----

    class Chart {
        constructor(section) {
            this.people = section.classList.contains("people");
            this.plot = section.querySelector(".plot");
            this.legend = section.querySelector(".legend");
            this.unit = section.querySelector("h2 span");
            this.lines = [];
            this.items = [];
            this.row = -1; // under the cursor; -1: none
            this.plot.addEventListener("keydown", (event) => this.onKey(event));
            this.plot.addEventListener("blur", () => this.select(-1));
        }

        clear() {
            this.lines = [];
            this.dirty = true;
        }

        add(series) {
            let line = this.lines.find((each) => each.name === series.name);
            if (!line) {
                line = { name: series.name, times: [], values: [] };
                this.lines.push(line);
                // The truth is drawn below what is estimated.
                const rank = (each) => (each.name === "truth" ? "" : each.name);
                this.lines.sort((a, b) => rank(a).localeCompare(rank(b), "en", { numeric: true }));
            }
            for (let i = 0; i < series.points.length; i += 2) addPoint(line, series.points[i], series.points[i + 1]);
            if (series.points.length) this.dirty = true;
        }

        oldest() {
            return Math.min(...this.lines.map((line) => (line.times.length ? line.times[0] : Infinity)));
        }

        newest() {
            return Math.max(...this.lines.map((line) => (line.times.length ? line.times[line.times.length - 1] : -Infinity)));
        }

        style(index) {
            if (this.people && this.lines[index].name === "truth") return { colour: colour("--truth"), pattern: null, width: 5 };
            if (this.people) return { colour: colour("--s0"), pattern: null, width: 1.75 };
            return { colour: colour(`--s${index % COLOURS}`), pattern: PATTERNS[index % PATTERNS.length], width: 1.75 };
        }

        draw(window) {
            if (!this.lines.some((line) => line.times.length)) return;
            const names = this.lines.map((line, i) => `${i}`); // unique; what people read is in the legend
            const styles = this.lines.map((line, i) => this.style(i));
            this.rows = toRows(this.lines);
            const options = {
                file: this.rows,
                labels: ["time", ...names],
                colors: styles.map((style) => style.colour),
                series: Object.fromEntries(names.map((name, i) => [name, { strokePattern: styles[i].pattern, strokeWidth: styles[i].width }])),
                dateWindow: window,
                gridLineColor: colour("--grid"),
                axisLineColor: colour("--line"),
            };
            if (this.graph) this.graph.updateOptions(options);
            else this.create(options);
            this.makeLegend(styles);
            this.select(this.row < 0 ? -1 : Math.min(this.row, this.rows.length - 1));
            this.dirty = false;
        }

        create(options) {
            const { file, ...rest } = options;
            this.plot.replaceChildren();
            this.graph = new Dygraph(this.plot, file, {
                ...rest,
                legend: "never",
                labelsUTC: true,
                connectSeparatedPoints: true,
                stepPlot: this.people,
                includeZero: this.people,
                yRangePad: 6,
                axisLabelFontSize: 12,
                interactionModel: {}, // a finger scrolls the page; what is shown is chosen above
                axes: {
                    x: { ticker: Dygraph.dateTicker, axisLabelFormatter: Dygraph.dateAxisLabelFormatter, pixelsPerLabel: 70 },
                    y: { axisLabelWidth: 44, pixelsPerLabel: 28 },
                },
                highlightCallback: (event, time, points, row) => this.show(row),
                unhighlightCallback: () => this.show(this.row),
            });
        }

        makeLegend(styles) {
            if (this.items.length === this.lines.length && this.items.every((item, i) => item.line === this.lines[i] && item.colour === styles[i].colour)) return;
            this.items = this.lines.map((line, i) => {
                const element = make("li");
                const swatch = document.createElementNS("http://www.w3.org/2000/svg", "svg");
                const stroke = document.createElementNS("http://www.w3.org/2000/svg", "path");
                for (const [name, value] of [["width", 30], ["height", 10], ["aria-hidden", "true"]]) swatch.setAttribute(name, value);
                for (const [name, value] of [["d", "M0 5H30"], ["stroke", styles[i].colour], ["stroke-width", Math.max(2, styles[i].width)],
                                             ["stroke-dasharray", (styles[i].pattern || []).join(" ")]]) stroke.setAttribute(name, value);
                swatch.append(stroke);
                const value = make("span", "value");
                element.append(swatch, make("span", "name", this.people ? line.name : line.name || "(no key)"), value);
                return { element, line, value, colour: styles[i].colour };
            });
            this.legend.replaceChildren(...this.items.map((item) => item.element));
        }

        // The values at a row, or the newest ones.
        show(row) {
            this.items.forEach((item, i) => {
                const { times, values } = item.line;
                const at = row >= 0 && this.rows[row] ? this.rows[row][i + 1] : values[times.length - 1];
                setText(item.value, shown(at === undefined ? null : at));
            });
        }

        select(row) {
            this.row = row;
            if (this.graph && row >= 0) this.graph.setSelection(row);
            else if (this.graph && this.graph.getSelection() >= 0) this.graph.clearSelection();
            this.show(row);
        }

        onKey(event) {
            if (!this.graph) return;
            const [left, right] = this.graph.xAxisRange();
            const first = this.rows.findIndex((row) => row[0] >= left);
            let last = this.rows.length - 1;
            while (last > first && this.rows[last][0] > right) last--;
            const step = event.shiftKey ? 10 : 1;
            const from = this.row < 0 ? last + 1 : this.row;
            const target = { ArrowLeft: from - step, ArrowRight: from + step, Home: first, End: last, Escape: -1 }[event.key];
            if (target === undefined) return;
            event.preventDefault();
            this.select(event.key === "Escape" ? -1 : Math.max(first, Math.min(last, target)));
            if (this.row >= 0) {
                const values = this.items.map((item) => `${item.line.name} ${item.value.textContent}`).join(", ");
                setText(byId("spoken"), `${timeText(this.rows[this.row][0])}: ${values}`);
            }
        }
    }

    // ---- the page ----

    const charts = [...document.querySelectorAll(".chart")].map((section) => new Chart(section));
    const spoken = make("p", "skip");
    spoken.id = "spoken";
    spoken.setAttribute("aria-live", "polite");
    document.body.append(spoken);

    // Where the newest stretch without a pause of more than an hour begins.
    function afterPause() {
        const times = charts.flatMap((chart) => chart.lines.flatMap((line) => line.times)).sort((a, b) => b - a);
        const end = times.findIndex((time, i) => i > 0 && times[i - 1] - time > HOUR);
        return times[(end < 0 ? times.length : end) - 1];
    }

    function shownWindow() {
        const choice = document.querySelector("#range input:checked").value;
        const newest = Math.max(...charts.map((chart) => chart.newest()));
        const oldest = Math.min(...charts.map((chart) => chart.oldest()));
        const begin = { all: () => oldest, pause: afterPause }[choice] || (() => newest - Number(choice));
        return [Math.min(begin(), newest - 1000), newest];
    }

    let redraw = null;
    function drawSoon(all) {
        if (all) charts.forEach((chart) => (chart.dirty = true));
        redraw = redraw || setTimeout(() => {
            redraw = null;
            if (document.hidden) return;
            // All charts have one time axis, so new points of one move all.
            const window = shownWindow();
            const moved = !drawSoon.window || drawSoon.window.some((time, i) => time !== window[i]);
            drawSoon.window = window;
            charts.filter((chart) => chart.dirty || moved).forEach((chart) => chart.draw(window));
            if (charts.some((chart) => chart.graph) && !performance.getEntriesByName("drawn").length) performance.mark("drawn");
        }, performance.getEntriesByName("drawn").length ? REDRAW_MS : 0);
    }

    function showTopic(row, topic, chart) {
        const newest = chart.newest();
        setText(row.cells[1], whole.format(topic.messages));
        setText(row.cells[2], String(topic.rate));
        setText(row.cells[3], whole.format(topic.left_out));
        setText(row.cells[4], Number.isFinite(newest) ? timeText(newest) : "–");
        setText(row.cells[5], topic.text);
        if (chart.people) return;
        setText(chart.unit, [UNITS[topic.unit] ?? topic.unit, topic.crowded ? "(more keys than are shown)" : ""].filter(Boolean).join(" "));
    }

    function showRoom(room, all) {
        const rows = byId("topics").tBodies[0].rows;
        room.topics.forEach((topic, i) => {
            const chart = charts.find((each) => each.plot.dataset.topic === String(i));
            if (all) chart.clear();
            topic.series.forEach((series) => chart.add(series));
            showTopic(rows[i], topic, chart);
        });
        drawSoon(false);
    }

    function showPrograms(programs) {
        const table = byId("programs");
        const numeric = (i) => (i > 2 ? "number" : "");
        const heading = make("tr");
        programs.titles.forEach((title, i) => {
            const cell = make("th", numeric(i), title);
            cell.scope = "col";
            heading.append(cell);
        });
        const rows = programs.rows.map((program) => {
            const row = make("tr", program.well ? "" : "bad");
            program.cells.forEach((text, i) => {
                const cell = make(i ? "td" : "th", numeric(i), text);
                if (!i) cell.scope = "row";
                row.append(cell);
            });
            return row;
        });
        if (!rows.length) {
            const row = make("tr");
            row.append(make("td", "", "No bridge or other program is seen."));
            row.cells[0].colSpan = Math.max(1, programs.titles.length);
            rows.push(row);
        }
        table.tHead.replaceChildren(heading);
        table.tBodies[0].replaceChildren(...rows);
        byId("problems").replaceChildren(...programs.rows.flatMap((program) =>
            program.problems.map((problem) => make("li", "", `${program.cells[0]}: ${problem}`))));
    }

    function showState(text, bad) {
        const state = byId("state");
        setText(state, text);
        state.title = text;
        state.classList.toggle("bad", bad);
    }

    let heard = 0;
    function onEvent(event, all) {
        const data = JSON.parse(event.data);
        heard = Date.now();
        showRoom(data.room, all);
        if (data.programs) showPrograms(data.programs);
        if (!data.feed.connected) showState(data.feed.trouble || "waiting for Kafka", Boolean(data.feed.trouble));
        else if (data.feed.trouble) showState(data.feed.trouble, true);
        else showState(data.feed.caught_up ? "live" : "reading what Kafka has", false);
    }

    let source = null;
    function connect() {
        if (source) source.close();
        heard = Date.now();
        source = new EventSource("events");
        source.addEventListener("history", (event) => onEvent(event, true));
        source.addEventListener("news", (event) => onEvent(event, false));
        source.onerror = () => showState("the dashboard does not answer; trying again", true);
    }

    connect();
    setInterval(() => {
        const silent = Date.now() - heard;
        if (silent > SILENCE_MS || (source.readyState === EventSource.CLOSED && silent > 2000)) connect();
    }, 1000);
    byId("range").addEventListener("change", () => drawSoon(true));
    document.addEventListener("visibilitychange", () => drawSoon(true));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawSoon(true));
})();
