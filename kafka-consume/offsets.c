#include "offsets.h"

#include "kafka/errors.h"

enum { ANSWER_MS = 1000 };

static bool ask(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list, int64_t time, struct error *error)
{
    char text[KAFKA_ERROR_SIZE];
    for (int i = 0; i < list->cnt; i++)
        list->elems[i].offset = time;
    rd_kafka_resp_err_t err = rd_kafka_offsets_for_times(rk, list, ANSWER_MS);
    for (int i = 0; !err && i < list->cnt; i++)
        err = list->elems[i].err;
    return !err || error_set(error, "cannot look up offsets: %s", kafka_describe(err, text));
}

/* "At the end" in place of an offset would mean the end of a later moment: what comes until then would be
 * missed. So it is the end before the question. */
static bool ask_for_time(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list, int64_t time,
                         struct error *error)
{
    rd_kafka_topic_partition_list_t *ends = rd_kafka_topic_partition_list_copy(list);
    bool ok = ask(rk, ends, OFFSET_OF_END, error) && ask(rk, list, time, error);
    for (int i = 0; ok && i < list->cnt; i++)
        if (list->elems[i].offset == RD_KAFKA_OFFSET_END)
            list->elems[i].offset = ends->elems[i].offset;
    rd_kafka_topic_partition_list_destroy(ends);
    return ok;
}

bool offsets_look_up(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list, int64_t time, struct error *error)
{
    if (list->cnt == 0)
        return true;
    return time < 0 ? ask(rk, list, time, error) : ask_for_time(rk, list, time, error);
}
