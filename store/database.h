/* A database that keeps readings and, in the same transaction, how far Kafka's partitions are read. Each kind
 * of database is a table of functions. A database belongs to one thread. Its calls wait, but none longer than
 * settings->timeout without progress; they end early once stopping was asked for and `database_abandon` was
 * called.
 *
 * Lifecycle: kind->open, then kind->connect until it is DONE; then kind->positions and kind->write; after
 * DATABASE_AWAY kind->connect again. At the end kind->close. */
#ifndef ROOMSTREAM_STORE_DATABASE_H
#define ROOMSTREAM_STORE_DATABASE_H

#include "batch.h"

#include "core/error.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct database_settings {
    const char *address; /* sqlite:FILE or postgresql://... */
    const char *path;    /* of SQLite's file */
    int64_t timeout;     /* ns: how long a call may wait without progress */
    int stop;            /* readable once calls shall end at once (with DATABASE_AWAY); -1: never */
};

enum database_result {
    DATABASE_DONE,
    DATABASE_AWAY,  /* cannot be used now: connect again, later. What became of a write is not known */
    DATABASE_MOVED, /* a position is not the expected one: another program has written. Nothing was changed */
    DATABASE_REFUSED, /* the database does not take what was to be written. Nothing was changed */
    DATABASE_WRONG, /* this is not our database (a newer schema, another file): trying again does not help */
};

/* How far a partition is read. */
struct database_position {
    const char *topic;
    int32_t partition;
    int64_t next; /* offset; -1: none is stored yet */
    int64_t mark; /* batch_mark of the message at next - 1; 0: there is none */
};

/* A position that a transaction moves, if it is still the expected one. */
struct database_step {
    const char *topic;
    int32_t partition;
    int64_t expected, next, mark;
};

/* A transaction: these messages and these steps. */
struct database_work {
    const struct batch *batch;
    size_t first, end; /* messages of the batch */
    const struct database_step *steps;
    size_t step_count;
};

struct database;

struct database_kind {
    const char *name; /* as in the address: sqlite */
    struct database *(*open)(const struct database_settings *settings);

    /* Connects, makes tables and views where they are missing and migrates older ones. */
    enum database_result (*connect)(struct database *database, struct error *error);

    /* Fills in next and mark of the positions. A row is made for those that have none. */
    enum database_result (*positions)(struct database *database, struct database_position *positions,
                                      size_t count, struct error *error);

    enum database_result (*write)(struct database *database, const struct database_work *work,
                                  struct error *error);

    void (*close)(struct database *database);
    void (*print_schema)(FILE *out);
};

extern const struct database_kind sqlite_kind, postgres_kind;

/* The kind for an address, or NULL with *error: it is none, or holds a password. */
const struct database_kind *database_kind(const char *address, struct error *error);

/* The address for people to read: without what may be secret in it. */
void database_shown(const char *address, char *shown, size_t size);

#endif
