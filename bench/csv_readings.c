/* How fast our reader makes readings of FILE, TIMES times over: the columns of S1_Temp to S4_Temp, as
 * publish-temp reads them. Beside csv_limit. */
#include "bench.h"

#include "publish/columns.h"
#include "publish/input.h"
#include "publish/readings.h"

#include <stdlib.h>

static void check(bool ok, const struct error *error)
{
    if (!ok)
        bench_fail("%s", error->text);
}

static bool at_once(void *context, int fd)
{
    (void)context;
    (void)fd;
    return true;
}

static uint64_t read_once(struct readings *readings, size_t columns)
{
    struct reading reading = {0};
    struct error error;
    enum readings_result result;
    uint64_t values = 0;
    while ((result = readings_next(readings, &reading, &error)) == READINGS_ROW)
        values += columns;
    check(result == READINGS_END, &error);
    return values;
}

int main(int argc, char **argv)
{
    bench_usage(argc, argv, 2, "FILE TIMES");
    long times = bench_number(argv[2]);
    static char list[] = "S1_Temp:1,S2_Temp:2,S3_Temp:3,S4_Temp:4";
    char *names[] = {list};
    const struct text_list texts = {.items = names, .count = 1};
    struct columns columns = {0};
    static struct input input;
    struct error error;
    check(columns_parse(&texts, &columns, &error), &error);
    const struct readings_settings settings = {
        .date_column = "Date",
        .time_column = "Time",
        .occupancy_column = "Room_Occupancy_Count",
        .columns = &columns,
        .time_format = {.kind = TIME_ISO},
    };
    int64_t start = bench_now();
    check(input_open(&input, argv[1], at_once, NULL, &error), &error);
    struct readings *readings = readings_open(argv[1], input_read, &input, &settings, &error);
    check(readings != NULL, &error);
    uint64_t values = read_once(readings, columns.count);
    for (long i = 1; i < times; i++) {
        check(input_rewind(&input, &error) && readings_rewind(readings, &error), &error);
        values += read_once(readings, columns.count);
    }
    bench_result(values, bench_now() - start, bench_cpu());
    readings_close(readings);
    input_close(&input);
    columns_free(&columns);
    return 0;
}
