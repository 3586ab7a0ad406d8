#include "waiting.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void waiting_tell(const struct text_list *topics)
{
    static atomic_flag told = ATOMIC_FLAG_INIT;
    if (!isatty(STDERR_FILENO) || atomic_flag_test_and_set(&told))
        return;
    flockfile(stderr);
    fputs("waiting for messages of ", stderr);
    for (size_t i = 0; i < topics->count; i++) {
        fputs(i ? ", " : "", stderr);
        text_print_escaped(stderr, topics->items[i], strlen(topics->items[i]));
    }
    fputs(" (Ctrl-C ends)\n", stderr);
    funlockfile(stderr);
}
