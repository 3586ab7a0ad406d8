/* Exit statuses of all programs. */
#ifndef ROOMSTREAM_CORE_EXIT_STATUS_H
#define ROOMSTREAM_CORE_EXIT_STATUS_H

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_WRONG_USE = 2, EXIT_TIMED_OUT = 27 };

#endif
