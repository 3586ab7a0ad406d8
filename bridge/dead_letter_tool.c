#include "dead_letter_tool.h"

#include "core/clock.h"
#include "core/exit_status.h"
#include "core/json_text.h"
#include "core/out_of_memory.h"
#include "spool/dead_letters.h"
#include "spool/message.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct tool {
    const struct bridge_settings *settings;
    struct spool *spool; /* open for retry and drop only */
    struct dead_letters *letters;
    int64_t *ids;      /* of settings->letters, as numbers */
    bool *found;       /* for each of them */
    uint64_t put_back; /* letters that are in the spool again */
    bool failed;
};

/* Is this letter meant? */
static bool chosen(struct tool *t, uint64_t id)
{
    const struct text_list *wanted = &t->settings->letters;
    bool yes = wanted->count == 0;
    for (size_t i = 0; i < wanted->count; i++)
        if (t->ids[i] == (int64_t)id)
            t->found[i] = yes = true;
    return yes;
}

static bool print_line(void *context, const struct spool_record *letter)
{
    char time[CLOCK_RFC3339_SIZE];
    if (!chosen(context, letter->id))
        return true;
    clock_rfc3339(letter->time, time);
    printf("%" PRIu64 "\t%s\t%zu\t", letter->id, time, letter->payload.length);
    text_print_escaped(stdout, letter->topic.data, letter->topic.length);
    putchar('\t');
    text_print_escaped(stdout, letter->reason.data, letter->reason.length);
    putchar('\n');
    return !ferror(stdout);
}

/* NULL when memory is exhausted. */
static json_t *headers_as_json(const struct spool_record *letter)
{
    json_t *list = json_array();
    struct spool_bytes rest = letter->properties;
    struct header header;
    bool ok = list != NULL;
    while (ok && header_next(&rest, &header)) {
        json_t *one = json_object();
        json_set_bytes(one, "name", header.name, header.name_length);
        json_set_bytes(one, "value", header.value, header.value_length);
        ok = json_array_append_new(list, one) == 0;
    }
    if (ok)
        return list;
    json_decref(list);
    return NULL;
}

static bool print_json(void *context, const struct spool_record *letter)
{
    char time[CLOCK_RFC3339_SIZE];
    if (!chosen(context, letter->id))
        return true;
    clock_rfc3339(letter->time, time);
    json_t *object = json_object();
    bool whole = json_object_set_new(object, "id", json_integer((json_int_t)letter->id)) == 0 &&
                 json_object_set_new(object, "time", json_string(time)) == 0;
    json_set_bytes(object, "topic", letter->topic.data, letter->topic.length);
    whole = whole && json_object_set_new(object, "qos", json_integer(letter->flags & MESSAGE_QOS)) == 0 &&
            json_object_set_new(object, "retain", json_boolean(letter->flags & MESSAGE_RETAINED)) == 0;
    json_set_bytes(object, "reason", letter->reason.data, letter->reason.length);
    whole = whole && json_object_set_new(object, "headers", headers_as_json(letter)) == 0;
    json_set_bytes(object, "payload", letter->payload.data, letter->payload.length);
    if (!whole)
        out_of_memory(letter->payload.length);
    bool written = json_print(object, stdout, JSON_COMPACT);
    json_decref(object);
    putchar('\n');
    return written && !ferror(stdout);
}

/* For dead_letters_remove: true once the message is in the spool again. */
static bool put_back(void *context, const struct spool_record *letter)
{
    struct tool *t = context;
    struct error error;
    if (t->failed || !chosen(t, letter->id))
        return false;
    if (letter->flags & MESSAGE_CUT) {
        log_warning(dead_letter_stays,
                    "letter %" PRIu64
                    " stays: only the beginning of the message is there. Export it, then drop it",
                    letter->id);
        return false;
    }
    struct spool_record message = *letter;
    message.packet_id = 0;
    message.reason = (struct spool_bytes){NULL, 0};
    switch (spool_append(t->spool, &message, NULL, &error)) {
    case SPOOL_APPENDED:
        t->put_back++;
        return true;
    case SPOOL_FULL:
        log_error(dead_letter_stays,
                  "the spool is full: letter %" PRIu64
                  " and later ones stay; run the bridge, then retry again",
                  letter->id);
        break;
    case SPOOL_FAILED:
        log_error(dead_letter_stays, "letter %" PRIu64 " cannot be put back: %s", letter->id, error.text);
        break;
    }
    t->failed = true;
    return false;
}

