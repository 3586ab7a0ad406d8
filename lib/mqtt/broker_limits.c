#include "broker_limits.h"

#include "core/clock.h"
#include "topic.h"

#include <string.h>

static int64_t number(MQTTProperties *properties, enum MQTTPropertyCodes code, int64_t fallback)
{
    if (!properties || !MQTTProperties_hasProperty(properties, code))
        return fallback;
    int64_t value = MQTTProperties_getNumericValue(properties, code);
    return value < 0 ? value + (1LL << 32) : value; /* Paho has it signed */
}

struct mqtt_limits mqtt_limits_read(MQTTProperties *p, const struct mqtt_session *session)
{
    return (struct mqtt_limits){
        .maximum_qos = (uint8_t)number(p, MQTTPROPERTY_CODE_MAXIMUM_QOS, 2),
        .receive_maximum = (uint16_t)number(p, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM, UINT16_MAX),
        .maximum_packet = (uint32_t)number(p, MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE, 0),
        .session_expiry =
            (uint32_t)number(p, MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL, session->session_expiry),
        .keepalive = number(p, MQTTPROPERTY_CODE_SERVER_KEEP_ALIVE, 0) * SECOND,
        .retain = number(p, MQTTPROPERTY_CODE_RETAIN_AVAILABLE, 1) != 0,
        .wildcards = number(p, MQTTPROPERTY_CODE_WILDCARD_SUBSCRIPTION_AVAILABLE, 1) != 0,
        .shared = number(p, MQTTPROPERTY_CODE_SHARED_SUBSCRIPTION_AVAILABLE, 1) != 0,
        .identifiers = number(p, MQTTPROPERTY_CODE_SUBSCRIPTION_IDENTIFIERS_AVAILABLE, 1) != 0,
    };
}

static bool allow_filter(const struct mqtt_limits *limits, const char *filter, struct error *error)
{
    if (!limits->shared && mqtt_filter_is_shared(filter))
        return error_set(
            error, "the broker has no shared subscriptions, as '%s' is: subscribe without a group", filter);
    if (!limits->wildcards && strpbrk(filter, "+#"))
        return error_set(error, "the broker has no wildcards in subscriptions, as '%s' has: name each topic",
                         filter);
    return true;
}

bool mqtt_limits_allow(const struct mqtt_limits *limits, const struct mqtt_session *session,
                       struct error *error)
{
    bool publishes = session->publish_window > 0;
    int qos = publishes ? session->publish_qos : session->filter_count ? session->qos : 0;
    for (size_t i = 0; i < session->filter_count; i++)
        if (!allow_filter(limits, session->filters[i], error))
            return false;
    for (size_t i = 0; session->identifiers && !limits->identifiers && i < session->filter_count; i++)
        if (session->identifiers[i])
            return error_set(
                error,
                "the broker has no subscription identifiers, which tell the copies of a message that '%s' "
                "and another filter match: subscribe to one filter that covers both",
                session->filters[i]);
    if (limits->maximum_qos < qos)
        return error_set(
            error,
            "the broker grants QoS %d at most where QoS %d is needed, and so may lose messages: have it grant more, or ask for less with --qos",
            limits->maximum_qos, qos);
    if (publishes && session->publish_retain && !limits->retain)
        return error_set(error, "the broker keeps no retained messages: leave out --retain");
    return true;
}

/* Of a variable byte integer (MQTT 5 section 1.5.5). */
static size_t integer_size(size_t value)
{
    return value < 128 ? 1 : value < 16384 ? 2 : value < 2097152 ? 3 : 4;
}

size_t mqtt_publish_size(const char *topic, size_t payload_length, int qos, const MQTTProperties *properties)
{
    size_t rest = 2 + strlen(topic) + (qos > 0 ? 2 : 0) + payload_length;
    if (properties)
        rest += integer_size((size_t)properties->length) + (size_t)properties->length;
    return 1 + integer_size(rest) + rest;
}
