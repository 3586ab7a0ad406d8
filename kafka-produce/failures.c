#include "failures.h"

#include "core/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void failures_log(struct failures *f)
{
    const struct log_field *fields =
        LOG_FIELDS(LOG_NUMBER("first", f->first), LOG_NUMBER("last", f->last), LOG_TEXT("reason", f->reason));
    if (f->first && f->names)
        log_error_with(lines_not_delivered, fields, "%s %s", f->names[f->first - 1], f->reason);
    else if (f->first && f->first == f->last)
        log_error_with(lines_not_delivered, fields, "line %" PRIu64 " %s", f->first, f->reason);
    else if (f->first)
        log_error_with(lines_not_delivered, fields, "lines %" PRIu64 " to %" PRIu64 " %s", f->first, f->last,
                       f->reason);
    f->first = f->last = 0;
}

void failures_add(struct failures *f, uint64_t line, const char *reason)
{
    if (!f->names && f->first && line == f->last + 1 &&
        strncmp(f->reason, reason, sizeof f->reason - 1) == 0) {
        f->last = line;
        return;
    }
    failures_log(f);
    f->first = f->last = line;
    snprintf(f->reason, sizeof f->reason, "%s", reason);
}
