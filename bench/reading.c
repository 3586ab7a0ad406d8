#include "reading.h"

#include <stdio.h>

struct bench_reading bench_reading(long number)
{
    enum { NODES = 4, STEP = 30, BEGIN = 1483228800 };
    return (struct bench_reading){
        .key = {(char)('1' + number % NODES), '\0'},
        .time = BEGIN + number / NODES * STEP,
        .value = 20 + (double)(number % 997) / 100,
        .occupancy = number / 1000 % 4,
        .seq = number,
    };
}

size_t bench_reading_json(const struct bench_reading *reading, char text[static BENCH_PAYLOAD_SIZE])
{
    struct tm utc;
    char when[24];
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", gmtime_r(&reading->time, &utc));
    return (size_t)snprintf(
        text, BENCH_PAYLOAD_SIZE,
        "{\"time\":\"%s\",\"sensor\":\"temp\",\"node\":%s,\"value\":%.2f,\"unit\":\"Cel\","
        "\"occupancy\":%lld,\"seq\":%lld}",
        when, reading->key, reading->value, (long long)reading->occupancy, (long long)reading->seq);
}
