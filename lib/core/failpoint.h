/* Failpoints: named instants at which a test can have the process killed. Only builds with
 * -DROOMSTREAM_FAILPOINTS=ON have them; in all others FAILPOINT does nothing. */
#ifndef ROOMSTREAM_CORE_FAILPOINT_H
#define ROOMSTREAM_CORE_FAILPOINT_H

#ifdef ROOMSTREAM_FAILPOINTS
/* Kills the process by SIGKILL when the environment's ROOMSTREAM_FAILPOINT is NAME or NAME:N, at the Nth
 * passage. */
void failpoint(const char *name);
#define FAILPOINT(name) failpoint(name)
#else
#define FAILPOINT(name) ((void)0)
#endif

#endif
