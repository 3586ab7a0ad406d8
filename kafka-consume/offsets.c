#include "offsets.h"

#include "kafka/errors.h"

enum { ANSWER_MS = 1000 };

bool offsets_look_up(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list, int64_t time, struct error *error)
{
    char text[KAFKA_ERROR_SIZE];
    if (list->cnt == 0)
        return true;
    for (int i = 0; i < list->cnt; i++)
        list->elems[i].offset = time;
    rd_kafka_resp_err_t err = rd_kafka_offsets_for_times(rk, list, ANSWER_MS);
    for (int i = 0; !err && i < list->cnt; i++)
        err = list->elems[i].err;
    return !err || error_set(error, "cannot look up offsets: %s", kafka_describe(err, text));
}
