#include "start.h"

#include "core/text.h"

#include <string.h>
#include <time.h>

static bool read_time(const char *text, int64_t *ms)
{
    struct tm fields = {0};
    if (text_to_integer(text, ms))
        return *ms >= 0;
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &fields);
    if (!end || *end)
        return false;
    *ms = (int64_t)timegm(&fields) * 1000;
    return *ms >= 0;
}

bool start_parse(const char *text, struct start *start, struct error *error)
{
    *start = (struct start){0};
    if (strcmp(text, "stored") == 0)
        start->kind = START_STORED;
    else if (strcmp(text, "beginning") == 0 || strcmp(text, "earliest") == 0)
        start->kind = START_BEGINNING;
    else if (strcmp(text, "end") == 0 || strcmp(text, "latest") == 0)
        start->kind = START_END;
    else if (strncmp(text, "s@", 2) == 0) {
        start->kind = START_TIME;
        if (!read_time(text + 2, &start->value))
            return error_set(
                error,
                "'%s' is not a time: s@ needs milliseconds since 1970 or a time such as 2026-11-25T10:00:00Z",
                text);
    } else if (text_to_integer(text, &start->value) && start->value != INT64_MIN) {
        start->kind = *text == '-' ? START_TAIL : START_OFFSET;
        start->value = *text == '-' ? -start->value : start->value;
    } else
        return error_set(error, "'%s' is none of beginning (earliest), end (latest), stored, N, -N, s@TIME",
                         text);
    return true;
}
