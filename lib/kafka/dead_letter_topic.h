/* Announces dead letters in a Kafka topic, for those who watch: a JSON record each, with the MQTT topic as
 * its key. The log of dead letters (spool/dead_letters.h) stays the authority: an announcement is sent by a
 * producer and a thread of their own, is never waited for, and is given up and counted when 1,000 of them, or
 * 1 MiB, wait or when Kafka does not take it within five minutes. What waits when the process is killed is
 * not announced later.
 *
 * Lifecycle: dead_letter_topic_open -> dead_letter_topic_announce, dead_letter_topic_counts, any thread ->
 * dead_letter_topic_close. */
#ifndef ROOMSTREAM_KAFKA_DEAD_LETTER_TOPIC_H
#define ROOMSTREAM_KAFKA_DEAD_LETTER_TOPIC_H

#include "spool/spool_record.h"
#include "topic.h"

#define DEAD_LETTER_TOPIC_HELP                                                                                     \
    "announce each new dead letter in this Kafka topic too, as JSON: from, id, time, topic, bytes, reason. It is " \
    "created if missing. The log of dead letters stays the authority: an announcement that Kafka does not take "   \
    "delays nothing, and is counted and logged; after a kill it may be missing"

struct dead_letter_topic;

/* Begins. A missing topic is created as one of `like` would be, but for its name. `from` names the program in
 * the records. All arguments outlive it. NULL with *error on a bad configuration. */
struct dead_letter_topic *dead_letter_topic_open(const struct kafka_settings *kafka, const char *name,
                                                 const struct kafka_topic_settings *like, const char *from,
                                                 struct error *error);

/* A letter that has come to the log: a dead_letter_visit, which returns true. Does not wait. */
bool dead_letter_topic_announce(void *dead_letter_topic, const struct spool_record *letter);

struct dead_letter_topic_counts {
    uint64_t announced; /* Kafka has them */
    uint64_t given_up;
};

/* Since it was opened; all 0 of NULL. */
struct dead_letter_topic_counts dead_letter_topic_counts(const struct dead_letter_topic *dead_letters);

/* Waits up to a second or so for what is on its way, says how many are not announced, and frees. NULL is
 * allowed. */
void dead_letter_topic_close(struct dead_letter_topic *dead_letters);

#endif
