#include "print.h"

#include "core/clock.h"
#include "core/json_text.h"
#include "core/out_of_memory.h"
#include "core/text.h"
#include "spool/message.h"

#include <inttypes.h>
#include <stdio.h>

bool print_line(const struct spool_record *letter)
{
    char time[CLOCK_RFC3339_SIZE];
    clock_rfc3339(letter->time, time);
    printf("%" PRIu64 "\t%s\t%zu\t", letter->id, time, letter->payload.length);
    text_print_escaped(stdout, letter->topic.data, letter->topic.length);
    putchar('\t');
    text_print_escaped(stdout, letter->reason.data, letter->reason.length);
    putchar('\n');
    return !ferror(stdout);
}

/* NULL when memory is exhausted. */
static json_t *headers_as_json(const struct spool_record *letter)
{
    json_t *list = json_array();
    struct spool_bytes rest = letter->properties;
    struct header header;
    bool ok = list != NULL;
    while (ok && header_next(&rest, &header)) {
        json_t *one = json_object();
        json_set_bytes(one, "name", header.name, header.name_length);
        json_set_bytes(one, "value", header.value, header.value_length);
        ok = json_array_append_new(list, one) == 0;
    }
    if (ok)
        return list;
    json_decref(list);
    return NULL;
}

bool print_json(const struct spool_record *letter)
{
    char time[CLOCK_RFC3339_SIZE];
    clock_rfc3339(letter->time, time);
    json_t *object = json_object();
    bool whole = json_object_set_new(object, "id", json_integer((json_int_t)letter->id)) == 0 &&
                 json_object_set_new(object, "time", json_string(time)) == 0;
    json_set_bytes(object, "topic", letter->topic.data, letter->topic.length);
    whole = whole && json_object_set_new(object, "qos", json_integer(letter->flags & MESSAGE_QOS)) == 0 &&
            json_object_set_new(object, "retain", json_boolean(letter->flags & MESSAGE_RETAINED)) == 0;
    json_set_bytes(object, "reason", letter->reason.data, letter->reason.length);
    whole = whole && json_object_set_new(object, "headers", headers_as_json(letter)) == 0;
    json_set_bytes(object, "payload", letter->payload.data, letter->payload.length);
    if (!whole)
        out_of_memory(letter->payload.length);
    bool written = json_print(object, stdout, JSON_COMPACT);
    json_decref(object);
    putchar('\n');
    return written && !ferror(stdout);
}
