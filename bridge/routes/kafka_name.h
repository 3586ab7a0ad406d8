/* Levels of MQTT topics in the name of a Kafka topic, which has at most 249 of a-z A-Z 0-9 . _ - only.
 *
 * Every other byte becomes _xHH (its hexadecimal value in capitals). So does what would make two lists of
 * values one name:
 *   - the character behind a value, where another value follows: . or -, nothing else may stand there
 *   - _ before x and two such digits
 *   - in the value of #, whose / become ., the dots
 * So a name and the template give the values back: names of different values are different. */
#ifndef ROOMSTREAM_BRIDGE_ROUTES_KAFKA_NAME_H
#define ROOMSTREAM_BRIDGE_ROUTES_KAFKA_NAME_H

#include "name_template.h"

enum { KAFKA_NAME_LONGEST = 249 };

/* Can the template make names? False with *error, without the template. */
bool kafka_name_check(const struct name_template *template, struct error *error);

/* Writes the name. `rest` is the number of the value of #, or TEMPLATE_NO_NAME. False with *error, which says
 * why these values make no name. */
bool kafka_name_fill(const struct name_template *template, const struct spool_bytes *values, size_t rest,
                     char name[static KAFKA_NAME_LONGEST + 1], struct error *error);

#endif
