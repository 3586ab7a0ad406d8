/* The dead letters: messages that the MQTT broker can never take, in the log that the program dead-letters
 * deals with. The spool beside it holds what `dead-letters retry` has put back, and nothing else.
 *
 * Lifecycle: letters_open; letters_next until there is nothing, each followed by letters_settled;
 * letters_set_aside for what comes from Kafka; letters_close. The main thread. */
#ifndef ROOMSTREAM_DOWNLINK_LETTERS_H
#define ROOMSTREAM_DOWNLINK_LETTERS_H

#include "record.h"
#include "settings.h"

#include "spool/dead_letters.h"

struct letters;

/* Opens the folder, which is then locked, and makes it where it is missing. NULL with *error. */
struct letters *letters_open(const struct downlink_settings *settings, struct error *error);

/* Writes the message to the log, durably, unless it is there. False with *error: try again later. */
bool letters_set_aside(struct letters *letters, const struct record *record, const char *reason,
                       struct error *error);

/* A message that was put back: it points into the letters until the next call. False when there is none (any
 * more). */
bool letters_next(struct letters *letters, struct record *record);

/* The message of letters_next has its outcome: it is sent, or among the dead letters again. */
void letters_settled(struct letters *letters, bool dead);

/* As dead_letters_watch, for letters_set_aside. */
void letters_watch(struct letters *letters, dead_letter_visit *visit, void *context);

/* How many there are. */
uint64_t letters_count(const struct letters *letters);

/* NULL is allowed. */
void letters_close(struct letters *letters);

#endif
