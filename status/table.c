#include "table.h"

#include "core/text.h"
#include "core/utf8.h"
#include "quantity.h"

#include <string.h>

static void put_name(const struct bridge_state *state, char *cell)
{
    snprintf(cell, TABLE_CELL, "%s", state->name);
}

static void put_mqtt(const struct bridge_state *state, char *cell)
{
    snprintf(cell, TABLE_CELL, "%s", state->mqtt);
}

static void put_kafka(const struct bridge_state *state, char *cell)
{
    snprintf(cell, TABLE_CELL, "%s", state->kafka);
}

static void put_number(double number, char *cell)
{
    if (number < 0)
        snprintf(cell, TABLE_CELL, "-");
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
    bool left; /* aligned so */
    void (*put)(const struct bridge_state *state, char *cell);
};

static const struct column columns[] = {
    {"bridge", true, put_name},
    {"MQTT", true, put_mqtt},
    {"Kafka", true, put_kafka},
    {"received/s", false, put_received},
    {"delivered/s", false, put_delivered},
    {"spooled", false, put_spooled},
    {"oldest", false, put_oldest},
    {"dead", false, put_dead},
    {"p50", false, put_p50},
    {"p99", false, put_p99},
};

_Static_assert(sizeof columns / sizeof *columns == TABLE_COLUMNS, "as the header says");

enum { GAP = 2 };

const char *table_title(size_t column)
{
    return columns[column].title;
}

void table_cell(const struct bridge_state *state, size_t column, char cell[static TABLE_CELL])
{
    columns[column].put(state, cell);
}

/* Characters, not bytes. */
static size_t text_width(const char *text)
{
    size_t width = 0;
    for (size_t length; *text; text += length ? length : 1, width++)
        length = utf8_length(text);
    return width;
}

static size_t column_width(const struct column *column, const struct bridge_state *states, size_t count)
{
    size_t width = text_width(column->title);
    char cell[TABLE_CELL];
    for (size_t i = 0; i < count; i++) {
        column->put(&states[i], cell);
        size_t length = text_width(cell);
        if (length > width)
            width = length;
    }
    return width;
}

static void put_text(const char *text, FILE *out)
{
    while (*text) {
        size_t length = utf8_length(text);
        unsigned char first = (unsigned char)*text;
        /* Text from outside must not control the terminal. */
        if (length == 0 || first < 0x20 || first == 0x7f ||
            (length == 2 && first == 0xc2 && (unsigned char)text[1] < 0xa0))
            fputc('?', out);
        else
            fwrite(text, 1, length, out);
        text += length ? length : 1;
    }
}

static void put_cell(const char *text, bool left, size_t width, FILE *out)
{
    int blanks = (int)(width - text_width(text));
    fprintf(out, "%*s", left ? 0 : blanks, "");
    put_text(text, out);
    fprintf(out, "%*s", left ? blanks : 0, "");
}

/* state NULL: the heading. */
static void put_line(const size_t widths[static TABLE_COLUMNS], const struct bridge_state *state, FILE *out)
{
    char cell[TABLE_CELL];
    for (size_t i = 0; i < TABLE_COLUMNS; i++) {
        if (state)
            columns[i].put(state, cell);
        fprintf(out, "%*s", i ? GAP : 0, "");
        put_cell(state ? cell : columns[i].title, columns[i].left, widths[i], out);
    }
    fputc('\n', out);
}

void table_write(const struct bridge_state *states, size_t count, FILE *out)
{
    size_t widths[TABLE_COLUMNS];
    for (size_t i = 0; i < TABLE_COLUMNS; i++)
        widths[i] = column_width(&columns[i], states, count);
    put_line(widths, NULL, out);
    for (size_t i = 0; i < count; i++)
        put_line(widths, &states[i], out);
    for (size_t i = 0; i < count; i++)
        for (int k = 0; k < states[i].problem_count; k++) {
            put_text(states[i].name, out);
            fputs(": ", out);
            put_text(states[i].problems[k], out);
            fputc('\n', out);
        }
}
