#include "events.h"

#include "core/clock.h"
#include "events_internal.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_SIZE = 16 * 1024 };

static const int64_t state_age = SECOND;

/* Bytes that several clients send from. */
struct text {
    char *data;
    size_t length;
};

struct state {
    struct text text;
    uint64_t next; /* the frame that follows it */
    int64_t made;  /* monotonic ns */
    size_t users;  /* clients that are being sent it, and the hub for the newest; 0: the place is free */
};

struct client {
    struct http_events *events;
    struct MHD_Connection *connection;
    struct state *state; /* being sent; NULL: it has it all */
    uint64_t next;       /* frame */
    size_t sent;         /* bytes of the state or of that frame */
    bool suspended;
    struct client *previous, *following;
};

struct http_events {
    size_t limit;
    http_events_state *write_state;
    void *context;
    pthread_mutex_t mutex; /* guards what follows */
    struct text frames[EVENTS_KEPT];
    uint64_t next; /* number of the frame that comes next; its place is that modulo EVENTS_KEPT */
    struct state states[EVENTS_STATES];
    struct state *newest; /* NULL: none yet */
    struct client *clients;
    bool ended;
    struct http_events_counts counts;
};

struct http_events *http_events_new(size_t clients, http_events_state *state, void *context,
                                    struct error *error)
{
    struct http_events *events = calloc(1, sizeof *events);
    if (!events) {
        error_set(error, "out of memory");
        return NULL;
    }
    events->limit = clients;
    events->write_state = state;
    events->context = context;
    pthread_mutex_init(&events->mutex, NULL);
    return events;
}

void http_events_free(struct http_events *events)
{
    if (!events)
        return;
    for (size_t i = 0; i < EVENTS_KEPT; i++)
        free(events->frames[i].data);
    for (size_t i = 0; i < EVENTS_STATES; i++)
        free(events->states[i].text.data);
    pthread_mutex_destroy(&events->mutex);
    free(events);
}

size_t http_events_limit(const struct http_events *events)
{
    return events->limit;
}

struct http_events_counts http_events_counts(struct http_events *events)
{
    pthread_mutex_lock(&events->mutex);
    struct http_events_counts counts = events->counts;
    pthread_mutex_unlock(&events->mutex);
    return counts;
}

void http_events_begin(FILE *out, const char *name)
{
    fprintf(out, "event: %s\ndata: ", name);
}

void http_events_finish(FILE *out)
{
    fputs("\n\n", out);
}

/* ---- with the mutex held ---- */

static void wake_all(struct http_events *events)
{
    for (struct client *client = events->clients; client; client = client->following)
        if (client->suspended) {
            client->suspended = false;
            MHD_resume_connection(client->connection);
        }
}

static uint64_t oldest_frame(const struct http_events *events)
{
    return events->next < EVENTS_KEPT ? 0 : events->next - EVENTS_KEPT;
}

/* Is there every frame that follows the newest state? */
static bool is_followed(const struct http_events *events)
{
    return events->newest->next >= oldest_frame(events);
}

static void release(struct state *state)
{
    if (--state->users > 0)
        return;
    free(state->text.data);
    *state = (struct state){0};
}

/* Bytes of text from *sent on, as many as fit. */
static size_t copy_from(const struct text *text, size_t *sent, char *buffer, size_t size)
{
    size_t length = text->length - *sent < size ? text->length - *sent : size;
    memcpy(buffer, text->data + *sent, length);
    *sent += length;
    return length;
}

static size_t copy_frames(struct client *client, char *buffer, size_t size)
{
    const struct http_events *events = client->events;
    size_t length = 0;
    while (length < size && client->next < events->next) {
        const struct text *frame = &events->frames[client->next % EVENTS_KEPT];
        length += copy_from(frame, &client->sent, buffer + length, size - length);
        if (client->sent == frame->length) {
            client->next++;
            client->sent = 0;
        }
    }
    return length;
}

static size_t copy_state(struct client *client, char *buffer, size_t size)
{
    size_t length = copy_from(&client->state->text, &client->sent, buffer, size);
    if (client->sent == client->state->text.length) {
        release(client->state);
        client->state = NULL;
        client->sent = 0;
    }
    return length;
}

/* ---- the server's thread ---- */

/* libmicrohttpd's MHD_ContentReaderCallback: what is sent next. 0 with the connection suspended: nothing now.
 */
