#include "json_values.h"

#include "core/out_of_memory.h"

#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

enum { LONGEST_NUMBER = 1000, DEEPEST = 512 };

struct walk {
    const struct json_listener *listener;
    void *context;
    struct batch *batch;
    struct error *error;
    int depth;
    bool refused; /* by us or the listener: *error is set */
};

static int answer(struct walk *walk, bool ok)
{
    walk->refused = !ok;
    return ok;
}

static int tell_scalar(void *context, enum scalar_kind kind, const void *text, size_t length)
{
    struct walk *walk = context;
    const struct scalar scalar = {kind, batch_copy(walk->batch, text, length)};
    return answer(walk, walk->listener->on_scalar(walk->context, &scalar, walk->error));
}

static int on_null(void *context)
{
    return tell_scalar(context, SCALAR_NULL, NULL, 0);
}

static int on_boolean(void *context, int value)
{
    return tell_scalar(context, value ? SCALAR_TRUE : SCALAR_FALSE, NULL, 0);
}

static int on_number(void *context, const char *text, size_t length)
{
    struct walk *walk = context;
    if (length > LONGEST_NUMBER)
        return answer(walk, error_set(walk->error, "a number has more than %d digits", LONGEST_NUMBER));
    return tell_scalar(context, SCALAR_NUMBER, text, length);
}

static int on_string(void *context, const unsigned char *text, size_t length)
{
    return tell_scalar(context, SCALAR_TEXT, text, length);
}

static int on_name(void *context, const unsigned char *name, size_t length)
{
    struct walk *walk = context;
    return answer(walk, walk->listener->on_name(walk->context, (const char *)name, length, walk->error));
}

static int nest(void *context, bool array, bool open)
{
    struct walk *walk = context;
    walk->depth += open ? 1 : -1;
    if (walk->depth > DEEPEST)
        return answer(walk, error_set(walk->error, "the JSON is nested more than %d deep", DEEPEST));
    return answer(walk, walk->listener->on_nesting(walk->context, array, open, walk->error));
}

static int on_object(void *context)
{
    return nest(context, false, true);
}

static int on_object_end(void *context)
{
    return nest(context, false, false);
}

static int on_array(void *context)
{
    return nest(context, true, true);
}

static int on_array_end(void *context)
{
    return nest(context, true, false);
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_object,
    .yajl_map_key = on_name,
    .yajl_end_map = on_object_end,
    .yajl_start_array = on_array,
    .yajl_end_array = on_array_end,
};

/* The code unit of an escape \uXXXX, or 0 for anything else. */
static unsigned escaped_unit(const char *at, const char *end)
{
    char digits[5] = "";
    if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
        return 0;
    memcpy(digits, at + 2, 4);
    return (unsigned)strtoul(digits, NULL, 16);
}

/* Half of a surrogate pair is no character (RFC 8259 section 8.2). yajl would make another text of it. */
static bool check_pairs(struct bytes text, struct error *error)
{
    const char *end = text.at + text.length;
    for (const char *at = text.at; (at = memchr(at, '\\', (size_t)(end - at)));) {
        unsigned unit = escaped_unit(at, end);
        at += unit ? 6 : end - at < 2 ? 1 : 2;
        if (unit < 0xd800 || unit > 0xdfff)
            continue;
        unsigned other = escaped_unit(at, end);
        if (unit > 0xdbff || other < 0xdc00 || other > 0xdfff)
            return error_set(error, "no JSON: \\u%04x is half of a character", unit);
        at += 6;
    }
    return true;
}

/* yajl's message ends with a newline. */
static void set_wrong(yajl_handle parser, struct error *error)
{
    unsigned char *text = yajl_get_error(parser, 0, NULL, 0);
    if (!text)
        out_of_memory(0);
    size_t length = strcspn((const char *)text, "\n");
    error_set(error, "no JSON: %.*s", (int)length, (const char *)text);
    yajl_free_error(parser, text);
}

bool json_values_read(struct bytes text, const struct json_listener *listener, void *context,
                      struct batch *batch, struct error *error)
{
    struct walk walk = {.listener = listener, .context = context, .batch = batch, .error = error};
    if (!check_pairs(text, error))
        return false;
    yajl_handle parser = yajl_alloc(&callbacks, NULL, &walk);
    if (!parser)
        out_of_memory(sizeof parser);
    yajl_status status = yajl_parse(parser, (const unsigned char *)text.at, text.length);
    if (status == yajl_status_ok)
        status = yajl_complete_parse(parser);
    if (status != yajl_status_ok && !walk.refused)
        set_wrong(parser, error);
    yajl_free(parser);
    return status == yajl_status_ok;
}
