#include "token_command.h"

#include "core/clock.h"
#include "core/out_of_memory.h"
#include "core/stop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LONGEST = 64 * 1024, STEP_MS = 20 };
static const int64_t after_stop = SECOND;

extern char **environ;

/* ---- words ---- */

/* Copies one word from *from to *to, both of which move on. False at a quote without its end. */
static bool take_word(const char **from, char **to)
{
    char quote = '\0';
    for (; **from && (quote || !strchr(" \t\n", **from)); (*from)++) {
        char c = **from;
        if (c == quote)
            quote = '\0';
        else if (!quote && (c == '\'' || c == '"'))
            quote = c;
        else {
            if (c == '\\' && quote != '\'' && (*from)[1])
                (*from)++;
            *(*to)++ = **from;
        }
    }
    *(*to)++ = '\0';
    return !quote;
}

char **token_words(const char *command, struct error *error)
{
    size_t length = strlen(command), count = 0;
    /* There are no more words than every other character begins one. */
    char **words = calloc(1, (length / 2 + 2) * sizeof *words + length + 1);
    if (!words)
        out_of_memory(length);
    char *to = (char *)(words + length / 2 + 2);
    bool closed = true;
    for (const char *from = command + strspn(command, " \t\n"); *from && closed;
         from += strspn(from, " \t\n")) {
        words[count++] = to;
        closed = take_word(&from, &to);
    }
    if (count > 0 && *words[0] && closed)
        return words;
    error_set(error, closed ? "it names no program" : "it has a quote without its end");
    free(words);
    return NULL;
}

/* ---- all that run ---- */

struct run {
    const void *owner;
    pid_t pid;
    struct run *next;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards what follows */
static struct run *runs;
static bool closed; /* the process ends: none is started any more */

/* With the lock held, and so before it is waited for: until then its number is no other's. NULL: of all. */
static void kill_runs(const void *owner)
{
    for (const struct run *run = runs; run; run = run->next)
        if (!owner || run->owner == owner)
            kill(-run->pid, SIGKILL);
}

void token_kill(const void *owner)
{
    pthread_mutex_lock(&mutex);
    kill_runs(owner);
    pthread_mutex_unlock(&mutex);
}

static void at_exit(void)
{
    pthread_mutex_lock(&mutex);
    closed = true;
    kill_runs(NULL);
    pthread_mutex_unlock(&mutex);
}

static void forget(struct run *run)
{
    struct run **at = &runs;
    pthread_mutex_lock(&mutex);
    while (*at != run)
        at = &(*at)->next;
    *at = run->next;
    pthread_mutex_unlock(&mutex);
}

/* ---- running ---- */

static bool spawn(char *const *words, int out, pid_t *pid, struct error *error)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, usual;
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &usual);
    int failure = posix_spawnp(pid, words[0], &actions, &attributes, words, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return failure == 0 || error_set(error, "'%s' cannot be started: %s", words[0], strerror(failure));
}

static bool start(char *const *words, int out, struct run *run, struct error *error)
{
    static bool ready;
    pthread_mutex_lock(&mutex);
    if (!ready) {
        ready = true;
        atexit(at_exit);
        signal(SIGCHLD,
               SIG_DFL); /* where it was ignored when we were started, nobody told us how a command ended */
    }
    bool started = (!closed || error_set(error, "the program ends")) && spawn(words, out, &run->pid, error);
    if (started) {
        run->next = runs;
        runs = run;
    }
    pthread_mutex_unlock(&mutex);
    return started;
}

/* The deadline, or an earlier one where a stop is requested. */
static int64_t deadline_now(int64_t deadline)
{
    int64_t soon = clock_monotonic() + after_stop;
    return stop_requested() && soon < deadline ? soon : deadline;
}

/* Reads to the end of the output. False: it takes too long, or is too long. */
static bool read_all(int in, int64_t *deadline, char *text, size_t *length, struct error *error)
{
    struct pollfd wait = {.fd = in, .events = POLLIN};
    for (;;) {
        *deadline = deadline_now(*deadline);
        if (clock_monotonic() >= *deadline)
            return error_set(error, "it has not ended in time, and was killed");
        if (poll(&wait, 1, STEP_MS) <= 0)
            continue;
        ssize_t more = read(in, text + *length, LONGEST - *length);
        if (more == 0)
            return true;
        if (more > 0)
            *length += (size_t)more;
        else if (errno != EINTR && errno != EAGAIN)
            return error_set(error, "its output cannot be read: %s", strerror(errno));
        if (*length == LONGEST)
            return error_set(error, "it prints more than %d bytes", LONGEST);
    }
}

/* Leaves the process to be waited for: until then its number is no other's. */
static bool await_end(pid_t pid, int64_t deadline)
{
    const struct timespec step = {.tv_nsec = STEP_MS * MILLISECOND};
    siginfo_t end = {0};
    while (waitid(P_PID, (id_t)pid, &end, WEXITED | WNOHANG | WNOWAIT) == 0 && end.si_pid == 0 &&
           clock_monotonic() < deadline)
        nanosleep(&step, NULL);
    return end.si_pid == pid;
}

static bool judge(int status, const char *text, size_t length, struct error *error)
{
    if (WIFSIGNALED(status))
        return error_set(error, "it was ended by signal %d", WTERMSIG(status));
    if (WEXITSTATUS(status) != 0)
        return error_set(error, "it ended with status %d", WEXITSTATUS(status));
    if (length == 0)
        return error_set(error, "it printed nothing");
    return !memchr(text, '\0', length) || error_set(error, "it printed a NUL");
}

void token_free(char *text)
{
    if (text)
        explicit_bzero(text, LONGEST + 1);
    free(text);
}

char *token_run(char *const *words, int64_t limit, const void *owner, struct error *error)
{
    int ends[2], status = 0;
    struct run run = {.owner = owner};
    size_t length = 0;
    int64_t deadline = clock_monotonic() + limit;
    char *text = calloc(1, LONGEST + 1);
    if (!text)
        out_of_memory(LONGEST);
    if (pipe2(ends, O_CLOEXEC) != 0) {
        error_set(error, "no pipe can be made: %s", strerror(errno));
        free(text);
        return NULL;
    }
    bool ok = start(words, ends[1], &run, error);
    bool started = ok;
    close(ends[1]);
    ok = ok && read_all(ends[0], &deadline, text, &length, error);
    close(ends[0]);
    if (ok && !await_end(run.pid, deadline))
        ok = error_set(error, "it has not ended in time, and was killed");
    if (started) {
        kill(-run.pid, SIGKILL); /* also what it has left behind */
        bool ended = await_end(run.pid, clock_monotonic() + SECOND);
        forget(&run);
        ended = ended && waitpid(run.pid, &status, WNOHANG) == run.pid;
        ok = ok && ended && judge(status, text, length, error);
    }
    if (ok)
        return text;
    token_free(text);
    return NULL;
}
