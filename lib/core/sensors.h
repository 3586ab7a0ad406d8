/* The table of sensors: the defaults of the publisher and the bridge of each (lib/sensors.def). */
#ifndef ROOMSTREAM_CORE_SENSORS_H
#define ROOMSTREAM_CORE_SENSORS_H

#include <stddef.h>

struct sensor {
    const char *name;    /* also its MQTT and Kafka topic */
    const char *unit;    /* RFC 8428 section 12.1, or the data set's own where SenML has none */
    const char *columns; /* COLUMN:NODE, comma-separated */
};

/* The sensor of that name, or NULL for "" (a program for any sensor). CMake takes the names
 * of the programs from the same table (cmake/Sensors.cmake). */
const struct sensor *sensor_find(const char *name);

/* The sensors in the order of the table; NULL behind the last one. */
const struct sensor *sensor_at(size_t index);

#endif
