/* What libcsv can parse at best: FILE, TIMES times over; fields are only counted, rows count as messages. */
#include "bench.h"

#include <csv.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t fields, rows;

static void on_field(void *field, size_t length, void *context)
{
    (void)field;
    (void)length;
    (void)context;
    fields++;
}

static void on_row(int terminator, void *context)
{
    (void)terminator;
    (void)context;
    rows++;
}

int main(int argc, char **argv)
{
    bench_usage(argc, argv, 2, "FILE TIMES");
    long times = bench_number(argv[2]);
    static char buffer[65536];
    struct csv_parser parser;
    int64_t start = bench_now();
    for (long i = 0; i < times; i++) {
        FILE *file = fopen(argv[1], "re");
        if (!file)
            bench_fail("%s: %s", argv[1], strerror(errno));
        csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI);
        for (size_t got; (got = fread(buffer, 1, sizeof buffer, file)) > 0;)
            if (csv_parse(&parser, buffer, got, on_field, on_row, NULL) != got)
                bench_fail("%s: %s", argv[1], csv_strerror(csv_error(&parser)));
        csv_fini(&parser, on_field, on_row, NULL);
        csv_free(&parser);
        fclose(file);
    }
    bench_result(rows, bench_now() - start, bench_cpu());
    return fields > 0 ? 0 : 1;
}
