#include "json_find.h"

#include "out_of_memory.h"

#include <yajl/yajl_parse.h>

/* yajl goes on without a bound of its own, and takes memory for each level. */
enum { DEEPEST = 512 };

struct search {
    struct pointer_walk walk;
    struct text_buffer *found;
    bool done;
};

/* Each of yajl's callbacks returns 0 to end the reading. A value that is no text and no number: bytes NULL.
 */
static int scalar(struct search *search, const void *bytes, size_t length)
{
    pointer_walk_value(&search->walk);
    if (!pointer_walk_is_at(&search->walk, 0))
        return 1;
    if (bytes)
        text_buffer_set(search->found, bytes, length);
    search->done = bytes != NULL;
    return 0;
}

static int on_null(void *context)
{
    return scalar(context, NULL, 0);
}

static int on_boolean(void *context, int value)
{
    (void)value;
    return scalar(context, NULL, 0);
}

static int on_number(void *context, const char *text, size_t length)
{
    return scalar(context, text, length);
}

static int on_string(void *context, const unsigned char *text, size_t length)
{
    return scalar(context, text ? (const char *)text : "", length);
}

static int on_name(void *context, const unsigned char *name, size_t length)
{
    struct search *search = context;
    pointer_walk_name(&search->walk, (const char *)name, length);
    return 1;
}

static int open_container(struct search *search, bool array)
{
    int goes_on = scalar(search, NULL, 0);
    pointer_walk_open(&search->walk, array);
    return goes_on && search->walk.depth <= DEEPEST;
}

static int on_object(void *context)
{
    return open_container(context, false);
}

static int on_array(void *context)
{
    return open_container(context, true);
}

static int on_end(void *context)
{
    struct search *search = context;
    pointer_walk_close(&search->walk);
    return 1;
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_object,
    .yajl_map_key = on_name,
    .yajl_end_map = on_end,
    .yajl_start_array = on_array,
    .yajl_end_array = on_end,
};

bool json_find(const struct pointer *pointer, const void *text, size_t length, struct text_buffer *found)
{
    struct search search = {.walk = {.pointers = pointer, .count = 1}, .found = found};
    yajl_handle parser = yajl_alloc(&callbacks, NULL, &search);
    if (!parser)
        out_of_memory(sizeof parser);
    yajl_status status = yajl_parse(parser, text, length);
    if (status == yajl_status_ok) /* a number that ends with the text is told only now */
        yajl_complete_parse(parser);
    yajl_free(parser);
    return search.done;
}
