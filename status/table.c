#include "table.h"

#include "quantity.h"
#include "text.h"

#include <string.h>

enum { CELL_SIZE = 80 };

static void put_name(const struct bridge_state *state, char *cell)
{
    snprintf(cell, CELL_SIZE, "%s", state->name);
}

static void put_mqtt(const struct bridge_state *state, char *cell)
{
    snprintf(cell, CELL_SIZE, "%s", state->mqtt);
}

static void put_kafka(const struct bridge_state *state, char *cell)
{
    snprintf(cell, CELL_SIZE, "%s", state->kafka);
}

static void put_number(double number, char *cell)
{
    if (number < 0)
        snprintf(cell, CELL_SIZE, "-");
    else
        quantity_number(number, cell);
}

static void put_received(const struct bridge_state *state, char *cell)
{
    put_number(state->received_rate, cell);
}

static void put_delivered(const struct bridge_state *state, char *cell)
{
    put_number(state->delivered_rate, cell);
}

static void put_spooled(const struct bridge_state *state, char *cell)
{
    put_number(state->spooled, cell);
}

static void put_oldest(const struct bridge_state *state, char *cell)
{
    quantity_duration(state->oldest, cell);
}

static void put_dead(const struct bridge_state *state, char *cell)
{
    put_number(state->dead_letters, cell);
}

static void put_p50(const struct bridge_state *state, char *cell)
{
    quantity_duration(state->p50, cell);
}

static void put_p99(const struct bridge_state *state, char *cell)
{
    quantity_duration(state->p99, cell);
}

struct column {
    const char *title;
    bool left;      /* aligned so */
    int importance; /* those with less go first where there is no room; 0: never */
    void (*put)(const struct bridge_state *state, char *cell);
};

static const struct column columns[] = {
    {"bridge", true, 0, put_name},
    {"MQTT", true, 7, put_mqtt},
    {"Kafka", true, 8, put_kafka},
    {"received/s", false, 3, put_received},
    {"delivered/s", false, 4, put_delivered},
    {"spooled", false, 9, put_spooled},
    {"oldest", false, 6, put_oldest},
    {"dead", false, 5, put_dead},
    {"p50", false, 1, put_p50},
    {"p99", false, 2, put_p99},
};

enum { COLUMNS = sizeof columns / sizeof *columns, GAP = 2 };

struct layout {
    size_t widths[COLUMNS]; /* 0: left out */
    size_t total;
};

/* Characters, not bytes. */
static size_t text_width(const char *text)
{
    size_t width = 0;
    for (size_t length; *text; text += length ? length : 1, width++)
        length = text_utf8_length(text);
    return width;
}

static void leave_out_least(struct layout *layout)
{
    size_t least = 0;
    for (size_t i = 0; i < COLUMNS; i++)
        if (layout->widths[i] && columns[i].importance &&
            (least == 0 || columns[i].importance < columns[least].importance))
            least = i;
    layout->total -= least ? layout->widths[least] + GAP : layout->total;
    if (least)
        layout->widths[least] = 0;
}

static struct layout lay_out(const struct bridge_state *states, size_t count, size_t width)
{
    struct layout layout = {0};
    char cell[CELL_SIZE];
    for (size_t i = 0; i < COLUMNS; i++) {
        layout.widths[i] = strlen(columns[i].title);
        for (size_t k = 0; k < count; k++) {
            columns[i].put(&states[k], cell);
            size_t length = text_width(cell);
            if (length > layout.widths[i])
                layout.widths[i] = length;
        }
        layout.total += layout.widths[i] + (i ? GAP : 0);
    }
    while (width && layout.total > width)
        leave_out_least(&layout);
    return layout;
}

/* Writes at most *room characters of the text, and as many blanks as make it `width` wide. */
static void put_text(const char *text, size_t *room, FILE *out)
{
    while (*text && *room > 0) {
        size_t length = text_utf8_length(text);
        unsigned char first = (unsigned char)*text;
        /* What came from elsewhere must not steer the terminal. */
        if (length == 0 || first < 0x20 || first == 0x7f ||
            (length == 2 && first == 0xc2 && (unsigned char)text[1] < 0xa0))
            fputc('?', out);
        else
            fwrite(text, 1, length, out);
        text += length ? length : 1;
        --*room;
    }
}

static void put_blanks(size_t count, size_t *room, FILE *out)
{
    for (; count > 0 && *room > 0; count--, --*room)
        fputc(' ', out);
}

static void put_cell(const char *text, bool first, bool left, size_t width, size_t *room, FILE *out)
{
    size_t blanks = width - text_width(text);
    put_blanks((first ? 0 : GAP) + (left ? 0 : blanks), room, out);
    put_text(text, room, out);
    put_blanks(left ? blanks : 0, room, out);
}

/* state NULL: the heading. */
static void put_line(const struct layout *layout, const struct bridge_state *state,
                     const struct table_style *style, FILE *out)
{
    size_t room = style->width ? style->width : SIZE_MAX;
    const char *color = !state ? "\033[1m" : state->well ? "\033[32m" : "\033[31m";
    char cell[CELL_SIZE];
    if (style->color)
        fputs(color, out);
    for (size_t i = 0; i < COLUMNS; i++)
        if (layout->widths[i]) {
            if (state)
                columns[i].put(state, cell);
            put_cell(state ? cell : columns[i].title, i == 0, columns[i].left, layout->widths[i], &room, out);
            /* The colour is for the name alone. */
            if (state && i == 0 && style->color)
                fputs("\033[0m", out);
        }
    if (!state && style->color)
        fputs("\033[0m", out);
    fputs(style->line_end, out);
}

static void put_problem(const struct bridge_state *state, const char *problem,
                        const struct table_style *style, FILE *out)
{
    size_t room = style->width ? style->width : SIZE_MAX;
    put_text(state->name, &room, out);
    put_text(": ", &room, out);
    put_text(problem, &room, out);
    fputs(style->line_end, out);
}

static struct table_parts count_parts(const struct bridge_state *states, size_t count)
{
    struct table_parts parts = {0};
    for (size_t i = 0; i < count; i++) {
        ++*(states[i].well ? &parts.well : &parts.not_well);
        parts.problems += (size_t)states[i].problem_count;
    }
    return parts;
}

/* Takes as many of the lines as there are, at most `wanted`. Returns how many. */
static size_t take(size_t wanted, size_t *lines)
{
    size_t taken = wanted < *lines ? wanted : *lines;
    *lines -= taken;
    return taken;
}

struct table_parts table_write(const struct bridge_state *states, size_t count,
                               const struct table_style *style, FILE *out)
{
    const struct layout layout = lay_out(states, count, style->width);
    struct table_parts rest = count_parts(states, count);
    size_t lines = style->lines;
    if (take(1, &lines))
        put_line(&layout, NULL, style, out);
    size_t not_well = take(rest.not_well, &lines);
    size_t problems = take(rest.problems, &lines);
    size_t well = take(rest.well, &lines);
    rest.not_well -= not_well;
    rest.problems -= problems;
    rest.well -= well;
    for (size_t i = 0; i < count; i++)
        if (take(1, states[i].well ? &well : &not_well))
            put_line(&layout, &states[i], style, out);
    for (size_t i = 0; i < count; i++)
        for (int k = 0; k < states[i].problem_count && take(1, &problems); k++)
            put_problem(&states[i], states[i].problems[k], style, out);
    return rest;
}
