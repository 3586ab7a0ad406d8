#include "topic.h"

#include "text.h"

#include <string.h>

bool topic_is_utf8(const char *text)
{
    while (*text) {
        size_t length = text_utf8_length(text);
        if (length == 0)
            return false;
        text += length;
    }
    return true;
}

bool topic_check(const char *topic, struct error *error)
{
    if (*topic == '\0')
        return error_set(error, "it is empty");
    if (strlen(topic) > 65535)
        return error_set(error, "it is longer than 65535 bytes");
    if (strpbrk(topic, "+#"))
        return error_set(error, "a message cannot be published to a topic with the wildcards + or #");
    if (!topic_is_utf8(topic))
        return error_set(error, "it is not valid UTF-8");
    return true;
}
