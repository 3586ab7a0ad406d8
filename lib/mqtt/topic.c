#include "topic.h"

#include "core/utf8.h"

#include <string.h>

enum { LONGEST = 65535 }; /* bytes; an MQTT string has a length of two bytes */

static const char share[] = "$share/";

/* A control character, or a code point that is none: U+FDD0 to U+FDEF, and the last two of each plane. */
static bool is_forbidden(const char *text, size_t length)
{
    const unsigned char *c = (const unsigned char *)text;
    switch (length) {
    case 1:
        return c[0] < 0x20 || c[0] == 0x7f;
    case 2:
        return c[0] == 0xc2 && c[1] < 0xa0;
    case 3:
        return c[0] == 0xef &&
               ((c[1] == 0xb7 && c[2] >= 0x90 && c[2] <= 0xaf) || (c[1] == 0xbf && c[2] >= 0xbe));
    default:
        return (c[1] & 0x0f) == 0x0f && c[2] == 0xbf && c[3] >= 0xbe;
    }
}

bool mqtt_is_utf8(const char *text)
{
    size_t length;
    while ((length = utf8_length(text)) > 0 && !is_forbidden(text, length))
        text += length;
    return *text == '\0';
}

/* What names and filters have in common. */
static bool check_string(const char *text, struct error *error)
{
    if (*text == '\0')
        return error_set(error, "it is empty");
    if (strlen(text) > LONGEST)
        return error_set(error, "it is longer than %d bytes", LONGEST);
    return mqtt_is_utf8(text) || error_set(error, "it is not valid UTF-8, or has control characters");
}

bool mqtt_topic_check(const char *topic, struct error *error)
{
    if (strpbrk(topic, "+#"))
        return error_set(error, "a message cannot be published to a topic with the wildcards + or #");
    return check_string(topic, error);
}

static bool check_levels(const char *filter, struct error *error)
{
    for (const char *level = filter;;) {
        size_t length = strcspn(level, "/");
        bool last = level[length] == '\0';
        if (memchr(level, '#', length) && length != 1)
            return error_set(error, "# must be a whole level, as in a/#");
        if (*level == '#' && !last)
            return error_set(error, "# must be the last level, as in a/#");
        if (memchr(level, '+', length) && length != 1)
            return error_set(error, "+ must be a whole level, as in a/+/b");
        if (last)
            return true;
        level += length + 1;
    }
}

bool mqtt_filter_is_shared(const char *filter)
{
    return strncmp(filter, share, strlen(share)) == 0;
}

bool mqtt_filter_check(const char *filter, struct error *error)
{
    if (!check_string(filter, error))
        return false;
    if (!mqtt_filter_is_shared(filter))
        return check_levels(filter, error);

    const char *group = filter + strlen(share);
    size_t length = strcspn(group, "/");
    if (length == 0 || strcspn(group, "+#") < length)
        return error_set(
            error,
            "the group of a shared subscription, $share/GROUP/FILTER, must have a name without + and #");
    if (strlen(group) < length + 2)
        return error_set(error, "a shared subscription is $share/GROUP/FILTER: the filter is missing");
    return check_levels(group + length + 1, error);
}

const char *mqtt_filter_unshared(const char *filter)
{
    if (!mqtt_filter_is_shared(filter))
        return filter;
    filter += strlen(share);
    return filter + strcspn(filter, "/") + 1;
}

static bool begins_with_wildcard(const char *filter)
{
    return *filter == '+' || *filter == '#';
}

bool mqtt_filters_overlap(const char *one, const char *other)
{
    if ((*one == '$' && begins_with_wildcard(other)) || (*other == '$' && begins_with_wildcard(one)))
        return false;
    for (;; one++, other++) {
        if (*one == '#' || *other == '#')
            return true;
        size_t length = strcspn(one, "/"), other_length = strcspn(other, "/");
        if (*one != '+' && *other != '+' && (length != other_length || memcmp(one, other, length) != 0))
            return false;
        one += length;
        other += other_length;
        if (*one == '\0' || *other == '\0')
            break;
    }
    /* a/# matches a as well (MQTT 5 section 4.7.1.2). */
    const char *rest = *one ? one : other;
    return *rest == '\0' || strcmp(rest, "/#") == 0;
}

bool mqtt_filter_matches(const char *filter, const char *topic)
{
    return mqtt_filters_overlap(filter, topic);
}
