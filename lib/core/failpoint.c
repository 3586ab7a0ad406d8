#include "failpoint.h"

#ifdef ROOMSTREAM_FAILPOINTS
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

void failpoint(const char *name)
{
    static atomic_long passages;
    const char *wanted = getenv("ROOMSTREAM_FAILPOINT");
    size_t length = strlen(name);
    if (!wanted || strncmp(wanted, name, length) != 0 || (wanted[length] != '\0' && wanted[length] != ':'))
        return;
    char none[] = "", *end = none;
    long at = wanted[length] == ':' ? strtol(wanted + length + 1, &end, 10) : 1;
    if (atomic_fetch_add(&passages, 1) + 1 == at)
        raise(strcmp(end, ":stop") == 0 ? SIGSTOP : SIGKILL);
}
#else
/* An empty translation unit is not ISO C. */
typedef int failpoints_are_not_built_in;
#endif
