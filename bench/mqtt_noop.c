/* What Paho can receive at best: a subscriber that counts and does nothing else. Its session is persistent,
 * so that a backlog can wait for it: with a COUNT of 0 it only makes the session.
 *
 * The time is from the first message to the last; the CPU time from the start to the last. */
#include "bench.h"
#include "subscriber.h"

#include <semaphore.h>

struct noop {
    uint64_t wanted, received;
    int64_t first, last, cpu;
    sem_t done;
};

static int on_message(void *context, char *topic, int topic_length, MQTTAsync_message *message)
{
    struct noop *noop = context;
    (void)topic_length;
    if (noop->received++ == 0)
        noop->first = bench_now();
    if (noop->received == noop->wanted) {
        noop->last = bench_now();
        noop->cpu = bench_cpu();
        sem_post(&noop->done);
    }
    MQTTAsync_freeMessage(&message);
    MQTTAsync_free(topic);
    return 1;
}

int main(int argc, char **argv)
{
    bench_usage(argc, argv, 7, "HOST PORT CLIENT-ID TOPIC QOS RECEIVE-MAXIMUM COUNT");
    struct noop noop = {.wanted = (uint64_t)bench_number(argv[7])};
    const struct bench_subscription subscription = {
        .host = argv[1],
        .port = argv[2],
        .client_id = argv[3],
        .topic = argv[4],
        .qos = (int)bench_number(argv[5]),
        .receive_maximum = bench_number(argv[6]),
        .arrived = on_message,
        .context = &noop,
    };
    sem_init(&noop.done, 0, 0);
    MQTTAsync client = bench_subscribe(&subscription);
    if (noop.wanted)
        bench_await(&noop.done, "all messages");
    bench_leave(client);
    if (noop.wanted)
        bench_result(noop.received, noop.last - noop.first, noop.cpu);
    return 0;
}
