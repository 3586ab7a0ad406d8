/* The readings that the benchmark of store works on: the same ones in Kafka and in the loops beside it. */
#ifndef ROOMSTREAM_BENCH_READING_H
#define ROOMSTREAM_BENCH_READING_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum { BENCH_PAYLOAD_SIZE = 160 };

struct bench_reading {
    char key[2];
    time_t time;
    double value;
    int64_t occupancy, seq;
};

/* The one of that number: of four nodes in turn, each every 30 s. */
struct bench_reading bench_reading(long number);

/* Our publishers' JSON; returns its length. */
size_t bench_reading_json(const struct bench_reading *reading, char text[static BENCH_PAYLOAD_SIZE]);

#endif
