/* A command that prints a token, run without a shell. */
#ifndef ROOMSTREAM_KAFKA_TOKEN_COMMAND_H
#define ROOMSTREAM_KAFKA_TOKEN_COMMAND_H

#include "core/error.h"

#include <stdint.h>

/* Splits a command into words: blanks separate them; what is in '' stands as it is; in "", and outside of
 * quotes, a backslash makes the next character stand for itself. Nothing else has a meaning: no variables, no
 * patterns, no pipes. The words are one piece of memory with the list, which free() frees. NULL with *error:
 * no word, or a quote without its end. */
char **token_words(const char *command, struct error *error);

/* Runs the program of the first word, looked for in PATH, and returns what it has written to standard output
 * (at most 64 KiB), NUL-terminated; free it with token_free. Its standard input is empty, its standard error
 * ours. After `limit` ns, one second after a stop was requested, at token_kill of its owner, or at the exit
 * of our process (but not at one by a signal) it is killed with all that it has started in its process group.
 * NULL with *error: it cannot be started, takes too long, fails, or prints nothing, too much or a NUL. *error
 * never has what it printed. Any thread. */
char *token_run(char *const *words, int64_t limit, const void *owner, struct error *error);

/* Overwrites all that token_run has allocated, then frees it. NULL is allowed. */
void token_free(char *text);

/* Kills the owner's commands that run now. Any thread. */
void token_kill(const void *owner);

#endif
