#include "out_of_memory.h"

#include "exit_status.h"
#include "log.h"

#include <unistd.h>

_Noreturn void out_of_memory(size_t bytes)
{
    log_error_with(
        memory_exhausted, LOG_FIELDS(LOG_NUMBER("bytes", bytes)),
        "out of memory: %zu more bytes are not available. Ending at once, so that nothing is acknowledged that is not stored: start it again, with more memory or a smaller --message-max",
        bytes);
    _exit(EXIT_FAILED);
}
