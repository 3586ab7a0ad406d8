/* Paho's functions record where they are and what they allocate, each time under a lock that all threads
 * share: half of the CPU time that a message costs. Only Paho's own traces would show it. Paho can be built
 * without that (PAHO_HIGH_PERFORMANCE), but distributions do not. Here are the functions that do it in a
 * libpaho that is linked in, as in its src/StackTrace.h and src/Heap.h, without the recording. The linker
 * takes these and leaves Paho's out (docs/decisions/0013-paho-linked-in.md).
 *
 * They never return NULL: Paho acknowledges a message for which it had no memory, without handing it over. */
#include "core/out_of_memory.h"

#include <stdlib.h>

int Heap_initialize(void);
void Heap_terminate(void);
void *mymalloc(char *file, int line, size_t size);
void *myrealloc(char *file, int line, void *memory, size_t size);
void myfree(char *file, int line, void *memory);
void StackTrace_entry(const char *name, int line, int level);
void StackTrace_exit(const char *name, int line, void *value, int level);

int Heap_initialize(void)
{
    return 0;
}

void Heap_terminate(void) {}

/* Zeroed, as Paho's is: 1.3.12 frees the properties of a CONNACK that has none. */
void *mymalloc(char *file, int line, size_t size)
{
    (void)file;
    (void)line;
    void *memory = calloc(1, size);
    if (!memory)
        out_of_memory(size);
    return memory;
}

void *myrealloc(char *file, int line, void *memory, size_t size)
{
    (void)file;
    (void)line;
    void *moved = realloc(memory, size);
    if (!moved && size > 0)
        out_of_memory(size);
    return moved;
}

void myfree(char *file, int line, void *memory)
{
    (void)file;
    (void)line;
    free(memory);
}

void StackTrace_entry(const char *name, int line, int level)
{
    (void)name;
    (void)line;
    (void)level;
}

void StackTrace_exit(const char *name, int line, void *value, int level)
{
    (void)name;
    (void)line;
    (void)value;
    (void)level;
}
