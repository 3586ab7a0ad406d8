/* A temporary folder for each test of a spool. Each test program includes it once. */
#ifndef ROOMSTREAM_TESTS_UNIT_SPOOL_FOLDER_H
#define ROOMSTREAM_TESTS_UNIT_SPOOL_FOLDER_H

#include "spool_fixture.h"

static char folder[64];

static inline int setup_folder(void **state)
{
    (void)state;
    make_folder(folder);
    return 0;
}

static inline int teardown_folder(void **state)
{
    (void)state;
    remove_folder(folder);
    return 0;
}

#endif
