#include "subscriptions.h"

#include "core/out_of_memory.h"
#include "mqtt/topic.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A line of the file: SIGN tab IDENTIFIER tab FILTER, then a tab and an ELDER for each. */
enum sign {
    SUBSCRIBED = '+',
    GIVEN_UP = '-', /* known by its identifier, which is on messages that are queued */
};

enum { FORMER_MAX = 20000, LAST_IDENTIFIER = 268435455 /* MQTT 5 section 3.8.2.1.2 */ };

struct entry {
    enum sign sign;
    bool wanted;
    uint32_t identifier; /* 0: none */
    char *filter;        /* as subscribed to, with $share/GROUP/ */
    struct text_list elders;
};

struct subscriptions {
    const struct bridge_settings *settings;
    struct entry *entries;
    size_t count;
    uint32_t last; /* the highest identifier */
    size_t *by_identifier;
    size_t identified; /* entries in it */

    /* For the session: */
    const char **filters;
    uint32_t *identifiers;
    size_t wanted;
    const char **unwanted;
    size_t unwanted_count;
};

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count + 1, size);
    if (!memory)
        out_of_memory(count * size);
    return memory;
}

/* ---- the file ---- */

static void path_of(const struct subscriptions *s, const char *suffix, char path[static PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s/subscriptions%s", s->settings->spool_directory, suffix);
}

static struct entry *add_entry(struct subscriptions *s, enum sign sign, uint32_t identifier,
                               const char *filter)
{
    size_t size = (s->count + 1) * sizeof *s->entries;
    if ((s->count & (s->count - 1)) == 0) /* twice the room at each power of 2 */
        size *= 2;
    else
        size = 0;
    if (size && !(s->entries = realloc(s->entries, size)))
        out_of_memory(size);
    s->entries[s->count] =
        (struct entry){.sign = sign, .identifier = identifier, .filter = text_copy(filter)};
    if (identifier > s->last)
        s->last = identifier;
    return &s->entries[s->count++];
}

static bool read_line(struct subscriptions *s, char *line)
{
    int64_t identifier;
    char *rest = line, *sign = strsep(&rest, "\t"), *number = strsep(&rest, "\t"),
         *filter = strsep(&rest, "\t");
    if (!filter || (strcmp(sign, "+") != 0 && strcmp(sign, "-") != 0) ||
        !text_to_integer(number, &identifier) || identifier < 0 || identifier > LAST_IDENTIFIER ||
        !mqtt_filter_check(filter, NULL))
        return false;
    struct entry *entry = add_entry(s, (enum sign) * sign, (uint32_t)identifier, filter);
    for (char *elder; (elder = strsep(&rest, "\t"));)
        text_list_append(&entry->elders, elder);
    return true;
}

/* Without the file nothing is given up, and what it would have told to be a copy is taken: nothing is lost.
 */
static void read_file(struct subscriptions *s)
{
    char path[PATH_MAX], *line = NULL;
    size_t size = 0;
    path_of(s, "", path);
    FILE *file = fopen(path, "re");
    bool ok = file != NULL;
    for (ssize_t length; ok && (length = getline(&line, &size, file)) > 0;) {
        line[strcspn(line, "\n")] = '\0';
        ok = read_line(s, line);
    }
    if (file ? !ok || ferror(file) : errno != ENOENT)
        log_warning(
            subscriptions_unreadable,
            "%s is not understood%s%s: subscriptions of earlier starts that are not wanted any more stay",
            path, file ? "" : ": ", file ? "" : strerror(errno));
    free(line);
    if (file)
        fclose(file);
}

static bool write_file(const struct subscriptions *s, struct error *error)
{
    char path[PATH_MAX], temporary[PATH_MAX];
    path_of(s, "", path);
    path_of(s, ".tmp", temporary);
    FILE *file = fopen(temporary, "we");
    for (size_t i = 0; file && i < s->count; i++) {
        const struct entry *entry = &s->entries[i];
        if (strpbrk(entry->filter, "\t\r\n")) /* of --topic; it cannot be remembered */
            continue;
        fprintf(file, "%c\t%" PRIu32 "\t%s", entry->sign, entry->identifier, entry->filter);
        for (size_t k = 0; k < entry->elders.count; k++)
            fprintf(file, "\t%s", entry->elders.items[k]);
        fputc('\n', file);
    }
    bool ok = file && fflush(file) == 0 && !ferror(file) && fsync(fileno(file)) == 0;
    if (file && fclose(file) != 0)
        ok = false;
    return (ok && rename(temporary, path) == 0) ||
           error_set(error, "cannot write %s: %s", path, strerror(errno));
}

/* ---- what is wanted ---- */

static int compare_entries(const void *a, const void *b)
{
    const struct entry *left = a, *right = b;
    int order = strcmp(left->filter, right->filter);
    return order ? order : (left->identifier > right->identifier) - (left->identifier < right->identifier);
}

static bool same_elders(const struct entry *entry, const struct route_filter *filter)
{
    if (entry->elders.count != filter->elder_count)
        return false;
    for (size_t i = 0; i < filter->elder_count; i++)
        if (strcmp(entry->elders.items[i], filter->elders[i]) != 0)
            return false;
    return true;
}

/* The entry that stands for this, among the first `known`, which are sorted; NULL: there is none. */
static struct entry *find_entry(struct subscriptions *s, size_t known, const char *text,
                                const struct route_filter *filter)
{
    size_t low = 0, high = known;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(s->entries[middle].filter, text) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < known && strcmp(s->entries[low].filter, text) == 0; low++)
        if ((s->entries[low].identifier != 0) == filter->overlaps && same_elders(&s->entries[low], filter))
            return &s->entries[low];
    return NULL;
}

