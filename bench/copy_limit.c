/* What PostgreSQL can store at best: COUNT readings into store's table by COPY in its binary form, BATCH of
 * them in a transaction. */
#include "bench.h"
#include "reading.h"

#include <endian.h>
#include <libpq-fe.h>
#include <string.h>

enum { BUFFER = 64 * 1024, LARGEST_ROW = 256 };

static PGconn *connection;
static char buffer[BUFFER];
static size_t used;

static void send_buffer(void)
{
    if (PQputCopyData(connection, buffer, (int)used) != 1)
        bench_fail("PostgreSQL: %s", PQerrorMessage(connection));
    used = 0;
}

static void expect(PGresult *result, ExecStatusType status)
{
    if (PQresultStatus(result) != status)
        bench_fail("PostgreSQL: %s", PQerrorMessage(connection));
    PQclear(result);
}

static void put(const void *bytes, size_t length)
{
    memcpy(buffer + used, bytes, length);
    used += length;
}

static void put_32(int32_t value)
{
    uint32_t wire = htobe32((uint32_t)value);
    put(&wire, sizeof wire);
}

static void put_text(const char *text)
{
    put_32((int32_t)strlen(text));
    put(text, strlen(text));
}

static void put_64(int64_t value)
{
    uint64_t wire = htobe64((uint64_t)value);
    put_32(sizeof wire);
    put(&wire, sizeof wire);
}

static void put_row(const char *topic, const struct bench_reading *reading)
{
    static const char columns[] = {0, 10};
    const int64_t epoch = 946684800; /* 2000, where PostgreSQL's times begin */
    int64_t bits;
    memcpy(&bits, &reading->value, sizeof bits);
    put(columns, sizeof columns);
    put_text(topic);
    put_text(reading->key);
    put_64((reading->time - epoch) * 1000000);
    put_64(bits);
    put_32(-1); /* no text */
    put_text("Cel");
    put_64(reading->occupancy);
    put_64(reading->seq);
    put_32(4);
    put_32(0); /* partition */
    put_64(reading->seq);
    if (used > BUFFER - LARGEST_ROW)
        send_buffer();
}

static void begin(void)
{
    static const char header[19] = "PGCOPY\n\377\r\n";
    expect(PQexec(connection,
                  "COPY reading (topic, key, time, value, text, unit, occupancy, seq, kafka_partition, "
                  "kafka_offset) FROM STDIN WITH (FORMAT binary)"),
           PGRES_COPY_IN);
    put(header, sizeof header);
}

static void end(void)
{
    put("\377\377", 2);
    send_buffer();
    if (PQputCopyEnd(connection, NULL) != 1)
        bench_fail("PostgreSQL: %s", PQerrorMessage(connection));
    expect(PQgetResult(connection), PGRES_COMMAND_OK);
    PQclear(PQgetResult(connection));
}

int main(int argc, char **argv)
{
    bench_usage(argc, argv, 4, "URL TOPIC COUNT BATCH");
    long count = bench_number(argv[3]), batch = bench_number(argv[4]);
    connection = PQconnectdb(argv[1]);
    if (PQstatus(connection) != CONNECTION_OK)
        bench_fail("PostgreSQL: %s", PQerrorMessage(connection));
    int64_t start = bench_now();
    for (long i = 0; i < count; i++) {
        struct bench_reading reading = bench_reading(i);
        if (i % batch == 0) {
            if (i)
                end();
            begin();
        }
        put_row(argv[2], &reading);
    }
    end();
    bench_result((uint64_t)count, bench_now() - start, bench_cpu());
    PQfinish(connection);
    return 0;
}
