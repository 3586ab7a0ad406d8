#include "threads.h"

#include "clock.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Who looks again after a longer gap stood still itself, with the whole process or the machine. */
static const int64_t look_interval = 10 * SECOND, longest_gap = 20 * SECOND;

/* How the names of the threads begin, and what excuses them. */
static const struct kind {
    const char *prefix;
    int excuses;
} kinds[] = {
    {"MQTTAsync_send", THREADS_STORING},
    {"MQTTAsync_rcv", THREADS_STORING | THREADS_CONNECTING},
    {"mqtt-connector", THREADS_STORING | THREADS_CONNECTING},
    {"rdk:", 0},
    {"spool-sync", 0},
};

static const struct kind *kind_of(const char *name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strncmp(name, kinds[i].prefix, strlen(kinds[i].prefix)) == 0)
            return &kinds[i];
    return NULL;
}

/* Reads a thread's name and how often the kernel has switched to another from it. False: it has ended. */
static bool read_thread(pid_t id, char name[static THREAD_NAME_SIZE], uint64_t *switches)
{
    char path[64], line[128];
    int found = 0;
    uint64_t number;
    snprintf(path, sizeof path, "/proc/self/task/%d/status", (int)id);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    *switches = 0;
    while (fgets(line, sizeof line, file)) {
        found += sscanf(line, "Name: %15s", name) == 1;
        if (sscanf(line, "voluntary_ctxt_switches: %" SCNu64, &number) == 1 ||
            sscanf(line, "nonvoluntary_ctxt_switches: %" SCNu64, &number) == 1) {
            *switches += number;
            found++;
        }
    }
    fclose(file);
    return found == 3;
}

static const struct pulse *find_pulse(const struct threads *threads, pid_t id)
{
    for (size_t i = 0; i < threads->count; i++)
        if (threads->list[i].id == id)
            return &threads->list[i].pulse;
    return NULL;
}

/* False: it has ended, or is none of those that are watched. */
static bool look_at(struct watched_thread *thread, const struct threads *before, int waiting, bool late,
                    int64_t now)
{
    uint64_t switches;
    if (!read_thread(thread->id, thread->name, &switches))
        return false;
    const struct kind *kind = kind_of(thread->name);
    const struct pulse *pulse = find_pulse(before, thread->id);
    thread->pulse = pulse ? *pulse : (struct pulse){.moved = now};
    pulse_feel(&thread->pulse, switches, late || (kind && (kind->excuses & waiting)), now);
    return kind != NULL;
}

void threads_look(struct threads *threads, int waiting, int64_t now)
{
    if (threads->looked && now - threads->looked < look_interval)
        return;
    DIR *folder = opendir("/proc/self/task");
    if (!folder)
        return;
    const struct threads before = *threads;
    bool late = now - threads->looked > longest_gap;
    *threads = (struct threads){.looked = now};
    for (struct dirent *entry; threads->count < THREADS_MAX && (entry = readdir(folder));) {
        struct watched_thread *thread = &threads->list[threads->count];
        thread->id = (pid_t)strtol(entry->d_name, NULL, 10);
        if (thread->id > 0 && look_at(thread, &before, waiting, late, now))
            threads->count++;
    }
    closedir(folder);
}

const char *threads_find_stuck(const struct threads *threads, int64_t *still)
{
    for (size_t i = 0; i < threads->count; i++)
        if (pulse_is_stuck(&threads->list[i].pulse, threads->looked, still))
            return threads->list[i].name;
    return NULL;
}
