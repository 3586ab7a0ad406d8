/* How far store has come, read from its database. */
#ifndef ROOMSTREAM_BENCH_POSITION_H
#define ROOMSTREAM_BENCH_POSITION_H

struct bench_position;

/* Opens DATABASE, a file of SQLite's or postgresql://..., in which the tables are there already. It is open
 * until the process ends. */
struct bench_position *bench_open_position(const char *database, const char *topic);

/* How many messages of the topic's one partition are committed. */
long bench_committed(const struct bench_position *position);

#endif
