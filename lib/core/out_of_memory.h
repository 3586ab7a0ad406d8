/* Ends the program when memory is exhausted and continuing could lose something. */
#ifndef ROOMSTREAM_CORE_OUT_OF_MEMORY_H
#define ROOMSTREAM_CORE_OUT_OF_MEMORY_H

#include <stddef.h>

/* Logs that `bytes` more are not available, and ends the process at once with EXIT_FAILED: no cleaning up, no
 * acknowledgement. Its supervisor starts it again, and what it had not acknowledged is redelivered. Allocates
 * nothing and takes no lock. Any thread. */
_Noreturn void out_of_memory(size_t bytes);

#endif
