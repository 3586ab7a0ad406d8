/* Any bytes as a CSV file: the reader must neither crash nor lose its place, and what it takes must make a
 * message. The first byte says in how small pieces the file is read. */
#include "core/log.h"
#include "publish/message.h"
#include "publish/readings.h"

#include <stdlib.h>
#include <string.h>

struct input {
    const uint8_t *data;
    size_t left, piece;
};

static ssize_t read_piece(void *context, void *buffer, size_t size, struct error *error)
{
    (void)error;
    struct input *input = context;
    size_t count = input->left < input->piece ? input->left : input->piece;
    count = count < size ? count : size;
    memcpy(buffer, input->data, count);
    input->data += count;
    input->left -= count;
    return (ssize_t)count;
}

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void check_number(const struct number *number)
{
    struct number again;
    char text[NUMBER_MAX + 1];
    require(number->length > 0 && number->length <= NUMBER_MAX);
    memcpy(text, number->text, number->length);
    text[number->length] = '\0';
    /* An accepted number is spelled as in JSON: reading it again changes nothing. */
    require(number_parse(text, '.', &again) && again.length == number->length);
    require(memcmp(again.text, number->text, number->length) == 0);
}

static void check_messages(const struct reading *reading, const struct columns *columns)
{
    static struct message_writer *writers[3];
    for (int format = MESSAGE_JSON; format <= MESSAGE_SENML; format++) {
        if (!writers[format])
            writers[format] = message_writer_new((enum message_format)format, "s", "u", columns);
        require(writers[format] != NULL);
        if (reading->time.ns < message_earliest((enum message_format)format))
            continue;
        for (size_t i = 0; i < columns->count; i++) {
            char *out = malloc(message_writer_max(writers[format]));
            const struct message message = {reading->time, reading->values[i], reading->occupancy, i,
                                            UINT64_MAX};
            require(out &&
                    message_write(writers[format], &message, out) <= message_writer_max(writers[format]));
            free(out);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char a[] = "a", b[] = "b";
    static struct column items[] = {{a, 1}, {b, 2}};
    static const struct columns columns = {items, 2};
    static const struct readings_settings settings = {.date_column = "D",
                                                      .time_column = "T",
                                                      .occupancy_column = "o",
                                                      .columns = &columns,
                                                      .earliest = INT64_MIN,
                                                      .skip_bad = true};
    static const struct log_settings errors_only = {.level = LOG_LEVEL_ERROR};
    struct reading reading = {0};
    struct error error;
    if (size == 0)
        return 0;
    log_init("fuzz", &errors_only);
    struct input input = {data + 1, size - 1, data[0] ? data[0] : SIZE_MAX};
    struct readings *readings = readings_open("f", read_piece, &input, &settings, &error);
    if (!readings)
        return 0;
    uint64_t rows = 0;
    enum readings_result result;
    while ((result = readings_next(readings, &reading, &error)) == READINGS_ROW) {
        rows++;
        check_number(&reading.occupancy);
        for (size_t i = 0; i < columns.count; i++)
            check_number(&reading.values[i]);
        check_messages(&reading, &columns);
    }
    require(result == READINGS_END && input.left == 0);
    require(rows == readings_rows(readings) && readings_bytes(readings) == size - 1);
    require(rows + readings_bad_rows(readings) < size);
    readings_close(readings);
    return 0;
}
