/* Failpoints: named instants at which a test can have the process killed or frozen. Only builds with
 * -DROOMSTREAM_FAILPOINTS=ON have them; in all others FAILPOINT does nothing. */
#ifndef ROOMSTREAM_CORE_FAILPOINT_H
#define ROOMSTREAM_CORE_FAILPOINT_H

#ifdef ROOMSTREAM_FAILPOINTS
/* Kills the process by SIGKILL when the environment's ROOMSTREAM_FAILPOINT is NAME or NAME:N, at the Nth
 * passage. NAME:N:stop freezes it by SIGSTOP instead. */
void failpoint(const char *name);
#define FAILPOINT(name) failpoint(name)
#else
#define FAILPOINT(name) ((void)0)
#endif

#endif
