#include "targets.h"

#include "http/announcement.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of an address, in a name that is not unique. */
enum { ADDRESS_SHOWN = 30 };

const char *const target_kinds[] = {"bridge", "store", "estimate", "downlink", "dashboard", NULL};

static bool add(struct targets *targets, const char *text, const char *name, struct error *error)
{
    struct http_address address;
    if (!http_address_parse(text, &address, error))
        return false;
    if (address.port == 0)
        return error_set(error, "'%s' has no port", text);
    struct target *items = realloc(targets->items, (targets->count + 1) * sizeof *items);
    if (!items)
        return error_set(error, "out of memory");
    targets->items = items;
    struct target *target = &items[targets->count++];
    http_address_format(&address, target->address);
    snprintf(target->name, sizeof target->name, "%s", name ? name : "");
    return true;
}

/* A group of the file: {"targets": ["HOST:PORT", ...], "labels": {"bridge": "NAME"}}, or "store". */
static bool add_group(struct targets *targets, const char *file, const json_t *group, struct error *error)
{
    const json_t *addresses = json_object_get(group, "targets");
    const char *name = NULL;
    size_t index;
    json_t *address;
    struct error reason;
    for (size_t i = 0; target_kinds[i] && !name; i++)
        name = json_string_value(json_object_get(json_object_get(group, "labels"), target_kinds[i]));
    if (!json_is_array(addresses))
        return error_set(error, "%s: a group has no list 'targets'", file);
    json_array_foreach(addresses, index, address)
    {
        const char *text = json_string_value(address);
        if (!text || !add(targets, text, name, &reason))
            return error_set(error, "%s: %s", file, text ? reason.text : "a target is not a string");
    }
    return true;
}

static bool read_file(struct targets *targets, const char *file, struct error *error)
{
    json_error_t reason;
    size_t index;
    json_t *group;
    json_t *groups = json_load_file(file, 0, &reason);
    if (!groups && access(file, R_OK) < 0)
        return error_set(error, "cannot read %s: %s", file, strerror(errno));
    if (!groups)
        return error_set(error, "%s:%d: %s", file, reason.line, reason.text);
    bool ok = json_is_array(groups) || error_set(error, "%s is not a list of groups of targets", file);
    json_array_foreach(groups, index, group) ok = ok && add_group(targets, file, group, error);
    json_decref(groups);
    return ok && (targets->count > 0 || error_set(error, "%s names no bridges", file));
}

static bool is_there(const struct targets *targets, const char *address)
{
    for (size_t i = 0; i < targets->count; i++)
        if (strcmp(targets->items[i].address, address) == 0)
            return true;
    return false;
}

/* Of programs that are asked only. The file is gone if the program has ended meanwhile. */
static bool add_announced(void *targets, const char *path)
{
    struct targets announced = {0};
    struct error reason;
    read_file(&announced, path, &reason);
    for (size_t i = 0; i < announced.count; i++)
        if (*announced.items[i].name && !is_there(targets, announced.items[i].address))
            add(targets, announced.items[i].address, announced.items[i].name, &reason);
    targets_free(&announced);
    return true;
}

static void add_address(struct target *target)
{
    size_t length = strlen(target->name);
    snprintf(target->name + length, sizeof target->name - length, " %.*s", ADDRESS_SHOWN, target->address);
}

/* Two bridges may have the same name, but never the same address. */
static void make_names_unique(struct targets *targets)
{
    for (size_t i = 0; i < targets->count; i++) {
        char name[sizeof targets->items[i].name];
        bool alone = true;
        memcpy(name, targets->items[i].name, sizeof name);
        for (size_t k = i + 1; k < targets->count; k++)
            if (strcmp(targets->items[k].name, name) == 0) {
                add_address(&targets->items[k]);
                alone = false;
            }
        if (!alone)
            add_address(&targets->items[i]);
    }
}

/* The bridges of run.sh, which are known even while they are down, and all that have announced themselves. */
static bool find(struct targets *targets, struct error *error)
{
    const char *state = getenv("ROOMSTREAM_STATE");
    char path[4096];
    snprintf(path, sizeof path, "%s/run/bridges.json", state && *state ? state : "var");
    if (access(path, F_OK) == 0 && !read_file(targets, path, error))
        return false;
    announcements_each(add_announced, targets);
    make_names_unique(targets);
    return targets->count > 0 ||
           error_set(
               error,
               "no bridge runs here that this user can see, and there is no %s of scripts/run.sh: start one, or give --address",
               path);
}

bool targets_read(const struct status_settings *settings, struct targets *targets, struct error *error)
{
    struct error reason;
    *targets = (struct targets){0};
    for (size_t i = 0; i < settings->addresses.count; i++)
        if (!add(targets, settings->addresses.items[i], NULL, &reason))
            return error_set(error, "--address: %s", reason.text);
    if (targets->count > 0)
        return true;
    return settings->targets ? read_file(targets, settings->targets, error) : find(targets, error);
}

void targets_free(struct targets *targets)
{
    free(targets->items);
    *targets = (struct targets){0};
}