static bool want(struct subscriptions *s, size_t known, const struct route_filter *filter, size_t *number,
                 struct error *error)
{
    char *text = NULL;
    if ((s->settings->share ? asprintf(&text, "$share/%s/%s", s->settings->share, filter->filter)
                            : asprintf(&text, "%s", filter->filter)) < 0)
        out_of_memory(strlen(filter->filter));
    struct entry *entry = find_entry(s, known, text, filter);
    bool ok = entry || !filter->overlaps || s->last < LAST_IDENTIFIER ||
              error_set(error, "no subscription identifier is left: retire this bridge by --forget");
    if (ok && !entry) {
        entry = add_entry(s, SUBSCRIBED, filter->overlaps ? s->last + 1 : 0, text);
        for (size_t i = 0; i < filter->elder_count; i++)
            text_list_append(&entry->elders, filter->elders[i]);
    }
    free(text);
    if (!ok)
        return false;
    entry->sign = SUBSCRIBED;
    entry->wanted = true;
    *number = (size_t)(entry - s->entries);
    return true;
}

/* The session's view of the entries. Entries do not move any more. */
static bool want_all(struct subscriptions *s, struct error *error)
{
    const struct route_filters *filters = &s->settings->filters;
    size_t known = s->count, *numbers = allocate(filters->count, sizeof *numbers);
    bool ok = true;
    for (size_t i = 0; ok && i < filters->count; i++)
        ok = want(s, known, &filters->items[i], &numbers[i], error);
    s->filters = allocate(filters->count, sizeof *s->filters);
    s->identifiers = allocate(filters->count, sizeof *s->identifiers);
    s->unwanted = allocate(s->count, sizeof *s->unwanted);
    for (; ok && s->wanted < filters->count; s->wanted++) {
        s->filters[s->wanted] = s->entries[numbers[s->wanted]].filter;
        s->identifiers[s->wanted] = s->entries[numbers[s->wanted]].identifier;
    }
    free(numbers);
    const char **sorted = allocate(s->wanted, sizeof *sorted);
    memcpy(sorted, s->filters, s->wanted * sizeof *sorted);
    qsort(sorted, s->wanted, sizeof *sorted, text_compare);
    for (size_t i = 0; ok && i < s->count; i++) {
        struct entry *entry = &s->entries[i];
        if (entry->sign != SUBSCRIBED || entry->wanted)
            continue;
        if (!bsearch(&entry->filter, sorted, s->wanted, sizeof *sorted, text_compare))
            s->unwanted[s->unwanted_count++] = entry->filter;
        else
            entry->sign = GIVEN_UP; /* the filter is subscribed to under another identifier */
    }
    free(sorted);
    return ok;
}

