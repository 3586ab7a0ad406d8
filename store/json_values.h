/* JSON (RFC 8259) as a stream of its scalars, each with its place in the document, on yajl: numbers come with
 * all their digits, and memory does not grow with the document. */
#ifndef ROOMSTREAM_STORE_JSON_VALUES_H
#define ROOMSTREAM_STORE_JSON_VALUES_H

#include "batch.h"
#include "scalar.h"

#include "core/error.h"

/* Called in the order of the text. A function returns false to stop, with the error set. */
struct json_listener {
    /* A value that is neither an object nor an array. The text lies in the batch. */
    bool (*on_scalar)(void *context, const struct scalar *scalar, struct error *error);
    /* The name of a member, whose value follows. It is valid for this call alone. */
    bool (*on_name)(void *context, const char *name, size_t length, struct error *error);
    /* An object or array begins (open) or ends. */
    bool (*on_nesting)(void *context, bool array, bool open, struct error *error);
};

/* False with *error: what is wrong with the text, or the listener's error. */
bool json_values_read(struct bytes text, const struct json_listener *listener, void *context,
                      struct batch *batch, struct error *error);

#endif
