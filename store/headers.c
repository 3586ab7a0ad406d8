#include "headers.h"

#include "core/json_text.h"
#include "core/out_of_memory.h"

#include <stdlib.h>
#include <string.h>

/* A NUL byte is valid in JSON, but not in PostgreSQL's jsonb. */
static void set_value(json_t *object, const char *name, const void *value, size_t length)
{
    if (memchr(value, '\0', length))
        json_set_base64(object, name, value, length);
    else
        json_set_bytes(object, name, value, length);
}

struct bytes headers_json(struct batch *batch, const rd_kafka_message_t *message)
{
    rd_kafka_headers_t *headers;
    const char *name;
    const void *value;
    size_t length;
    json_t *array = json_array();
    if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR)
        for (size_t i = 0;
             rd_kafka_header_get_all(headers, i, &name, &value, &length) == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
            json_t *header = json_object();
            set_value(header, "name", name, strlen(name));
            if (value)
                set_value(header, "value", value, length);
            else
                json_object_set_new(header, "value", json_null());
            json_array_append_new(array, header);
        }
    char *text = json_dumps(array, JSON_COMPACT);
    if (!text)
        out_of_memory(0);
    struct bytes copy = batch_copy(batch, text, strlen(text));
    free(text);
    json_decref(array);
    return copy;
}