static int compare_identifiers(const void *a, const void *b, void *context)
{
    const struct subscriptions *s = context;
    uint32_t left = s->entries[*(const size_t *)a].identifier,
             right = s->entries[*(const size_t *)b].identifier;
    return (left > right) - (left < right);
}

static void index_identifiers(struct subscriptions *s)
{
    s->by_identifier = allocate(s->count, sizeof *s->by_identifier);
    for (size_t i = 0; i < s->count; i++)
        if (s->entries[i].elders.count > 0)
            s->by_identifier[s->identified++] = i;
    qsort_r(s->by_identifier, s->identified, sizeof *s->by_identifier, compare_identifiers, s);
}

/* What was given up longest ago is forgotten: a copy that it would tell is taken. The highest identifier
 * stays known, so that none is given twice. */
static void forget_oldest(struct subscriptions *s)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->count; i++) {
        struct entry *entry = &s->entries[i];
        bool former = entry->sign == GIVEN_UP && entry->identifier != s->last;
        if (former && (entry->elders.count == 0 || entry->identifier + FORMER_MAX < s->last)) {
            free(entry->filter);
            text_list_free(&entry->elders);
        } else {
            s->entries[kept++] = *entry;
        }
    }
    s->count = kept;
}

struct subscriptions *subscriptions_open(const struct bridge_settings *settings, struct error *error)
{
    struct subscriptions *s = allocate(1, sizeof *s);
    s->settings = settings;
    read_file(s);
    forget_oldest(s);
    if (s->count > 0)
        qsort(s->entries, s->count, sizeof *s->entries, compare_entries);
    if (want_all(s, error) && write_file(s, error)) {
        index_identifiers(s);
        return s;
    }
    subscriptions_close(s);
    return NULL;
}

void subscriptions_close(struct subscriptions *s)
{
    for (size_t i = 0; i < s->count; i++) {
        free(s->entries[i].filter);
        text_list_free(&s->entries[i].elders);
    }
    free(s->entries);
    free(s->by_identifier);
    free(s->filters);
    free(s->identifiers);
    free(s->unwanted);
    free(s);
}

void subscriptions_set(const struct subscriptions *s, struct mqtt_session *session)
{
    session->filters = s->filters;
    session->filter_count = s->wanted;
    session->identifiers = s->identifiers;
    session->unsubscribe = s->unwanted;
    session->unsubscribe_count = s->unwanted_count;
}

void subscriptions_granted(struct subscriptions *s)
{
    struct error error;
    bool news = false;
    for (size_t i = 0; i < s->count; i++) {
        struct entry *entry = &s->entries[i];
        news |= entry->sign == SUBSCRIBED && !entry->wanted;
        if (!entry->wanted)
            entry->sign = GIVEN_UP;
    }
    if (news && !write_file(s, &error)) /* the next start gives it up again */
        log_warning(subscriptions_not_written, "%s", error.text);
}

/* ---- copies ---- */

/* The one identifier of a message; 0: it has none, or several. */
static uint32_t only_identifier(const MQTTProperties *properties)
{
    uint32_t only = 0;
    for (int i = 0; i < properties->count; i++) {
        if (properties->array[i].identifier != MQTTPROPERTY_CODE_SUBSCRIPTION_IDENTIFIER)
            continue;
        if (only)
            return 0;
        only = properties->array[i].value.integer4;
    }
    return only;
}

bool subscriptions_is_copy(const struct subscriptions *s, const struct mqtt_message *message)
{
    uint32_t identifier = s->identified ? only_identifier(message->properties) : 0;
    size_t low = 0, high = s->identified;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (s->entries[s->by_identifier[middle]].identifier < identifier)
            low = middle + 1;
        else
            high = middle;
    }
    if (identifier == 0 || low == s->identified || s->entries[s->by_identifier[low]].identifier != identifier)
        return false;
    const struct text_list *elders = &s->entries[s->by_identifier[low]].elders;
    for (size_t i = 0; i < elders->count; i++)
        if (mqtt_filter_matches(elders->items[i], message->topic))
            return true;
    return false;
}