static ssize_t read_next(void *context, uint64_t position, char *buffer, size_t size)
{
    struct client *client = context;
    struct http_events *events = client->events;
    ssize_t length;
    (void)position;
    pthread_mutex_lock(&events->mutex);
    if (events->ended)
        length = MHD_CONTENT_READER_END_OF_STREAM;
    else if (client->next < oldest_frame(events)) {
        events->counts.cut_off++;
        length = MHD_CONTENT_READER_END_WITH_ERROR;
    } else if (client->state)
        length = (ssize_t)copy_state(client, buffer, size);
    else
        length = (ssize_t)copy_frames(client, buffer, size);
    if (length == 0) {
        client->suspended = true;
        MHD_suspend_connection(client->connection);
    }
    pthread_mutex_unlock(&events->mutex);
    return length;
}

static void forget_client(void *context)
{
    struct client *client = context;
    struct http_events *events = client->events;
    pthread_mutex_lock(&events->mutex);
    if (client->state)
        release(client->state);
    if (client->previous)
        client->previous->following = client->following;
    else
        events->clients = client->following;
    if (client->following)
        client->following->previous = client->previous;
    events->counts.clients--;
    pthread_mutex_unlock(&events->mutex);
    free(client);
}

static struct state *free_place(struct http_events *events)
{
    for (size_t i = 0; i < EVENTS_STATES; i++)
        if (events->states[i].users == 0)
            return &events->states[i];
    return NULL;
}

/* Writes a newer state where there is room for one. This thread alone does so, hence without the mutex while
 * it is written, which takes a while. */
static void renew_state(struct http_events *events)
{
    struct text text = {0};
    int64_t now = clock_monotonic();
    pthread_mutex_lock(&events->mutex);
    bool fresh = events->newest && now - events->newest->made < state_age && is_followed(events);
    if (!fresh && events->newest && events->newest->users == 1) {
        release(events->newest); /* nobody is being sent it */
        events->newest = NULL;
    }
    struct state *place = fresh ? NULL : free_place(events);
    uint64_t next = events->next;
    pthread_mutex_unlock(&events->mutex);
    FILE *out = place ? open_memstream(&text.data, &text.length) : NULL;
    if (!out)
        return;
    events->write_state(events->context, out);
    if (fclose(out) != 0) {
        free(text.data);
        return;
    }
    pthread_mutex_lock(&events->mutex);
    if (events->newest)
        release(events->newest);
    *place = (struct state){.text = text, .next = next, .made = now, .users = 1};
    events->newest = place;
    pthread_mutex_unlock(&events->mutex);
}

/* False where there is no room for it, or no state that frames still follow. */
static bool admit(struct http_events *events, struct client *client)
{
    pthread_mutex_lock(&events->mutex);
    bool room =
        !events->ended && events->counts.clients < events->limit && events->newest && is_followed(events);
    if (room) {
        *client = (struct client){.events = events,
                                  .connection = client->connection,
                                  .state = events->newest,
                                  .next = events->newest->next,
                                  .following = events->clients};
        client->state->users++;
        if (events->clients)
            events->clients->previous = client;
        events->clients = client;
        events->counts.clients++;
        events->counts.served++;
    } else
        events->counts.refused++;
    pthread_mutex_unlock(&events->mutex);
    return room;
}

struct MHD_Response *http_events_answer(struct http_events *events, struct MHD_Connection *connection)
{
    struct client *client = calloc(1, sizeof *client);
    if (!client)
        return NULL;
    client->connection = connection;
    renew_state(events);
    if (!admit(events, client)) {
        free(client);
        return NULL;
    }
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_SIZE, read_next, client, forget_client);
    if (!response)
        forget_client(client);
    return response;
}

void http_events_count_silent(struct http_events *events)
{
    pthread_mutex_lock(&events->mutex);
    events->counts.cut_off++;
    pthread_mutex_unlock(&events->mutex);
}

void http_events_end(struct http_events *events)
{
    pthread_mutex_lock(&events->mutex);
    events->ended = true;
    wake_all(events);
    pthread_mutex_unlock(&events->mutex);
}

/* ---- any thread ---- */

void http_events_publish(struct http_events *events, const char *text, size_t length)
{
    char *copy = malloc(length ? length : 1);
    if (copy)
        memcpy(copy, text, length);
    pthread_mutex_lock(&events->mutex);
    if (copy) {
        struct text *frame = &events->frames[events->next++ % EVENTS_KEPT];
        free(frame->data);
        *frame = (struct text){copy, length};
    } else {
        events->next += EVENTS_KEPT + 1; /* nobody can follow that */
    }
    wake_all(events);
    pthread_mutex_unlock(&events->mutex);
}
