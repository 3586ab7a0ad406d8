/* Makes and starts spools for test_spool_damage.py, many a second: reads commands from stdin, one a line, and
 * answers each with lines that end in a line ".":
 *
 *   make FOLDER closed|killed   a small spool of some segments, with packet ids, deliveries and dead letters
 *   start FOLDER REPAIR BOOT    opens it, delivers all that is there, stores and delivers a message, closes
 * it
 *
 * The log goes to stderr. */
#include "core/boot_id.h"
#include "core/clock.h"
#include "core/log.h"
#include "spool/dead_letters.h"
#include "spool/spool.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int boot = 1;

/* Instead of the library's: the linker takes this one. */
void boot_id_read(uuid_t id)
{
    memset(id, boot, sizeof(uuid_t));
}

static void must(bool condition, const char *what)
{
    if (!condition) {
        printf("failed %s\n.\n", what);
        exit(1);
    }
}

static struct spool_settings settings_of(const char *folder, bool repair)
{
    return (struct spool_settings){.directory = folder,
                                   .segment_bytes = 300,
                                   .sync = SPOOL_SYNC_NONE,
                                   .sync_interval = SECOND,
                                   .window = 64,
                                   .repair = repair};
}

static uint64_t append(struct spool *spool, int kind, uint16_t packet_id, const char *payload)
{
    const struct spool_record record = {.kind = (uint8_t)kind,
                                        .packet_id = packet_id,
                                        .time = clock_realtime(),
                                        .topic = {"t", kind == SPOOL_MESSAGE},
                                        .payload = {payload, strlen(payload)}};
    struct error error;
    uint64_t id = 0;
    must(spool_append(spool, &record, &id, &error) == SPOOL_APPENDED, "append");
    return id;
}

/* Delivers so many messages; the second one becomes a dead letter, as does the third. */
static void deliver(struct spool *spool, struct dead_letters *letters, int count)
{
    struct spool_record record;
    struct error error;
    for (int i = 1; i <= count; i++) {
        must(spool_read(spool, &record, &error) == SPOOL_READ_RECORD, "read");
        if (i == 2 || i == 3) {
            record.reason = (struct spool_bytes){"too large", 9};
            must(dead_letters_append(letters, &record, &error), error.text);
            spool_dead(spool, record.id);
        } else {
            spool_delivered(spool, record.id);
        }
    }
}

static void fill(struct spool *spool, struct dead_letters *letters)
{
    char payload[32];
    struct error error;
    for (int i = 1; i <= 12; i++) {
        snprintf(payload, sizeof payload, "payload-%d", i);
        append(spool, SPOOL_MESSAGE, (uint16_t)(i % 3 == 0 ? i : 0), payload);
        if (i == 7)
            append(spool, SPOOL_RELEASE, 6, "");
        if (i == 9)
            must(spool_sync(spool, &error), error.text);
    }
    deliver(spool, letters, 4);
    spool_save(spool);
}

static void make(const char *folder, bool killed)
{
    struct spool_settings settings = settings_of(folder, false);
    struct error error;
    int status;
    boot = 1;
    pid_t child = fork();
    if (child == 0) {
        if (!killed)
            settings.sync = SPOOL_SYNC_INTERVAL;
        struct spool *spool = spool_open(&settings, &error);
        must(spool != NULL, error.text);
        struct dead_letters *letters = dead_letters_open(folder, false, &error);
        must(letters != NULL, error.text);
        fill(spool, letters);
        if (killed)
            _exit(0);
        dead_letters_close(letters);
        spool_close(spool);
        _exit(0);
    }
    must(child > 0 && waitpid(child, &status, 0) == child && status == 0, "the child");
}

static bool print_letter(void *context, const struct spool_record *letter)
{
    (void)context;
    printf("letter %" PRIu64 "\n", letter->id);
    return true;
}

/* Up to this id, which is the last. */
static void read_all(struct spool *spool, uint64_t last)
{
    struct spool_record record = {0};
    struct error error = {"nothing"};
    while (record.id != last) {
        if (spool_read(spool, &record, &error) != SPOOL_READ_RECORD) {
            printf("failed read: %s\n", error.text);
            return;
        }
        printf("message %" PRIu64 " %.*s\n", record.id, (int)record.payload.length,
               (const char *)record.payload.data);
        spool_delivered(spool, record.id);
    }
}

static void start(const char *folder, bool repair)
{
    const struct spool_settings settings = settings_of(folder, repair);
    struct error error;
    struct spool *spool = spool_open(&settings, &error);
    if (!spool) {
        printf("refused %s\n", error.text);
        return;
    }
    struct dead_letters *letters = dead_letters_open(folder, false, &error);
    if (letters) {
        dead_letters_each(letters, print_letter, NULL, &error);
        dead_letters_close(letters);
        read_all(spool, append(spool, SPOOL_MESSAGE, 0, "new"));
    } else {
        printf("refused %s\n", error.text);
    }
    spool_close(spool);
}

int main(void)
{
    static const struct log_settings log = {.level = LOG_LEVEL_WARNING};
    char line[1024], folder[512], how[16];
    int repair;
    log_init("driver", &log);
    while (fgets(line, sizeof line, stdin)) {
        if (sscanf(line, "make %511s %15s", folder, how) == 2)
            make(folder, strcmp(how, "killed") == 0);
        else if (sscanf(line, "start %511s %d %d", folder, &repair, &boot) == 3)
            start(folder, repair != 0);
        else
            return 2;
        printf(".\n");
        fflush(stdout);
    }
    return 0;
}
