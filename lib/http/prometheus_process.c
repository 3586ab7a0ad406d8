#include "prometheus.h"

#include <dirent.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Fields of /proc/self/stat by their numbers in proc(5), from the third on: the second may hold blanks. */
enum { FIRST_FIELD = 3, FIELD_THREADS = 20, FIELD_START = 22, FIELD_VIRTUAL = 23, FIELD_PAGES = 24 };

static bool read_line(const char *path, const char *beginning, char *line, size_t size)
{
    FILE *file = fopen(path, "re");
    bool found = false;
    while (file && !found && fgets(line, (int)size, file))
        found = strncmp(line, beginning, strlen(beginning)) == 0;
    if (file)
        fclose(file);
    return found;
}

static bool read_fields(double fields[static FIELD_PAGES + 1])
{
    char line[1024];
    if (!read_line("/proc/self/stat", "", line, sizeof line))
        return false;
    char *at = strrchr(line, ')');
    if (!at || at[1] != ' ' || at[2] == '\0')
        return false;
    at += 3; /* after the third, which is a letter */
    for (int field = FIRST_FIELD + 1; field <= FIELD_PAGES; field++) {
        int length;
        if (sscanf(at, " %lf%n", &fields[field], &length) != 1)
            return false;
        at += length;
    }
    return true;
}

static int count_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int count = -3; /* ".", ".." and the folder itself */
    if (!folder)
        return -1;
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

static void put_usage(FILE *out)
{
    struct rusage usage;
    struct rlimit limit;
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        prometheus_counter(out, "process_cpu_seconds_total", "User and system CPU time spent in seconds.",
                           (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                               (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
    int descriptors = count_descriptors();
    if (descriptors >= 0)
        prometheus_gauge(out, "process_open_fds", "Open file descriptors.", descriptors);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        prometheus_gauge(out, "process_max_fds", "Maximum number of open file descriptors.",
                         (double)limit.rlim_cur);
}

void prometheus_process(FILE *out)
{
    double fields[FIELD_PAGES + 1], boot;
    char line[256];
    put_usage(out);
    if (!read_fields(fields))
        return;
    prometheus_gauge(out, "process_threads", "Threads of the process.", fields[FIELD_THREADS]);
    prometheus_gauge(out, "process_virtual_memory_bytes", "Virtual memory in bytes.", fields[FIELD_VIRTUAL]);
    prometheus_gauge(out, "process_resident_memory_bytes", "Resident memory in bytes.",
                     fields[FIELD_PAGES] * (double)sysconf(_SC_PAGESIZE));
    if (read_line("/proc/stat", "btime ", line, sizeof line) && sscanf(line, "btime %lf", &boot) == 1)
        prometheus_gauge(out, "process_start_time_seconds", "Start of the process in seconds since 1970.",
                         boot + fields[FIELD_START] / (double)sysconf(_SC_CLK_TCK));
}
