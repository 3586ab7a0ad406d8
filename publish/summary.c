#include "summary.h"

#include "core/clock.h"
#include "core/log.h"
#include "faults.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void log_faults(const uint64_t *faults)
{
    const struct log_field *fields =
        LOG_FIELDS(LOG_NUMBER("missing", faults[FAULT_MISSING]), LOG_NUMBER("stuck", faults[FAULT_STUCK]),
                   LOG_NUMBER("spikes", faults[FAULT_SPIKE]), LOG_NUMBER("doubles", faults[FAULT_DOUBLE]),
                   LOG_NUMBER("late", faults[FAULT_LATE]));
    log_info_with(faults_simulated, fields,
                  "simulated faults: %" PRIu64 " missing, %" PRIu64 " stuck, %" PRIu64 " spikes, %" PRIu64
                  " doubles, %" PRIu64 " late",
                  faults[FAULT_MISSING], faults[FAULT_STUCK], faults[FAULT_SPIKE], faults[FAULT_DOUBLE],
                  faults[FAULT_LATE]);
}

void summary_log(const struct summary *summary)
{
    if (summary->faults)
        log_faults(summary->faults);
    const struct log_field *fields =
        LOG_FIELDS(LOG_NUMBER("messages", summary->published), LOG_NUMBER("rows", summary->rows),
                   LOG_NUMBER("bad_rows", summary->bad_rows), LOG_NUMBER("late", summary->late),
                   LOG_NUMBER("resent", summary->resent), LOG_NUMBER("acknowledged", summary->acknowledged),
                   LOG_NUMBER("duration_ms", summary->duration / MILLISECOND));
    log_info_with(published, fields,
                  "published %" PRIu64 " messages (%" PRIu64 " rows, %" PRIu64 " bad rows, %" PRIu64
                  " late, %" PRIu64 " resent), %" PRIu64 " %s, in %.3f s",
                  summary->published, summary->rows, summary->bad_rows, summary->late, summary->resent,
                  summary->acknowledged, summary->qos > 0 ? "acknowledged" : "sent at QoS 0",
                  (double)summary->duration / SECOND);
}

/* Makes the file beside the place where it is wanted, as rename() needs it, with the mode that any new file
 * gets. */
static FILE *open_temporary(char *path)
{
    mode_t mask = umask(0);
    umask(mask);
    int fd = mkstemp(path);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    if (file && fchmod(fd, 0666 & ~mask) == 0)
        return file;
    int saved = errno;
    if (fd >= 0)
        unlink(path);
    if (file)
        fclose(file);
    else if (fd >= 0)
        close(fd);
    errno = saved;
    return NULL;
}

static bool write_and_close(const struct summary *summary, FILE *file)
{
    fprintf(file,
            "published=%" PRIu64 "\nacknowledged=%" PRIu64 "\nresent=%" PRIu64 "\nrows=%" PRIu64
            "\nbad_rows=%" PRIu64 "\nlate=%" PRIu64 "\nseconds=%.3f\n",
            summary->published, summary->acknowledged, summary->resent, summary->rows, summary->bad_rows,
            summary->late, (double)summary->duration / SECOND);
    for (int kind = FAULT_MISSING; summary->faults && kind < FAULT_KINDS; kind++)
        fprintf(file, "fault_%s=%" PRIu64 "\n", fault_names[kind], summary->faults[kind]);
    bool ok = !ferror(file);
    return fclose(file) == 0 && ok;
}

bool summary_write(const struct summary *summary, const char *path, struct error *error)
{
    struct stat status;
    char *temporary = NULL;
    /* Replacing a device such as /dev/stdout would do harm. */
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode))
        return error_set(error, "--summary: %s is not a regular file", path);
    if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
        return error_set(error, "out of memory");
    FILE *file = open_temporary(temporary);
    bool ok = file && write_and_close(summary, file) && rename(temporary, path) == 0;
    if (!ok)
        error_set(error, "--summary: cannot write %s: %s", path, strerror(errno));
    if (!ok && file)
        unlink(temporary);
    free(temporary);
    return ok;
}
