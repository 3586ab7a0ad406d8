#include "reader.h"

#include "core/clock.h"

bool reader_kafka_time(const struct incoming *incoming, int64_t *ns, struct error *reason)
{
    const int64_t longest = INT64_MAX / MILLISECOND;
    if (incoming->timestamp < 0 || incoming->timestamp > longest)
        return error_set(reason, "the message has no timestamp of Kafka's that could be the time");
    *ns = incoming->timestamp * MILLISECOND;
    return true;
}

static char first_character(struct bytes payload)
{
    for (size_t i = 0; i < payload.length; i++)
        if (payload.at[i] != ' ' && payload.at[i] != '\t' && payload.at[i] != '\n' && payload.at[i] != '\r')
            return payload.at[i];
    return '\0';
}

static payload_reader *choose(enum payload_format format, struct bytes payload)
{
    static payload_reader *const readers[] = {
        [PAYLOAD_JSON] = payload_json, [PAYLOAD_SENML] = payload_senml, [PAYLOAD_CSV] = payload_csv};
    char first = first_character(payload);
    if (format != PAYLOAD_AUTO)
        return readers[format];
    return first == '{' ? payload_json : first == '[' ? payload_senml : payload_csv;
}

bool reader_read(const struct reader_settings *settings, const struct incoming *incoming, struct batch *batch,
                 struct error *reason)
{
    if (!incoming->payload.at)
        return error_set(reason, "there is no payload (null)");
    if (incoming->payload.length == 0)
        return error_set(reason, "the payload is empty");
    return choose(settings->format, incoming->payload)(settings, incoming, batch, reason);
}
