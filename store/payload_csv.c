/* Our publishers' CSV: DATE, TIME, VALUE, NODE and perhaps OCCUPANCY, as in 2017/12/22, 10:49:41, 24.94, 1, 1
 */
#include "core/recorded_time.h"
#include "reader.h"
#include "scalar.h"

#include <string.h>

enum { DATE, TIME, VALUE, NODE, OCCUPANCY, COLUMNS };

static bool is_blank(char character)
{
    return strchr(" \t\r\n", character) && character != '\0';
}

/* The columns as texts of their own in the batch, without the blanks around them. Returns how many there are,
 * COLUMNS + 1 for more than that. */
static int split(struct bytes payload, struct batch *batch, struct scalar columns[static COLUMNS])
{
    const char *at = payload.at, *end = at + payload.length;
    for (int count = 0; count < COLUMNS; count++) {
        const char *comma = memchr(at, ',', (size_t)(end - at)), *behind = comma ? comma : end;
        while (at < behind && is_blank(*at))
            at++;
        while (at < behind && is_blank(behind[-1]))
            behind--;
        columns[count] = (struct scalar){SCALAR_NUMBER, batch_copy(batch, at, (size_t)(behind - at))};
        if (!comma)
            return count + 1;
        at = comma + 1;
    }
    return COLUMNS + 1;
}

static bool set_time(const struct scalar *columns, struct reading *reading, struct error *reason)
{
    const struct bytes date = columns[DATE].text, clock = columns[TIME].text;
    int64_t in_day;
    if (strlen(date.at) != date.length || strlen(clock.at) != clock.length ||
        !recorded_date(date.at, &reading->time) || !recorded_clock(clock.at, &in_day))
        return error_set(reason, "CSV: no date and time from 1678 to 2261: %.40s, %.40s", date.at, clock.at);
    reading->time += in_day;
    return true;
}

bool payload_csv(const struct reader_settings *settings, const struct incoming *incoming, struct batch *batch,
                 struct error *reason)
{
    struct scalar columns[COLUMNS] = {0};
    int count = split(incoming->payload, batch, columns);
    if (count != COLUMNS && count != OCCUPANCY)
        return error_set(reason,
                         "the payload is neither JSON nor our CSV (date, time, value, node, occupancy)");
    struct reading *reading = batch_reading(batch);
    reading->has_value = true;
    reading->has_occupancy = count == COLUMNS;
    reading->key = incoming->key.at ? incoming->key : columns[NODE].text;
    return (settings->kafka_time ? reader_kafka_time(incoming, &reading->time, reason)
                                 : set_time(columns, reading, reason)) &&
           scalar_to_double(&columns[VALUE], "CSV: value", &reading->value, reason) &&
           scalar_check_text(reading->key, "key", reason) &&
           (!reading->has_occupancy ||
            scalar_to_integer(&columns[OCCUPANCY], "CSV: occupancy", &reading->occupancy, reason));
}
