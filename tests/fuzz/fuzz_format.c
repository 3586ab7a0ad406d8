/* Any text as a format string, and any bytes as a message that is printed in it. The first byte says how the
 * others are divided among the message's parts. Whatever is printed as JSON must be JSON. */
#include "core/log.h"
#include "mqtt/mqtt.h"
#include "subscribe/format.h"
#include "subscribe/message_json.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static void require(bool condition)
{
    if (!condition)
        abort();
}

/* What is printed; the beginning of a padded field is enough. */
struct text {
    char data[1 << 16];
    size_t length, printed;
};

static void append(void *context, const void *data, size_t length)
{
    struct text *text = context;
    size_t room = sizeof text->data - text->length;
    require(data || length == 0);
    memcpy(text->data + text->length, data, length < room ? length : room);
    text->length += length < room ? length : room;
    text->printed += length;
}

/* Takes a piece of the input; `share` is a part of 256. */
static MQTTLenString take(const uint8_t **data, size_t *left, size_t share)
{
    size_t length = *left * share / 256;
    MQTTLenString piece = {(int)length, (char *)*data};
    *data += length;
    *left -= length;
    return piece;
}

static void require_json(const struct text *text, size_t flags)
{
    require(text->printed == text->length);
    json_t *object =
        json_loadb(text->data, text->length, flags | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
    require(object && json_is_object(object));
    json_decref(object);
    require(!memchr(text->data, '\n', text->length));
}

/* jansson reads no member whose name has a NUL byte, as it may be in mosquitto_sub's form. */
static void check_json(const struct mqtt_message *message, bool readable)
{
    static struct text text;
    text.length = text.printed = 0;
    message_json_print(message, 0, append, &text);
    require_json(&text, JSON_REJECT_DUPLICATES);
    text.length = text.printed = 0;
    message_json_print_quoted(message, 0, append, &text);
    if (readable)
        require_json(&text, 0);
    text.length = text.printed = 0;
    if (message_json_print_unquoted(message, 0, append, &text) && readable)
        require_json(&text, 0);
}

static void check_format(char *format_text, const struct mqtt_message *message)
{
    static struct text text;
    struct error error = {""};
    struct format *format = format_parse(format_text, &error);
    require((format != NULL) == (*error.text == '\0'));
    if (!format)
        return;
    text.length = text.printed = 0;
    format_print(format, message, 1795554000000000123, append, &text);
    if (!strpbrk(format_text, "%@\\"))
        require(text.printed == strlen(format_text) && memcmp(text.data, format_text, text.length) == 0);
    format_free(format);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct log_settings errors_only = {.level = LOG_LEVEL_ERROR};
    if (size == 0 || size > 4096)
        return 0;
    log_init("fuzz", &errors_only);
    size_t share = *data++, left = size - 1;
    MQTTLenString format = take(&data, &left, share), topic = take(&data, &left, 32);
    MQTTLenString name = take(&data, &left, 32), value = take(&data, &left, 64);
    MQTTProperty list[] = {
        {.identifier = MQTTPROPERTY_CODE_USER_PROPERTY, .value = {.data = name, .value = value}},
        {.identifier = MQTTPROPERTY_CODE_CORRELATION_DATA, .value.data = value},
        {.identifier = MQTTPROPERTY_CODE_CONTENT_TYPE, .value.data = name},
        {.identifier = MQTTPROPERTY_CODE_USER_PROPERTY, .value = {.data = name, .value = name}},
    };
    const MQTTProperties properties = {.count = (int)(share % 5), .array = list};
    char *format_text = strndup(format.data, (size_t)format.len),
         *topic_text = calloc(1, (size_t)topic.len + 1);
    require(format_text && topic_text);
    memcpy(topic_text, topic.data, (size_t)topic.len);
    const struct mqtt_message message = {
        .topic = topic_text,
        .topic_length = (size_t)topic.len,
        .payload = data,
        .payload_length = left,
        .properties = &properties,
        .packet_id = (uint16_t)(share * 257),
        .qos = (uint8_t)(share % 3),
        .retained = share & 1,
    };
    check_format(format_text, &message);
    check_json(&message, !memchr(name.data, '\0', (size_t)name.len));
    free(format_text);
    free(topic_text);
    return 0;
}
