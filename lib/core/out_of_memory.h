/* What a program does when memory is exhausted where going on could lose something: it ends. */
#ifndef ROOMSTREAM_CORE_OUT_OF_MEMORY_H
#define ROOMSTREAM_CORE_OUT_OF_MEMORY_H

#include <stddef.h>

/* Says that `bytes` more could not be had, and ends the process at once with EXIT_FAILED: no cleaning up, no
 * acknowledgement. Its supervisor starts it again, and what it had not acknowledged comes again. Allocates
 * nothing and takes no lock. Any thread. */
_Noreturn void out_of_memory(size_t bytes);

#endif
