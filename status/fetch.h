/* Fetches a page from several HTTP servers at once, on libcurl. Not thread-safe. */
#ifndef ROOMSTREAM_STATUS_FETCH_H
#define ROOMSTREAM_STATUS_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fetch {
    /* Given: */
    const char *address; /* HOST:PORT */
    /* The outcome: */
    char *body; /* NUL-terminated, fetch_free frees it; NULL when it failed */
    size_t length;
    char problem[256]; /* why it failed, e.g. "Connection refused" */
};

/* Once, before any thread. False when libcurl cannot be used. */
bool fetch_init(void);

/* Fetches http://ADDRESS/PATH from each, directly, whatever proxies the environment names. Waits at most
 * `timeout` ns for all, or until a stop is requested (stop.h). Pages of up to 1 MiB. */
void fetch_all(struct fetch *fetches, size_t count, const char *path, int64_t timeout);
void fetch_free(struct fetch *fetches, size_t count);

#endif
