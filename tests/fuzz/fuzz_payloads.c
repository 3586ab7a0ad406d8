/* Any bytes as a payload: the readers must neither crash nor make a reading that a database cannot hold. The
 * first byte chooses the format and the pointers. */
#include "core/clock.h"
#include "core/recorded_time.h"
#include "core/utf8.h"

#include "store/reader.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void check_text(struct bytes text)
{
    for (size_t i = 0; text.at && i < text.length;) {
        size_t length = utf8_length(text.at + i);
        require(length > 0);
        i += length;
    }
}

static void check(const struct reading *reading)
{
    require(reading->key.at != NULL);
    check_text(reading->key);
    check_text(reading->text);
    check_text(reading->unit);
    require(recorded_time_fits(reading->time));
    require(!reading->has_value || isfinite(reading->value));
    require(reading->has_value != (reading->text.at != NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const pointers[2][FIELDS] = {
        {"/time", "/value", "/unit", "/occupancy", "/seq", "", "/node"},
        {"/0/a", "", "/1/~0/~1", "/a/0", "//", "/k", "/node"}};
    static struct reader_settings settings[2];
    static struct batch *batch;
    struct error error;
    if (!batch) {
        batch = batch_new();
        for (int i = 0; i < 2 * FIELDS; i++)
            require(pointer_parse(pointers[i / FIELDS][i % FIELDS], &settings[i / FIELDS].fields[i % FIELDS],
                                  &error));
    }
    if (size == 0)
        return 0;
    struct reader_settings *chosen = &settings[data[0] & 1];
    chosen->format = (enum payload_format)(data[0] >> 1 & 3);
    chosen->kafka_time = data[0] & 8;
    chosen->time_unit = data[0] & 16 ? MILLISECOND : SECOND;
    char *payload = malloc(size); /* of exactly that size, so that a read behind it is noticed */
    require(payload != NULL);
    memcpy(payload, data + 1, size - 1);
    batch_clear(batch);
    batch_part(batch, 0, "temp", 0, 0);
    batch_message(batch);
    const struct incoming incoming = {"temp", {0}, {payload, size - 1}, data[0] & 32 ? -1 : 1500000000000};
    if (reader_read(chosen, &incoming, batch, &error)) {
        require(batch->reading_count > 0);
        for (size_t i = 0; i < batch->reading_count; i++)
            check(&batch->readings[i]);
    } else
        batch_reject(batch, &batch->messages[0], error.text);
    free(payload);
    return 0;
}