static bool drop(void *context, const struct spool_record *letter)
{
    return chosen(context, letter->id);
}

/* What is in the spool again is said also where this fails: with it, all of these letters stay. */
static bool retry(struct tool *t, struct error *error)
{
    uint64_t removed;
    bool ok = dead_letters_remove(t->letters, put_back, t, &removed, error);
    printf("%" PRIu64 " put back into the spool", t->put_back);
    if (removed < t->put_back)
        printf(", and still among the dead letters: drop them, or the next retry doubles them");
    printf("\n");
    return ok;
}

static bool act(struct tool *t, struct error *error)
{
    uint64_t removed = 0;
    bool ok;
    switch ((enum dead_letter_action)t->settings->dead_letters) {
    case LETTERS_LIST:
        return dead_letters_each(t->letters, print_line, t, error);
    case LETTERS_EXPORT:
        return dead_letters_each(t->letters, print_json, t, error);
    case LETTERS_RETRY:
        return retry(t, error);
    case LETTERS_DROP:
        ok = dead_letters_remove(t->letters, drop, t, &removed, error);
        printf("%" PRIu64 " dropped\n", removed);
        return ok;
    case LETTERS_NONE:
        break;
    }
    return true;
}

static bool open_all(struct tool *t, struct error *error)
{
    bool writes = t->settings->dead_letters == LETTERS_RETRY || t->settings->dead_letters == LETTERS_DROP;
    if (access(t->settings->spool_directory, F_OK) != 0)
        return error_set(error, "there is no spool at %s: %s", t->settings->spool_directory, strerror(errno));
    if (writes) {
        const struct spool_settings spool = bridge_spool_settings(t->settings);
        t->spool = spool_open(&spool, error); /* its lock keeps a bridge from writing at the same time */
        if (!t->spool)
            return false;
    }
    t->letters = dead_letters_open(t->settings->spool_directory, !writes, error);
    return t->letters != NULL;
}

static bool read_ids(struct tool *t, struct error *error)
{
    const struct text_list *wanted = &t->settings->letters;
    t->ids = calloc(wanted->count + 1, sizeof *t->ids);
    t->found = calloc(wanted->count + 1, sizeof *t->found);
    if (!t->ids || !t->found)
        return error_set(error, "out of memory");
    for (size_t i = 0; i < wanted->count; i++)
        if (!text_to_integer(wanted->items[i], &t->ids[i]) || t->ids[i] < 1)
            return error_set(error, "--letter '%s' is not the id of a dead letter, a whole number from 1",
                             wanted->items[i]);
    return true;
}

/* True when all that were named are there. */
static bool all_found(const struct tool *t)
{
    bool all = true;
    for (size_t i = 0; i < t->settings->letters.count; i++)
        if (!t->found[i]) {
            log_error(dead_letter_unknown, "there is no dead letter %s", t->settings->letters.items[i]);
            all = false;
        }
    return all;
}

int dead_letter_tool(const struct bridge_settings *settings)
{
    struct tool t = {.settings = settings};
    struct error error;
    bool ok = read_ids(&t, &error) && open_all(&t, &error) && act(&t, &error);
    if (ok && (fflush(stdout) != 0 || ferror(stdout)))
        ok = error_set(&error, "cannot write to stdout: %s", strerror(errno));
    if (!ok)
        log_error(dead_letters_failed, "%s", error.text);
    else
        ok = all_found(&t);
    if (t.letters)
        dead_letters_close(t.letters);
    spool_close(t.spool);
    free(t.found);
    free(t.ids);
    return ok && !t.failed ? EXIT_DONE : EXIT_FAILED;
}
