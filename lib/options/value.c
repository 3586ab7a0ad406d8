#include "value.h"

#include "core/text.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool parse_flag(const char *text, bool *value)
{
    static const char *const words[][2] = {{"false", "true"}, {"no", "yes"}, {"off", "on"}, {"0", "1"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        for (int meaning = 0; meaning < 2; meaning++)
            if (strcasecmp(text, words[i][meaning]) == 0) {
                *value = meaning;
                return true;
            }
    return false;
}

static bool bounded_above(const struct option_spec *spec)
{
    return spec->maximum > spec->minimum;
}

static bool within_bounds(const struct option_spec *spec, double value)
{
    bool bounded_below = spec->minimum != 0 || bounded_above(spec);
    return !(bounded_below && value < spec->minimum) && !(bounded_above(spec) && value > spec->maximum);
}

static bool wrong_value(const struct option_spec *spec, const char *source, const char *text,
                        const char *wanted, struct error *error)
{
    const char *unit = spec->kind == OPTION_DURATION ? " seconds" : spec->kind == OPTION_SIZE ? " bytes" : "";
    const char *cut = strlen(text) > 100 ? "..." : "";
    if (bounded_above(spec))
        return error_set(error, "%s: '%.100s%s' is not %s from %.16g to %.16g%s", source, text, cut, wanted,
                         spec->minimum, spec->maximum, unit);
    if (spec->minimum != 0)
        return error_set(error, "%s: '%.100s%s' is not %s of at least %.16g%s", source, text, cut, wanted,
                         spec->minimum, unit);
    return error_set(error, "%s: '%.100s%s' is not %s", source, text, cut, wanted);
}

static bool set_text(const char **value, const char *text)
{
    free((void *)*value);
    *value = text_copy(text);
    return true;
}

bool option_add_property(struct option_table *table, const struct option_row *row,
                         const struct property *property, struct error *error)
{
    struct option_row *own = row->spec->dotted_keys ? option_find_property(table, property->name) : NULL;
    if (own) {
        own->given = true;
        return option_set(table, own, property->origin, property->value, error);
    }
    property_list_append(row->value, property);
    return true;
}

static bool set_property(struct option_table *table, const struct option_row *row, const char *source,
                         const char *text, struct error *error)
{
    if (!strchr(text, '=') || *text == '=') {
        if (text_names_secret(text, strlen(text)))
            return error_set(error, "%s: not NAME=VALUE (not shown: it may be a secret)", source);
        return wrong_value(row->spec, source, text, "NAME=VALUE", error);
    }
    char *name = text_copy(text);
    char *equals = strchr(name, '=');
    *equals = '\0';
    const struct property property = {.name = name, .value = equals + 1, .origin = source};
    bool ok = option_add_property(table, row, &property, error);
    free(name);
    return ok;
}

static bool set_choice(const struct option_row *row, const char *source, const char *text,
                       struct error *error)
{
    char wanted[256] = "one of ";
    for (int i = 0; row->spec->choices[i]; i++) {
        if (strcmp(row->spec->choices[i], text) == 0) {
            *(int *)row->value = i;
            return true;
        }
        size_t length = strlen(wanted);
        snprintf(wanted + length, sizeof wanted - length, "%s%s", i ? ", " : "", row->spec->choices[i]);
    }
    return wrong_value(row->spec, source, text, wanted, error);
}

/* `per_unit` is what there is of it in a unit of the range. */
static bool set_number(const struct option_row *row, bool (*read)(const char *, int64_t *), double per_unit,
                       const char *wanted, const char *source, const char *text, struct error *error)
{
    int64_t number;
    if (!read(text, &number) || !within_bounds(row->spec, (double)number / per_unit))
        return wrong_value(row->spec, source, text, wanted, error);
    *(int64_t *)row->value = number;
    return true;
}

static bool set_real(const struct option_row *row, const char *source, const char *text, struct error *error)
{
    double number;
    if (!text_to_real(text, &number) || !within_bounds(row->spec, number))
        return wrong_value(row->spec, source, text, "a number", error);
    *(double *)row->value = number;
    return true;
}

bool option_set(struct option_table *table, struct option_row *row, const char *source, const char *text,
                struct error *error)
{
    const struct option_spec *spec = row->spec;
    switch (spec->kind) {
    case OPTION_FLAG:
        return parse_flag(text, row->value) || wrong_value(spec, source, text, "true or false", error);
    case OPTION_TEXT:
    case OPTION_SECRET:
        return set_text(row->value, text);
    case OPTION_LIST:
        text_list_append(row->value, text);
        return true;
    case OPTION_PROPERTIES:
        return set_property(table, row, source, text, error);
    case OPTION_INTEGER:
        return set_number(row, text_to_integer, 1, "a whole number", source, text, error);
    case OPTION_DURATION:
        return set_number(row, text_to_duration, 1e9, "a duration such as 500ms, 10s or 2h", source, text,
                          error);
    case OPTION_SIZE:
        return set_number(row, text_to_size, 1, "a size such as 64K, 16M or 1G", source, text, error);
    case OPTION_REAL:
        return set_real(row, source, text, error);
    case OPTION_CHOICE:
        return set_choice(row, source, text, error);
    }
    abort();
}

bool option_set_by_user(struct option_table *table, struct option_row *row, const char *source,
                        const char *text, struct error *error)
{
    if (row->spec->kind == OPTION_LIST && row->pass != table->pass)
        text_list_free(row->value);
    row->pass = table->pass;
    row->given = true;
    return option_set(table, row, source, text, error);
}
